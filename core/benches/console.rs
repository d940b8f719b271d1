//! How fast console text is taken: plain lines, a progress bar, a program that writes a character at a time.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use runwire_core::console::{Console, ConsoleSettings, Stream};

fn main() {
    divan::main();
}

/// Feeds `text` in writes of `size` bytes, and takes what changed each 64 KiB as a caller on a timer would.
fn feed(bencher: Bencher, text: &str, size: usize) {
    assert!(text.is_ascii());
    bencher.counter(BytesCount::of_str(text)).bench_local(|| {
        let mut console = Console::new(ConsoleSettings::default());
        for part in text.as_bytes().chunks(64 << 10) {
            for write in part.chunks(size) {
                console.on_raw(Stream::Stdout, core::str::from_utf8(write).expect("ASCII"), 0);
            }
            black_box(console.take_lines());
            while let Some(patch) = console.take_file_patch(0) {
                black_box(patch);
            }
        }
        console.line_count()
    });
}

#[divan::bench]
fn plain_lines(bencher: Bencher) {
    let line = "epoch 12 step 3456 loss 0.123456 accuracy 0.987654 lr 0.0001 tokens/s 123456\n";
    feed(bencher, &line.repeat(13_000), 4096);
}

#[divan::bench]
fn long_lines(bencher: Bencher) {
    feed(bencher, &("x".repeat(4000) + "\n").repeat(260), 64 << 10);
}

#[divan::bench]
fn progress_bar(bencher: Bencher) {
    let bars: String =
        (0..12_000).map(|step| format!("\rtrain {step:>6}/12000 [{:<40}] 12.3it/s", "#".repeat(step / 300))).collect();
    feed(bencher, &bars, 80);
}

#[divan::bench]
fn character_writes(bencher: Bencher) {
    feed(bencher, &"one character at a time\n".repeat(8_000), 1);
}

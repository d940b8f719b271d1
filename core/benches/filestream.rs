//! What one row costs on its way into a push: queued, escaped, copied into the body, acknowledged.

use divan::{AllocProfiler, Bencher, counter::BytesCount};
use runwire_core::filestream::bench::Bench;

/// Shows that a row alone allocates nothing.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A row of about `bytes` bytes, as a training loop logs it.
fn row(bytes: usize) -> String {
    let mut line = String::from("{");
    let mut metric = 0;
    while line.len() < bytes {
        line.push_str(&format!("\"train/metric_{metric}\":{:?},", f64::from(metric) * 17.0 / 977.0));
        metric += 1;
    }
    line.push_str("\"_step\":1}");
    line
}

#[divan::bench(args = [100, 500, 5000], sample_size = 5000)]
fn rows(bencher: Bencher<'_, '_>, bytes: usize) {
    let line = row(bytes);
    let mut bench = Bench::new();
    bencher.counter(BytesCount::new(line.len())).bench_local(|| bench.row(&line));
}

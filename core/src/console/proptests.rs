//! Properties of the console: a naive grid shows the same, and cuts between records do not matter.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;

use super::grid::Grid;
use super::tests::Disk;
use super::*;

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c é漢]{1,4}",
        2 => Just("\n".to_string()),
        1 => Just("\r".to_string()),
        1 => Just("\x1b[A".to_string()),
        1 => Just("\x1b[B".to_string()),
        1 => (1usize..40, prop_oneof![Just("\n"), Just("\x1b[A"), Just("\x1b[B"), Just("x\n")]).prop_map(|(n, t)| t.repeat(n)),
        1 => prop_oneof![Just("\x1b"), Just("["), Just("\x1b["), Just("A")].prop_map(str::to_string),
        1 => Just("y".repeat(4090)),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(token(), 0..12).prop_map(|tokens| tokens.concat())
}

fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)]
}

fn uploaded(lines: impl IntoIterator<Item = ChangedLine>) -> String {
    let mut all: Vec<String> = vec![];
    for line in lines {
        let at = line.number as usize;
        if at == all.len() {
            all.push(line.text);
        } else {
            all[at] = line.text;
        }
    }
    all.into_iter().map(|line| line + "\n").collect()
}

proptest! {
    #[test]
    fn agrees_with_the_grid(writes in prop::collection::vec((stream(), text(), any::<bool>()), 0..12)) {
        let mut console = Console::new(ConsoleSettings::default());
        let (mut grid, mut disk, mut lines) = (Grid::default(), Disk::default(), vec![]);
        for (stream, text, pull) in &writes {
            console.on_raw(*stream, text, 0);
            grid.write(*stream, text);
            if *pull {
                disk.pull(&mut console, 0);
                lines.extend(console.take_lines());
            }
        }
        disk.pull(&mut console, 0);
        lines.extend(console.take_lines());
        prop_assert_eq!(disk.text().unwrap_or_default(), grid.text());
        prop_assert_eq!(uploaded(lines), grid.text());
    }

    #[test]
    fn cuts_do_not_matter(text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6), extended: bool) {
        let emulation = if extended { Emulation::Extended } else { Emulation::Official };
        let settings = ConsoleSettings { emulation, ..ConsoleSettings::default() };
        let (mut whole, mut parts) = (Console::new(settings.clone()), Console::new(settings));
        whole.on_raw(Stream::Stdout, &text, 0);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            parts.on_raw(Stream::Stdout, &text[from..cut], 0);
            from = cut;
        }
        prop_assert_eq!(whole.take_lines(), parts.take_lines());
        prop_assert_eq!(whole.take_file_patch(0), parts.take_file_patch(0));
    }

    #[test]
    fn any_text_is_taken(text: String, again in "[\\x1b\\[0-9;A-Km\n\ra ]{0,60}") {
        let mut console = Console::new(ConsoleSettings { emulation: Emulation::Extended, ..ConsoleSettings::default() });
        console.on_raw(Stream::Stderr, &text, 0);
        console.on_raw(Stream::Stderr, &again, 0);
        let mut disk = Disk::default();
        disk.pull(&mut console, 0);
        prop_assert_eq!(disk.text().unwrap_or_default(), uploaded(console.take_lines()));
    }

    #[test]
    fn multipart_files_hold_every_line_once(
        writes in prop::collection::vec((stream(), "[a-z]{1,9}\n{0,3}", any::<bool>()), 1..60),
        max_bytes in 0u64..40,
        max_seconds in 0i64..5,
    ) {
        let multipart = Some(Multipart { max_bytes, max_seconds, utc_offset_seconds: 0 });
        let mut console = Console::new(ConsoleSettings { multipart, ..ConsoleSettings::default() });
        let mut grid = Grid::default();
        let mut disk = Disk::default();
        for (second, (stream, text, pull)) in (0..).zip(&writes) {
            console.on_raw(*stream, text, 0);
            grid.write(*stream, text);
            if *pull {
                disk.pull(&mut console, second * 1_000_000);
            }
        }
        disk.pull(&mut console, 1 << 40);
        let all: String = disk.0.iter().map(|file| core::str::from_utf8(&file.1).unwrap()).collect();
        prop_assert_eq!(all, grid.text(), "{}", format!("{:?}", disk.0));
    }
}

//! Hunts the planted bugs with the simulator and writes docs/PLANTED.md.

use std::process::ExitCode;

#[cfg(not(planted))]
fn main() -> ExitCode {
    eprintln!(
        "planted: this build has no planted bugs. Build one that has:\n  \
         RUSTFLAGS='--cfg planted' cargo run --release -p runwire-tests --bin planted --target-dir target/planted"
    );
    ExitCode::FAILURE
}

#[cfg(planted)]
fn main() -> ExitCode {
    use runwire_tests::{official::workspace, planted};

    // A bug may end in a panic, which is a find and no news.
    std::panic::set_hook(Box::new(|_| {}));
    let finds = match planted::hunt() {
        Ok(finds) => finds,
        Err(why) => {
            eprintln!("planted: {why}");
            return ExitCode::FAILURE;
        }
    };
    let text = planted::markdown(&finds);
    print!("{text}");
    if let Err(error) = std::fs::write(workspace().join("docs/PLANTED.md"), &text) {
        eprintln!("planted: docs/PLANTED.md: {error}");
        return ExitCode::FAILURE;
    }
    let missed: Vec<_> = finds.iter().filter(|find| find.found.is_none()).map(|find| find.bug).collect();
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("planted: not found: {missed:?}");
    ExitCode::FAILURE
}

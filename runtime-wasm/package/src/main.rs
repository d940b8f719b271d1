//! Makes the npm package of the browser runtime: `cargo run -p runwire-package [-- FOLDER]`.

use std::{env, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let folder = env::args_os().nth(1).map_or_else(|| runwire_package::target_dir().join("npm/runwire"), PathBuf::from);
    match runwire_package::make(&folder) {
        Ok(size) => {
            println!("{}: {size}", folder.display());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

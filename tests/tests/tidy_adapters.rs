//! Adapters are thin: nothing that the core decides is decided in one of them again, and their size is watched.

use runwire_tests::official::workspace;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Words of decisions that are the core's: when to try something once more, how long to wait, what to send together.
const DECISIONS: [&str; 8] = ["retry", "retri", "backoff", "back_off", "jitter", "debounce", "batch", "exponential"];

/// Parts of adapters and how many lines of code each may have: without comments, empty lines and tests.
const PARTS: [(&str, &[&str], usize); 8] = [
    (
        "threads: loop, pool and sockets",
        &[
            "runtime-std/src/driver.rs",
            "runtime-std/src/pool.rs",
            "runtime-std/src/sockets.rs",
            "runtime-std/src/inbox.rs",
        ],
        900,
    ),
    ("threads: requests", &["runtime-std/src/http"], 500),
    ("threads: Run", &["runtime-std/src/run"], 400),
    (
        "futures: loop, executors and sockets",
        &[
            "runtime-async/src/driver.rs",
            "runtime-async/src/executor.rs",
            "runtime-async/src/smol.rs",
            "runtime-async/src/async_std.rs",
            "runtime-async/src/gate.rs",
            "runtime-async/src/notes.rs",
            "runtime-async/src/peers.rs",
            "runtime-async/src/serve.rs",
            "runtime-async/src/world.rs",
        ],
        900,
    ),
    ("futures: requests", &["runtime-async/src/http"], 600),
    ("futures: Run", &["runtime-async/src/run"], 500),
    (
        "page: loop, store and requests",
        &[
            "runtime-wasm/src/clock.rs",
            "runtime-wasm/src/client.rs",
            "runtime-wasm/src/host.rs",
            "runtime-wasm/src/page.rs",
            "runtime-wasm/src/pump.rs",
            "runtime-wasm/src/stored.rs",
        ],
        700,
    ),
    (
        "page: Run and what pages left",
        &["runtime-wasm/src/options.rs", "runtime-wasm/src/recover.rs", "runtime-wasm/src/run.rs"],
        650,
    ),
];

/// Everything that is looked at for decisions.
const ADAPTERS: [&str; 9] = [
    "runtime-async/src",
    "runtime-wasm/src",
    "runtime-std/src/driver.rs",
    "runtime-std/src/pool.rs",
    "runtime-std/src/sockets.rs",
    "runtime-std/src/inbox.rs",
    "runtime-std/src/http",
    "runtime-std/src/run",
    "runtime-std/effects/src",
];

#[test]
fn adapters_decide_nothing() {
    let mut offences = Vec::new();
    for path in ADAPTERS.iter().flat_map(|path| sources(&workspace().join(path))) {
        let text = fs::read_to_string(&path).expect("a source can be read");
        offences.extend(decisions(&text).into_iter().map(|what| format!("{}: {what}", path.display())));
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn adapters_are_thin() {
    let mut report = Vec::new();
    let mut fat = false;
    for (name, paths, most) in PARTS {
        let files = paths.iter().flat_map(|path| sources(&workspace().join(path)));
        let lines: usize =
            files.map(|path| code(&fs::read_to_string(path).expect("a source can be read")).count()).sum();
        assert!(lines > 50, "{name} has moved");
        fat |= lines > most;
        report.push(format!("{name}: {lines} lines of code, at most {most}"));
    }
    println!("{}", report.join("\n"));
    assert!(!fat, "{}", report.join("\n"));
}

#[test]
fn planted_decisions_are_found() {
    assert!(decisions("fn f() {\n    // retry\n    let text = \"Retry-After\";\n}\n").is_empty());
    for word in DECISIONS {
        assert_eq!(decisions(&format!("fn f() {{\n    let {word}_count = 1;\n}}\n")).len(), 1, "{word}");
        assert_eq!(decisions(&format!("struct {}Timer;\n", word.to_uppercase())).len(), 1, "{word}");
    }
    assert!(decisions("fn f() {}\n#[cfg(test)]\nmod tests {\n    fn retry() {}\n}\n").is_empty(), "tests may");
}

/// Lines that name what is the core's.
fn decisions(text: &str) -> Vec<String> {
    let names = |line: &str| {
        // What stands between quotation marks is another's word.
        let bare: String = line.split('"').step_by(2).collect();
        let bare = bare.to_lowercase();
        DECISIONS.iter().find(|word| bare.contains(**word)).map(|word| format!("{word:?} in `{}`", line.trim()))
    };
    code(text).filter_map(names).collect()
}

/// Lines of code without comments and tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    own.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
}

/// Rust files at or below a path, without tests.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

//! Rules of the house that no compiler checks: who may depend on whom, how long a file is, which words are not left
//! behind, and what the pure crates may not name.
//!
//! Each rule is a function from text to offenders; the last test plants offences and wants them found.

use runwire_tests::official::workspace;
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const LINES_MAX: usize = 500;

/// Words that mean "not finished". Cut in two, so that this file does not hold them.
const UNFINISHED: [&str; 6] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("dbg", "!("),
    concat!("#[ig", "nore"),
];

/// Paths of one machine, and addresses of package registries; the lock file has its own.
const PLACES: [&str; 7] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "venv"),
    concat!("/tmp/", "w/"),
    concat!("://cra", "tes.io"),
    concat!("index.cra", "tes.io"),
    concat!("pypi", ".org"),
    concat!("regis", "try+http"),
];

/// What `proto` and `core` may not name: they are `no_std`, and their order of iteration is the same every time.
const IMPURE: [&str; 4] = ["std::", "HashMap", "HashSet", "extern crate std"];

const TEST_TOOLS: [&str; 3] = ["insta", "proptest", "arbitrary"];

#[test]
fn files_keep_the_house_rules() {
    let offenders: Vec<String> = files().iter().flat_map(|(path, text)| offences(path, text)).collect();
    assert!(offenders.is_empty(), "{} offences:\n  {}", offenders.len(), offenders.join("\n  "));
}

#[test]
fn packages_depend_only_downwards() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(workspace())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists the packages");
    assert!(packages.len() > 5, "the workspace has lost its packages");
    let offenders: Vec<String> = packages.iter().flat_map(wrong_dependencies).collect();
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn planted_offences_are_found() {
    let good = "//! What it owns.\nfn main() {}\n";
    assert_eq!(offences("runtime-std/src/a.rs", good), Vec::<String>::new());
    for word in UNFINISHED.iter().chain(&PLACES) {
        let found = offences("runtime-std/src/a.rs", &format!("{good}// {word}\n"));
        assert_eq!(found, [format!("runtime-std/src/a.rs:3: {word:?} has no place here")]);
    }
    for word in IMPURE {
        assert_eq!(offences("core/src/a.rs", &format!("{good}use {word}x;\n")).len(), 1, "{word}");
        assert!(offences("runtime-std/src/a.rs", &format!("{good}use {word}x;\n")).is_empty(), "{word}");
    }
    assert!(offences("core/src/a.rs", &format!("{good}use runwire_std::x;\n")).is_empty(), "another word");
    assert_eq!(offences("core/src/lib.rs", "//! Head.\n#![no_std]\n").len(), 1, "unsafe code is not forbidden");
    assert_eq!(offences("core/src/lib.rs", "//! Head.\n#![forbid(unsafe_code)]\n").len(), 1, "std is not forbidden");
    assert_eq!(offences("examples/src/a.rs", "fn main() {}\n").len(), 1, "no head");
    let long = format!("//! Head.\n{}", "\n".repeat(LINES_MAX));
    assert_eq!(offences("examples/src/a.rs", &long).len(), 1, "too long");

    let package = |name: &str, dependency: &str, kind: Value| serde_json::json!({ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] });
    let dev = Value::from("dev");
    assert_eq!(wrong_dependencies(&package("runwire-core", "runwire-std", Value::Null)).len(), 1);
    assert_eq!(wrong_dependencies(&package("runwire-core", "runwire-std", dev.clone())).len(), 1);
    assert_eq!(wrong_dependencies(&package("runwire-async", "runwire-std", Value::Null)).len(), 1);
    assert_eq!(wrong_dependencies(&package("runwire-core", "insta", Value::Null)).len(), 1);
    assert_eq!(wrong_dependencies(&package("runwire-new", "bytes", Value::Null)).len(), 1);
    assert!(wrong_dependencies(&package("runwire-core", "insta", dev)).is_empty());
    assert!(wrong_dependencies(&package("runwire-std", "runwire-core", Value::Null)).is_empty());
}

/// What is wrong with one file, a line each.
fn offences(path: &str, text: &str) -> Vec<String> {
    let rust = path.ends_with(".rs");
    let pure = rust && (path.starts_with("core/src/") || path.starts_with("proto/src/"));
    let mut offenders = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let places = PLACES.iter().filter(|word| line.contains(**word));
        let unfinished = UNFINISHED.iter().filter(|word| rust && line.contains(**word));
        let impure = IMPURE.iter().filter(|word| pure && has_word(line, word));
        for word in places.chain(unfinished).chain(impure) {
            offenders.push(format!("{path}:{number}: {word:?} has no place here"));
        }
    }
    if rust && !text.starts_with("//!") {
        offenders.push(format!("{path}: does not begin with `//!`: say what the file owns"));
    }
    let lines = text.lines().count();
    if rust && lines > LINES_MAX {
        offenders.push(format!("{path}: {lines} lines; {LINES_MAX} are allowed"));
    }
    if matches!(path, "core/src/lib.rs" | "proto/src/lib.rs") {
        for attribute in ["#![forbid(unsafe_code)]", "#![no_std]"] {
            if !text.contains(attribute) {
                offenders.push(format!("{path}: {attribute} is missing"));
            }
        }
    }
    offenders
}

/// Whether `word` stands in `line` and is not the end of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// What is wrong with a package's list of dependencies, as `cargo metadata` tells it.
fn wrong_dependencies(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let below: &[&str] = match name {
        "runwire-proto" | "runwire-local" | "runwire-package" => &[],
        "runwire-core" => &["runwire-proto"],
        "runwire-effects" => &["runwire-proto", "runwire-core"],
        "runwire-std" => &["runwire-proto", "runwire-core", "runwire-effects", "runwire-local"],
        "runwire-async" => &["runwire-proto", "runwire-core", "runwire-effects"],
        "runwire-wasm" | "runwire-pure" => &["runwire-proto", "runwire-core"],
        // The simulator and the scenarios are ordinary functions of the tests.
        "runwire-fuzz" => &["runwire-proto", "runwire-core", "runwire-tests"],
        "runwire-tests" | "runwire-examples" => &[
            "runwire-proto",
            "runwire-core",
            "runwire-effects",
            "runwire-std",
            "runwire-local",
            "runwire-async",
            "runwire-wasm",
            "runwire-package",
            "runwire-tests",
        ],
        _ => return vec![format!("{name}: a new package; give it its place in this test and in docs/ARCHITECTURE.md")],
    };
    let for_tests = matches!(name, "runwire-tests" | "runwire-fuzz");
    let mut offenders = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let target = dependency["name"].as_str().unwrap_or_default();
        if target.starts_with("runwire-") && !below.contains(&target) {
            offenders.push(format!("{name} may not depend on {target}"));
        }
        if TEST_TOOLS.contains(&target) && dependency["kind"] != "dev" && !for_tests {
            offenders.push(format!("{name} may have {target} for its tests only"));
        }
    }
    offenders
}

/// The texts of the repository with their paths: what people write, not recorded data and not what a tool made.
fn files() -> Vec<(String, String)> {
    let root = workspace();
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort();
    assert!(found.len() > 100, "only {} files found below {}", found.len(), root.display());
    found
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for entry in entries {
        let path: PathBuf = entry.expect("a folder of the repository can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let skipped = [".git", "target", "shared", "generated", "data", "testdata", "corpus", "node_modules"];
            if !skipped.contains(&name.as_str()) && !path.is_symlink() && !name.starts_with(".venv") {
                collect(root, &path, found);
            }
        } else if matches!(
            path.extension().and_then(|e| e.to_str()),
            Some("rs" | "toml" | "md" | "py" | "proto" | "sh")
        ) || path.ends_with(".ci/run")
        {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let relative = path.strip_prefix(root).expect("the path was found below the root");
            found.push((relative.to_string_lossy().replace('\\', "/"), text));
        }
    }
}

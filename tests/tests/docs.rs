//! The documents say what is so: the drawing of the end of a run, the map of the core, the tests that are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runwire_core::defer::dot;
use runwire_tests::official::workspace;

type Edge = (String, String, String);

fn text(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Edges with a label of their own, and of arrows without one: those mean each of the three ways to leave a stage.
fn edges(drawing: &str) -> BTreeSet<Edge> {
    let body = drawing.split_once('{').expect("a drawing has a body").1.rsplit_once('}').expect("and an end").0;
    let code: Vec<&str> = body.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut edges = BTreeSet::new();
    for statement in code.join(" ").split(';') {
        let (path, label) = match statement.split_once("[label=\"") {
            Some((path, label)) => (path, Some(label.trim_end().trim_end_matches("\"]"))),
            None => (statement, None),
        };
        let stops: Vec<Vec<&str>> =
            path.split("->").map(|stop| stop.trim().trim_matches(['{', '}']).split_whitespace().collect()).collect();
        let labels = label.map_or_else(|| vec!["Flushed", "Failed", "Expired"], |label| vec![label]);
        for pair in stops.windows(2) {
            for (from, to) in pair[0].iter().flat_map(|from| pair[1].iter().map(move |to| (from, to))) {
                edges.extend(labels.iter().map(|label| (from.to_string(), to.to_string(), label.to_string())));
            }
        }
    }
    edges
}

#[test]
fn the_drawing_of_the_end_is_the_table() {
    let document = text("docs/ARCHITECTURE.md");
    let drawing =
        document.split_once("```dot\n").expect("there is a drawing").1.split("```").next().unwrap_or_default();
    let (drawn, real) = (edges(drawing), edges(&dot()));
    assert!(real.len() > 40, "the table has its edges");
    let differences: Vec<&Edge> = drawn.symmetric_difference(&real).collect();
    assert!(differences.is_empty(), "drawn or in the table, but not both: {differences:#?}");
}

#[test]
fn every_module_of_the_core_is_on_its_map() {
    let map = text("core/ARCHITECTURE.md");
    let lib = text("core/src/lib.rs");
    let modules =
        lib.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let missing: Vec<&str> = modules.filter(|module| !map.contains(&format!("`{module}`"))).collect();
    assert!(missing.is_empty(), "not in core/ARCHITECTURE.md: {missing:?}");
}

/// Functions, and scripts, each of which is a test: the name of its file, and its own.
fn tests_below(folder: &Path, names: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder's entry can be read").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match path.extension().and_then(|end| end.to_str()) {
            None if path.is_dir() && stem != "target" && !stem.starts_with('.') => tests_below(&path, names),
            Some("py") => drop(names.insert((file, stem))),
            Some("rs") => {
                let source = fs::read_to_string(&path).expect("a source file is text");
                let functions = source.lines().filter_map(|line| {
                    let line = line.trim_start();
                    line.strip_prefix("pub(crate) ").unwrap_or(line).strip_prefix("fn ")?.split('(').next()
                });
                names.extend(functions.map(|name| (file.clone(), name.to_owned())));
            }
            Some(_) | None => {}
        }
    }
}

fn all_tests() -> BTreeSet<(String, String)> {
    let mut known = BTreeSet::new();
    for package in ["proto", "core", "runtime-std", "tests"] {
        tests_below(&workspace().join(package), &mut known);
    }
    known
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_is_named_exists() {
    let known: BTreeSet<String> = all_tests().into_iter().map(|(_, name)| name).collect();
    let document = text("docs/SURVIVES.md");
    let cells = document.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    let named: Vec<&str> = cells.flat_map(quoted).collect();
    assert!(named.len() > 50, "the tables name tests");
    let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_report_has_a_test_or_a_reason_why_not() {
    let known = all_tests();
    let document = text("docs/REPORTS.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---") && !line.starts_with("| report |"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 60, "the tables have their rows");
    for row in &rows {
        let [report, happened, here] = row[..] else { panic!("a row has three cells: {row:?}") };
        assert!(!report.is_empty() && !happened.is_empty() && !here.is_empty(), "{row:?}");
        let tests: Vec<(&str, &str)> = quoted(here).filter_map(|name| name.split_once("::")).collect();
        for (file, name) in &tests {
            assert!(known.contains(&((*file).to_owned(), (*name).to_owned())), "{report}: no test {file}::{name}");
        }
        assert!(!tests.is_empty() || here.starts_with("can't be had here"), "{report} has neither a test nor a reason");
    }
}

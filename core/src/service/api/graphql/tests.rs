//! What each rule takes out, and what it leaves.

use super::*;
use alloc::string::{String, ToString};

fn names(list: &[&str]) -> alloc::collections::BTreeSet<String> {
    list.iter().map(ToString::to_string).collect()
}

fn without_fields(text: &str, fields: &[&str]) -> String {
    rewrite(text, &Rules { fields: names(fields), ..Rules::default() }).unwrap()
}

#[test]
fn a_field_goes_by_its_name_and_takes_empty_parents_with_it() {
    assert_eq!(without_fields("{viewer{id username}}", &["username"]), "query { viewer { id } }\n");
    assert_eq!(without_fields("{viewer{id u: username}}", &["username"]), "query { viewer { id } }\n");
    assert_eq!(without_fields("{viewer{id username: id}}", &["username"]), "query { viewer { id username: id } }\n");
    assert_eq!(without_fields("{a{b{... on C{d}}} e}", &["d"]), "query { e }\n");
    assert_eq!(without_fields("query Q {a ...F} fragment F on T {b}", &["b"]), "query Q { a }\n");
}

#[test]
fn a_query_of_which_nothing_is_left_is_an_error() {
    let rules = Rules { fields: names(&["b"]), ..Rules::default() };
    assert_eq!(rewrite("{a{b}}", &rules), Err(GraphqlError::Emptied));
}

#[test]
fn a_variable_goes_with_the_arguments_that_it_is_the_value_of() {
    let text = r#"query Q($a: [Int!]! = [1], $b: S @x(y: 1)) @d(v: $a) {
        f(x: $a, y: {deep: {z: $a, w: $b}}, list: [$a, {z: $a}], s: "$a") @include(if: $a) @skip(if: $b)
    }"#;
    let rules = Rules { variables: names(&["a"]), ..Rules::default() };
    let expected = "query Q($b: S @x(y: 1)) { f(y: {deep: {w: $b}}, list: [$a, {z: $a}], s: \"$a\") @skip(if: $b) }\n";
    assert_eq!(rewrite(text, &rules).unwrap(), expected);
}

#[test]
fn a_renamed_field_keeps_its_alias() {
    let renames = [("bogus".to_string(), "username".to_string())].into();
    let rules = Rules { renames, ..Rules::default() };
    let text = "{viewer{old: bogus bogus: id ...{bogus(a: 1)}}}";
    let expected = "query { viewer { old: username bogus: id ... { username(a: 1) } } }\n";
    assert_eq!(rewrite(text, &rules).unwrap(), expected);
}

#[test]
fn a_fragment_goes_with_its_spreads_and_what_only_it_needs() {
    let text = "query Q {a ...F ...G x{...F}} fragment F on T {b ...H} fragment G on T {c} fragment H on T {d}";
    let rules = Rules { fragments: names(&["F"]), ..Rules::default() };
    assert_eq!(rewrite(text, &rules).unwrap(), "query Q { a ...G }\nfragment G on T { c }\n");
}

#[test]
fn all_of_the_language_is_read_and_written() {
    let text =
        "\u{feff}# comment\nquery Q($a: [Int!]! = -1.5e+3, $b: X = null) @d { a: b(c: \"\\u00e9 \\\"\", d: \"\"\"x \
                \\\"\"\" y\"\"\", e: [1, 0, TRUE,], f: {g: {}}, h: []) @i { ... @j { k } ... on L { m } ...n @o } }
                mutation M { q } subscription { r } fragment n on P { s }";
    let once = print::document(&parse::document(text).unwrap());
    insta::assert_snapshot!(once, @r#"
    query Q($a: [Int!]! = -1.5e+3, $b: X = null) @d { a: b(c: "\u00e9 \"", d: """x \""" y""", e: [1, 0, TRUE], f: {g: {}}, h: []) @i { ... @j { k } ... on L { m } ...n @o } }
    mutation M { q }
    subscription { r }
    fragment n on P { s }
    "#);
    assert_eq!(parse::document(&once), parse::document(text));
}

#[test]
fn what_is_not_the_language_is_refused_with_its_place() {
    let wrong = |text: &str| rewrite(text, &Rules::default()).unwrap_err().to_string();
    assert_eq!(wrong("{a\n  }}"), "parse: line 2, column 4: expected an operation or a fragment, found `}`");
    assert_eq!(wrong("query {"), "parse: line 1, column 8: expected a name, but the text ends");
    assert_eq!(wrong("{}"), "parse: line 1, column 2: expected a name, found `}`");
    for text in [
        "",
        "{a(}",
        "{a()}",
        "{a(b: 01)}",
        "{a(b: 1x)}",
        "{a(b: \"\n\")}",
        "{a(b: \"\\x\")}",
        "{a(b: \"\"\"}",
        "{ü}",
        "fragment on on T {a}",
        "fragment F of T {a}",
        "type T {a: Int}",
        "query Q($a Int) {b}",
        "{a(b: 1.)}",
        "{..a}",
        "{a(b: \"\\u12\")}",
    ] {
        assert!(wrong(text).starts_with("parse: line"), "{text}");
    }
    let deep = alloc::format!("{}a{}", "{a".repeat(200), "}".repeat(200));
    assert!(wrong(&deep).contains("more than 100 levels"));
}

#[test]
fn the_only_operation_has_a_name() {
    assert_eq!(operation_name("query Runs($a: Int) {b} fragment F on T {c}"), Some("Runs"));
    assert_eq!(operation_name("{b}"), None);
    assert_eq!(operation_name("query A {b} query B {b}"), None);
    assert_eq!(operation_name("query {"), None);
}

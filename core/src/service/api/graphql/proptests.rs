//! Documents of all shapes, and texts that are none.

use super::*;
use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "on", "query", "fragment", "_x1", "null", "true"]).prop_map(String::from)
}

fn fragment_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["F", "G", "H"]).prop_map(String::from)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        name().prop_map(|name| format!("${name}")),
        name(),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,2})?(e[+-]?[0-9])?",
        "\"([a-z $#{}]|\\\\n|\\\\u00e9)*\"",
        "\"\"\"[a-z\n]*\"\"\"",
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(" "))),
            prop::collection::vec((name(), inner), 0..3).prop_map(|fields| format!("{{{}}}", pairs(&fields))),
        ]
    })
}

fn pairs(fields: &[(String, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(",")
}

fn arguments() -> impl Strategy<Value = String> {
    prop::collection::vec((name(), value()), 0..3)
        .prop_map(|all| if all.is_empty() { String::new() } else { format!("({})", pairs(&all)) })
}

fn directives() -> impl Strategy<Value = String> {
    prop::collection::vec((name(), arguments()), 0..2)
        .prop_map(|all| all.iter().map(|(name, arguments)| format!("@{name}{arguments}")).collect())
}

fn selections() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (prop::option::of(name()), name(), arguments(), directives()).prop_map(
            |(alias, name, arguments, directives)| match alias {
                Some(alias) => format!("{alias}:{name}{arguments}{directives}"),
                None => format!("{name}{arguments}{directives}"),
            }
        ),
        (fragment_name(), directives()).prop_map(|(name, directives)| format!("...{name}{directives}")),
    ];
    let one = leaf.prop_recursive(4, 20, 4, |inner| {
        let block = prop::collection::vec(inner, 1..4).prop_map(|all| format!("{{{}}}", all.join("#x\n ")));
        prop_oneof![
            (name(), arguments(), block.clone())
                .prop_map(|(name, arguments, block)| format!("{name}{arguments}{block}")),
            (name(), directives(), block.clone())
                .prop_map(|(on, directives, block)| format!("...on {on}{directives}{block}")),
            (directives(), block).prop_map(|(directives, block)| format!("...{directives}{block}")),
        ]
    });
    prop::collection::vec(one, 1..4).prop_map(|all| format!("{{{}}}", all.join(",")))
}

fn document() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["[a!]!", "b", "c!", "[[a]]"]);
    let variable =
        (name(), kind, prop::option::of(value()), directives()).prop_map(|(name, kind, default, directives)| {
            let default = default.map(|value| format!("={value}")).unwrap_or_default();
            format!("${name}:{kind}{default}{directives}")
        });
    let variables = prop::collection::vec(variable, 0..3)
        .prop_map(|all| if all.is_empty() { String::new() } else { format!("({})", all.join(",")) });
    let operation = (
        prop::sample::select(vec!["query", "mutation"]),
        prop::option::of(name()),
        variables,
        directives(),
        selections(),
    )
        .prop_map(|(kind, name, variables, directives, selections)| {
            format!("{kind} {}{variables}{directives}{selections}", name.unwrap_or_default())
        });
    let fragment = (fragment_name(), name(), directives(), selections())
        .prop_map(|(name, on, directives, selections)| format!("fragment {name} on {on}{directives}{selections}"));
    (operation, prop::collection::vec(fragment, 0..3))
        .prop_map(|(operation, fragments)| format!("{operation}\n{}", fragments.join("\n")))
}

fn rules() -> impl Strategy<Value = Rules> {
    let some = || prop::collection::btree_set(prop::sample::select(vec!["a", "b", "_x1"]).prop_map(String::from), 0..3);
    let fragments = prop::collection::btree_set(fragment_name(), 0..2);
    (some(), some(), fragments, some()).prop_map(|(variables, fields, fragments, renamed)| Rules {
        variables,
        fields,
        fragments,
        renames: renamed.into_iter().map(|old| (old.clone(), format!("{old}_new"))).collect(),
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(text in document()) {
        let tree = parse::document(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let written = print::document(&tree);
        prop_assert_eq!(&parse::document(&written).unwrap(), &tree);
        prop_assert_eq!(print::document(&parse::document(&written).unwrap()), written);
    }

    #[test]
    fn a_rewritten_text_is_a_document_and_has_nothing_left_to_rewrite(text in document(), rules in rules()) {
        match rewrite(&text, &rules) {
            Ok(once) => {
                prop_assert!(parse::document(&once).is_ok(), "{}", once);
                prop_assert_eq!(rewrite(&once, &rules).unwrap(), once);
            }
            Err(error) => prop_assert_eq!(error, GraphqlError::Emptied),
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>(), like in "[{}()\\[\\]:$@!=. \"a1#,\\\\\n-]{0,40}") {
        for text in [text, like] {
            let _ = rewrite(&text, &Rules::default());
            let _ = operation_name(&text);
        }
    }
}

//! The executor against a small model.

use super::*;

struct Echo;

impl Resolver for Echo {
    type Node = &'static str;

    fn concrete<'t>(&self, of: &'t str, _: &Self::Node) -> &'t str {
        if of == "ArtifactCollection" { "ArtifactSequence" } else { of }
    }

    fn resolve(
        &mut self,
        of: &str,
        _: Option<&Self::Node>,
        name: &str,
        args: &Args,
    ) -> Result<Out<Self::Node>, String> {
        Ok(match (of, name) {
            ("Query", "viewer") => Out::Node("me"),
            ("Query", "project") => return Err(format!("no project {}", args.text("name").unwrap_or_default())),
            ("Query", "artifactCollection") => Out::Node("collection"),
            ("User", "teams") => Out::Node("teams"),
            ("EntityConnection", "edges") => Out::List(vec![Out::Node("a"), Out::Node("b")]),
            ("EntityEdge", "node") => Out::Node("team"),
            _ => Out::Leaf(json!({ "field": name, "args": args.0 })),
        })
    }
}

fn ask(query: &str, variables: Value) -> (u16, Value) {
    execute(json!({ "query": query, "variables": variables }).to_string().as_bytes(), &mut Echo)
}

fn data(query: &str, variables: Value) -> Value {
    let (status, mut answer) = ask(query, variables);
    assert_eq!((status, answer.get("errors")), (200, None));
    answer["data"].take()
}

#[test]
fn fragments_aliases_and_directives() {
    let query = "query Q($yes: Boolean!, $n: Int = 7) {
        me: viewer { ...U __typename teams(first: $n) { edges { node { name } } } }
        me: viewer { teams { edges { node { x: id @skip(if: $yes) y: id @include(if: $yes) } } } }
    }
    fragment U on User { n: name ... on User { name } ... on Entity { id } }";
    let leaf = |name: &str| json!({ "field": name, "args": {} });
    let node = json!({ "node": { "name": leaf("name"), "y": leaf("id") } });
    let expected = json!({ "me": {
        "n": leaf("name"), "name": leaf("name"), "__typename": "User", "teams": { "edges": [node, node] },
    } });
    assert_eq!(data(query, json!({ "yes": true })), expected);
}

#[test]
fn variables_are_checked_and_filled_in() {
    let query = "query Q($e: String, $l: [String!]) { entity(name: $e) { id } }";
    assert_eq!(data(query, json!({})).to_string(), r#"{"entity":{"args":{},"field":"entity"}}"#);
    assert_eq!(data(query, json!({ "e": null })).to_string(), r#"{"entity":{"args":{"name":null},"field":"entity"}}"#);
    assert_eq!(ask(query, json!({ "l": [1] })).0, 400);
    let (status, answer) = ask("query Q($n: Int!) { viewer { id } }", json!({}));
    assert_eq!(
        (status, &answer["errors"][0]["message"]),
        (400, &json!("Variable \"$n\" of required type \"Int!\" was not provided."))
    );
}

#[test]
fn errors_have_paths_and_leave_the_rest() {
    let (status, answer) = ask("{ p: project(name: \"x\") { id } viewer { id } }", Value::Null);
    assert_eq!(status, 200);
    assert_eq!(answer["errors"], json!([{ "message": "no project x", "path": ["p"] }]));
    assert_eq!(answer["data"]["p"], Value::Null);
    assert_eq!(answer["data"]["viewer"]["id"]["field"], "id");
}

#[test]
fn what_is_not_graphql_is_refused() {
    assert_eq!(execute(b"{", &mut Echo).0, 400);
    assert_eq!(ask("query {", Value::Null).0, 400);
    assert_eq!(ask("subscription { viewer { id } }", Value::Null).0, 400);
    assert_eq!(ask("query A { viewer { id } } query B { viewer { id } }", Value::Null).0, 400);
}

#[test]
fn types_can_be_looked_up() {
    let query = "{ __type(name: \"Run\") { name fields { name } } none: __type(name: \"Nope\") { name } __schema { queryType { name } } }";
    let found = data(query, Value::Null);
    assert!(found["__type"]["fields"].as_array().unwrap().contains(&json!({ "name": "historyKeys" })));
    assert_eq!((&found["none"], &found["__schema"]["queryType"]["name"]), (&Value::Null, &json!("Query")));
    let named = json!({ "query": "mutation M { a }" });
    assert_eq!(operation_name(&named).as_deref(), Some("M"));
}

#[test]
fn fragments_on_an_interface_meet_its_types() {
    let query = "{ artifactCollection(id: 1) { __typename ...C ... on ArtifactPortfolio { id } ... on ArtifactSequence { s: digestAlgorithm } } }
        fragment C on ArtifactCollection { c: name }";
    let leaf = |name: &str| json!({ "field": name, "args": {} });
    let expected = json!({ "artifactCollection": { "__typename": "ArtifactSequence", "c": leaf("name"), "s": leaf("digestAlgorithm") } });
    assert_eq!(data(query, Value::Null), expected);
}

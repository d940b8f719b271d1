//! Pushes: whatever the order of repeats and the cuts, the same rows.

use super::*;
use crate::store::MemoryStore;
use proptest::prelude::*;
use serde_json::{Value, json};

fn model() -> (Model, u64) {
    let mut model = Model::open(Box::new(MemoryStore::default()), "s").unwrap();
    model.ensure_project(0, "e", "p");
    let id = model.new_run(0, "e", "p", "r");
    model.commit().unwrap();
    (model, id)
}

fn push(model: &mut Model, id: u64, client: &str, body: Value) {
    let push = serde_json::from_value(body).unwrap();
    model.push(1, id, client, false, push).unwrap();
    model.commit().unwrap();
}

fn rows(offset: usize, texts: &[String]) -> Value {
    json!({ "files": { "wandb-history.jsonl": { "offset": offset, "content": texts } } })
}

fn texts(model: &Model, id: u64) -> Vec<String> {
    model.log_rows(id, Log::History).unwrap().into_iter().map(|(.., text)| text).collect()
}

#[test]
fn writers_have_offsets_of_their_own() {
    let (mut model, id) = model();
    push(&mut model, id, "a", rows(0, &["{\"_step\":0}".into()]));
    push(&mut model, id, "b", rows(0, &["{\"_step\":5}".into()]));
    let counters = model.run(id).unwrap().meta.counters.clone();
    assert_eq!((counters.rows, counters.duplicates, counters.conflicts), (2, 0, 0));
    assert_eq!(model.data(id).unwrap().unwrap().line_count(Log::History), 2);
    let summary = |text: &str| json!({ "files": { "wandb-summary.json": { "offset": 0, "content": [text] } } });
    push(&mut model, id, "a", summary("{\"x\":1,\"y\":1}"));
    push(&mut model, id, "b", summary("{\"y\":2}"));
    assert_eq!(Value::Object(model.run(id).unwrap().summary()), json!({ "x": 1, "y": 2 }));
}

#[test]
fn the_same_row_with_its_keys_in_another_order_is_no_conflict() {
    let (mut model, id) = model();
    push(&mut model, id, "", rows(0, &["{\"a\":1,\"b\":NaN}".into(), "{\"a\":2}".into()]));
    push(&mut model, id, "", rows(0, &["{\"b\":NaN, \"a\":1}".into(), "{\"a\":3}".into()]));
    let counters = &model.run(id).unwrap().meta.counters;
    assert_eq!((counters.rows, counters.duplicates, counters.conflicts), (2, 1, 1));
    assert_eq!(texts(&model, id)[1], "{\"a\":2}", "what has been answered stays");
}

#[test]
fn console_lines_may_be_written_again() {
    let (mut model, id) = model();
    let lines =
        |offset: u64, texts: &[&str]| json!({ "files": { "output.log": { "offset": offset, "content": texts } } });
    push(&mut model, id, "", lines(0, &["a", "1%", "z"]));
    push(&mut model, id, "", lines(1, &["100%"]));
    let found: Vec<String> = model.console_lines(id).unwrap().into_iter().map(|(.., text)| text).collect();
    assert_eq!(found, ["a", "100%", "z"]);
    assert_eq!(model.data(id).unwrap().unwrap().console_count(), 3);
}

#[test]
fn a_rewound_run_goes_on_from_its_step() {
    let (mut model, id) = model();
    let row = |step: u32| format!("{{\"_step\":{step},\"loss\":{step}}}");
    push(&mut model, id, "", rows(0, &(0..10).map(row).collect::<Vec<_>>()));
    model.rewind(id, 4.0).unwrap();
    model.commit().unwrap();
    assert_eq!(model.data(id).unwrap().unwrap().line_count(Log::History), 5);
    push(&mut model, id, "", rows(5, &[row(5)]));
    assert_eq!(texts(&model, id).len(), 6);
    assert_eq!(model.history(id, 3.0, 6.0, 0).unwrap(), [row(3), row(4), row(5)]);
    assert_eq!(model.run(id).unwrap().summary()["loss"], json!(4));
    assert_eq!(model.run(id).unwrap().meta.counters.conflicts, 0);
}

#[test]
fn offsets_out_of_range_are_refused_whole() {
    let (mut model, id) = model();
    let body = json!({ "files": { "output.log": { "offset": u64::MAX, "content": ["x"] } }, "complete": true });
    let failed = model.push(1, id, "", false, serde_json::from_value(body).unwrap());
    assert!(matches!(failed, Err(PushFailure::Offset)));
    assert!(!model.run(id).unwrap().meta.complete);
}

#[test]
fn rows_are_let_go_of_and_read_again() {
    let (mut model, id) = model();
    push(&mut model, id, "", rows(0, &["{\"_step\":0,\"x\":1}".into()]));
    let other = model.new_run(0, "e", "p", "other");
    push(&mut model, other, "", rows(0, &["{\"_step\":0}".into()]));
    model.shrink(1 << 20);
    assert!(model.run(id).unwrap().data.is_some());
    model.shrink(0);
    assert!(model.run(id).unwrap().data.is_none() && model.run(other).unwrap().data.is_some());
    push(&mut model, id, "", rows(0, &["{\"_step\":0,\"x\":1}".into(), "{\"_step\":1}".into()]));
    assert_eq!(model.run(id).unwrap().meta.counters.rows, 2);
    assert_eq!(texts(&model, id).len(), 2);
}

#[test]
fn a_deleted_run_leaves_nothing() {
    let (mut model, id) = model();
    push(
        &mut model,
        id,
        "",
        json!({ "files": {
        "wandb-history.jsonl": { "offset": 0, "content": ["{}"] }, "output.log": { "offset": 0, "content": ["x"] },
    } }),
    );
    model.put_file(1, id, "f", None, b"abc").unwrap();
    model.commit().unwrap();
    assert!(model.delete_run(id).unwrap());
    model.commit().unwrap();
    let mut left = Vec::new();
    model
        .store()
        .scan(b"", b"", &mut |key, _| {
            left.push(key[0]);
            true
        })
        .unwrap();
    assert_eq!(left, b"gp");
}

fn artifact(model: &mut Model, collection: u64, digest: &str, aliases: &[&str], kind: &str, paths: &[&str]) -> u64 {
    let wanted = aliases.iter().map(ToString::to_string).collect();
    let like = Artifact { entity: "e".into(), collection, digest: digest.into(), wanted, ..Artifact::default() };
    let id = model.new_artifact(like);
    model.new_manifest(id, kind, "", false).unwrap();
    let manifest = model.new_manifest(id, kind, "d", true).unwrap();
    let contents: serde_json::Map<String, Value> =
        paths.iter().map(|path| ((*path).to_owned(), json!({ "digest": "x", "size": 2 }))).collect();
    model
        .put_object("e", &manifest.object(), json!({ "version": 1, "contents": contents }).to_string().as_bytes())
        .unwrap();
    model.commit().unwrap();
    model.commit_artifact(5, id).unwrap();
    model.commit().unwrap();
    id
}

#[test]
fn data_of_a_newer_version_are_left_alone() {
    let mut store = MemoryStore::default();
    store.apply(vec![Op::Put(keys::SERVER.to_vec(), b"{\"format\":3}".to_vec())]).unwrap();
    assert!(matches!(Model::open(Box::new(store), "s"), Err(StoreError::Newer(3))));
}

#[test]
fn versions_of_a_collection() {
    let (mut model, _) = model();
    let like = Collection {
        entity: "e".into(),
        project: "p".into(),
        name: "c".into(),
        kind: "t".into(),
        ..Collection::default()
    };
    let collection = model.ensure_collection(0, like.clone());
    assert_eq!(model.ensure_collection(0, like), collection);
    let first = artifact(&mut model, collection, "d1", &["latest", "best"], "FULL", &["a", "b"]);
    let second = artifact(&mut model, collection, "d2", &["latest", ""], "INCREMENTAL", &["c"]);
    model.reload().unwrap();
    let named = |model: &Model, alias: &str| {
        let all = &model.artifacts;
        let one = all.named("e", "p", "c").unwrap();
        one.member(alias, |id| all.artifacts[&id].digest.clone()).map(|member| member.artifact)
    };
    for (alias, wanted) in [("latest", second), ("best", first), ("v0", first), ("v1", second), ("d1", first)] {
        assert_eq!(named(&model, alias), Some(wanted), "{alias}");
    }
    assert_eq!(named(&model, "v2"), None);
    assert_eq!(model.contents(second).unwrap().keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((model.artifacts.artifacts[&second].size, model.artifacts.artifacts[&second].count), (6, 3));
    let portfolio =
        Collection { portfolio: true, name: "l".into(), ..model.artifacts.collections[&collection].clone() };
    let portfolio = model.ensure_collection(0, Collection { members: Vec::new(), ..portfolio });
    assert_eq!(model.link(0, portfolio, second, &["prod".into()]), Some(0));
    assert!(model.delete_artifact(second) && !model.delete_artifact(second));
    assert_eq!((named(&model, "latest"), named(&model, "v1")), (Some(first), None));
    assert_eq!(model.artifacts.collections[&portfolio].members, []);
}

proptest! {
    /// Pieces of a history in any order, overlapping, again and again: once all have come, the state is that of one push.
    #[test]
    fn any_cuts_and_repeats_give_the_same_rows(
        count in 1usize..60,
        cuts in prop::collection::vec((0usize..60, 1usize..20), 0..12),
        order in any::<prop::sample::Index>(),
        long in any::<bool>(),
    ) {
        let filler = "x".repeat(if long { 9000 } else { 0 });
        let all: Vec<String> = (0..count).map(|n| format!("{{\"_step\":{n},\"s\":\"{filler}\"}}")).collect();
        let (mut model, id) = model();
        let mut pieces: Vec<(usize, usize)> = cuts.into_iter().filter(|(from, _)| *from < count).collect();
        pieces.push((0, count));
        let at = order.index(pieces.len());
        pieces.rotate_left(at);
        let mut sent = 0;
        for (from, length) in pieces {
            let to = count.min(from + length);
            sent += to - from;
            push(&mut model, id, "", rows(from, &all[from..to]));
        }
        prop_assert_eq!(texts(&model, id), all.clone());
        let counters = model.run(id).unwrap().meta.counters.clone();
        prop_assert_eq!(counters.rows as usize, count);
        prop_assert_eq!(counters.duplicates as usize, sent - count);
        prop_assert_eq!(counters.conflicts, 0);
        prop_assert_eq!(model.data(id).unwrap().unwrap().gaps(), 0);
        // What is read back from the store is what was in memory.
        let before = model.history(id, 0.0, 1e9, 0).unwrap();
        model.reload().unwrap();
        prop_assert_eq!(model.history(id, 0.0, 1e9, 0).unwrap(), before);
        push(&mut model, id, "", rows(0, &all));
        prop_assert_eq!(model.run(id).unwrap().meta.counters.rows as usize, count);
    }
}

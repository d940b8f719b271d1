//! Tests: what is shown after a restart is what was shown before it, whether or not columns are in pages.

use super::*;
use crate::{backend::Backend, store::MemoryStore};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// What happens to a run.
#[derive(Debug, Clone)]
enum Event {
    /// Rows of a writer: so many from the end of its rows, shifted by this.
    Rows {
        client: u8,
        shift: i8,
        rows: Vec<Row>,
    },
    Rewind(u8),
    Restart,
    /// A request fails half-way.
    Fail,
    /// A chart is looked at.
    Look(u8),
}

#[derive(Debug, Clone)]
struct Row {
    step: Option<i8>,
    values: Vec<(u8, u8)>,
}

impl Row {
    fn text(&self, at: u64) -> String {
        let step = self.step.map(|by| format!("\"_step\":{}", at as i64 + i64::from(by / 100)));
        let value = |value: u8| match value {
            0 => "NaN".to_owned(),
            1 => "-Infinity".to_owned(),
            2 => "\"text\"".to_owned(),
            3 => "{\"deep\":1}".to_owned(),
            other => format!("{}.5", other % 40),
        };
        let values = self.values.iter().map(|(name, of)| format!("\"m{}\":{}", name % 5, value(*of)));
        format!("{{{}}}", values.chain(step).collect::<Vec<_>>().join(","))
    }
}

fn row() -> impl Strategy<Value = Row> {
    let step = prop_oneof![20 => Just(Some(0)), 1 => any::<i8>().prop_map(Some), 1 => Just(None)];
    (step, prop::collection::vec(any::<(u8, u8)>(), 0..5)).prop_map(|(step, values)| Row { step, values })
}

fn event() -> impl Strategy<Value = Event> {
    let rows =
        |client, shift| prop::collection::vec(row(), 1..30).prop_map(move |rows| Event::Rows { client, shift, rows });
    prop_oneof![
        12 => rows(0, 0),
        2 => (-9i8..3).prop_flat_map(move |shift| rows(0, shift)),
        1 => (1u8..3).prop_flat_map(move |client| rows(client, 0)),
        1 => any::<u8>().prop_map(Event::Rewind),
        2 => Just(Event::Restart),
        1 => Just(Event::Fail),
        2 => any::<u8>().prop_map(Event::Look),
    ]
}

fn open(store: MemoryStore, size: PageSize) -> Model {
    let mut model = Model::open(Box::new(store), "s").unwrap();
    model.page_size = size;
    model
}

/// Everything that the store keeps.
fn copy(model: &Model) -> MemoryStore {
    let mut store = MemoryStore::default();
    let mut ops = Vec::new();
    let mut each = |key: &[u8], value: &[u8]| {
        ops.push(Op::Put(key.to_vec(), value.to_vec()));
        true
    };
    model.store().scan(b"", b"", &mut each).unwrap();
    store.apply(ops).unwrap();
    store
}

fn count(model: &Model, prefix: &[u8]) -> usize {
    let mut found = 0;
    model
        .store()
        .scan(prefix, b"", &mut |_, _| {
            found += 1;
            true
        })
        .unwrap();
    found
}

/// Plays it; the size of pages must make no difference.
fn play(events: &[Event], size: PageSize, derives: bool) -> (Model, u64) {
    let mut model = open(MemoryStore::default(), size);
    let id = model.new_run(0, "e", "p", "r");
    model.commit().unwrap();
    for event in events {
        match event {
            Event::Rows { client, shift, rows } => {
                let data = model.data(id).unwrap().unwrap();
                let end = data.logs.get(&(Log::History, u32::from(*client))).map_or(0, rows::Rows::end);
                let from = end.saturating_add_signed(i64::from(*shift));
                let texts: Vec<String> = (from..).zip(rows).map(|(at, row)| row.text(at)).collect();
                let body = json!({ "files": { "wandb-history.jsonl": { "offset": from, "content": texts } } });
                let client = if *client == 0 { String::new() } else { client.to_string() };
                model.push(1, id, &client, derives, serde_json::from_value(body).unwrap()).unwrap();
            }
            Event::Rewind(to) => model.rewind(id, f64::from(*to)).unwrap(),
            Event::Restart => model = open(copy(&model), size),
            Event::Fail => {
                let body = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": vec!["{}"; 40] } } });
                model.push(1, id, "", derives, serde_json::from_value(body).unwrap()).unwrap();
                model.reload().unwrap();
            }
            Event::Look(metric) => {
                model.columns(id, &[&format!("m{}", metric % 5)], metric % 2 == 0).unwrap();
            }
        }
        model.commit().unwrap();
    }
    (model, id)
}

/// What is shown of it. Where it begins to look must make no difference.
fn shown(model: &mut Model, id: u64, first: usize) -> Vec<String> {
    let looks = [("m0", None), ("m1", Some("m0")), ("_step", None), ("m4", None), ("m2", Some("m2"))];
    let mut found = vec![String::new(); looks.len()];
    for at in (0..looks.len()).map(|at| (at + first) % looks.len()) {
        let (metric, axis) = looks[at];
        for (limits, buckets) in [(ALL, 7), ((3.0, 40.0), 1000)] {
            let columns = model.columns(id, &[metric, axis.unwrap_or(metric)], axis.is_none()).unwrap().unwrap();
            found[at] += &format!("{:?}", columns.chart(metric, axis, limits, buckets));
        }
        found[at] += &format!("{:?}", model.history_with(id, &[metric, "_step"], -5.0, 60.0, 20).unwrap());
    }
    found.push(format!("{:?}", model.history_keys(id).unwrap()));
    found.push(format!("{:?}", model.history(id, 5.0, 1e9, 0).unwrap()));
    found.push(format!("{:?}", model.tail(id, Log::History).unwrap()));
    let data = model.data(id).unwrap().unwrap();
    found.push(format!("{:?}", (data.line_count(Log::History), data.gaps(), &data.derived)));
    found.push(format!("{:?}", (model.run(id).unwrap().meta.counters.clone(), model.run(id).unwrap().summary())));
    found
}

proptest! {
    #[test]
    fn a_restart_changes_nothing(
        events in prop::collection::vec(event(), 1..14),
        rows in 1usize..25,
        values in 1usize..90,
        derives in any::<bool>(),
    ) {
        let (small, none) = (PageSize { rows, values }, PageSize { rows: usize::MAX, values: usize::MAX });
        let (mut paged, id) = play(&events, small, derives);
        let (mut plain, _) = play(&events, none, derives);
        prop_assert_eq!(count(&plain, b"n"), 0);
        let before = shown(&mut paged, id, 0);
        prop_assert_eq!(&before, &shown(&mut plain, id, 0));
        let reordered = |event: &Event| matches!(event, Event::Rows { client: 1.., .. } | Event::Rows { shift: 1.., .. });
        paged.commit().unwrap();
        let mut again = open(copy(&paged), small);
        let after = shown(&mut again, id, 3);
        prop_assert_eq!(&after, &shown(&mut open(copy(&plain), none), id, 1));
        if !events.iter().any(reordered) {
            prop_assert_eq!(&after, &before);
            let index = paged.store().get(&keys::index(id)).unwrap();
            prop_assert!(index.is_some() || paged.data(id).unwrap().unwrap().columns.next_page(small).is_none());
        }
        // The columns of a run that is gone are gone.
        again.commit().unwrap();
        again.delete_run(id).unwrap();
        again.commit().unwrap();
        prop_assert_eq!((count(&again, b"n"), count(&again, b"i"), count(&again, b"h")), (0, 0, 0));
    }
}

/// A run of so many rows, in pages of a hundred.
fn long(rows: usize) -> (Model, u64) {
    let row = Row { step: Some(0), values: vec![(0, 9), (1, 0)] };
    play(
        &[Event::Rows { client: 0, shift: 0, rows: vec![row; rows] }],
        PageSize { rows: 100, values: usize::MAX },
        false,
    )
}

#[test]
fn a_first_chart_reads_its_columns_and_the_last_rows() {
    let (model, id) = long(1050);
    let mut store = copy(&model);
    assert_eq!(count(&model, &keys::column(id, pages::STEPS)), 10);
    // Rows in pages and columns of other metrics are not looked at.
    let mut ops = Vec::new();
    for page in 0..10 {
        ops.push(Op::Put(keys::page(id, 3, page), b"damaged".to_vec()));
    }
    store.apply(ops).unwrap();
    let mut model = open(store, PageSize::USUAL);
    let columns = model.columns(id, &["m0"], true).unwrap().unwrap();
    assert_eq!(columns.chart("m0", None, ALL, 1)[0].count, 1050);
    assert_eq!(columns.names()["m1"].count, 1050);
    // A damaged page is made anew.
    assert_eq!(model.columns(id, &["m1"], true).unwrap().unwrap().chart("m1", None, ALL, 1)[0].nonfinite, 1050);
    model.commit().unwrap();
    model.reload().unwrap();
    assert_eq!(model.columns(id, &["m1"], true).unwrap().unwrap().chart("m1", None, ALL, 1)[0].nonfinite, 1050);
}

#[test]
fn data_without_pages_get_them() {
    let (model, id) = long(15_000);
    let mut store = copy(&model);
    let mut ops = vec![Op::Put(keys::SERVER.to_vec(), b"{\"format\":1,\"last_id\":9,\"secret\":\"s\"}".to_vec())];
    for prefix in [keys::columns(id), keys::index(id)] {
        store
            .scan(&prefix, b"", &mut |key, _| {
                ops.push(Op::Delete(key.to_vec()));
                true
            })
            .unwrap();
    }
    store.apply(ops).unwrap();
    let mut backend = Backend::open(Box::new(store), crate::Settings::default()).unwrap();
    backend.model.page_size = PageSize { rows: 100, values: usize::MAX };
    for pages in [64, 128, 150, 150] {
        assert_eq!(backend.chart(["e", "p", "r"], "m0", None, ALL, 1).unwrap()[0].count, 15_000);
        assert_eq!(count(&backend.model, &keys::column(id, pages::STEPS)), pages);
    }
    let server: Value = serde_json::from_slice(&backend.model.store().get(keys::SERVER).unwrap().unwrap()).unwrap();
    assert_eq!(server["format"], json!(FORMAT));
}

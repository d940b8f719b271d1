//! The metrics once more, in the simplest way: trees of owned values, everything looked up anew for every row. Random
//! rows, definitions and edits must give the same rows and the same summary, and a log of them must fold to it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use runwire_proto::wire;

use super::support::{metric, removal, row, update};
use super::{Item, ItemValue, Metrics};
use crate::json::{Event, Walk};

type Labels = Vec<String>;

#[derive(Debug, Clone)]
enum Op {
    Item(Labels, &'static str),
    Flush,
    Define { name: &'static str, summary: Vec<&'static str>, step: Option<&'static str>, sync: bool, overwrite: bool },
    Set(Labels, &'static str),
    Remove(Labels),
    Runtime(i64),
    Checkpoint,
}

const LABELS: [&str; 5] = ["a", "b", "c", "s", "a.b"];
const NAMES: [&str; 11] = ["a", "b", "s", "a.b", r"a\.b", "a.b.c", "a*", "*", "a.*", "s*", "b.c"];
/// None lies above another: which one is added would depend on the order of the row.
const STEPS: [&str; 4] = ["s", "a", "b.c", "c"];
const SUMMARIES: [&str; 8] = ["min", "max", "mean", "last", "first", "none", "copy", "best"];
const VALUES: [&str; 14] = [
    "1",
    "-2",
    "2.5",
    "7.0",
    "NaN",
    "Infinity",
    "null",
    "true",
    r#""word""#,
    "[1, 2]",
    "{}",
    r#"{"b":4}"#,
    r#"{"b":{"c":5.25,"a":null},"c":"x"}"#,
    r#"{"s": -1, "a": {"b": {}}}"#,
];

fn op() -> impl Strategy<Value = Op> {
    let labels = || prop::collection::vec(prop::sample::select(&LABELS[..]).prop_map(String::from), 1..4);
    let value = || prop::sample::select(&VALUES[..]);
    let define = (
        prop::sample::select(&NAMES[..]),
        prop::collection::vec(prop::sample::select(&SUMMARIES[..]), 0..3),
        prop::option::of(prop::sample::select(&STEPS[..])),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    prop_oneof![
        8 => (labels(), value()).prop_map(|(labels, value)| Op::Item(labels, value)),
        4 => Just(Op::Flush),
        2 => define.prop_map(|(name, summary, step, sync, overwrite)| Op::Define { name, summary, step, sync, overwrite }),
        1 => (labels(), value()).prop_map(|(labels, value)| Op::Set(labels, value)),
        1 => labels().prop_map(Op::Remove),
        1 => (0..9_i64).prop_map(Op::Runtime),
        1 => Just(Op::Checkpoint),
    ]
}

#[derive(Debug, Clone, Default)]
struct Leaf {
    numbers: Vec<f64>,
    first: Option<String>,
    latest: Option<String>,
    live: bool,
    asked: Vec<&'static str>,
    none: bool,
}

#[derive(Debug, Clone, Default)]
struct Def {
    asked: Vec<&'static str>,
    none: bool,
    step: Option<&'static str>,
    sync: bool,
    /// Not made from a glob.
    explicit: bool,
}

#[derive(Debug, Default)]
struct Model {
    row: BTreeMap<Labels, String>,
    leaves: BTreeMap<Labels, Leaf>,
    exact: BTreeMap<String, Def>,
    globs: BTreeMap<String, Def>,
    steps: BTreeMap<&'static str, Option<String>>,
}

/// `labels` takes its place in a tree: nothing above or below it remains.
fn claim<T>(tree: &mut BTreeMap<Labels, T>, labels: &Labels) {
    tree.retain(|other, _| other == labels || !(other.starts_with(labels) || labels.starts_with(other)));
}

fn split(name: &str) -> Labels {
    name.split('.').map(String::from).collect()
}

fn escaped(labels: &Labels) -> String {
    let labels: Vec<_> = labels.iter().map(|label| label.replace('.', r"\.")).collect();
    labels.join(".")
}

fn canonical(json: &str) -> String {
    json.replace(", ", ",").replace(": ", ":").replace("7.0", "7")
}

fn number(json: &str) -> Option<f64> {
    match json {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        _ => json.parse().ok(),
    }
}

fn show(number: f64) -> String {
    if number.is_infinite() { "Infinity".into() } else { format!("{number}") }
}

impl Model {
    fn item(&mut self, labels: &Labels, json: &str) {
        if !json.starts_with('{') {
            claim(&mut self.row, labels);
            self.row.insert(labels.clone(), canonical(json));
        }
        let mut labels = labels.clone();
        for event in Walk::new(json) {
            match event {
                Event::Open(key) => labels.push(key.decode().into()),
                Event::Close => drop(labels.pop()),
                Event::Leaf(key, value) => {
                    labels.push(key.decode().into());
                    self.item(&labels, value.text);
                    labels.pop();
                }
            }
        }
    }

    fn leaf(&mut self, labels: &Labels) -> &mut Leaf {
        claim(&mut self.leaves, labels);
        self.leaves.entry(labels.clone()).or_default()
    }

    fn define(&mut self, record: &Op) {
        let Op::Define { name, summary, step, sync, overwrite } = record else { unreachable!("only called for these") };
        if let Some(step) = step {
            self.steps.entry(step).or_default();
        }
        let defs = if name.ends_with('*') { &mut self.globs } else { &mut self.exact };
        let def = defs.entry(name.to_string()).or_default();
        if *overwrite {
            *def = Def::default();
        }
        def.asked.extend(summary.iter().filter(|part| SUMMARIES[..5].contains(part)));
        if !summary.is_empty() {
            def.none = summary.contains(&"none");
        }
        def.step = step.or(def.step);
        def.sync |= sync;
        def.explicit = true;
        let def = def.clone();
        if !name.ends_with('*') {
            let labels = if *name == r"a\.b" { ["a.b".into()].into() } else { split(name) };
            let leaf = self.leaf(&labels);
            (leaf.asked, leaf.none) = (def.asked, def.none);
        }
    }

    /// The definition of a key; globs come in here when a row has the key for the first time.
    fn bind(&mut self, labels: &Labels) -> Def {
        let name = escaped(labels);
        let plain = labels.join(".");
        let known = self.exact.get(&name).or_else(|| self.exact.get(&plain).filter(|def| def.explicit));
        if let Some(def) = known {
            return def.clone();
        }
        let matching = self.globs.iter().filter(|(glob, _)| plain.starts_with(glob.trim_end_matches('*')));
        let Some((_, def)) = matching.max_by_key(|(glob, _)| glob.len()) else { return Def::default() };
        let def = Def { explicit: false, ..def.clone() };
        self.exact.insert(name, def.clone());
        let leaf = self.leaf(labels);
        (leaf.asked, leaf.none) = (def.asked.clone(), def.none);
        def
    }

    fn flush(&mut self) -> Vec<String> {
        for (labels, json) in self.row.clone() {
            self.bind(&labels);
            let own = self.steps.iter_mut().find(|(step, _)| split(step) == labels);
            if let Some((_, latest)) = own.filter(|_| number(&json).is_some()) {
                *latest = Some(json);
            }
        }
        for labels in self.row.keys().cloned().collect::<Vec<_>>() {
            let def = self.bind(&labels);
            let Some(step) = def.step.filter(|_| def.sync) else { continue };
            let labels = split(step);
            let conflicts = |other: &Labels| other.starts_with(&labels) || labels.starts_with(other);
            if !self.row.keys().any(conflicts) {
                self.row.insert(labels.clone(), self.steps[step].clone().unwrap_or("0".into()));
                self.bind(&labels);
            }
        }
        let row = core::mem::take(&mut self.row);
        for (labels, json) in &row {
            let leaf = self.leaf(labels);
            let value = Some(json.clone()).filter(|json| json != "null");
            leaf.numbers.extend(number(json));
            if !leaf.live {
                leaf.first = value.clone();
            }
            (leaf.live, leaf.latest) = (true, value);
        }
        row.iter().map(|(labels, json)| labels.join(".") + "=" + json).collect()
    }

    fn set(&mut self, labels: &Labels, json: &str) {
        let leaf = self.leaf(labels);
        leaf.latest = Some(canonical(json)).filter(|json| json != "null");
        leaf.live = true;
        leaf.asked.clear();
    }

    fn remove(&mut self, labels: &Labels) {
        self.leaves.retain(|other, _| other == labels || !other.starts_with(labels));
        if let Some(leaf) = self.leaves.get_mut(labels) {
            (leaf.live, leaf.latest, leaf.first) = (false, None, None);
        }
    }

    fn summary(&self) -> Vec<(Labels, String)> {
        let value = |leaf: &Leaf| {
            if leaf.none || !leaf.live {
                return None;
            }
            if leaf.asked.is_empty() {
                return leaf.latest.clone();
            }
            let worst = |pick: fn(f64, f64) -> f64| {
                let pick = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { pick(a, b) };
                show(leaf.numbers.iter().copied().reduce(pick).unwrap_or(0.0))
            };
            let text = |json: &Option<String>| json.clone().unwrap_or("null".into());
            let value = |part: &&str| match *part {
                "first" => text(&leaf.first),
                "last" => text(&leaf.latest),
                "max" => worst(f64::max),
                "min" => worst(f64::min),
                _ => show(leaf.numbers.iter().fold(0.0, |a, b| a + b) / leaf.numbers.len() as f64),
            };
            let parts = ["first", "last", "max", "mean", "min"];
            let parts: Vec<_> = parts.iter().filter(|part| leaf.asked.contains(part)).collect();
            let members: Vec<_> = parts.iter().map(|part| format!("\"{part}\":{}", value(part))).collect();
            Some(format!("{{{}}}", members.join(",")))
        };
        self.leaves.iter().filter_map(|(labels, leaf)| Some((labels.clone(), value(leaf)?))).collect()
    }
}

fn items(metrics: &Metrics) -> Vec<(Labels, String)> {
    let labels = |item: &wire::SummaryItem| match item.nested_key.is_empty() {
        true => [item.key.clone()].into(),
        false => item.nested_key.clone(),
    };
    let items = metrics.summary_items();
    let items: Vec<_> = items.into_iter().map(|item| (labels(&item), item.value_json)).collect();
    items.into_iter().filter(|(labels, _)| !labels[0].starts_with('_')).collect()
}

/// All leaves of a JSON object, those of objects that are single values of the summary too.
fn leaves(text: &str, labels: &mut Labels, out: &mut Vec<(Labels, String)>) {
    for event in Walk::new(text) {
        match event {
            Event::Open(key) => labels.push(key.decode().into()),
            Event::Close => drop(labels.pop()),
            Event::Leaf(key, value) => {
                labels.push(key.decode().into());
                out.push((labels.clone(), value.text.into()));
                labels.pop();
            }
        }
    }
}

enum Logged {
    Row(wire::HistoryRecord),
    Metric(wire::MetricRecord),
    Edit(wire::SummaryRecord),
    Checkpoint(wire::SummaryRecord),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn metrics_do_what_the_model_does(ops in prop::collection::vec(op(), 1..60)) {
        let (mut metrics, mut model, mut log) = (Metrics::new(0), Model::default(), Vec::new());
        let path = |labels: &Labels| wire::SummaryItem { nested_key: labels.clone(), ..Default::default() };
        for (step, op) in ops.iter().enumerate() {
            match op {
                Op::Item(labels, json) => {
                    let nested = labels.iter().map(|label| &**label);
                    metrics.merge(Item { key: "", nested, value: ItemValue::Json(json) }).unwrap();
                    model.item(labels, json);
                    prop_assert_eq!(metrics.pending(), model.row.len());
                }
                Op::Flush => {
                    let empty = model.row.is_empty();
                    let record = metrics.flush(Some(step as i64), step % 2 == 0);
                    prop_assert_eq!(record.is_none(), empty);
                    if let Some(record) = record {
                        let mut expected = model.flush();
                        expected.push(format!("_step={step}"));
                        expected.sort();
                        prop_assert_eq!(row(&record), expected);
                        log.push(Logged::Row(record));
                    }
                }
                Op::Define { name, summary, step, sync, overwrite } => {
                    let mut record = metric(name, &summary.join(","));
                    record.step_metric = step.unwrap_or("").into();
                    record.options.as_mut().unwrap().step_sync = *sync;
                    record.control = Some(wire::MetricControl { overwrite: *overwrite });
                    metrics.define(&record).unwrap();
                    model.define(op);
                    log.push(Logged::Metric(record));
                }
                Op::Set(labels, json) => {
                    let mut record = update(&[("", json)]);
                    record.update[0] = wire::SummaryItem { value_json: (*json).into(), ..path(labels) };
                    prop_assert_eq!(metrics.update_summary(&record), []);
                    model.set(labels, json);
                    log.push(Logged::Edit(record));
                }
                Op::Remove(labels) => {
                    let mut record = removal(&[""]);
                    record.remove[0] = path(labels);
                    prop_assert_eq!(metrics.update_summary(&record), []);
                    model.remove(labels);
                    log.push(Logged::Edit(record));
                }
                Op::Runtime(seconds) => metrics.set_runtime(*seconds),
                Op::Checkpoint => log.extend(metrics.next_checkpoint().map(Logged::Checkpoint)),
            }
            prop_assert_eq!(items(&metrics), model.summary());
        }
        log.extend(metrics.next_checkpoint().map(Logged::Checkpoint));

        let json = metrics.summary_json(None);
        let (mut nested, mut flat) = (Vec::new(), Vec::new());
        leaves(&json, &mut Vec::new(), &mut nested);
        nested.retain(|(labels, _)| !labels[0].starts_with('_'));
        for (mut labels, value) in model.summary() {
            if value.starts_with('{') {
                leaves(&value, &mut labels, &mut flat);
            } else {
                flat.push((labels, value));
            }
        }
        prop_assert_eq!(nested, flat);

        let mut reader = Metrics::new(5);
        for record in &log {
            match record {
                Logged::Row(record) => reader.fold(record),
                Logged::Metric(record) => reader.define(record).unwrap(),
                Logged::Edit(record) => drop(reader.update_summary(record)),
                Logged::Checkpoint(record) => reader.fold_checkpoint(record),
            }
        }
        prop_assert_eq!(reader.summary_json(None), json);
        prop_assert_eq!(reader.config_m(), metrics.config_m());
    }
}

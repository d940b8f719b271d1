//! Metric definitions: what `define_metric` said, the steps that metrics follow, and the list the server is shown.
//!
//! Owns: merging definitions of one name, matching globs, the latest number of every step metric, the config list `m`.
//! It knows names; that a name is a path of slots is known to its caller.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use runwire_proto::wire;

use super::keys::Slot;
use super::leaf::Flags;
use crate::json::{write_i64, write_string};

/// The number of a step metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepId(usize);

/// A metric that others use as their x axis.
#[derive(Debug)]
struct Step {
    name: String,
    slot: Slot,
    /// Its latest number as JSON, seen since it became a step; empty if none was.
    latest: String,
}

/// The definition of a name or a glob.
#[derive(Debug, Clone, Default)]
struct Def {
    name: String,
    glob: bool,
    step: Option<StepId>,
    step_sync: bool,
    hidden: bool,
    defined: bool,
    flags: Flags,
    none: bool,
    goal: i32,
    /// The user defined it, so the server is told. An expansion of a glob is not listed.
    listed: bool,
}

impl Def {
    fn merge(&mut self, record: &wire::MetricRecord, step: Option<StepId>) {
        if record.control.is_some_and(|control| control.overwrite) {
            *self =
                Self { name: core::mem::take(&mut self.name), glob: self.glob, listed: self.listed, ..Self::default() };
        }
        self.step = step.or(self.step);
        if let Some(options) = &record.options {
            self.step_sync |= options.step_sync;
            self.hidden |= options.hidden;
            self.defined |= options.defined && !self.glob;
        }
        if let Some(summary) = &record.summary {
            self.flags = self.flags.union(Flags::of(summary));
            self.none = summary.none;
        }
        if record.goal != 0 {
            self.goal = record.goal;
        }
        self.listed |= !record.expanded_from_glob;
    }
}

/// What a key's definition means for the summary: which values, and whether it is left out.
pub(super) type Shape = (Flags, bool);

/// All definitions of a run.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    list: Vec<Def>,
    exact: BTreeMap<String, usize>,
    globs: BTreeMap<String, usize>,
    steps: Vec<Step>,
    /// Grows with every change, so that keys know when to look again.
    epoch: u32,
}

impl Definitions {
    /// Changes whenever a key may have got another definition; zero as long as there is none.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Makes `slot`, whose path is `name` split at dots, a step metric.
    pub(super) fn register_step(&mut self, name: &str, slot: Slot) -> StepId {
        self.epoch += 1;
        let known = self.steps.iter().position(|step| step.name == name);
        StepId(known.unwrap_or_else(|| {
            self.steps.push(Step { name: name.into(), slot, latest: String::new() });
            self.steps.len() - 1
        }))
    }

    /// Merges a definition of a name.
    pub(super) fn define(&mut self, record: &wire::MetricRecord, step: Option<StepId>) -> Shape {
        self.epoch += 1;
        let at = match self.exact.get(&record.name) {
            Some(at) => *at,
            None => self.add(Def { name: record.name.clone(), ..Def::default() }),
        };
        let def = &mut self.list[at];
        def.merge(record, step);
        (def.flags, def.none)
    }

    /// Merges a definition of a glob. Keys that follow the glob already are not changed.
    pub(super) fn define_glob(&mut self, record: &wire::MetricRecord, step: Option<StepId>) {
        self.epoch += 1;
        let at = match self.globs.get(&record.glob_name) {
            Some(at) => *at,
            None => self.add(Def { name: record.glob_name.clone(), glob: true, ..Def::default() }),
        };
        self.list[at].merge(record, step);
    }

    fn add(&mut self, def: Def) -> usize {
        let names = if def.glob { &mut self.globs } else { &mut self.exact };
        names.insert(def.name.clone(), self.list.len());
        self.list.push(def);
        self.list.len() - 1
    }

    /// Looks up a key that a row has, by its name. A key without a definition takes over that of a matching glob for
    /// good, that with the longest prefix; its shape is then returned.
    ///
    /// Globs, and definitions that forgot to escape a dot, see the name without escapes. The latter give such a key its
    /// step, as in the official client, but their values belong to the nested key of that name.
    pub(super) fn bind(&mut self, name: &str) -> (Option<StepId>, Option<Shape>) {
        if let Some(&at) = self.exact.get(name) {
            return (self.list[at].synced_step(), None);
        }
        let plain = if name.contains("\\.") { Cow::Owned(name.replace("\\.", ".")) } else { Cow::Borrowed(name) };
        if let Some(&at) = self.exact.get(&*plain).filter(|at| self.list[**at].listed) {
            return (self.list[at].synced_step(), None);
        }
        let Some(at) = self.matching_glob(&plain) else { return (None, None) };
        let def = Def { name: name.into(), glob: false, listed: false, ..self.list[at].clone() };
        let bound = (def.synced_step(), Some((def.flags, def.none)));
        self.add(def);
        bound
    }

    fn matching_glob(&self, name: &str) -> Option<usize> {
        if name.starts_with('_') {
            return None;
        }
        let prefixes = self.globs.iter().filter_map(|(glob, at)| Some((glob.strip_suffix('*')?, *at)));
        let matching = prefixes.filter(|(prefix, _)| name.starts_with(prefix));
        matching.max_by_key(|(prefix, _)| prefix.len()).map(|(_, at)| at)
    }

    /// The step metric in a slot.
    pub(super) fn step_in(&self, slot: Slot) -> Option<StepId> {
        self.steps.iter().position(|step| step.slot == slot).map(StepId)
    }

    pub(super) fn slot_of(&self, step: StepId) -> Slot {
        self.steps[step.0].slot
    }

    /// The latest number of a step metric as JSON.
    pub(super) fn latest(&self, step: StepId) -> &str {
        let latest = &*self.steps[step.0].latest;
        if latest.is_empty() { "0" } else { latest }
    }

    /// A row has this number for the step metric.
    pub(super) fn set_latest(&mut self, step: StepId, number: &str) {
        let latest = &mut self.steps[step.0].latest;
        latest.clear();
        latest.push_str(number);
    }

    /// The list `m` of the private config: what was defined, in order, then steps that were only named by others.
    pub(super) fn config(&self) -> String {
        let listed: Vec<&Def> = self.list.iter().filter(|def| def.listed).collect();
        let position = |name: &str| listed.iter().position(|def| !def.glob && def.name == name);
        let unlisted: Vec<&Step> = self.steps.iter().filter(|step| position(&step.name).is_none()).collect();
        let index_of = |step: StepId| {
            let name = &self.steps[step.0].name;
            let added = || unlisted.iter().position(|step| step.name == *name).map(|i| listed.len() + i);
            position(name).or_else(added)
        };
        let mut out = String::from("[");
        for def in &listed {
            separate(&mut out);
            def.write(def.step.and_then(index_of), &mut out);
        }
        for step in &unlisted {
            separate(&mut out);
            Def { name: step.name.clone(), ..Def::default() }.write(None, &mut out);
        }
        out.push(']');
        out
    }
}

impl Def {
    fn synced_step(&self) -> Option<StepId> {
        self.step.filter(|_| self.step_sync)
    }

    fn write(&self, step_index: Option<usize>, out: &mut String) {
        out.push_str(if self.glob { "{\"2\":" } else { "{\"1\":" });
        write_string(&self.name, out);
        if let Some(index) = step_index {
            out.push_str(",\"5\":");
            // The server counts from 1.
            write_i64(i64::try_from(index + 1).unwrap_or(i64::MAX), out);
        }
        write_numbers(",\"6\":[", &[(self.step_sync, 1), (self.hidden, 2), (self.defined, 3)], out);
        let has = |flag| self.flags.has(flag);
        let summary = [
            (has(Flags::MIN), 1),
            (has(Flags::MAX), 2),
            (has(Flags::MEAN), 3),
            (has(Flags::LAST), 5),
            (self.none, 6),
            (has(Flags::FIRST), 8),
        ];
        write_numbers(",\"7\":[", &summary, out);
        if self.goal != 0 {
            out.push_str(",\"8\":");
            write_i64(i64::from(self.goal), out);
        }
        out.push('}');
    }
}

fn write_numbers(start: &str, numbers: &[(bool, i64)], out: &mut String) {
    out.push_str(start);
    for (_, number) in numbers.iter().filter(|(on, _)| *on) {
        separate(out);
        write_i64(*number, out);
    }
    out.push(']');
}

/// A comma, unless a list has just begun.
fn separate(out: &mut String) {
    if !out.ends_with('[') {
        out.push(',');
    }
}

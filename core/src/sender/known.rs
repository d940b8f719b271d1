//! The run as the log describes it, and as the server has named it.

use super::{
    Sender,
    action::{Action, Mode, Out, Overrides},
};
use crate::uplink::Place;
use alloc::{format, string::String};
use runwire_proto::wire;

/// The run's own record with all later changes, and its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) run: wire::RunRecord,
    /// What was asked for, until the server says what it is.
    pub(super) place: Place,
}

impl Known {
    /// The first record of a run. `entity` and `project` fill what it leaves open.
    pub(super) fn new(mut run: wire::RunRecord, mode: &Mode, entity: &str, project: &str) -> Self {
        prepare(&mut run, mode);
        let or = |text: &str, default: &str| String::from(if text.is_empty() { default } else { text });
        let place =
            Place { entity: or(&run.entity, entity), project: or(&run.project, project), run_id: run.run_id.clone() };
        run.config = None;
        run.telemetry = None;
        run.summary = None;
        Known { run, place }
    }

    /// A later record: only what is set overwrites; an empty list does not clear.
    pub(super) fn update(&mut self, mut update: wire::RunRecord, mode: &Mode) {
        prepare(&mut update, mode);
        let set = |to: &mut String, from: String| {
            if !from.is_empty() {
                *to = from;
            }
        };
        let run = &mut self.run;
        set(&mut run.display_name, update.display_name);
        set(&mut run.notes, update.notes);
        set(&mut run.run_group, update.run_group);
        set(&mut run.job_type, update.job_type);
        set(&mut run.sweep_id, update.sweep_id);
        set(&mut run.host, update.host);
        if !update.tags.is_empty() {
            run.tags = update.tags;
        }
        if update.git.is_some() {
            run.git = update.git;
        }
    }
}

/// Characters that servers take in a tag.
const TAG_MAX: usize = 64;

impl Sender {
    /// A log may have tags that no server takes: its client did not look. They are no reason to refuse the run.
    pub(super) fn drop_bad_tags(&self, run: &mut wire::RunRecord, out: &mut Out) {
        let is_good = |tag: &String| tag.chars().count() <= TAG_MAX;
        if self.mode == Mode::Live || run.tags.iter().all(is_good) {
            return;
        }
        for tag in run.tags.iter().filter(|tag| !is_good(tag)) {
            let start: String = tag.chars().take(20).collect();
            out.push_back(Action::TellUser(format!(
                "The tag '{start}...' is left out: it has more than the {TAG_MAX} characters that servers take."
            )));
        }
        run.tags.retain(is_good);
    }
}

fn prepare(run: &mut wire::RunRecord, mode: &Mode) {
    let Mode::Sync(Overrides { entity, project, run_id, job_type, tag_replacements }) = mode else { return };
    let set = |to: &mut String, from: &String| {
        if !from.is_empty() {
            to.clone_from(from);
        }
    };
    set(&mut run.entity, entity);
    set(&mut run.project, project);
    set(&mut run.run_id, run_id);
    set(&mut run.job_type, job_type);
    for tag in &mut run.tags {
        if let Some(new) = tag_replacements.get(tag.as_str()) {
            tag.clone_from(new);
        }
    }
    run.tags.retain(|tag| !tag.is_empty());
}

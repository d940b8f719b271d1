//! The question where files go: one at a time, for all files that are ready.
//!
//! A question that the server refuses is halved until the file at fault stands alone, unless the status says that it is
//! not about the files.

use super::{Action, Address, Flush, Operation, Path, Stage, Tag, Uploader, address, report};
use crate::{
    json,
    net::{Call, CallError, Class, HttpResponse, Outcome, Purpose, Step, graphql},
    notice::Notice,
    time::{Duration, Instant, Timer, Wake},
    uplink::{Cx, Place},
};
use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use serde_json::Value;

const MUTATION: &str =
    "mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {runName: $run, projectName: $project, entityName: $entity, files: $files}) {
    files { name uploadUrl }
    uploadHeaders
    runID
  }
}";

/// Files that are refused one after the other before it is rather the run that is not welcome.
const REFUSED_IN_A_ROW: u32 = 3;
/// The wait before the last question that is asked again, at the end of a run.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Answers that may leave a file out.
const UNLISTED_MAX: u8 = 2;

#[derive(Debug)]
struct Question {
    names: Vec<Path>,
    call: Call,
    tag: Tag,
    since: Instant,
}

/// Files that wait for an address.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) ready: VecDeque<Path>,
    /// Questions that come first: parts of those that failed.
    parts: VecDeque<Vec<Path>>,
    open: Option<Question>,
    /// Until when files that are still read may join.
    patience: Timer,
    impatient: bool,
    refused_in_a_row: u32,
    /// Nothing is asked before.
    rest: Timer,
    /// The end has asked once more already.
    repeated: bool,
}

impl Default for Asking {
    fn default() -> Self {
        Asking {
            ready: VecDeque::new(),
            parts: VecDeque::new(),
            open: None,
            patience: Timer::new("uploader.ask"),
            impatient: false,
            refused_in_a_row: 0,
            rest: Timer::new("uploader.rest"),
            repeated: false,
        }
    }
}

impl Asking {
    pub(super) fn is_answer(&self, tag: Tag) -> bool {
        self.open.as_ref().is_some_and(|question| question.tag == tag)
    }

    /// What was refused before says nothing about what comes now.
    pub(super) fn forgive(&mut self) {
        self.refused_in_a_row = 0;
        self.repeated = false;
    }

    pub(super) fn wake(&self) -> Option<Wake> {
        [self.patience.wake(), self.rest.wake()].into_iter().fold(self.call().and_then(Call::wake), Wake::soonest)
    }

    /// Somebody waits: a question that was to be repeated later is repeated now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Some(question) = &mut self.open {
            question.call.hurry(now);
        }
    }

    pub(super) fn call(&self) -> Option<&Call> {
        self.open.as_ref().map(|question| &question.call)
    }

    pub(super) fn operation(&self) -> Option<Operation> {
        let question = self.open.as_ref()?;
        let count = question.names.len();
        Some(Operation {
            desc: format!("asking where {count} {} go", if count == 1 { "file may" } else { "files may" }),
            since: question.since,
            trouble: question.call.trouble().map(report::retrying),
        })
    }
}

impl Uploader {
    pub(super) fn ask(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        let limits = cx.limits;
        let asking = &mut self.asking;
        let is_room = self.transfers.waiting.len() < limits.upload_names_max;
        if asking.open.is_none() && is_room && !asking.rest.is_set() {
            if asking.parts.is_empty() && !asking.ready.is_empty() {
                let is_enough = asking.ready.len() >= limits.upload_names_max;
                if is_enough || asking.impatient || !self.looking.is_busy() {
                    let count = asking.ready.len().min(limits.upload_names_max);
                    asking.parts.push_back(asking.ready.drain(..count).collect());
                    asking.impatient = false;
                    asking.patience.cancel();
                }
            }
            if let Some(names) = asking.parts.pop_front() {
                self.ask_for(cx, names, out);
            }
        }
        let asking = &mut self.asking;
        if !asking.ready.is_empty() && !asking.impatient {
            asking.patience.set_if_idle(cx.now.after(limits.upload_batch_interval));
        }
    }

    /// Time has passed.
    pub(super) fn ask_again(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action>) {
        self.asking.impatient |= self.asking.patience.take_due(cx.now);
        self.asking.rest.take_due(cx.now);
        let tag = Tag(self.next_tag + 1);
        if let Some(question) = &mut self.asking.open
            && let Some(request) = question.call.on_tick(cx.now)
        {
            self.next_tag += 1;
            question.tag = tag;
            out.push_back(Action::Http(tag, request));
        }
    }

    fn ask_for(&mut self, cx: &mut Cx<'_>, names: Vec<Path>, out: &mut VecDeque<Action>) {
        let Some(place) = &self.place else { return };
        let request = cx.link.graphql(Purpose::CreateRunFiles, "CreateRunFiles", MUTATION, &variables(place, &names));
        let mut call = Call::new(request, Class::Graphql, &self.graphql);
        let tag = self.tag();
        out.push_back(Action::Http(tag, call.start()));
        for path in &names {
            self.set_stage(path, Stage::Asking);
        }
        self.asking.open = Some(Question { names, call, tag, since: cx.now });
    }

    pub(super) fn answered(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut VecDeque<Action>) {
        let Some(mut question) = self.asking.open.take() else { return };
        match question.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => self.asking.open = Some(question),
            Step::Done(response) => match read(&response) {
                Ok(answer) => self.offered(cx, question.names, &answer, out),
                Err(why) => self.refused(cx, question.names, why.into(), None, out),
            },
            Step::Failed(error) => {
                self.refused(cx, question.names, report::shown(&error).into(), Some(&error), out);
            }
        }
        if self.asking.parts.is_empty() {
            self.asking.refused_in_a_row = 0;
        }
    }

    fn offered(&mut self, cx: &mut Cx<'_>, names: Vec<Path>, answer: &Value, out: &mut VecDeque<Action>) {
        self.asking.refused_in_a_row = 0;
        let texts = |value: &'static str| answer.get(value).and_then(Value::as_array).into_iter().flatten();
        let (headers, bad) = address::headers(texts("uploadHeaders").filter_map(Value::as_str));
        if bad > 0 {
            out.push_back(Action::Notice(Notice::warn(format!(
                "{bad} of the headers that the server asks for in uploads cannot be sent and are left out"
            ))));
        }
        let headers: Arc<[_]> = headers.into();
        for file in texts("files") {
            let Some(name) = file.get("name").and_then(Value::as_str) else { continue };
            let Some((path, _)) = self.jobs.get_key_value(name).filter(|(_, job)| job.stage == Stage::Asking) else {
                if !names.iter().any(|known| **known == *name) {
                    out.push_back(Action::Notice(Notice::warn(format!(
                        "the server offers to take {name:?}, which was not asked for; nothing is sent there"
                    ))));
                }
                continue;
            };
            let path = Arc::clone(path);
            let url = file.get("uploadUrl").and_then(Value::as_str).ok_or("the server gave no address for it".into());
            match url.and_then(|url| address::resolve(cx.link.base(), url)) {
                Ok(url) => {
                    if let Some(job) = self.jobs.get_mut(&path) {
                        job.stage = Stage::ToSend;
                        job.address = Some(Address { url, headers: Arc::clone(&headers) });
                        self.transfers.waiting.push_back(path);
                    }
                }
                Err(why) => self.fail(cx, &path, why.into(), false, out),
            }
        }
        let mut once_more = Vec::new();
        for path in names {
            let Some(job) = self.jobs.get_mut(&path).filter(|job| job.stage == Stage::Asking) else { continue };
            job.unlisted += 1;
            if job.unlisted < UNLISTED_MAX {
                job.stage = Stage::Ready;
                once_more.push(path);
            } else {
                self.fail(cx, &path, "the server's answer does not have it".into(), false, out);
            }
        }
        if !once_more.is_empty() {
            self.asking.parts.push_front(once_more);
        }
    }

    /// The server will not have a question. `error` is missing if it said so in a success.
    fn refused(
        &mut self,
        cx: &mut Cx<'_>,
        mut names: Vec<Path>,
        why: Arc<str>,
        error: Option<&CallError>,
        out: &mut VecDeque<Action>,
    ) {
        let is_exhausted = error.is_some_and(|error| error.exhausted);
        let is_about_all = is_exhausted
            || error.is_some_and(|error| matches!(error.status, 0 | 401 | 403 | 404 | 501))
            || self.asking.refused_in_a_row >= REFUSED_IN_A_ROW;
        if names.len() > 1 && !is_about_all {
            let second = names.split_off(names.len() / 2);
            for part in [second, names] {
                for path in &part {
                    self.set_stage(path, Stage::Ready);
                }
                self.asking.parts.push_front(part);
            }
            return;
        }
        // A gateway that says no for a moment costs no files: nobody asks again after the end.
        let may_pass = error.is_none_or(|error| matches!(error.status, 401 | 403 | 404));
        if self.flush == Flush::Wanted && may_pass && !core::mem::replace(&mut self.asking.repeated, true) {
            let text = format!("the server does not say where {} files go ({why}); it is asked once more", names.len());
            out.push_back(Action::Notice(Notice::warn(text)));
            names.iter().for_each(|path| self.set_stage(path, Stage::Ready));
            self.asking.parts.push_front(names);
            return self.asking.rest.set(cx.now.after(LAST_WAIT));
        }
        self.asking.refused_in_a_row += 1;
        for path in names {
            self.fail(cx, &path, Arc::clone(&why), is_exhausted, out);
        }
    }
}

fn read(response: &HttpResponse) -> Result<Value, String> {
    match graphql::data(response) {
        Ok(mut data) => Ok(data.get_mut("createRunFiles").map(Value::take).unwrap_or_default()),
        // Something that is not JSON is not an answer; then no file is listed.
        Err(_) if serde_json::from_slice::<Value>(&response.body).is_err() => Ok(Value::Null),
        Err(why) => Err(why.trim().strip_prefix("input: ").unwrap_or(why.trim()).to_string()),
    }
}

fn variables(place: &Place, names: &[Path]) -> String {
    let mut text = String::from("{\"entity\":");
    json::write_string(&place.entity, &mut text);
    text.push_str(",\"project\":");
    json::write_string(&place.project, &mut text);
    text.push_str(",\"run\":");
    json::write_string(&place.run_id, &mut text);
    text.push_str(",\"files\":[");
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        json::write_string(name, &mut text);
    }
    text.push_str("]}");
    text
}

//! Console lines and what the server can do with them.
//!
//! Which form lines have depends on a feature of the server, which is asked for at the first line. Lines wait for the
//! answer a little, never longer: a server that can't say it gets the plain form, for the rest of the run.

use super::{
    Sender, State,
    action::{Action, Out, Tag},
    query,
};
use crate::{
    console::{self, Console, ConsoleSettings},
    net::{Call, Class, Outcome, Policy, Purpose, Step, graphql},
    notice::Notice,
    settings::{Config, text},
    time::{Duration, Instant, Timer},
    uplink::Cx,
};
use alloc::{format, string::String};
use serde_json::Value;

/// How long lines wait for the server to say which form it takes.
const HOLD: Duration = Duration::from_secs(2);
/// How long changes of lines are collected.
const GROUP: Duration = Duration::from_millis(10);
/// Only the form of lines depends on the answer, so nobody waits long for it.
const POLICY: Policy =
    Policy { wait_min: None, wait_max: Duration::from_secs(1), retries_max: 2, timeout: Some(Duration::from_secs(5)) };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Structured,
}

#[derive(Debug)]
pub(super) struct ConsoleLines {
    console: Console,
    label: Option<String>,
    form: Option<Form>,
    pub(super) query: Option<Call>,
    asked: bool,
    gzip_wanted: bool,
    pub(super) hold: Timer,
    pub(super) group: Timer,
    dropped_told: u64,
}

impl ConsoleLines {
    pub(super) fn new(config: &Config) -> Self {
        let label = Some(text(&config.settings.x_label)).filter(|label| !label.is_empty()).map(String::from);
        let mode = if text(&config.settings.console) == "off" { console::Mode::Off } else { console::Mode::On };
        let mut console = Console::new(ConsoleSettings { mode, label: label.clone(), ..ConsoleSettings::default() });
        // The file is written where the run is, not here.
        console.stop_file();
        ConsoleLines {
            console,
            label,
            form: None,
            query: None,
            asked: false,
            gzip_wanted: config.settings.x_file_stream_no_gzip == Some(false),
            hold: Timer::new("sender.features"),
            group: Timer::new("sender.console"),
            dropped_told: 0,
        }
    }

    /// Lines that were not handed out yet.
    pub(super) fn is_held(&self) -> bool {
        self.console.has_changed_lines()
    }

    /// The end has come: is the answer about the form still worth the rest of its wait?
    fn waits(&self) -> bool {
        self.form.is_none() && self.hold.is_set() && self.query.as_ref().is_some_and(|query| query.trouble().is_none())
    }
}

impl Sender {
    pub(super) fn on_output(&mut self, cx: &Cx<'_>, stream: console::Stream, line: &str, micros: i64, out: &mut Out) {
        self.lines.console.on_raw(stream, line, micros);
        self.lines_arrived(cx, out);
    }

    pub(super) fn on_logged_line(&mut self, cx: &Cx<'_>, line: &str, micros: i64, out: &mut Out) {
        self.lines.console.on_logger_line(line, micros);
        self.lines_arrived(cx, out);
    }

    pub(super) fn lines_arrived(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if !matches!(self.state, State::Running) || !self.lines.is_held() {
            return;
        }
        if self.lines.form.is_none() {
            self.ask_features(cx, out);
            self.lines.hold.set_if_idle(cx.now.after(HOLD));
        } else if self.flushing || self.lines.console.are_lines_due() {
            self.take_lines(out);
        } else {
            self.lines.group.set_if_idle(cx.now.after(GROUP));
        }
    }

    /// Asks what the server can do, once, if anybody wants to know.
    pub(super) fn ask_features(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if core::mem::replace(&mut self.lines.asked, true) {
            return;
        }
        let query::Operation { name, text } = query::FEATURES;
        let mut call = Call::new(cx.link.graphql(Purpose::Features, name, text, ""), Class::Graphql, &POLICY);
        out.push_back(Action::Http(Tag::Features, call.start()));
        self.lines.query = Some(call);
    }

    /// The run is set up.
    pub(super) fn start_lines(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if self.lines.gzip_wanted {
            self.ask_features(cx, out);
        }
        self.lines_arrived(cx, out);
    }

    pub(super) fn on_features(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut Out) {
        let Some(query) = &mut self.lines.query else { return };
        let answer = match query.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting if self.flushing => return self.settle_form(Form::Plain, out),
            Step::Waiting => return,
            Step::Done(response) => graphql::data(&response),
            Step::Failed(error) => Err(format!("{error}")),
        };
        self.lines.query = None;
        let data = answer.unwrap_or_else(|why| {
            out.push_back(Action::Notice(Notice::warn(format!(
                "the server does not say what it can do, so nothing special is used: {}",
                why.trim_end()
            ))));
            Value::Null
        });
        let has = |feature: &str| {
            let features = data.pointer("/serverInfo/features").and_then(Value::as_array);
            features.into_iter().flatten().any(|known| {
                known.get("name").and_then(Value::as_str) == Some(feature)
                    && known.get("isEnabled").and_then(Value::as_bool) == Some(true)
            })
        };
        if self.lines.gzip_wanted && has("FILESTREAM_GZIP") {
            out.push_back(Action::Gzip(true));
        }
        self.settle_form(if has("STRUCTURED_CONSOLE_LOGS") { Form::Structured } else { Form::Plain }, out);
    }

    /// From now on lines have this form, unless they have one already.
    fn settle_form(&mut self, form: Form, out: &mut Out) {
        self.lines.form.get_or_insert(form);
        self.lines.hold.cancel();
        self.take_lines(out);
        self.check_flushed(out);
    }

    pub(super) fn take_lines(&mut self, out: &mut Out) {
        let Some(form) = self.lines.form else { return };
        self.lines.group.cancel();
        let label = self.lines.label.as_deref();
        for line in self.lines.console.take_lines() {
            let text = match form {
                Form::Plain => line.to_plain(label),
                Form::Structured => line.to_structured(label),
            };
            out.push_back(Action::Console { number: line.number, line: text });
        }
        let dropped = self.lines.console.dropped_lines();
        if dropped > self.lines.dropped_told {
            self.lines.dropped_told = dropped;
            out.push_back(Action::TellUser(format!(
                "The console prints faster than the server takes it: {dropped} lines are missing there. They are in the \
                 run's output file on this machine."
            )));
        }
    }

    /// The end: lines go out now, unless an answer about their form is due any moment.
    pub(super) fn flush_lines(&mut self, out: &mut Out) {
        if self.lines.is_held() && !self.lines.waits() {
            self.settle_form(Form::Plain, out);
        }
    }

    pub(super) fn tick_lines(&mut self, now: Instant, out: &mut Out) {
        if let Some(query) = &mut self.lines.query
            && let Some(request) = query.on_tick(now)
        {
            out.push_back(Action::Http(Tag::Features, request));
        }
        if self.lines.hold.take_due(now) {
            self.settle_form(Form::Plain, out);
        }
        if self.lines.group.take_due(now) {
            self.take_lines(out);
        }
    }
}

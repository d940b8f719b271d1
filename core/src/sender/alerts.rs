//! Alerts: each is a wish of its own, so that one which the server does not take holds up nothing else.

use super::{
    Sender, State,
    action::{Action, Out, Tag},
    query,
};
use crate::{
    net::{Call, Class, Outcome, Purpose, Step, graphql},
    time::Instant,
    uplink::Cx,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::ToString,
};
use runwire_proto::wire::AlertRecord;
use serde_json::{Value, json};

/// Alerts that are told at the same time.
const IN_FLIGHT_MAX: usize = 4;
/// Alerts that wait. A program that alerts more often than the server takes them loses the newest.
const WAITING_MAX: usize = 1000;

/// Alerts on their way.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    next: u64,
    dropped: u64,
    waiting: VecDeque<(u64, AlertRecord)>,
    flight: BTreeMap<u64, Flight>,
}

#[derive(Debug)]
struct Flight {
    call: Call,
    mark: u64,
}

impl Alerts {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.flight.clear();
    }

    /// Log offset of the oldest alert that the server has not taken.
    pub(super) fn oldest_mark(&self) -> Option<u64> {
        let flying = self.flight.values().map(|flight| flight.mark);
        flying.chain(self.waiting.iter().map(|(mark, _)| *mark)).min()
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.flight.values().map(|flight| &flight.call)
    }
}

impl Sender {
    pub(super) fn on_alert(&mut self, cx: &Cx<'_>, alert: AlertRecord, mark: u64, out: &mut Out) {
        if self.earlier.as_ref().is_some_and(|earlier| mark <= earlier.mark) {
            return;
        }
        if self.alerts.waiting.len() >= WAITING_MAX {
            self.alerts.dropped += 1;
            if self.alerts.dropped.is_power_of_two() {
                out.push_back(Action::TellUser(format!(
                    "Alerts come faster than the server takes them; {} were left out. Alert less often.",
                    self.alerts.dropped
                )));
            }
            return;
        }
        self.alerts.waiting.push_back((mark, alert));
        self.send_alerts(cx, out);
    }

    pub(super) fn send_alerts(&mut self, cx: &Cx<'_>, out: &mut Out) {
        while matches!(self.state, State::Running)
            && self.alerts.flight.len() < IN_FLIGHT_MAX
            && let Some((mark, alert)) = self.alerts.waiting.pop_front()
        {
            let place = &self.known.place;
            let variables = json!({
                "entityName": place.entity,
                "projectName": place.project,
                "runName": place.run_id,
                "title": alert.title,
                "text": alert.text,
                "severity": if alert.level.is_empty() { "INFO" } else { &alert.level },
                "waitDuration": alert.wait_duration,
            });
            let query::Operation { name, text } = query::ALERT;
            let request = cx.link.graphql(Purpose::Alert, name, text, &variables.to_string());
            let mut call = Call::new(request, Class::Graphql, &self.policies.graphql);
            let number = self.alerts.next;
            self.alerts.next += 1;
            out.push_back(Action::Http(Tag::Alert(number), call.start()));
            self.alerts.flight.insert(number, Flight { call, mark });
        }
    }

    pub(super) fn on_alert_answer(&mut self, cx: &mut Cx<'_>, number: u64, outcome: Outcome, out: &mut Out) {
        let Some(flight) = self.alerts.flight.get_mut(&number) else { return };
        let failed = match flight.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => return,
            Step::Done(response) => match graphql::data(&response) {
                Ok(data) => {
                    let success = data.pointer("/notifyScriptableRunAlert/success").and_then(Value::as_bool);
                    (success == Some(false)).then(|| "the server says that it was not sent".into())
                }
                Err(why) => Some(why),
            },
            Step::Failed(error) => Some(if error.status == 0 { error.text } else { graphql::reason(&error) }),
        };
        self.alerts.flight.remove(&number);
        if let Some(why) = failed {
            // Its text is the user's and stays out of the debug log.
            out.push_back(Action::TellUser(format!(
                "An alert of this run was not sent: {}. The run goes on.",
                why.trim_end()
            )));
        }
        self.send_alerts(cx, out);
        self.check_flushed(out);
    }

    pub(super) fn tick_alerts(&mut self, now: Instant, out: &mut Out) {
        for (number, flight) in &mut self.alerts.flight {
            if let Some(request) = flight.call.on_tick(now) {
                out.push_back(Action::Http(Tag::Alert(*number), request));
            }
        }
    }
}

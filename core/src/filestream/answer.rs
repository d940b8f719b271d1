//! What the server says to a push that it took.

use crate::{net::HttpResponse, time::Duration};
use serde::Deserialize;

/// Waits above this are not taken seriously.
const SANE: f64 = 60.0;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The run is to stop.
    pub(super) stopped: bool,
    /// Shortest interval that the server wishes: its own header, or the limits in the body.
    pub(super) interval: Option<Duration>,
    pub(super) interval_min: Option<Duration>,
    /// The time between two requests that the server's budget of them allows.
    pub(super) spacing: Option<Spacing>,
}

/// What a server's count of remaining requests means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spacing {
    pub(super) wait: Duration,
    /// No request is left at all.
    pub(super) spent: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    stopped: Option<bool>,
    limits: Option<serde_json::Value>,
}

impl Answer {
    /// Reads an answer with a success status; `None` if it is not what such a server says, a login page for example.
    pub(super) fn read(response: &HttpResponse) -> Option<Self> {
        let text = response.body.trim_ascii();
        let body: Body = if text.is_empty() {
            Body::default()
        } else {
            match serde_json::from_slice(text) {
                Ok(body) => body,
                // Valid JSON of another shape says nothing that matters.
                Err(_) => serde_json::from_slice::<serde_json::Value>(text).ok().map(|_| Body::default())?,
            }
        };
        let number = |name: &str| {
            response.header(name).and_then(|v| v.trim().parse::<f64>().ok()).filter(|n| n.is_finite() && *n >= 0.0)
        };
        let sane = |seconds: f64| (seconds > 0.0 && seconds <= SANE).then(|| Duration::from_secs_f64(seconds));
        let limit = body.limits.as_ref().and_then(|limits| limits.get("rate_limit_seconds")?.as_f64());
        let budget = number("ratelimit-remaining").zip(number("ratelimit-reset")).filter(|(_, reset)| *reset > 1.0);
        Some(Answer {
            stopped: body.stopped.unwrap_or(false),
            interval: number("runwire-interval").and_then(sane),
            interval_min: limit.and_then(sane),
            spacing: budget.map(|(remaining, reset)| Spacing {
                wait: Duration::from_secs_f64((reset / remaining.max(1.0)).min(SANE)),
                spent: remaining < 1.0,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec::Vec};

    fn answer(body: &'static str, headers: &[(&str, &str)]) -> Option<Answer> {
        let headers: Vec<(String, String)> = headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Answer::read(&HttpResponse { status: 200, headers, body: body.into() })
    }

    #[test]
    fn only_what_is_understood_counts() {
        assert_eq!(answer("", &[]), Some(Answer::default()));
        assert_eq!(answer("null", &[]), Some(Answer::default()));
        assert_eq!(answer(r#"{"exitcode":5,"limits":{"hb_interval":3},"stopped":null}"#, &[]), Some(Answer::default()));
        assert_eq!(answer(r#"{"stopped":"yes"}"#, &[]), Some(Answer::default()));
        assert_eq!(answer(r#"{"stopped":true}"#, &[]).map(|a| a.stopped), Some(true));
        assert_eq!(answer("<html>", &[]), None);
        let limited = answer(r#"{"limits":{"rate_limit_seconds":7.5}}"#, &[]).expect("an answer");
        assert_eq!(limited.interval_min, Some(Duration::from_millis(7500)));
        let absurd = answer(r#"{"limits":{"rate_limit_seconds":86400}}"#, &[("runwire-interval", "-1")]);
        assert_eq!(absurd, Some(Answer::default()));
        let spacing = |remaining: &str, reset: &str| {
            let headers = [("ratelimit-remaining", remaining), ("ratelimit-reset", reset)];
            answer("{}", &headers).and_then(|a| a.spacing).map(|s| (s.wait.as_millis(), s.spent))
        };
        assert_eq!(spacing("8", "20"), Some((2500, false)));
        assert_eq!(spacing("2", "600"), Some((60_000, false)));
        assert_eq!(spacing("0", "20"), Some((20_000, true)));
        assert_eq!(answer("{}", &[("ratelimit-remaining", "2"), ("ratelimit-reset", "1")]), Some(Answer::default()));
    }
}

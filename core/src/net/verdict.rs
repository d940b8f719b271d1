//! What an answer means for the next attempt: one table for all kinds of requests.

use super::request::HttpResponse;
use crate::{
    completion::{Failure, FailureKind},
    time::{Duration, UnixNanos},
};

/// What came of one attempt.
pub(crate) type Outcome = Result<HttpResponse, Failure>;

/// Kinds of requests that differ in which answers are worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Queries and mutations.
    Graphql,
    /// The run's own record: a conflict means that a copy of this request is still being worked on.
    Upsert,
    FileStream,
    /// Files, to and from storage that may be another service than the server.
    Transfer,
    Token,
}

/// What to do about an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    /// Try again; the server may have said after how long.
    Again(Option<Duration>),
    /// No other attempt with the same content can end differently.
    Refused,
}

pub(crate) fn judge(class: Class, outcome: &Outcome, wall: UnixNanos) -> Verdict {
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            return match failure.kind {
                FailureKind::Certificate | FailureKind::BadRequest | FailureKind::Denied | FailureKind::NotFound => {
                    Verdict::Refused
                }
                FailureKind::Unreachable
                | FailureKind::TimedOut
                | FailureKind::Exists
                | FailureKind::NoSpace
                | FailureKind::Other => Verdict::Again(None),
            };
        }
    };
    let again = || Verdict::Again(retry_after(response, wall));
    match (response.status, class) {
        (200..300, _) => Verdict::Success,
        (429, _) => again(),
        (400 | 401 | 403 | 404 | 410 | 413 | 422 | 501, _) => Verdict::Refused,
        (409, Class::Upsert) => again(),
        (409, _) => Verdict::Refused,
        (400..500, Class::Graphql | Class::Upsert | Class::FileStream) => again(),
        (400..500, Class::Transfer | Class::Token) => Verdict::Refused,
        (500.., _) => again(),
        // Redirects are followed by the runtime; one that is left leads nowhere.
        (..400, _) => Verdict::Refused,
    }
}

/// The wait that the server asks for: seconds, or a date. A date that is past means now.
fn retry_after(response: &HttpResponse, wall: UnixNanos) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(1e9)));
    }
    let at = http_date(text)?;
    Some(Duration::from_secs(at.saturating_sub(wall.0.div_euclid(1_000_000_000)).max(0).unsigned_abs()))
}

/// Seconds since the epoch of a date like `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let month_name = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month_name)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let sane = (1..=31).contains(&day) && (1600..10_000).contains(&year);
    if !sane || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..61).contains(&second) {
        return None;
    }
    // Days since the epoch of a date of the Gregorian calendar, counted in years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};

    fn status(status: u16) -> Outcome {
        Ok(HttpResponse { status, ..Default::default() })
    }

    fn asked(value: &str) -> Option<Duration> {
        let headers = vec![(String::from("retry-after"), String::from(value))];
        retry_after(&HttpResponse { status: 429, headers, ..Default::default() }, UnixNanos(1_000_000_000_000_000_000))
    }

    #[test]
    fn each_class_tries_again_what_may_pass() {
        let again = |class: Class| -> vec::Vec<u16> {
            (300..610).filter(|s| matches!(judge(class, &status(*s), UnixNanos(0)), Verdict::Again(_))).collect()
        };
        let transfer = again(Class::Transfer);
        assert!(transfer.contains(&429) && transfer.contains(&503) && transfer.contains(&600));
        assert!([400, 401, 403, 404, 408, 409, 413, 418, 451, 501].iter().all(|code| !transfer.contains(code)));
        let stream = again(Class::FileStream);
        assert!([408, 418, 429, 451, 500, 503, 600].iter().all(|code| stream.contains(code)));
        assert!([302, 400, 401, 403, 404, 409, 410, 413, 422, 501].iter().all(|code| !stream.contains(code)));
        assert_eq!(again(Class::Graphql), stream);
        let upsert = again(Class::Upsert);
        assert_eq!(upsert.len(), stream.len() + 1);
        assert!(upsert.contains(&409));
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(asked("-5"), None);
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("Sun, 09 Sep 2001 01:46:50 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(http_date("Thu, 99 Feb 2024 00:00:00 GMT"), None);
    }
}

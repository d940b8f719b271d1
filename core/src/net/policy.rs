//! How patient each kind of request is: the settings of the protocol, read once.

use crate::time::Duration;
use runwire_proto::wire::Settings;

/// Bounds of one request and its repetitions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// Shortest nominal wait before a retry. `None`: the user has no wish, and the first wait is short, because most
    /// failures are gone at once.
    pub(crate) wait_min: Option<Duration>,
    /// Longest wait before a retry, unless the server asks for a longer one.
    pub(crate) wait_max: Duration,
    /// Repetitions after the first attempt.
    pub(crate) retries_max: u32,
    /// Bound of one attempt.
    pub(crate) timeout: Option<Duration>,
}

/// The policies of one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policies {
    pub(crate) graphql: Policy,
    pub(crate) file_stream: Policy,
    pub(crate) transfer: Policy,
    pub(crate) token: Policy,
}

/// First wait when the user has no wish.
pub(crate) const FIRST_WAIT: Duration = Duration::from_millis(300);
/// Longest wait that a server may ask for: one wrong header must not silence a run for a day.
pub(crate) const ASKED_WAIT_MAX: Duration = Duration::from_secs(120);

impl Policies {
    /// Reads `x_graphql_*`, `x_file_stream_*` and `x_file_transfer_*`. Fractions of a second count.
    pub(crate) fn new(settings: &Settings) -> Self {
        let minute = Duration::from_secs(60);
        Policies {
            graphql: Policy {
                wait_min: seconds(settings.x_graphql_retry_wait_min_seconds),
                wait_max: seconds(settings.x_graphql_retry_wait_max_seconds).unwrap_or(minute),
                retries_max: count(settings.x_graphql_retry_max, 20),
                timeout: seconds(settings.x_graphql_timeout_seconds).or(Some(Duration::from_secs(30))),
            },
            file_stream: Policy {
                wait_min: seconds(settings.x_file_stream_retry_wait_min_seconds),
                wait_max: seconds(settings.x_file_stream_retry_wait_max_seconds).unwrap_or(minute),
                retries_max: count(settings.x_file_stream_retry_max, 10_085),
                timeout: seconds(settings.x_file_stream_timeout_seconds).or(Some(Duration::from_secs(180))),
            },
            transfer: Policy {
                wait_min: seconds(settings.x_file_transfer_retry_wait_min_seconds),
                wait_max: seconds(settings.x_file_transfer_retry_wait_max_seconds).unwrap_or(minute),
                retries_max: count(settings.x_file_transfer_retry_max, 20),
                timeout: seconds(settings.x_file_transfer_timeout_seconds),
            },
            token: Policy {
                wait_min: None,
                wait_max: Duration::from_secs(5),
                retries_max: 3,
                timeout: Some(Duration::from_secs(10)),
            },
        }
    }
}

pub(crate) fn seconds(value: Option<f64>) -> Option<Duration> {
    value.filter(|s| *s > 0.0 && s.is_finite()).map(|s| Duration::from_secs_f64(s.min(1e9)))
}

fn count(value: Option<i32>, default: u32) -> u32 {
    value.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(default)
}

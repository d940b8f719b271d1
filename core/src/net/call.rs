//! One thing that is wanted from a server, with all its attempts.

use super::{
    policy::{ASKED_WAIT_MAX, FIRST_WAIT, Policy},
    request::{HttpRequest, HttpResponse},
    verdict::{Class, Outcome, Verdict, judge},
};
use crate::{
    completion::FailureKind,
    retry::Backoff,
    time::{Duration, Instant, Timer, UnixNanos, Wake},
};
use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

/// Bytes of an answer's body that a message shows.
const SHOWN_BODY_BYTES: usize = 1024;

/// What to do after an outcome.
#[derive(Debug)]
pub(crate) enum Step {
    /// It worked.
    Done(HttpResponse),
    /// Another attempt follows by itself; see [`Call::trouble`] and [`Call::next_try`].
    Waiting,
    /// The server will not have it, or all attempts are used up.
    Failed(CallError),
}

/// Why a call ended without success, or why it is being tried again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallError {
    /// The last status; zero if there was no answer.
    pub(crate) status: u16,
    /// The answer's body up to [`SHOWN_BODY_BYTES`], or why there was none. For people; without secrets.
    pub(crate) text: String,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// Another attempt could have worked: the attempts are used up.
    pub(crate) exhausted: bool,
    /// The certificate of the server is not trusted.
    pub(crate) certificate: bool,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            0 => f.write_str(&self.text),
            status if self.text.is_empty() => write!(f, "HTTP {status}"),
            status => write!(f, "HTTP {status}: {}", self.text),
        }
    }
}

/// A request that is repeated with the same content until it works, is refused, or is given up.
///
/// The owner sends what [`Call::start`] and [`Call::on_tick`] return as an HTTP effect, and gives its outcome to
/// [`Call::on_outcome`]. At most one attempt is outstanding.
#[derive(Debug)]
pub(crate) struct Call {
    request: HttpRequest,
    class: Class,
    retries_max: u32,
    attempts: u32,
    in_flight: bool,
    /// The server has asked for the wait that goes on.
    asked_to_wait: bool,
    backoff: Backoff,
    timer: Timer,
    /// No earlier than so long from now is another attempt made, however much it is wanted.
    wait_min: Duration,
    trouble: Option<CallError>,
}

impl Call {
    /// A call. The policy's timeout becomes the request's.
    pub(crate) fn new(mut request: HttpRequest, class: Class, policy: &Policy) -> Self {
        request.timeout = policy.timeout;
        Call {
            request,
            class,
            retries_max: policy.retries_max,
            attempts: 0,
            in_flight: false,
            asked_to_wait: false,
            backoff: match policy.wait_min {
                Some(wait_min) => Backoff::at_least((wait_min, policy.wait_max.max(wait_min))),
                None => Backoff::new((FIRST_WAIT, policy.wait_max)),
            },
            timer: Timer::new("net.retry"),
            wait_min: policy.wait_min.unwrap_or(Duration::ZERO),
            trouble: None,
        }
    }

    /// The first attempt.
    pub(crate) fn start(&mut self) -> HttpRequest {
        self.in_flight = true;
        self.asked_to_wait = false;
        self.attempts += 1;
        self.request.clone()
    }

    /// What an attempt came to. An outcome that nobody waits for changes nothing.
    pub(crate) fn on_outcome(&mut self, now: Instant, wall: UnixNanos, jitter: u64, outcome: Outcome) -> Step {
        self.in_flight = false;
        let verdict = judge(self.class, &outcome, wall);
        if verdict == Verdict::Success
            && let Ok(response) = outcome
        {
            self.trouble = None;
            return Step::Done(response);
        }
        let error = self.describe(&outcome);
        match verdict {
            Verdict::Again(asked) if self.attempts <= self.retries_max => {
                let nominal = self.backoff.next(jitter);
                let wait = match asked.filter(|_| !planted!(IgnoreRetryAfter)) {
                    Some(asked) => with_jitter(asked.min(ASKED_WAIT_MAX), jitter),
                    None => nominal,
                };
                self.timer.set(now.after(wait));
                self.asked_to_wait = asked.is_some();
                self.trouble = Some(error);
                Step::Waiting
            }
            Verdict::Again(_) => Step::Failed(CallError { exhausted: true, ..error }),
            Verdict::Refused | Verdict::Success => Step::Failed(error),
        }
    }

    /// The next attempt, if its time has come.
    pub(crate) fn on_tick(&mut self, now: Instant) -> Option<HttpRequest> {
        self.timer.take_due(now).then(|| self.start())
    }

    /// Somebody waits for this call now: its next attempt comes as soon as the user's wish allows, unless the server asked
    /// for the wait, and the waits begin anew.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.backoff.reset();
        let soon = now.after(self.wait_min);
        if !self.asked_to_wait && self.timer.wake().is_some_and(|wake| wake.at > soon) {
            self.timer.set(soon);
        }
    }

    /// Whether it waits because the server said so: such a wait is never cut short.
    pub(crate) fn is_asked_to_wait(&self) -> bool {
        self.asked_to_wait
    }

    /// When the next attempt is due, if one is waited for.
    pub(crate) fn wake(&self) -> Option<Wake> {
        self.timer.wake()
    }

    /// Why the last attempt failed, while another one is to come or under way.
    pub(crate) fn trouble(&self) -> Option<&CallError> {
        self.trouble.as_ref()
    }

    /// When the next attempt is made; `None` while one is under way.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        self.timer.wake().map(|wake| wake.at)
    }

    /// Whether an attempt is outstanding.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// What is asked for.
    pub(crate) fn request(&self) -> &HttpRequest {
        &self.request
    }

    fn describe(&self, outcome: &Outcome) -> CallError {
        let (status, text, certificate) = match outcome {
            Ok(response) => {
                let cut = &response.body[..response.body.len().min(SHOWN_BODY_BYTES)];
                (response.status, String::from_utf8_lossy(cut).trim().to_string(), false)
            }
            Err(failure) => (0, failure.message.clone(), failure.kind == FailureKind::Certificate),
        };
        CallError { status, text, attempts: self.attempts, exhausted: false, certificate }
    }
}

/// The text that names a wait for people: `in 3 s`.
pub(crate) fn in_seconds(wait: Duration) -> String {
    let seconds = wait.as_secs_f64();
    if seconds < 1.0 { "in less than 1 s".into() } else { format!("in {} s", wait.as_secs()) }
}

/// Up to a tenth more than asked, so that many clients do not come back in the same instant.
fn with_jitter(asked: Duration, jitter: u64) -> Duration {
    let spread = u64::try_from((asked / 10).as_nanos()).unwrap_or(u64::MAX).max(1);
    asked + Duration::from_nanos(jitter % spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        completion::Failure,
        net::{Body, Method, Purpose},
    };
    use alloc::{sync::Arc, vec, vec::Vec};

    fn call(policy: &Policy) -> Call {
        let request = HttpRequest {
            purpose: Purpose::Graphql,
            method: Method::Post,
            url: "http://h/graphql".into(),
            headers: Vec::new(),
            body: Body::Empty,
            gzip: false,
            timeout: None,
            answer_bytes_max: 1 << 20,
            save_to: None,
            wire: Arc::default(),
        };
        Call::new(request, Class::Graphql, policy)
    }

    fn policy() -> Policy {
        Policy {
            wait_min: None,
            wait_max: Duration::from_secs(60),
            retries_max: 2,
            timeout: Some(Duration::from_secs(30)),
        }
    }

    fn status(status: u16, headers: Vec<(String, String)>) -> Outcome {
        Ok(HttpResponse { status, headers, body: "why".into() })
    }

    #[test]
    fn the_first_retry_comes_within_300_ms_and_the_attempts_are_counted() {
        let mut call = call(&policy());
        let mut now = Instant::ZERO;
        assert_eq!(call.start().timeout, Some(Duration::from_secs(30)));
        for _ in 0..2 {
            assert!(matches!(call.on_outcome(now, UnixNanos(0), u64::MAX, status(503, vec![])), Step::Waiting));
            let next = call.next_try().expect("another try");
            assert!(call.on_tick(now).is_none());
            if now == Instant::ZERO {
                assert!(next.since(now) <= FIRST_WAIT);
            }
            now = next;
            assert!(call.on_tick(now).is_some());
        }
        let Step::Failed(error) = call.on_outcome(now, UnixNanos(0), 0, status(503, vec![])) else { panic!("no end") };
        assert_eq!((error.attempts, error.exhausted, error.to_string().as_str()), (3, true, "HTTP 503: why"));
    }

    #[test]
    fn a_wish_of_the_user_is_a_lower_bound_and_one_of_the_server_is_capped() {
        let mut slow = call(&Policy { wait_min: Some(Duration::from_secs(1)), ..policy() });
        let _ = slow.start();
        let _ = slow.on_outcome(Instant::ZERO, UnixNanos(0), 0, status(500, vec![]));
        assert_eq!(slow.next_try().map(|at| at.since(Instant::ZERO)), Some(Duration::from_secs(1)));
        let _ = slow.on_tick(Instant::from_nanos(1_000_000_000));
        let a_day = vec![(String::from("retry-after"), String::from("86400"))];
        let _ = slow.on_outcome(Instant::ZERO, UnixNanos(0), u64::MAX, status(429, a_day));
        let wait = slow.next_try().expect("another try").since(Instant::ZERO);
        assert!(wait >= ASKED_WAIT_MAX && wait <= ASKED_WAIT_MAX + ASKED_WAIT_MAX / 10, "{wait:?}");
    }

    #[test]
    fn who_hurries_keeps_the_waits_of_the_user_and_of_the_server() {
        let at = |call: &Call| call.next_try().map(|at| at.since(Instant::ZERO));
        let wish = Duration::from_secs(2);
        let slow = Policy { wait_min: Some(wish), retries_max: 9, ..policy() };
        let asked = vec![(String::from("retry-after"), String::from("30"))];
        for (own, headers, expected) in [
            (Policy { retries_max: 9, ..policy() }, vec![], Some(Duration::ZERO)),
            (slow, vec![], Some(wish)),
            (Policy { retries_max: 9, ..policy() }, asked, Some(Duration::from_secs(30))),
        ] {
            let mut call = call(&own);
            for _ in 0..3 {
                let _ = call.start();
                let _ = call.on_outcome(Instant::ZERO, UnixNanos(0), 0, status(503, headers.clone()));
            }
            call.hurry(Instant::ZERO);
            assert_eq!(at(&call), expected);
        }
        let mut flying = call(&policy());
        let _ = flying.start();
        flying.hurry(Instant::ZERO);
        assert_eq!(at(&flying), None, "an attempt under way is not repeated");
    }

    #[test]
    fn what_the_server_refuses_is_not_tried_again() {
        let mut one = call(&policy());
        let _ = one.start();
        let Step::Failed(error) = one.on_outcome(Instant::ZERO, UnixNanos(0), 0, status(403, vec![])) else {
            panic!("tried again")
        };
        assert!(!error.exhausted);
        let untrusted = Failure { kind: FailureKind::Certificate, message: "self-signed".into() };
        let mut two = call(&policy());
        let _ = two.start();
        assert!(
            matches!(two.on_outcome(Instant::ZERO, UnixNanos(0), 0, Err(untrusted)), Step::Failed(e) if e.certificate)
        );
    }
}

//! The way to the server: what becomes of one request. Draws fates; performs nothing.

use std::time::Duration;

use bytes::Bytes;
use runwire_core::net::{HttpRequest, HttpResponse, Purpose};
use runwire_core::{Failure, FailureKind, Instant};

use super::dice::Dice;
use super::disk::failure;
use super::faults::{Fault, Weights};

/// Longest time that a request without a bound of its own may stand still.
const STALLED: Duration = Duration::from_secs(60);
/// A server that is down says so after this long.
const REFUSED_AFTER: Duration = Duration::from_millis(3);

/// What the one who asked is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// What the server says.
    Answer,
    /// Nothing came back.
    Failed(Failure),
    /// Somebody in between said this.
    Other(HttpResponse),
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fate {
    /// The fault, if it is one.
    pub(super) fault: Option<Fault>,
    /// Time until the server does what the request says; `None`: it never does.
    pub(super) reaches: Option<Duration>,
    /// Time until the one who asked is told.
    pub(super) told_after: Duration,
    /// What that is.
    pub(super) told: Told,
}

/// The network and what is wrong with it now.
#[derive(Debug)]
pub(super) struct Net {
    dice: Dice,
    /// Usual time of one way, at least and at most.
    pub(super) latency: (Duration, Duration),
    /// Until when the server is down.
    pub(super) down_until: Instant,
}

impl Net {
    /// A network with one-way times up to `latency`.
    pub(super) fn new(seed: u64, latency: (Duration, Duration)) -> Net {
        Net { dice: Dice::new(seed, "net"), latency, down_until: Instant::ZERO }
    }

    /// Decides what becomes of a request.
    pub(super) fn fate(
        &mut self,
        now: Instant,
        weights: &Weights,
        request: &HttpRequest,
        aimed: Option<Fault>,
    ) -> Fate {
        let dice = &mut self.dice;
        let (out, back) = (dice.time(self.latency.0, self.latency.1), dice.time(self.latency.0, self.latency.1));
        let limit = request.timeout.unwrap_or(STALLED);
        if now < self.down_until {
            return Fate {
                fault: None,
                reaches: None,
                told_after: REFUSED_AFTER,
                told: unreachable("connection refused"),
            };
        }
        let whole = Fate { fault: None, reaches: Some(out), told_after: out + back, told: Told::Answer };
        let drawn = Fault::ALL.iter().copied().filter(|fault| is_network(*fault));
        let drawn = drawn.filter(|fault| dice.chance(weights.of(*fault))).last();
        let Some(fault) = aimed.or(drawn) else {
            return bounded(whole, limit);
        };
        let fate = match fault {
            Fault::NetSlow => Fate { told_after: out + back + dice.ms(500, 20_000), ..whole },
            Fault::Refused => {
                Fate { reaches: None, told_after: REFUSED_AFTER, told: unreachable("connection refused"), ..whole }
            }
            Fault::NameGone => {
                Fate { reaches: None, told_after: out, told: unreachable("the name can't be resolved"), ..whole }
            }
            Fault::RequestLost => Fate { reaches: None, told_after: limit, told: timed_out(), ..whole },
            Fault::AnswerLost => match dice.coin() {
                true => Fate { told: unreachable("connection closed before the answer"), ..whole },
                false => Fate { told_after: limit, told: timed_out(), ..whole },
            },
            Fault::TooMany => {
                let seconds = *dice.pick(&["1", "2", "5", "20", "0.5"]);
                Fate { reaches: None, told: status(429, Some(seconds)), ..whole }
            }
            Fault::ServerError => {
                let code = *dice.pick(&[500, 502, 503, 504]);
                let wait = dice.chance(300).then_some("3");
                Fate { reaches: None, told: status(code, wait), ..whole }
            }
            Fault::GatewayError => Fate { told: status(*dice.pick(&[502, 504]), None), ..whole },
            // Nobody can tell such an answer to a file from the storage's own.
            Fault::Garbage if matches!(request.purpose, Purpose::PutFile | Purpose::GetFile) => whole,
            Fault::Garbage => {
                let pages: [&[u8]; 3] =
                    [b"<html><body>Sign in to the hotel's network</body></html>", b"", b"{\"data\":null}"];
                let body = Bytes::from_static(dice.pick::<&[u8]>(&pages));
                let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
                // The server has done it: an answer of success counts in the end, whoever gave it.
                Fate { told: Told::Other(HttpResponse { status: 200, headers, body }), ..whole }
            }
            _ => whole,
        };
        bounded(Fate { fault: Some(fault), ..fate }, limit)
    }
}

/// Whether the network draws this fault for a request.
fn is_network(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::NetSlow
            | Fault::Refused
            | Fault::NameGone
            | Fault::RequestLost
            | Fault::AnswerLost
            | Fault::TooMany
            | Fault::ServerError
            | Fault::GatewayError
            | Fault::Garbage
    )
}

/// The runtime ends an attempt at its bound; what had reached the server by then is done.
fn bounded(fate: Fate, limit: Duration) -> Fate {
    if fate.told_after < limit {
        return fate;
    }
    Fate { told_after: limit, told: timed_out(), reaches: fate.reaches.filter(|after| *after < limit), ..fate }
}

fn unreachable(why: &str) -> Told {
    Told::Failed(failure(FailureKind::Unreachable, why))
}

fn timed_out() -> Told {
    Told::Failed(failure(FailureKind::TimedOut, "no answer in time"))
}

fn status(status: u16, retry_after: Option<&str>) -> Told {
    let headers = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_owned())).into_iter().collect();
    Told::Other(HttpResponse { status, headers, body: Bytes::from_static(b"no") })
}

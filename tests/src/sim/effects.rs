//! How effects are performed: when each is done, whole or in part, and what is told of it.

use std::time::Duration;

use bytes::Bytes;
use md5::{Digest, Md5};
use runwire_core::net::HttpRequest;
use runwire_core::trace::describe_output;
use runwire_core::{Completion, Effect, EffectId, EffectKind, FailureKind, FileDigest, Output, StreamKey, completion};

use super::disk::failure;
use super::faults::Fault;
use super::net::{Fate, Told};
use super::world::{Event, Seen, World};
use crate::weather::world::{Files, ask};

/// An effect of one run of one life of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which service: 1 is the first, a crash makes the next.
    pub life: u64,
    /// Its run.
    pub key: StreamKey,
    /// Its effect.
    pub id: EffectId,
}

/// An order to the disk that is under way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) place: Place,
    pub(super) effect: Effect,
    damage: Damage,
    mute: bool,
}

/// What goes wrong with an order to the disk.
#[derive(Clone, Debug, PartialEq)]
enum Damage {
    No,
    /// Nothing is done.
    Fails(FailureKind, &'static str),
    /// So many thousandths of the bytes are written.
    Torn(u64),
    /// It is reported as done.
    NotDone,
}

impl World {
    /// Starts an effect.
    pub(super) fn begin(&mut self, key: StreamKey, id: EffectId, effect: Effect) {
        let place = Place { life: self.life, key, id };
        self.host_open(place, effect.kind());
        self.line(key, &describe_output(&Output::Effect(id, effect.clone())));
        self.see(Seen::Ordered { place, effect: &effect });
        if let Effect::OpenLog { path, .. } = &effect {
            self.note_log(key, path);
        }
        let aimed = self.aimed(&effect);
        match effect {
            Effect::Http(request) => self.begin_request(place, *request, aimed),
            effect => self.begin_job(place, effect, aimed),
        }
    }

    /// The fault that the plan has for this very effect.
    fn aimed(&mut self, effect: &Effect) -> Option<Fault> {
        if self.plan.aims.is_empty() {
            return None;
        }
        let text = effect.to_string();
        let mut found = None;
        for (aim, seen) in self.plan.aims.iter().zip(&mut self.aims_seen) {
            if text.contains(&aim.on) {
                *seen += 1;
                if *seen > aim.skip && *seen <= aim.skip + aim.times {
                    found = Some(aim.fault);
                }
            }
        }
        found
    }

    fn begin_request(&mut self, place: Place, request: HttpRequest, aimed: Option<Fault>) {
        let fate = self.net.fate(self.now, &self.weights, &request, aimed);
        if let Some(fault) = fate.fault {
            self.fired(fault);
        }
        match fate.reaches {
            Some(after) => {
                let at = self.now.after(after);
                self.agenda.add(at, Event::Request { place, request: Box::new(request), fate, sent: self.now });
            }
            None => self.tell(place, fate.told_after, told(&fate, None)),
        }
    }

    /// A request reaches the server.
    pub(super) fn arrive(&mut self, place: Place, request: &HttpRequest, fate: &Fate, sent: runwire_core::Instant) {
        let answer = if self.now < self.net.down_until {
            None
        } else {
            let now_ms = self.wall_ms();
            Some(ask(request, now_ms, &mut self.backend, &self.disk))
        };
        let told = match &answer {
            None => Completion::Failed(failure(FailureKind::Unreachable, "connection reset")),
            Some(_) => told(fate, answer.as_ref()),
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        self.line(place.key, &format!("~ {} {:?} done, status {status}", place.id, request.purpose));
        self.see(Seen::Served { place, request, answer: answer.as_ref() });
        let at = sent.after(fate.told_after).max(self.now);
        self.agenda.add(at, Event::Outcome { place, completion: told });
    }

    fn begin_job(&mut self, place: Place, effect: Effect, aimed: Option<Fault>) {
        let (damage, fault) = self.damage(&effect, aimed);
        if let Some(fault) = fault {
            self.fired(fault);
        }
        let mut takes = self.disk_dice.time(Duration::from_micros(20), Duration::from_millis(3));
        let drawn = |world: &mut World, fault| {
            let hit = world.disk_dice.chance(world.weights.of(fault)) || aimed == Some(fault);
            if hit {
                world.fired(fault);
            }
            hit
        };
        if drawn(self, Fault::DiskSlow) {
            takes += self.disk_dice.ms(50, 5000);
        }
        if drawn(self, Fault::DiskHang) {
            takes += self.disk_dice.ms(10_500, 60_000);
        }
        let mute = drawn(self, Fault::OutcomeLost);
        self.agenda.add(self.now.after(takes), Event::Disk(Job { place, effect, damage, mute }));
    }

    fn damage(&mut self, effect: &Effect, aimed: Option<Fault>) -> (Damage, Option<Fault>) {
        let candidates: &[Fault] = match effect.kind() {
            EffectKind::AppendLog => &[Fault::AppendFull, Fault::AppendError, Fault::AppendTorn],
            EffectKind::SyncLog => &[Fault::SyncError, Fault::LostSync],
            EffectKind::OpenLog => &[Fault::OpenError],
            EffectKind::WriteFile | EffectKind::WriteSecret | EffectKind::PatchFile => &[Fault::WriteError],
            EffectKind::ReadFile | EffectKind::HashFile => &[Fault::ReadError],
            EffectKind::CloseLog
            | EffectKind::LinkFile
            | EffectKind::TailFiles
            | EffectKind::SampleSystem
            | EffectKind::ProbeSystem
            | EffectKind::SaveCode
            | EffectKind::StatFiles
            | EffectKind::Http => &[],
        };
        let weights = &self.weights;
        let dice = &mut self.disk_dice;
        let Some(fault) =
            candidates.iter().copied().find(|fault| dice.chance(weights.of(*fault)) || aimed == Some(*fault))
        else {
            return (Damage::No, None);
        };
        let damage = match fault {
            Fault::AppendFull => Damage::Fails(FailureKind::NoSpace, "no space left on device"),
            Fault::AppendTorn => Damage::Torn(dice.below(1000)),
            Fault::LostSync => Damage::NotDone,
            Fault::WriteError if dice.coin() => Damage::Fails(FailureKind::NoSpace, "no space left on device"),
            _ => Damage::Fails(FailureKind::Other, "input/output error"),
        };
        (damage, Some(fault))
    }

    /// Does what an order says and reports it.
    pub(super) fn perform(&mut self, job: Job) {
        self.disk.set_clock(self.wall());
        let completion = self.outcome(job.place.key, &job.effect, &job.damage);
        self.see(Seen::Performed { place: job.place, effect: &job.effect, completion: &completion });
        if job.mute {
            self.line(job.place.key, &format!("~ {} done, outcome lost", job.place.id));
        } else {
            self.complete(job.place, completion);
        }
    }

    /// What a kill leaves of an order that was under way: all, a part or nothing of it.
    pub(super) fn break_off(&mut self, job: &Job) {
        match self.disk_dice.below(3) {
            0 => {
                self.outcome(job.place.key, &job.effect, &job.damage);
            }
            1 => {
                let part = self.disk_dice.below(1000);
                if matches!(job.effect, Effect::AppendLog { .. } | Effect::PatchFile { .. }) {
                    self.outcome(job.place.key, &job.effect, &Damage::Torn(part));
                }
            }
            _ => {}
        }
    }

    fn outcome(&mut self, key: StreamKey, effect: &Effect, damage: &Damage) -> Completion {
        if let Damage::Fails(kind, message) = damage {
            return Completion::Failed(failure(*kind, *message));
        }
        let success = completion::success(effect.kind());
        let missing = |path: &str| Completion::Failed(failure(FailureKind::NotFound, format!("{path}: no such file")));
        let done = |outcome: Result<(), String>| match outcome {
            Ok(()) => success.clone(),
            Err(message) => Completion::Failed(failure(FailureKind::Other, message)),
        };
        match effect {
            Effect::OpenLog { path, .. } => match self.disk.create(path) {
                Ok(()) => success,
                Err(failure) => Completion::Failed(failure),
            },
            Effect::AppendLog { at, bytes } => {
                let Some(path) = self.log_of(key) else { return missing("the log") };
                if let Damage::Torn(part) = damage {
                    let part = bytes.len() * usize::try_from(*part).unwrap_or(0) / 1000;
                    return match self.disk.write(&path, *at, &bytes[..part], false) {
                        Ok(()) => Completion::Failed(failure(FailureKind::NoSpace, "no space left on device")),
                        Err(message) => Completion::Failed(failure(FailureKind::Other, message)),
                    };
                }
                done(self.disk.write(&path, *at, bytes, false))
            }
            Effect::SyncLog { .. } => {
                if *damage == Damage::No
                    && let Some(path) = self.log_of(key)
                {
                    self.disk.sync(&path);
                }
                success
            }
            Effect::WriteFile { path, bytes } => {
                self.disk.replace(path, bytes);
                success
            }
            Effect::WriteSecret { path, content } => {
                self.disk.replace(path, content.reveal().as_bytes());
                success
            }
            Effect::PatchFile { path, at, bytes } => done(self.disk.write(path, *at, bytes, true)),
            Effect::ReadFile { path, at, len } => match self.disk.read(path, *at, (*len).into()) {
                Some(bytes) => Completion::Read(Bytes::from(bytes)),
                None => missing(path),
            },
            Effect::StatFiles { paths } => Completion::Stats(paths.iter().map(|path| self.disk.stat(path)).collect()),
            Effect::HashFile { path } => match self.disk.read(path, 0, u64::MAX) {
                Some(bytes) => {
                    Completion::Hashed(FileDigest { len: bytes.len() as u64, md5: Md5::digest(&bytes).into() })
                }
                None => missing(path),
            },
            Effect::CloseLog
            | Effect::LinkFile { .. }
            | Effect::TailFiles { .. }
            | Effect::ProbeSystem(_)
            | Effect::SaveCode { .. }
            | Effect::Http(_) => success,
            Effect::SampleSystem(_) => Completion::Sampled(vec![("cpu".into(), 12.5), ("memory_percent".into(), 50.0)]),
        }
    }

    fn tell(&mut self, place: Place, after: Duration, completion: Completion) {
        self.agenda.add(self.now.after(after), Event::Outcome { place, completion });
    }
}

fn told(fate: &Fate, answer: Option<&runwire_core::net::HttpResponse>) -> Completion {
    match (&fate.told, answer) {
        (Told::Answer, Some(answer)) => Completion::Http(Box::new(answer.clone())),
        (Told::Answer, None) => Completion::Failed(failure(FailureKind::Unreachable, "connection closed")),
        (Told::Failed(failure), _) => Completion::Failed(failure.clone()),
        (Told::Other(response), _) => Completion::Http(Box::new(response.clone())),
    }
}

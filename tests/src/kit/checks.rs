//! What is asked of every adapter, one check each: a script for the double, and what must have been seen afterwards.
#![allow(clippy::wildcard_enum_match_arm, reason = "a script names what it waits for")]

use super::{
    Adapter, Double, Perform, Scene, Seen, Transcript, Trial,
    double::{RUN, stats},
};
use runwire_core::{ClientId, Completion, EffectId, Instant, service::ServiceOutput};
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Longer than anything but an adapter that has forgotten something.
const LONG: Duration = Duration::from_secs(20);
/// As late as a busy machine may be.
const LATE: Duration = Duration::from_secs(5);

/// One thing that an adapter must do.
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it needs effects that block.
    pub blocks: bool,
    run: fn(&mut Trying<'_>),
}

/// All checks.
pub const CHECKS: &[Check] = &[
    Check { name: "drains fully, and answers each effect once", blocks: false, run: drains_fully },
    Check { name: "runs effects at the same time", blocks: true, run: runs_effects_together },
    Check { name: "reads the wake again when it is sooner", blocks: false, run: wakes_sooner },
    Check { name: "reads the wake again when it is later", blocks: false, run: wakes_later },
    Check { name: "does nothing between the outputs and the wake", blocks: false, run: does_not_spin },
    Check { name: "takes outcomes, then the wake, then clients", blocks: true, run: keeps_the_order },
    Check { name: "takes outcomes while clients are to be quiet", blocks: false, run: takes_outcomes_while_starved },
    Check { name: "hears everything in order, and honours credit", blocks: false, run: honours_credit },
    Check { name: "survives a worker that panics", blocks: false, run: survives_a_worker },
    Check { name: "survives a machine that panics", blocks: false, run: survives_a_machine },
    Check { name: "lets go of what is cancelled", blocks: false, run: cancels },
    Check { name: "delivers answers, in order, before it closes", blocks: false, run: delivers },
];

impl Check {
    /// What is wrong, a line each.
    pub fn try_on(&self, adapter: &dyn Adapter) -> Vec<String> {
        let mut trying = Trying { adapter, wrong: Vec::new() };
        (self.run)(&mut trying);
        trying.wrong
    }
}

struct Trying<'a> {
    adapter: &'a dyn Adapter,
    wrong: Vec<String>,
}

struct Tried {
    transcript: Transcript,
    answers: Vec<u8>,
}

impl Trying<'_> {
    fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong.push(what.into());
        }
    }

    /// Drives a double: `begin` is what it says at first, `script` what it answers.
    fn drive(
        &mut self,
        said: Option<Vec<u8>>,
        perform: impl Fn(EffectId) -> Completion + Send + Sync + 'static,
        begin: impl FnOnce(Instant, &mut Scene) + Send + 'static,
        script: impl FnMut(Instant, &Seen, &mut Scene) + Send + 'static,
    ) -> Tried {
        self.drive_held(Duration::ZERO, said, perform, begin, script)
    }

    fn drive_held(
        &mut self,
        hold: Duration,
        said: Option<Vec<u8>>,
        perform: impl Fn(EffectId) -> Completion + Send + Sync + 'static,
        begin: impl FnOnce(Instant, &mut Scene) + Send + 'static,
        script: impl FnMut(Instant, &Seen, &mut Scene) + Send + 'static,
    ) -> Tried {
        let transcript = Arc::<Mutex<Transcript>>::default();
        let own = Arc::clone(&transcript);
        let make = Box::new(move |now| {
            let mut double = Double::new(&own, |scene| begin(now, scene), script);
            double.hold = hold;
            double
        });
        // An effect's path is its number.
        let perform: Perform = Arc::new(move |effect| match effect {
            runwire_core::Effect::StatFiles { paths } => {
                perform(EffectId(paths.first().and_then(|path| path.parse().ok()).unwrap_or_default()))
            }
            other => panic!("the double did not ask for {other}"),
        });
        let answers = self.adapter.drive(Trial { make, perform, said });
        let transcript = transcript.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.wrong.extend(transcript.wrong.iter().cloned());
        self.must(transcript.finished, "the drive ended before the machine had finished");
        Tried { transcript, answers }
    }
}

/// Orders an effect whose path is its number.
fn order(scene: &mut Scene, number: u64) -> EffectId {
    let id = scene.effect(&number.to_string());
    assert_eq!(id.0, number, "effects of a double are numbered from 1");
    id
}

/// Orders so many effects.
fn orders(scene: &mut Scene, count: u64) {
    for number in 1..=count {
        order(scene, number);
    }
}

/// Is true when so many outcomes were seen.
fn after(count: usize) -> impl FnMut(&Seen) -> bool + Send {
    let mut seen_so_far = 0;
    move |seen| {
        seen_so_far += usize::from(matches!(seen, Seen::Completed(..)));
        seen_so_far == count
    }
}

fn drains_fully(trying: &mut Trying<'_>) {
    const COUNT: u64 = 500;
    let mut all = after(COUNT as usize);
    let tried = trying.drive(
        None,
        |_| stats(),
        |_, scene| orders(scene, COUNT),
        move |_, seen, scene| {
            if all(seen) {
                scene.finish();
            }
        },
    );
    let outcomes = tried.transcript.count(|seen| matches!(seen, Seen::Completed(_, "Stats")));
    trying.must(outcomes == COUNT as usize, format!("{outcomes} outcomes of {COUNT} effects"));
}

fn runs_effects_together(trying: &mut Trying<'_>) {
    const COUNT: usize = 8;
    let meeting = Arc::new((Mutex::new(0_usize), Condvar::new()));
    let perform = move |_| {
        let (count, changed) = &*meeting;
        let mut here = count.lock().unwrap_or_else(PoisonError::into_inner);
        *here += 1;
        changed.notify_all();
        let (here, waited) =
            changed.wait_timeout_while(here, LATE, |here| *here < COUNT).unwrap_or_else(PoisonError::into_inner);
        drop(here);
        if waited.timed_out() { Completion::Written } else { stats() }
    };
    let mut all = after(COUNT);
    let tried = trying.drive(
        None,
        perform,
        |_, scene| orders(scene, COUNT as u64),
        move |_, seen, scene| {
            if all(seen) {
                scene.finish();
            }
        },
    );
    let together = tried.transcript.count(|seen| matches!(seen, Seen::Completed(_, "Stats")));
    trying.must(together == COUNT, "effects waited for each other");
}

fn wakes_sooner(trying: &mut Trying<'_>) {
    let tried = trying.drive(
        None,
        |_| stats(),
        |now, scene| {
            order(scene, 1);
            scene.wake(Some(now.after(LONG)));
        },
        |now, seen, scene| match seen {
            Seen::Completed(..) => scene.wake(Some(now.after(Duration::from_millis(50)))),
            Seen::Tick => scene.finish(),
            other => panic!("{other:?}"),
        },
    );
    let told = tried.transcript.first(|seen| matches!(seen, Seen::Completed(..))).unwrap_or_default();
    let woken = tried.transcript.first(|seen| *seen == Seen::Tick).unwrap_or_default().since(told);
    trying.must(woken >= Duration::from_millis(50) && woken < LATE, format!("woken after {woken:?}"));
}

fn wakes_later(trying: &mut Trying<'_>) {
    let until = Arc::new(Mutex::new(Instant::ZERO));
    let due = Arc::clone(&until);
    let tried = trying.drive(
        None,
        |_| stats(),
        |now, scene| {
            order(scene, 1);
            scene.wake(Some(now.after(Duration::from_millis(300))));
        },
        move |now, seen, scene| {
            let mut due = due.lock().unwrap_or_else(PoisonError::into_inner);
            match seen {
                Seen::Completed(..) => {
                    *due = now.after(Duration::from_millis(600));
                    scene.wake(Some(*due));
                }
                Seen::Tick if now >= *due && *due > Instant::ZERO => scene.finish(),
                // An early one is harmless.
                Seen::Tick => {}
                other => panic!("{other:?}"),
            }
        },
    );
    let ticks = tried.transcript.count(|seen| *seen == Seen::Tick);
    trying.must(ticks <= 2, format!("{ticks} ticks where one is due"));
}

fn does_not_spin(trying: &mut Trying<'_>) {
    let tried = trying.drive(
        None,
        |_| stats(),
        |now, scene| scene.wake(Some(now.after(Duration::from_millis(300)))),
        |now, _, scene| {
            if now >= Instant::ZERO.after(Duration::from_millis(300)) {
                scene.finish();
            }
        },
    );
    let ticks = tried.transcript.count(|seen| *seen == Seen::Tick);
    trying.must(ticks <= 3, format!("{ticks} ticks where one is due"));
}

fn keeps_the_order(trying: &mut Trying<'_>) {
    // While the loop is held up at its first drain, all three become ready.
    let hold = Duration::from_millis(400);
    let mut inputs = 0;
    let tried = trying.drive_held(
        hold,
        Some(b"hello".to_vec()),
        |_| stats(),
        move |now, scene| {
            order(scene, 1);
            scene.wake(Some(now.after(hold / 2)));
        },
        move |_, seen, scene| {
            inputs += 1;
            match seen {
                Seen::Tick => scene.wake(None),
                Seen::Received(..) => scene.finish(),
                Seen::Completed(..) | Seen::Connected(_) => {}
                other => panic!("{other:?} after {inputs} inputs"),
            }
        },
    );
    let place = |matches: fn(&Seen) -> bool| tried.transcript.seen.iter().position(|(_, seen)| matches(seen));
    let outcome = place(|seen| matches!(seen, Seen::Completed(..)));
    let tick = place(|seen| *seen == Seen::Tick);
    let client = place(|seen| matches!(seen, Seen::Received(..)));
    trying.must(outcome.is_some() && outcome < tick, "the wake came before an outcome that was there");
    trying.must(tick < client, "a client came before the wake that was due");
}

fn takes_outcomes_while_starved(trying: &mut Trying<'_>) {
    let tried = trying.drive(
        Some(vec![b'x'; 1 << 20]),
        |_| stats(),
        |_, _| {},
        |now, seen, scene| match seen {
            Seen::Connected(client) => {
                scene.say(ServiceOutput::Pause(*client));
                orders(scene, 20);
            }
            Seen::Completed(..) => scene.wake(Some(now.after(Duration::from_millis(100)))),
            Seen::Tick => scene.finish(),
            _ => {}
        },
    );
    let outcomes = tried.transcript.count(|seen| matches!(seen, Seen::Completed(..)));
    trying.must(outcomes == 20, format!("{outcomes} outcomes of 20 effects while a client was to be quiet"));
}

fn honours_credit(trying: &mut Trying<'_>) {
    let said: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let total = said.len();
    let (mut heard, mut who) = (0, ClientId(0));
    let tried = trying.drive(
        Some(said.clone()),
        |_| stats(),
        |_, _| {},
        move |now, seen, scene| match seen {
            Seen::Received(client, count) => {
                heard += count;
                who = *client;
                if heard == total {
                    scene.finish();
                } else {
                    scene.say(ServiceOutput::Pause(*client));
                    scene.wake(Some(now.after(Duration::from_millis(5))));
                }
            }
            Seen::Tick => {
                scene.say(ServiceOutput::Resume(who));
                scene.wake(None);
            }
            _ => {}
        },
    );
    trying.must(tried.transcript.heard == said, "bytes of a client were lost, doubled or out of order");
}

fn survives_a_worker(trying: &mut Trying<'_>) {
    let mut all = after(3);
    let tried = trying.drive(
        None,
        |id| if id.0 == 2 { panic!("planted: this worker panics") } else { stats() },
        |_, scene| orders(scene, 3),
        move |_, seen, scene| {
            if all(seen) {
                scene.finish();
            }
        },
    );
    let failed = tried.transcript.count(|seen| *seen == Seen::Completed(EffectId(2), "Failed"));
    trying.must(failed == 1, "the effect of a worker that panicked has no outcome");
}

fn survives_a_machine(trying: &mut Trying<'_>) {
    let tried = trying.drive(
        None,
        |_| stats(),
        |_, scene| orders(scene, 1),
        |_, seen, scene| match seen {
            Seen::Completed(EffectId(1), _) => panic!("planted: this machine panics"),
            Seen::Tick => scene.finish(),
            _ => {}
        },
    );
    let recovered = tried.transcript.count(|seen| *seen == Seen::Recovered);
    trying.must(recovered == 1, format!("a machine that panicked was told so {recovered} times"));
}

fn cancels(trying: &mut Trying<'_>) {
    let tried = trying.drive(
        None,
        |_| stats(),
        |now, scene| {
            for number in 1..=100 {
                let id = order(scene, number);
                if number % 2 == 0 {
                    scene.say(ServiceOutput::Cancel(RUN, id));
                }
            }
            scene.wake(Some(now.after(Duration::from_millis(200))));
        },
        |_, seen, scene| {
            if *seen == Seen::Tick {
                scene.finish();
            }
        },
    );
    let kept = tried.transcript.count(|seen| matches!(seen, Seen::Completed(id, _) if id.0 % 2 == 1));
    trying.must(kept == 50, format!("{kept} outcomes of 50 effects that were not cancelled"));
}

fn delivers(trying: &mut Trying<'_>) {
    let pieces: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; 50_000]).collect();
    let (all, total) = (pieces.concat(), 40 * 50_000);
    let mut taken = 0;
    let tried = trying.drive(
        Some(b"hello".to_vec()),
        |_| stats(),
        |_, _| {},
        move |_, seen, scene| match seen {
            Seen::Received(client, _) => {
                for piece in &pieces {
                    scene.say(ServiceOutput::Send(*client, piece.clone().into()));
                }
                scene.say(ServiceOutput::Close(*client));
            }
            Seen::Sent(_, count) => {
                taken += count;
                if taken == total {
                    scene.finish();
                }
            }
            _ => {}
        },
    );
    trying.must(tried.answers == all, format!("a client heard {} of {total} bytes", tried.answers.len()));
}

//! One simulation from beginning to end: a time of faults, then none, then everything must come to its end, then what is
//! left is uploaded from the logs, and at last the checks look at all of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use runwire_core::Instant;
use serde_json::Value;

use super::faults::Counts;
use super::plan::{ClientPlan, Plan};
use super::script::{Act, Said};
use super::swarm;
use super::trace::SHOWN;
use super::world::{Event, Failure, World};
use crate::check::{self, Check};
use crate::model::logged::Logged;

/// Steps after which a simulation is taken to go on for ever.
const STEPS_MAX: u64 = 3_000_000;

/// How a simulation is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keep all lines of the trace.
    pub trace: bool,
    /// Keep them from this step on.
    pub from_step: u64,
    /// Stop after so many steps.
    pub steps: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { trace: false, from_step: 0, steps: STEPS_MAX }
    }
}

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Hash of all lines of its trace.
    pub trace_hash: u64,
    /// Things that happened.
    pub steps: u64,
    /// Time that passed in the simulated world.
    pub time: Duration,
    /// How often each fault fired.
    pub faults: Counts,
    /// The first law that was broken.
    pub failure: Option<Failure>,
    /// What the server has of each run at the end; see the embedded server's `state`. Empty if there was no end.
    pub remote: BTreeMap<String, Value>,
    /// The logs on the disk at the end, by path.
    pub logs: BTreeMap<String, Vec<u8>>,
    /// What the seed meant, for people.
    pub plan: String,
    /// The last lines.
    pub last: Vec<String>,
    /// All lines, if they were wanted.
    pub trace: Vec<String>,
}

impl Outcome {
    /// What a person needs to look into a failure.
    pub fn report(&self) -> String {
        let mut text = String::new();
        let seed = self.seed;
        if let Some(failure) = &self.failure {
            // Writing to a String can't fail.
            let _ = writeln!(text, "seed {seed} breaks {} in step {}: {}", failure.law, failure.step, failure.text);
        }
        let from = self.failure.as_ref().map_or(0, |failure| failure.step.saturating_sub(200));
        let _ = writeln!(
            text,
            "replay: cargo run --release -p runwire-tests --bin sim -- --seed {seed} --trace --from-step {from}"
        );
        let _ = writeln!(text, "{}", self.plan);
        let _ = writeln!(text, "fired: {}", self.faults);
        let _ = writeln!(text, "the last {SHOWN} lines:");
        text + &self.last.join("\n") + "\n"
    }
}

/// Runs what a seed means, with all checks.
pub fn run(seed: u64, options: &Options) -> Outcome {
    run_plan(Plan::draw(seed), check::all(), options)
}

/// Runs a plan with checks of the caller's choice.
pub fn run_plan(plan: Plan, checks: Vec<Box<dyn Check>>, options: &Options) -> Outcome {
    let (seed, shown) = (plan.seed, plan.to_string());
    let mut world = World::new(plan, checks, options.trace, options.from_step);
    let mut drive = Drive { world: &mut world, steps: options.steps };
    let whole = drive.finish();
    if whole && world.failure().is_none() {
        world.look_at_server();
        world.see_end();
    }
    Outcome {
        seed,
        trace_hash: world.trace().hash(),
        steps: world.steps(),
        time: world.now().since(Instant::ZERO),
        faults: world.counts().clone(),
        failure: world.failure().cloned(),
        remote: std::mem::take(&mut world.remote),
        logs: world.log_bytes(),
        plan: shown,
        last: world.trace().last(),
        trace: world.trace().take(),
    }
}

struct Drive<'a> {
    world: &'a mut World,
    steps: u64,
}

impl Drive<'_> {
    /// All phases. False if it was cut short.
    fn finish(&mut self) -> bool {
        let heals = Instant::ZERO.after(self.world.plan.heal);
        self.until(|world| world.healed.is_some() && world.is_up())
            && self.until_clients_are_done(heals)
            && self.end_service()
            && self.upload_rest()
            && self.end_service()
    }

    fn until(&mut self, done: impl Fn(&World) -> bool) -> bool {
        while !done(self.world) {
            if self.world.steps() >= self.steps || !self.world.step() {
                if self.world.steps() >= STEPS_MAX {
                    self.world.broken("L10-convergence", format!("{STEPS_MAX} steps, and no end"));
                }
                return done(self.world) && self.world.failure().is_none();
            }
        }
        self.world.failure().is_none()
    }

    /// Every client gets its answers within the bound.
    fn until_clients_are_done(&mut self, heals: Instant) -> bool {
        let bound = self.world.plan.bound;
        while self.world.unfinished().next().is_some() {
            let late = self.world.unfinished().find_map(|player| {
                let (id, said, since) = player.waiting.as_ref()?;
                let from = (*since).max(self.world.healed.unwrap_or(heals));
                (self.world.now().since(from) > bound)
                    .then(|| format!("{} waits for the answer to {} ({id})", player.id, said.name()))
            });
            if let Some(text) = late {
                self.world.broken("L10-convergence", format!("{text} for more than {bound:?} without any fault"));
                return false;
            }
            if self.world.steps() >= self.steps || !self.world.step() {
                if self.world.failure().is_none() && self.world.steps() < self.steps {
                    let names: Vec<String> = self
                        .world
                        .unfinished()
                        .map(|player| format!("{} {:?} {:?}", player.id, player.state, player.waiting))
                        .collect();
                    self.world.broken(
                        "L10-convergence",
                        format!("nothing happens any more, and these wait: {}", names.join("; ")),
                    );
                }
                return false;
            }
        }
        true
    }

    /// The service ends when it is told to.
    fn end_service(&mut self) -> bool {
        if !self.world.is_up() || self.world.is_finished() {
            return self.world.is_finished();
        }
        let begins = self.world.now().since(Instant::ZERO);
        let acts = vec![Act::Tell(Said::Teardown(0)), Act::Wait(Duration::from_secs(3600))];
        self.world.add_client(ClientPlan { run: String::new(), tag: "t".into(), begins, acts, part: usize::MAX });
        let until = self.world.now().after(self.world.plan.bound);
        let done = self.until(|world| world.is_finished() || world.now() > until);
        if done && !self.world.is_finished() {
            self.world.broken("L10-convergence", "the service does not end".into());
        }
        self.world.failure().is_none() && self.world.is_finished()
    }

    /// A last service uploads what is in the logs and not on the server.
    fn upload_rest(&mut self) -> bool {
        // What is on its way to the server arrives first: else it would take the place of what comes later.
        if !self.until(|world| !world.agenda.has(|event| matches!(event, Event::Request { .. }))) {
            return false;
        }
        let logs = self.world.logs();
        self.world.start_service();
        let begins = self.world.now().since(Instant::ZERO);
        let index = self.world.add_client(ClientPlan {
            run: String::new(),
            tag: "s".into(),
            begins,
            acts: swarm::upload(logs),
            part: usize::MAX,
        });
        self.until_clients_are_done(self.world.now())
            && match self.world.players[index].state {
                super::client::State::Done => true,
                state => {
                    self.world.broken("L10-convergence", format!("the upload of the logs ends as {state:?}"));
                    false
                }
            }
    }
}

impl World {
    /// Logs that are there, in the order of their beginnings.
    pub fn logs(&self) -> Vec<String> {
        // A log that was broken off before the run's own record says nothing that a server could be told.
        let there = |path: &&str| self.disk.file(path).is_some_and(|file| Logged::read(&file.data).has_run());
        self.model.lives.iter().map(|life| life.log.as_str()).filter(there).map(str::to_owned).collect()
    }

    fn log_bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let logs = self.disk.files().filter(|(path, _)| path.ends_with(".wandb"));
        logs.map(|(path, file)| (path.to_owned(), file.data.clone())).collect()
    }

    fn look_at_server(&mut self) {
        let runs: Vec<String> = self.model.runs().into_keys().map(str::to_owned).collect();
        let now_ms = self.wall_ms();
        for run in runs {
            let state = self.backend.snapshot(now_ms, "e", "p", &run).unwrap_or_default();
            self.remote.insert(run, state);
        }
    }
}

//! Scenarios of an embedder's own: runs with scripts written by hand, faults where they are wanted, checks beside those of
//! the house.

use std::time::Duration;

use runwire_core::Limits;
use runwire_core::writer::SyncPolicy;
use runwire_proto::wire::RunRecord;

use super::faults::Fault;
use super::outcome::{Options, Outcome, run_plan};
use super::plan::{Aim, ClientPlan, Plan, RunPlan};
use super::script::{Act, Said, config};
use super::swarm;
use crate::check::{self, Check};

/// A world to be filled.
///
/// ```
/// use runwire_tests::sim::{Fault, Scenario};
/// let outcome = Scenario::new(1)
///     .run("r1", true, |script| script.rows("loss", 100).exit(0))
///     .fault(Fault::AnswerLost, 300)
///     .play();
/// assert_eq!(outcome.remote["r1"]["history"].as_array().map(Vec::len), Some(100), "{}", outcome.report());
/// ```
pub struct Scenario {
    plan: Plan,
    checks: Vec<Box<dyn Check>>,
    healed: bool,
}

impl Scenario {
    /// A calm world without runs. The seed decides times and ties.
    pub fn new(seed: u64) -> Scenario {
        Scenario { plan: Plan::calm(seed), checks: check::all(), healed: false }
    }

    /// A run with one client, which begins it, does what the script says and is gone. `online`: it talks to the server.
    #[must_use]
    pub fn run(mut self, id: &str, online: bool, script: impl FnOnce(Script) -> Script) -> Scenario {
        let run = RunPlan { id: id.into(), online, goes_on: false };
        let acts = script(Script::begin(&run)).acts;
        self.plan.clients.push(ClientPlan {
            run: id.into(),
            tag: "a".into(),
            begins: Duration::ZERO,
            acts,
            part: usize::MAX,
        });
        self.plan.runs.push(run);
        self
    }

    /// A fault, as likely as this wherever it could fire, in a thousandth.
    #[must_use]
    pub fn fault(mut self, fault: Fault, per_mille: u64) -> Scenario {
        self.plan.weights = self.plan.weights.with(fault, per_mille);
        self
    }

    /// A fault at a time: a kill, a power cut, an outage, a sleep, a step of the wall clock, a signal.
    #[must_use]
    pub fn at(mut self, time: Duration, fault: Fault) -> Scenario {
        self.plan.timed.push((time, fault));
        self
    }

    /// A fault for certain effects: those whose line in a trace holds `on`, without the first `skip` of them, `times` times.
    #[must_use]
    pub fn aim(mut self, fault: Fault, on: &str, skip: u64, times: u64) -> Scenario {
        self.plan.aims.push(Aim { fault, on: on.into(), skip, times });
        self
    }

    /// When all faults end. Without it: when the longest script could be over.
    #[must_use]
    pub fn heal(mut self, time: Duration) -> Scenario {
        self.plan.heal = time;
        self.healed = true;
        self
    }

    /// Changes the core's bounds.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Scenario {
        change(&mut self.plan.limits);
        self.plan.bound = super::plan::bound(&self.plan.limits);
        self
    }

    /// When logs are forced to the device.
    #[must_use]
    pub fn policy(mut self, sync: SyncPolicy) -> Scenario {
        self.plan.policy.sync = sync;
        self
    }

    /// One more law.
    #[must_use]
    pub fn check(mut self, check: impl Check + 'static) -> Scenario {
        self.checks.push(Box::new(check));
        self
    }

    /// Runs it.
    pub fn play(mut self) -> Outcome {
        if !self.healed {
            let lengths = self.plan.clients.iter().map(|client| swarm::length(&client.acts));
            let last = self.plan.timed.iter().map(|(at, _)| *at).max().unwrap_or_default();
            self.plan.heal = lengths.max().unwrap_or_default().max(last) + Duration::from_secs(1);
        }
        run_plan(self.plan, self.checks, &Options::default())
    }
}

/// What a client does, after it has begun its run.
pub struct Script {
    acts: Vec<Act>,
    rows: u64,
}

impl Script {
    fn begin(run: &RunPlan) -> Script {
        let record = RunRecord {
            run_id: run.id.clone(),
            entity: "e".into(),
            project: "p".into(),
            start_time: Some(prost_types::Timestamp { seconds: 1_735_689_600, nanos: 500_000_000 }),
            config: Some(config(&[("lr".into(), Some("0.1".into()))])),
            ..Default::default()
        };
        let settings = swarm::settings(run, 1, Duration::ZERO, None);
        let acts = vec![
            Act::Ask(Said::Init(Box::new(settings))),
            Act::Tell(Said::Header),
            Act::Ask(Said::Run(Box::new(record.clone()))),
            Act::Ask(Said::Start(Box::new(record))),
        ];
        Script { acts, rows: 0 }
    }

    /// Anything.
    #[must_use]
    pub fn act(mut self, act: Act) -> Script {
        self.acts.push(act);
        self
    }

    /// A message that wants no answer.
    #[must_use]
    pub fn tell(self, said: Said) -> Script {
        self.act(Act::Tell(said))
    }

    /// A row of numbers.
    #[must_use]
    pub fn row(mut self, items: &[(&str, f64)]) -> Script {
        self.rows += 1;
        let texts: Vec<(&str, String)> = items.iter().map(|(key, value)| (*key, value.to_string())).collect();
        let items: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        self.tell(Said::row(&items))
    }

    /// So many rows of one number that counts from 0, one every 100 ms.
    #[must_use]
    pub fn rows(mut self, key: &str, count: u32) -> Script {
        for n in 0..count {
            self = self.row(&[(key, f64::from(n))]).wait(Duration::from_millis(100));
        }
        self
    }

    /// So many rows that come before the run's own record, as from a process that joined early.
    #[must_use]
    pub fn before_the_run(mut self, count: u32) -> Script {
        for n in 0..count {
            let row = Said::row(&[("early", &n.to_string())]);
            self.acts.insert(2, Act::Tell(row));
        }
        self
    }

    /// Lets time pass.
    #[must_use]
    pub fn wait(self, time: Duration) -> Script {
        self.act(Act::Wait(time))
    }

    /// The program ends; waits for the answer.
    #[must_use]
    pub fn exit(self, code: i32) -> Script {
        self.act(Act::Ask(Said::Exit(code))).tell(Said::Finish)
    }
}

//! What one seed means: sizes, settings, clients' scripts, and which faults are on. Drawn once, before anything happens.

use std::fmt;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use runwire_core::Limits;
use runwire_core::writer::{SyncPolicy, WritePolicy};

use super::dice::Dice;
use super::faults::{Fault, Weights};
use super::script::Act;

/// One client: a connection with a script.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// The run that it works for.
    pub run: String,
    /// Its mark in rows, so that whose rows are whose can be told.
    pub tag: String,
    /// When it connects.
    pub begins: Duration,
    /// What it does.
    pub acts: Vec<Act>,
    /// Frames arrive in parts of at most so many bytes.
    pub part: usize,
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// Its id.
    pub id: String,
    /// Whether it talks to the server.
    pub online: bool,
    /// Another life begins after a crash, on what the server has.
    pub goes_on: bool,
}

/// A fault for certain effects.
#[derive(Clone, Debug)]
pub struct Aim {
    /// The fault.
    pub fault: Fault,
    /// It is meant for effects whose line in a trace holds this.
    pub on: String,
    /// So many of them are let through first.
    pub skip: u64,
    /// And so many are hit then.
    pub times: u64,
}

/// Everything that a seed decides before the start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Faults.
    pub weights: Weights,
    /// Bounds of the core.
    pub limits: Limits,
    /// When logs go to disk.
    pub policy: WritePolicy,
    /// One-way times of the network.
    pub latency: (Duration, Duration),
    /// Runs.
    pub runs: Vec<RunPlan>,
    /// Clients.
    pub clients: Vec<ClientPlan>,
    /// Faults with a time: crashes, outages, sleeps.
    pub timed: Vec<(Duration, Fault)>,
    /// Faults for certain effects.
    pub aims: Vec<Aim>,
    /// When everything heals.
    pub heal: Duration,
    /// How long the service has to end after everything healed and all clients are done.
    pub bound: Duration,
}

impl Plan {
    /// What `seed` means.
    pub fn draw(seed: u64) -> Plan {
        Plan::drawn(seed, Dice::new(seed, "plan"))
    }

    fn drawn(seed: u64, mut dice: Dice) -> Plan {
        let weights = Weights::draw(&mut dice);
        let mut plan = Plan {
            limits: limits(&mut dice),
            policy: policy(&mut dice),
            latency: *dice.pick(&[
                (Duration::from_micros(100), Duration::from_millis(2)),
                (Duration::from_millis(5), Duration::from_millis(50)),
                (Duration::from_millis(20), Duration::from_millis(900)),
            ]),
            runs: Vec::new(),
            clients: Vec::new(),
            timed: Vec::new(),
            aims: Vec::new(),
            heal: Duration::ZERO,
            bound: Duration::ZERO,
            seed,
            weights,
        };
        super::swarm::fill(&mut plan, &mut dice);
        plan.bound = bound(&plan.limits);
        plan
    }

    /// A world without faults or clients, to be filled by hand.
    pub fn calm(seed: u64) -> Plan {
        let limits = Limits::default();
        Plan {
            seed,
            weights: Weights::none(),
            bound: bound(&limits),
            limits,
            policy: WritePolicy::default(),
            latency: (Duration::from_millis(5), Duration::from_millis(50)),
            runs: Vec::new(),
            clients: Vec::new(),
            timed: Vec::new(),
            aims: Vec::new(),
            heal: Duration::ZERO,
        }
    }
}

/// The draws are the bytes: what a fuzzer changes is what happens.
impl<'a> Arbitrary<'a> for Plan {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Plan> {
        let seed = input.arbitrary()?;
        let tape = input.bytes(input.len())?.to_vec();
        Ok(Plan::drawn(seed, Dice::from_tape(seed, "plan", tape)))
    }
}

/// Longest time from the last request of the last client to the end of the service, when nothing fails: each stage of the
/// end to its deadline, patience once for each stage that waits for the server, and a disk that answers at its last moment.
pub fn bound(limits: &Limits) -> Duration {
    let stages = u32::try_from(runwire_core::defer::STATES.len()).unwrap_or(u32::MAX);
    limits.stage_deadline * stages
        + limits.tensorboard_deadline
        + limits.finish_patience * 4
        + limits.final_stage_deadline * 2
        + limits.disk_deadline * 4
}

fn limits(dice: &mut Dice) -> Limits {
    let mut limits = Limits::default();
    if dice.chance(300) {
        limits.append_bytes_max = *dice.pick(&[256, 4096]);
    }
    if dice.chance(300) {
        limits.backlog_bytes_soft = *dice.pick(&[64, 2048, 16 << 10]);
    }
    if dice.chance(300) {
        limits.backlog_bytes_hard = *dice.pick(&[1024, 8 << 10]);
    }
    if dice.chance(300) {
        limits.unsent_bytes_max = *dice.pick(&[16, 1024]);
    }
    if dice.chance(300) {
        limits.stream_push_bytes = *dice.pick(&[64, 1000, 8 << 10]);
    }
    if dice.chance(300) {
        limits.stream_queue_bytes = *dice.pick(&[128, 4096]);
    }
    if dice.chance(200) {
        limits.finish_patience = *dice.pick(&[Duration::from_secs(10), Duration::from_secs(300)]);
    }
    limits
}

fn policy(dice: &mut Dice) -> WritePolicy {
    WritePolicy {
        flush_interval: *dice.pick(&[Duration::ZERO, Duration::from_millis(50), Duration::from_millis(500)]),
        sync: *dice.pick(&[SyncPolicy::AtExit, SyncPolicy::AtExit, SyncPolicy::EachAppend, SyncPolicy::Never]),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts: usize = self.clients.iter().map(|client| client.acts.len()).sum();
        writeln!(f, "faults (per thousand): {}", self.weights)?;
        let timed: Vec<String> = self.timed.iter().map(|(at, fault)| format!("{fault} at {at:?}")).collect();
        writeln!(f, "faults with a time: {}; all heals at {:?}", timed.join(", "), self.heal)?;
        let run = |run: &RunPlan| {
            format!(
                "{} {}{}",
                run.id,
                if run.online { "online" } else { "offline" },
                if run.goes_on { " goes on" } else { "" }
            )
        };
        let runs: Vec<String> = self.runs.iter().map(run).collect();
        writeln!(
            f,
            "runs: {}; {} clients, {acts} acts; one way takes {:?}",
            runs.join(", "),
            self.clients.len(),
            self.latency
        )?;
        write!(f, "{:?}; {:?}", self.policy, self.limits)
    }
}

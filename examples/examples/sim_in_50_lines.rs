//! A bad day for a training, simulated: the disk fills up, the server's answers get lost and it is away for hours, and the
//! machine loses its power in between. A law of your own holds all the way; at the end the server has every row.

use runwire_tests::check::{Check, Moment};
use runwire_tests::sim::{Fault, Scenario, Seen};
use std::{process::ExitCode, time::Duration};

/// No effect is ordered for a run while its machine is off.
#[derive(Default)]
struct NoGhosts {
    services: u64,
}

impl Check for NoGhosts {
    fn law(&self) -> &'static str {
        "no-ghosts"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        self.services = self.services.max(at.life);
        if let Seen::Ordered { place, effect } = seen
            && place.life < self.services
        {
            return Err(format!("{effect} of a dead service"));
        }
        Ok(())
    }
}

pub(crate) fn main() -> ExitCode {
    for seed in 0..20 {
        let outcome = Scenario::new(seed)
            .run("night", true, |script| script.rows("loss", 500).exit(0))
            .run("plane", false, |script| script.rows("accuracy", 200).exit(0))
            .fault(Fault::AppendFull, 50)
            .fault(Fault::AnswerLost, 200)
            .at(Duration::from_secs(20), Fault::Outage)
            .at(Duration::from_secs(10 + seed), Fault::PowerCut)
            .check(NoGhosts::default())
            .play();
        if outcome.failure.is_some() {
            println!("{}", outcome.report());
            return ExitCode::FAILURE;
        }
        let rows = |run: &str| outcome.remote[run]["history"].as_array().map_or(0, Vec::len);
        let (night, plane) = (rows("night"), rows("plane"));
        println!("seed {seed}: {:?} went by, {night} and {plane} rows arrived; {}", outcome.time, outcome.faults);
    }
    ExitCode::SUCCESS
}

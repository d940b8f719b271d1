//! Faults that come at a time, and their end: crashes, outages, clocks.

use std::time::Duration;

use runwire_core::service::StopReason;
use runwire_core::{Completion, FailureKind};

use super::client::State;
use super::disk::failure;
use super::faults::{Fault, Weights};
use super::swarm;
use super::world::{Event, Seen, World};

impl World {
    /// A fault's time has come.
    pub(super) fn strike(&mut self, fault: Fault) {
        if self.healed.is_some() {
            return;
        }
        match fault {
            Fault::Kill => self.crash(false),
            Fault::PowerCut => self.crash(true),
            Fault::Outage => {
                self.fired(fault);
                let time = *self.dice.pick(&[20, 120, 900, 4 * 3600]);
                self.net.down_until = self.now.after(Duration::from_secs(time));
                self.say(&format!("* the server is down until {}", self.net.down_until));
            }
            Fault::Sleep => {
                self.fired(fault);
                let time = *self.dice.pick(&[5, 90, 3600, 9 * 3600]);
                self.now = self.now.after(Duration::from_secs(time));
                self.see(Seen::Slept);
                self.break_connections();
            }
            Fault::WallStep => {
                self.fired(fault);
                let hours = i64::try_from(self.dice.below(48)).unwrap_or(0) - 24;
                self.skew += hours * 3_600_000_000_000;
            }
            Fault::EarlyTick if self.is_up() => {
                self.fired(fault);
                self.give(runwire_core::service::ServiceInput::Tick);
            }
            Fault::Signal if self.is_up() && !self.is_finished() => {
                self.fired(fault);
                self.stop(StopReason::Signal);
            }
            _ => {}
        }
    }

    /// Connections to the server are gone: whoever waited is told so.
    fn break_connections(&mut self) {
        let lost = self.agenda.remove(|event| {
            matches!(event, Event::Request { .. } | Event::Outcome { completion: Completion::Http(_), .. })
        });
        for event in lost {
            let place = match event {
                Event::Request { place, request, fate, sent } => {
                    if self.dice.coin() {
                        self.arrive(place, &request, &fate, sent);
                        continue;
                    }
                    place
                }
                Event::Outcome { place, .. } => place,
                _ => continue,
            };
            let completion = Completion::Failed(failure(FailureKind::Unreachable, "connection lost while asleep"));
            self.agenda.add(self.now, Event::Outcome { place, completion });
        }
    }

    fn crash(&mut self, power: bool) {
        if !self.is_up() || self.is_finished() {
            return;
        }
        self.fired(if power { Fault::PowerCut } else { Fault::Kill });
        let jobs = self.agenda.remove(|event| matches!(event, Event::Disk(_)));
        for job in jobs {
            if let Event::Disk(job) = job {
                self.break_off(&job);
            }
        }
        self.stop_service();
        if power {
            let mut dice = self.disk_dice.clone();
            self.disk.cut_power(&mut dice);
            self.disk_dice = dice;
        }
        self.model.crashed(self.life, power);
        self.see(Seen::Crashed { power });
        for player in &mut self.players {
            if matches!(player.state, State::Playing | State::Done | State::Refused) && player.life == self.life {
                player.state = State::Dead;
                player.waiting = None;
            }
        }
        let rest = self.dice.ms(10, 20_000);
        self.agenda.add(self.now.after(rest), Event::Restart);
    }

    /// A service begins after a crash; some runs go on.
    pub(super) fn restart(&mut self) {
        if self.is_up() {
            return;
        }
        self.start_service();
        for run in self.plan.runs.clone() {
            if run.goes_on && self.model.was_cut(&run.id) {
                let logs = self.model.logs_of(&run.id);
                let plan = swarm::next_life(&mut self.dice, &run, logs, self.life, self.now);
                self.add_client(plan);
            }
        }
    }

    /// No fault any more.
    pub(super) fn heal(&mut self) {
        self.weights = Weights::none();
        self.net.down_until = self.now;
        self.net.latency.1 = self.net.latency.1.min(Duration::from_millis(100)).max(self.net.latency.0);
        self.healed = Some(self.now);
        self.say("* all is well from now on");
        self.see(Seen::Healed);
    }
}

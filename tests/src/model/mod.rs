//! What ought to be: folds what clients said into the logs, the server's state and the answers that must follow from it.
//! Plain lists and maps, so that it is obviously right. Must not know how the core does any of it.

#![allow(clippy::wildcard_enum_match_arm, reason = "the model knows what is said here, all else is nothing to it")]
pub mod logged;
pub mod rows;
pub mod state;

use std::collections::BTreeMap;

use runwire_core::Summary;
use runwire_proto::wire::ServerResponse;

use crate::sim::Said;

/// One life of a run: from its init to its end, or to the death of its service.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Number of the service.
    pub service: u64,
    /// The run.
    pub run: String,
    /// Path of its log.
    pub log: String,
    /// It talks to the server.
    pub online: bool,
    /// What was said, with the mark of the client that said it, in the order of arrival.
    pub said: Vec<(String, Said)>,
    /// The init was answered: there is a log.
    pub opened: bool,
    /// The service took the run: its record was answered without an error.
    pub began: bool,
    /// The exit was answered: code and place in `said`.
    pub exited: Option<i32>,
    /// So many messages came before the run was closed, by its client or by the end of its service. What came later is not
    /// promised.
    pub promised: Option<usize>,
    /// Its service died.
    pub cut: bool,
    /// Its machine did.
    pub power_cut: bool,
    /// Why the client gave up, if it did.
    pub refused: Option<String>,
    /// How the core says that it ended.
    pub ended: Option<Summary>,
}

/// All lives of all runs, in the order of their beginnings.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The lives.
    pub lives: Vec<Life>,
}

impl Model {
    /// A message has reached the service of this number. `log_exists`: the log that an init names is there already.
    pub fn said(&mut self, service: u64, run: &str, tag: &str, said: &Said, log_exists: bool) {
        if let Said::Init(settings) = said
            && !log_exists
            && self.life(service, run).is_none()
        {
            self.lives.push(Life {
                service,
                run: run.into(),
                log: settings.sync_file.clone().unwrap_or_default(),
                online: !settings.offline.unwrap_or(false),
                ..Life::default()
            });
        }
        if let Some(life) = self.life(service, run) {
            life.said.push((tag.into(), said.clone()));
            if matches!(said, Said::Finish) {
                life.promised.get_or_insert(life.said.len());
            }
        }
    }

    /// A client has read its answer. The error says what is wrong with it.
    pub fn answered(
        &mut self,
        service: u64,
        run: &str,
        _tag: &str,
        said: &Said,
        _answer: &ServerResponse,
    ) -> Result<(), String> {
        let Some(life) = self.life(service, run) else { return Ok(()) };
        match said {
            Said::Init(_) => life.opened = true,
            Said::Run(_) => life.began = true,
            Said::Exit(code) => life.exited = Some(*code),
            _ => {}
        }
        Ok(())
    }

    /// A client was told that it can't have what it asked for.
    pub fn refused(&mut self, service: u64, run: &str, said: &Said, why: &str) {
        if let Some(life) = self.life(service, run)
            && matches!(said, Said::Init(_) | Said::Run(_))
        {
            life.refused = Some(why.into());
        }
    }

    /// A service was told to end. What waits because the disk or a reader is slow is read only for a while, so of clients
    /// that are held back nothing is promised.
    pub fn stopping(&mut self, service: u64, held_back: &[String]) {
        for life in self.lives.iter_mut().filter(|life| life.service == service) {
            let waits = life.said.iter().any(|(tag, _)| held_back.contains(&format!("{}/{tag}", life.run)));
            life.promised.get_or_insert(if waits { 0 } else { life.said.len() });
        }
    }

    /// A service is dead.
    pub fn crashed(&mut self, service: u64, power: bool) {
        for life in &mut self.lives {
            if life.service == service && life.ended.is_none() {
                life.cut = true;
            }
            // Even what has ended may be on its way to the device.
            life.power_cut |= power && life.service <= service;
        }
    }

    /// The core says that a run is over.
    pub fn ended(&mut self, log: Option<&str>, summary: &Summary) {
        if let Some(life) = self.lives.iter_mut().rev().find(|life| Some(life.log.as_str()) == log) {
            life.ended = Some(summary.clone());
        }
    }

    /// Whether the last life of a run was cut off, on a service that has died.
    pub fn was_cut(&self, run: &str) -> bool {
        self.lives.iter().rev().find(|life| life.run == run).is_some_and(|life| life.cut && life.online && life.began)
    }

    /// Paths of a run's logs.
    pub fn logs_of(&self, run: &str) -> Vec<String> {
        self.lives.iter().filter(|life| life.run == run).map(|life| life.log.clone()).collect()
    }

    /// The lives of each run.
    pub fn runs(&self) -> BTreeMap<&str, Vec<&Life>> {
        let mut runs: BTreeMap<&str, Vec<&Life>> = BTreeMap::new();
        for life in &self.lives {
            runs.entry(&life.run).or_default().push(life);
        }
        runs
    }

    fn life(&mut self, service: u64, run: &str) -> Option<&mut Life> {
        self.lives.iter_mut().find(|life| life.service == service && life.run == run)
    }
}

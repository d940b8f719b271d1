//! What the GPUs of this machine say, under the names the official client gives it.
//!
//! Owns names, units and percentages. Asking the vendor's library is `nvml.rs`, which is there where the vendor ships one.
//! No library, no driver or no permission: no GPUs.

#[cfg(any(target_os = "linux", windows))]
mod nvml;

use runwire_proto::wire;
use std::{collections::BTreeSet, fmt};

/// What a run's metadata says of the GPUs.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) cards: Vec<wire::GpuNvidiaInfo>,
    /// Version of CUDA that the driver serves, as `12.4`; empty if unknown.
    pub(super) cuda_version: String,
}

/// Something a GPU can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    /// Percent of the time in which work was running.
    Busy,
    /// Percent of the time in which its memory was read or written.
    MemoryBusy,
    /// Bytes.
    MemoryUsed,
    /// Bytes.
    MemoryTotal,
    /// Degrees Celsius.
    Temperature,
    /// Watts.
    Power,
    /// Watts.
    PowerLimit,
    /// Joules since the driver was loaded.
    Energy,
    /// MHz.
    SmClock,
    /// MHz.
    MemoryClock,
    /// MHz.
    GraphicsClock,
    /// Since the last start of the machine.
    CorrectedErrors,
    /// Since the last start of the machine.
    UncorrectedErrors,
    /// Percent.
    Fan,
    /// Percent.
    Encoder,
    LinkGeneration,
    /// Transfers a second and lane.
    LinkSpeed,
    /// Lanes.
    LinkWidth,
    LinkGenerationMax,
    /// Lanes.
    LinkWidthMax,
}

/// Readings that are reported as they come and only for the whole GPU.
const PLAIN: [(&str, Reading); 13] = [
    ("energyJoules", Reading::Energy),
    ("smClock", Reading::SmClock),
    ("memoryClock", Reading::MemoryClock),
    ("graphicsClock", Reading::GraphicsClock),
    ("correctedMemoryErrors", Reading::CorrectedErrors),
    ("uncorrectedMemoryErrors", Reading::UncorrectedErrors),
    ("fanSpeed", Reading::Fan),
    ("encoderUtilization", Reading::Encoder),
    ("pcieLinkGen", Reading::LinkGeneration),
    ("pcieLinkSpeed", Reading::LinkSpeed),
    ("pcieLinkWidth", Reading::LinkWidth),
    ("maxPcieLinkGen", Reading::LinkGenerationMax),
    ("maxPcieLinkWidth", Reading::LinkWidthMax),
];

/// A process on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct User {
    pid: u32,
    /// The GPU's memory that it holds, in bytes, if the driver tells.
    bytes: Option<u64>,
}

/// A vendor's library.
trait Source: fmt::Debug + Send {
    /// GPUs are numbered from 0 to this.
    fn count(&self) -> u32;
    /// Nothing if this GPU can't tell.
    fn read(&self, gpu: u32, reading: Reading) -> Option<f64>;
    /// In a container these may be ids of the machine outside, which then are nobody's here.
    fn users(&self, gpu: u32) -> Vec<User>;
    fn inventory(&self) -> Inventory;
}

/// The GPUs of this machine.
#[derive(Debug)]
pub(super) struct Gpus {
    source: Box<dyn Source>,
    /// What a GPU could not tell once is not asked again: some questions take long to be refused.
    silent: BTreeSet<(u32, Reading)>,
}

impl Gpus {
    /// `None` if there are none. The first call loads the vendor's library.
    pub(super) fn find() -> Option<Self> {
        #[cfg(any(target_os = "linux", windows))]
        let found = nvml::Nvidia::find().map(|source| Self::new(Box::new(source)));
        #[cfg(not(any(target_os = "linux", windows)))]
        let found = None;
        found
    }

    // Elsewhere only the tests have GPUs.
    #[cfg(any(target_os = "linux", windows, test))]
    fn new(source: Box<dyn Source>) -> Self {
        Self { source, silent: BTreeSet::new() }
    }

    /// Adds the readings of all GPUs, or of those in `only`. `pids` are the run's processes: a GPU that one of them uses
    /// has a second set of names.
    pub(super) fn sample(&mut self, only: &[i32], pids: &[u32], out: &mut Vec<(String, f64)>) {
        let wanted = |gpu: &u32| only.is_empty() || only.iter().any(|id| u32::try_from(*id) == Ok(*gpu));
        for gpu in (0..self.source.count()).filter(wanted) {
            self.sample_one(gpu, pids, out);
        }
    }

    pub(super) fn inventory(&self) -> Inventory {
        self.source.inventory()
    }

    fn sample_one(&mut self, gpu: u32, pids: &[u32], out: &mut Vec<(String, f64)>) {
        let users: Vec<User> = self.source.users(gpu).into_iter().filter(|user| pids.contains(&user.pid)).collect();
        let (used, total) = (self.read(gpu, Reading::MemoryUsed), self.read(gpu, Reading::MemoryTotal));
        let (power, limit) = (self.read(gpu, Reading::Power), self.read(gpu, Reading::PowerLimit));
        let shared = [
            ("gpu", self.read(gpu, Reading::Busy)),
            ("memory", self.read(gpu, Reading::MemoryBusy)),
            ("memoryAllocated", percent(used, total)),
            ("memoryAllocatedBytes", used),
            ("temp", self.read(gpu, Reading::Temperature)),
            ("powerWatts", power),
            ("enforcedPowerLimitWatts", limit),
            ("powerPercent", percent(power, limit)),
        ];
        for (name, value) in shared.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            out.push((format!("gpu.{gpu}.{name}"), value));
            if !users.is_empty() {
                out.push((format!("gpu.process.{gpu}.{name}"), value));
            }
        }
        if let Some(bytes) = users.iter().filter_map(|user| user.bytes).reduce(u64::saturating_add) {
            out.push((format!("gpu.process.{gpu}.memoryUsedBytes"), bytes as f64));
        }
        for (name, reading) in PLAIN {
            if let Some(value) = self.read(gpu, reading) {
                out.push((format!("gpu.{gpu}.{name}"), value));
            }
        }
    }

    fn read(&mut self, gpu: u32, reading: Reading) -> Option<f64> {
        if self.silent.contains(&(gpu, reading)) {
            return None;
        }
        let value = self.source.read(gpu, reading);
        if value.is_none() {
            self.silent.insert((gpu, reading));
        }
        value
    }
}

fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    Some(part? / whole.filter(|whole| *whole > 0.0)? * 100.0)
}

#[cfg(test)]
mod tests;

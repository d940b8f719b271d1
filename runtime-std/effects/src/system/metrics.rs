//! One sample of the machine as named numbers: the items of a `StatsRecord`.
//!
//! Owns the names, the units and what a number is counted from. Where a counter comes from is not known here.

use super::{
    disk_space,
    gpu::Gpus,
    host::{Host, Network, Process},
    usage::Meter,
};
use runwire_proto::wire;
use std::{path::Path, time::Instant};

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = MIB * 1024.0;

/// What a sampler looks at. From the `x_stats_*` settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplerConfig {
    /// The process of the run; 0 means this one.
    pid: u32,
    /// Count the children of the process in.
    tree: bool,
    /// Prefer the limits of the control group to the size of the machine.
    cgroup: bool,
    /// Report this program too.
    own: bool,
    /// Empty means nothing about disks, not even their traffic.
    disk_paths: Vec<String>,
    /// Empty means all.
    gpus: Vec<i32>,
}

impl SamplerConfig {
    /// Unset settings get their documented defaults.
    pub fn from_settings(settings: &wire::Settings) -> Self {
        Self {
            pid: settings.x_stats_pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
            tree: settings.x_stats_track_process_tree.unwrap_or(false),
            cgroup: !settings.x_stats_no_cgroup.unwrap_or(false),
            own: settings.x_stats_self_usage.unwrap_or(false),
            disk_paths: disk_paths(settings),
            gpus: settings.x_stats_gpu_device_ids.as_ref().map(|ids| ids.value.clone()).unwrap_or_default(),
        }
    }
}

/// The file systems to report: `/` unless the settings say something else. An empty list asks for nothing about disks.
pub(super) fn disk_paths(settings: &wire::Settings) -> Vec<String> {
    settings.x_stats_disk_paths.as_ref().map_or_else(|| vec!["/".to_owned()], |paths| paths.value.clone())
}

/// Takes samples. Keeps the counters of its start, from which traffic is counted, and of the last sample, from which
/// processor use is counted.
#[derive(Debug)]
pub struct Sampler {
    config: SamplerConfig,
    host: Option<Host>,
    gpus: Option<Gpus>,
    logical_cpus: u32,
    network: Network,
    disks: Vec<(String, u64, u64)>,
    cpu: Meter,
    own_cpu: Meter,
}

impl Sampler {
    /// Counts from now.
    pub fn new(config: SamplerConfig) -> Self {
        let mut host = Host::new();
        Self {
            gpus: Gpus::find(),
            logical_cpus: host.as_mut().map_or(1, |host| host.cpu().logical),
            network: host.as_mut().map(Host::network).unwrap_or_default(),
            disks: host.as_ref().map(Host::disk_io).unwrap_or_default(),
            host,
            cpu: Meter::new(config.tree),
            own_cpu: Meter::new(false),
            config,
        }
    }

    /// Key and value of everything that can be read now. Percentages are 0 to 100; `cpu` is the process's share of the
    /// whole machine since the last sample, so the first sample is without it.
    pub fn sample(&mut self) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        let mut pids = Vec::new();
        if let Some(mut host) = self.host.take() {
            pids = self.sample_host(&mut host, &mut out);
            self.host = Some(host);
        }
        for path in &self.config.disk_paths {
            if let Some(space) = disk_space::of(Path::new(path)) {
                put(&mut out, format!("disk.{path}.usagePercent"), space.used_percent());
                put(&mut out, format!("disk.{path}.usageGB"), space.used as f64 / GIB);
            }
        }
        if let Some(gpus) = &mut self.gpus {
            gpus.sample(&self.config.gpus, &pids, &mut out);
        }
        out
    }

    /// Returns the ids of the run's processes.
    fn sample_host(&mut self, host: &mut Host, out: &mut Vec<(String, f64)>) -> Vec<u32> {
        let me = std::process::id();
        let pid = if self.config.pid == 0 { me } else { self.config.pid };
        let now = Instant::now();
        let own = if self.config.own { host.processes(me, false) } else { Vec::new() };
        let processes = host.processes(pid, self.config.tree);
        for (key, meter, processes) in [("wandb.cpu", &mut self.own_cpu, &own), ("cpu", &mut self.cpu, &processes)] {
            if let Some(busy) = meter.busy(now, processes) {
                put(out, key, busy * 100.0 / f64::from(self.logical_cpus.max(1)));
            }
        }
        self.sample_traffic(host, out);
        let machine = host.memory();
        let group = machine.filter(|_| self.config.cgroup).and_then(|machine| host.group_memory(pid, machine));
        if let Some(memory) = group.or(machine) {
            let used = memory.total.saturating_sub(memory.available);
            put(out, "memory_percent", used as f64 / memory.total as f64 * 100.0);
            put(out, "proc.memory.availableMB", memory.available as f64 / MIB);
            if !processes.is_empty() {
                let resident = resident(&processes);
                put(out, "proc.memory.rssMB", resident / MIB);
                put(out, "proc.memory.percent", resident / memory.total as f64 * 100.0);
            }
        }
        if let Some(threads) = processes.iter().filter_map(|process| process.threads).reduce(u32::saturating_add) {
            put(out, "proc.cpu.threads", f64::from(threads));
        }
        if !own.is_empty() {
            put(out, "wandb.memory.rssMB", resident(&own) / MIB);
        }
        processes.iter().map(|process| process.pid).collect()
    }

    fn sample_traffic(&self, host: &mut Host, out: &mut Vec<(String, f64)>) {
        let network = host.network();
        put(out, "network.sent", network.sent.saturating_sub(self.network.sent) as f64);
        put(out, "network.recv", network.received.saturating_sub(self.network.received) as f64);
        if let (Some(now), Some(then)) = (network.retransmits, self.network.retransmits) {
            put(out, "network.tcpRetransmits", now.saturating_sub(then) as f64);
        }
        let disks = if self.config.disk_paths.is_empty() { Vec::new() } else { host.disk_io() };
        for (name, read, written) in disks {
            // A disk that came later is counted from its first byte.
            let start = self.disks.iter().find(|(known, ..)| *known == name);
            let (read_then, written_then) = start.map_or((0, 0), |(_, read, written)| (*read, *written));
            put(out, format!("disk.{name}.in"), read.saturating_sub(read_then) as f64 / MIB);
            put(out, format!("disk.{name}.out"), written.saturating_sub(written_then) as f64 / MIB);
        }
    }
}

fn resident(processes: &[Process]) -> f64 {
    processes.iter().map(|process| process.resident as f64).sum()
}

fn put(out: &mut Vec<(String, f64)>, key: impl Into<String>, value: f64) {
    out.push((key.into(), value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn keys(sample: &[(String, f64)]) -> Vec<&str> {
        let shared = |key: &&str| !key.starts_with("gpu.") && !key.ends_with(".in") && !key.ends_with(".out");
        sample.iter().map(|(key, _)| key.as_str()).filter(shared).collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn keys_and_order_are_those_of_the_recording() {
        let settings = wire::Settings {
            x_stats_self_usage: Some(true),
            x_stats_pid: Some(std::process::id() as i32),
            ..Default::default()
        };
        let mut sampler = Sampler::new(SamplerConfig::from_settings(&settings));
        let first = sampler.sample();
        let rest = [
            "network.sent",
            "network.recv",
            "network.tcpRetransmits",
            "memory_percent",
            "proc.memory.availableMB",
            "proc.memory.rssMB",
            "proc.memory.percent",
            "proc.cpu.threads",
            "wandb.memory.rssMB",
            "disk./.usagePercent",
            "disk./.usageGB",
        ];
        assert_eq!(keys(&first), rest);
        std::thread::sleep(Duration::from_millis(5));
        let second = sampler.sample();
        assert_eq!(keys(&second)[..2], ["wandb.cpu", "cpu"]);
        assert_eq!(keys(&second)[2..], rest);
        assert!(second.iter().all(|(_, value)| value.is_finite() && *value >= 0.0), "{second:?}");
    }

    #[test]
    fn a_process_that_is_gone_leaves_the_machine() {
        let settings = wire::Settings { x_stats_pid: Some(i32::MAX), ..Default::default() };
        let mut sampler = Sampler::new(SamplerConfig::from_settings(&settings));
        let sample = sampler.sample();
        assert!(keys(&sample).contains(&"memory_percent"), "{sample:?}");
        assert!(!keys(&sample).contains(&"proc.memory.rssMB"), "{sample:?}");
    }

    #[test]
    fn disks_that_are_asked_for() {
        let disks = |paths: &[&str]| {
            let paths = wire::ListStringValue { value: paths.iter().map(|path| (*path).to_owned()).collect() };
            let settings = wire::Settings { x_stats_disk_paths: Some(paths), ..Default::default() };
            let sample = Sampler::new(SamplerConfig::from_settings(&settings)).sample();
            let keys = sample.into_iter().map(|(key, _)| key).filter(|key| key.starts_with("disk."));
            keys.collect::<Vec<String>>()
        };
        assert_eq!(disks(&[]), Vec::<String>::new(), "not even their traffic");
        assert!(disks(&["/missing-path"]).iter().all(|key| !key.starts_with("disk./")));
        assert!(disks(&["/"]).iter().any(|key| key == "disk./.usageGB"));
    }

    #[cfg(unix)]
    #[test]
    fn work_of_a_child_that_has_ended_still_counts() {
        let settings = wire::Settings { x_stats_track_process_tree: Some(true), ..Default::default() };
        let mut sampler = Sampler::new(SamplerConfig::from_settings(&settings));
        sampler.sample();
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", script]).status().unwrap().success());
        let sample = sampler.sample();
        let cpu = sample.iter().find(|(key, _)| key == "cpu").unwrap().1;
        assert!(cpu > 10.0 / f64::from(sampler.logical_cpus), "{cpu}");
    }
}

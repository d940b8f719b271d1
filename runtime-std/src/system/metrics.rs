//! One sample of the machine as named numbers: the items of a `StatsRecord`.
//!
//! Owns the names, the units and what a number is counted from. Where a counter comes from is not known here.

use super::{
    disk_space,
    gpu::Gpus,
    host::{Host, Network, Usage},
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

/// The file systems to report: `/` unless the settings name some.
pub(super) fn disk_paths(settings: &wire::Settings) -> Vec<String> {
    match &settings.x_stats_disk_paths {
        Some(paths) if !paths.value.is_empty() => paths.value.clone(),
        Some(_) | None => vec!["/".to_owned()],
    }
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
            config,
            cpu: Meter::default(),
            own_cpu: Meter::default(),
        }
    }

    /// Key and value of everything that can be read now. Percentages are 0 to 100; `cpu` is the process's share of the
    /// whole machine since the last sample, so the first sample is without it.
    pub fn sample(&mut self) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        if let Some(mut host) = self.host.take() {
            self.sample_host(&mut host, &mut out);
            self.host = Some(host);
        }
        for path in &self.config.disk_paths {
            if let Some(space) = disk_space::of(Path::new(path)) {
                put(&mut out, format!("disk.{path}.usagePercent"), space.used_percent());
                put(&mut out, format!("disk.{path}.usageGB"), space.used as f64 / GIB);
            }
        }
        if let Some(gpus) = &self.gpus {
            gpus.sample(&self.config.gpus, &mut out);
        }
        out
    }

    fn sample_host(&mut self, host: &mut Host, out: &mut Vec<(String, f64)>) {
        let me = std::process::id();
        let pid = if self.config.pid == 0 { me } else { self.config.pid };
        let now = Instant::now();
        // Before the other, because the group's limit is asked of the process that was refreshed last.
        let own = if self.config.own { host.usage(me, false) } else { None };
        let usage = host.usage(pid, self.config.tree);
        if let Some(percent) = own.and_then(|own| self.own_cpu.percent(now, own, self.logical_cpus)) {
            put(out, "wandb.cpu", percent);
        }
        if let Some(percent) = usage.and_then(|usage| self.cpu.percent(now, usage, self.logical_cpus)) {
            put(out, "cpu", percent);
        }
        self.sample_traffic(host, out);
        let machine = host.memory();
        let group = machine.filter(|_| self.config.cgroup).and_then(|machine| host.group_memory(pid, machine));
        if let Some(memory) = group.or(machine) {
            let used = memory.total.saturating_sub(memory.available);
            put(out, "memory_percent", used as f64 / memory.total as f64 * 100.0);
            put(out, "proc.memory.availableMB", memory.available as f64 / MIB);
            if let Some(usage) = usage {
                put(out, "proc.memory.rssMB", usage.resident as f64 / MIB);
                put(out, "proc.memory.percent", usage.resident as f64 / memory.total as f64 * 100.0);
            }
        }
        if let Some(threads) = usage.and_then(|usage| usage.threads) {
            put(out, "proc.cpu.threads", f64::from(threads));
        }
        if let Some(own) = own {
            put(out, "wandb.memory.rssMB", own.resident as f64 / MIB);
        }
    }

    fn sample_traffic(&self, host: &mut Host, out: &mut Vec<(String, f64)>) {
        let network = host.network();
        put(out, "network.sent", network.sent.saturating_sub(self.network.sent) as f64);
        put(out, "network.recv", network.received.saturating_sub(self.network.received) as f64);
        if let (Some(now), Some(then)) = (network.retransmits, self.network.retransmits) {
            put(out, "network.tcpRetransmits", now.saturating_sub(then) as f64);
        }
        for (name, read, written) in host.disk_io() {
            // A disk that came later is counted from its first byte.
            let start = self.disks.iter().find(|(known, ..)| *known == name);
            let (read_then, written_then) = start.map_or((0, 0), |(_, read, written)| (*read, *written));
            put(out, format!("disk.{name}.in"), read.saturating_sub(read_then) as f64 / MIB);
            put(out, format!("disk.{name}.out"), written.saturating_sub(written_then) as f64 / MIB);
        }
    }
}

/// Makes a rate of processor time.
#[derive(Debug, Default)]
struct Meter {
    last: Option<(Instant, u64)>,
}

impl Meter {
    fn percent(&mut self, now: Instant, usage: Usage, cpus: u32) -> Option<f64> {
        let (then, before) = self.last.replace((now, usage.cpu_ms))?;
        let wall = now.saturating_duration_since(then).as_secs_f64() * 1000.0;
        // With a tree the sum falls when a child ends: that is no negative work.
        let spent = usage.cpu_ms.saturating_sub(before) as f64;
        (wall > 0.0).then(|| spent / wall * 100.0 / f64::from(cpus.max(1)))
    }
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
    fn processor_use_is_a_share_of_the_machine_since_the_last_sample() {
        let mut meter = Meter::default();
        let start = Instant::now();
        let usage = |cpu_ms| Usage { cpu_ms, ..Default::default() };
        assert_eq!(meter.percent(start, usage(1000), 4), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(meter.percent(later, usage(3000), 4), Some(50.0));
        assert_eq!(meter.percent(later + Duration::from_secs(1), usage(10), 4), Some(0.0));
    }

    #[test]
    fn a_missing_path_is_left_out() {
        let paths = vec!["/missing-path".to_owned()];
        let config = SamplerConfig { disk_paths: paths, ..Default::default() };
        assert!(keys(&Sampler::new(config).sample()).iter().all(|key| !key.starts_with("disk./")));
    }
}

//! Counters of this machine and of single processes, mostly through `sysinfo`, refreshing only what is asked for.
//!
//! What a platform cannot tell is `None` or missing. Nothing here makes rates or names of metrics.

use std::collections::BTreeSet;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Handles to the machine, kept between samples.
#[derive(Debug)]
pub(super) struct Host {
    system: System,
    networks: Networks,
    #[cfg(target_os = "linux")]
    disks: Vec<String>,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    /// What programs could still get without swapping.
    pub(super) available: u64,
}

/// A process or the sum of a tree of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time taken so far, in milliseconds.
    pub(super) cpu_ms: u64,
    /// Memory in RAM, in bytes.
    pub(super) resident: u64,
    pub(super) threads: Option<u32>,
}

/// Bytes over all interfaces but the loopback, since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// TCP segments sent again.
    pub(super) retransmits: Option<u64>,
}

/// The processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) cores: u32,
    /// With every hardware thread counted.
    pub(super) logical: u32,
    /// Empty where the machine has no name for it.
    pub(super) model: String,
}

impl Host {
    /// `None` where `sysinfo` cannot read this machine.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            system: System::new().ok()?,
            networks: Networks::new().ok()?,
            #[cfg(target_os = "linux")]
            disks: super::kernel::whole_disks(),
        })
    }

    pub(super) fn memory(&mut self) -> Option<Memory> {
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let total = self.system.total_memory();
        (total > 0).then(|| Memory { total, available: self.system.available_memory() })
    }

    /// The limit that the control group of a process sets, if it is below the machine's memory. Call after `usage`.
    pub(super) fn group_memory(&self, pid: u32, machine: Memory) -> Option<Memory> {
        let limits = self.system.process(Pid::from_u32(pid))?.cgroup_limits()?;
        let bound = limits.total_memory > 0 && limits.total_memory < machine.total;
        bound.then_some(Memory { total: limits.total_memory, available: limits.free_memory.min(limits.total_memory) })
    }

    /// The process and, with `tree`, everything below it. `None` if it is gone.
    pub(super) fn usage(&mut self, pid: u32, tree: bool) -> Option<Usage> {
        let root = Pid::from_u32(pid);
        let only = [root];
        // Who belongs to a tree can only be found by asking all for their parents.
        let which = if tree { ProcessesToUpdate::All } else { ProcessesToUpdate::Some(&only) };
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(which, true, what);
        self.system.process(root)?;
        let mut sum = Usage::default();
        for pid in self.family(root, tree) {
            let Some(process) = self.system.process(pid) else { continue };
            sum.cpu_ms = sum.cpu_ms.saturating_add(process.accumulated_cpu_time());
            sum.resident = sum.resident.saturating_add(process.memory());
            #[cfg(target_os = "linux")]
            if let Some(count) = super::kernel::threads(pid.as_u32()) {
                sum.threads = Some(sum.threads.unwrap_or(0).saturating_add(count));
            }
        }
        Some(sum)
    }

    pub(super) fn network(&mut self) -> Network {
        self.networks.refresh(true);
        let mut sum = Network::default();
        for (name, data) in self.networks.iter() {
            let name = name.to_string_lossy();
            if !matches!(&*name, "lo" | "lo0") && !name.starts_with("Loopback") {
                sum.received = sum.received.saturating_add(data.total_received());
                sum.sent = sum.sent.saturating_add(data.total_transmitted());
            }
        }
        #[cfg(target_os = "linux")]
        {
            sum.retransmits = super::kernel::tcp_retransmits();
        }
        sum
    }

    /// Name, bytes read and bytes written of each whole disk, since boot.
    pub(super) fn disk_io(&self) -> Vec<(String, u64, u64)> {
        #[cfg(target_os = "linux")]
        let found = super::kernel::disk_io(&self.disks);
        #[cfg(not(target_os = "linux"))]
        let found = Vec::new();
        found
    }

    pub(super) fn cpu(&mut self) -> Cpu {
        self.system.refresh_cpu_list(CpuRefreshKind::nothing());
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let logical = count(self.system.cpus().len()).max(1);
        let model = self.system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
        Cpu { cores: System::physical_core_count().map_or(logical, count), logical, model }
    }

    fn family(&self, root: Pid, tree: bool) -> BTreeSet<Pid> {
        let mut members = BTreeSet::from([root]);
        let mut newest = vec![root];
        while tree && !newest.is_empty() {
            newest = self
                .system
                .processes()
                .values()
                // Threads are listed like processes on some platforms.
                .filter(|process| process.thread_kind().is_none() && !members.contains(&process.pid()))
                .filter(|process| process.parent().is_some_and(|parent| newest.contains(&parent)))
                .map(sysinfo::Process::pid)
                .collect();
            members.extend(&newest);
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn this_process_and_a_child() {
        let mut host = Host::new().unwrap();
        let me = std::process::id();
        let alone = host.usage(me, false).unwrap();
        assert!(alone.resident > 0);
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        host.usage(me, true).unwrap();
        assert!(host.family(Pid::from_u32(me), true).contains(&Pid::from_u32(child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(host.usage(child.id(), true), None);
    }

    #[test]
    fn the_machine() {
        let mut host = Host::new().unwrap();
        let cpu = host.cpu();
        assert!(cpu.cores >= 1 && cpu.cores <= cpu.logical, "{cpu:?}");
        let memory = host.memory().unwrap();
        assert!(memory.available <= memory.total && memory.total > 1 << 20);
        host.usage(std::process::id(), false).unwrap();
        if let Some(group) = host.group_memory(std::process::id(), memory) {
            assert!(group.total < memory.total && group.available <= group.total);
        }
    }
}

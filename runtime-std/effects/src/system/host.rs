//! Counters of this machine and of single processes, mostly through `sysinfo`, refreshing only what is asked for.
//!
//! What a platform cannot tell is `None` or missing. Nothing here makes rates or names of metrics.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Just that a process exists, and its parent.
fn nothing() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing().without_tasks()
}

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

/// One process, now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// Tells it from an earlier process with the same id.
    pub(super) started: u64,
    pub(super) parent: u32,
    /// Processor time taken so far, in milliseconds.
    pub(super) cpu_ms: u64,
    /// Processor time of children that have ended and were waited for, with theirs; in milliseconds.
    pub(super) waited_ms: u64,
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

    /// The limit that the control group of a process sets, if it is below the machine's memory.
    pub(super) fn group_memory(&mut self, pid: u32, machine: Memory) -> Option<Memory> {
        let pid = Pid::from_u32(pid);
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, nothing());
        let limits = self.system.process(pid)?.cgroup_limits()?;
        let bound = limits.total_memory > 0 && limits.total_memory < machine.total;
        bound.then_some(Memory { total: limits.total_memory, available: limits.free_memory.min(limits.total_memory) })
    }

    /// The process and, with `tree`, everything below it, each after its parent. Empty if it is gone.
    pub(super) fn processes(&mut self, pid: u32, tree: bool) -> Vec<Process> {
        let mut found: Vec<Process> = self.read(&[pid]);
        let mut next = 0;
        while tree && let Some(process) = found.get(next) {
            let children = self.children(process.pid);
            let new: Vec<u32> =
                children.into_iter().filter(|pid| found.iter().all(|known| known.pid != *pid)).collect();
            found.extend(self.read(&new));
            next += 1;
        }
        found
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

    /// Those that still are there.
    #[cfg(target_os = "linux")]
    fn read(&mut self, pids: &[u32]) -> Vec<Process> {
        pids.iter().filter_map(|pid| super::kernel::process(*pid)).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&mut self, pids: &[u32]) -> Vec<Process> {
        let pids: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(*pid)).collect();
        let what = nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, what);
        let found = pids.iter().filter_map(|pid| self.system.process(*pid));
        found
            .map(|process| Process {
                pid: process.pid().as_u32(),
                started: process.start_time(),
                parent: process.parent().map_or(0, Pid::as_u32),
                cpu_ms: process.accumulated_cpu_time(),
                waited_ms: 0,
                resident: process.memory(),
                threads: None,
            })
            .collect()
    }

    #[cfg(target_os = "linux")]
    fn children(&mut self, pid: u32) -> Vec<u32> {
        super::kernel::children(pid).unwrap_or_else(|| self.children_by_parents(pid))
    }

    #[cfg(not(target_os = "linux"))]
    fn children(&mut self, pid: u32) -> Vec<u32> {
        self.children_by_parents(pid)
    }

    /// Where no process can be asked for its children, all are asked for their parents, and for nothing else.
    fn children_by_parents(&mut self, parent: u32) -> Vec<u32> {
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing());
        let all = self.system.processes().values();
        // Threads are listed like processes on some platforms.
        let children = all.filter(|process| process.thread_kind().is_none());
        let children = children.filter(|process| process.parent() == Some(Pid::from_u32(parent)));
        children.map(|process| process.pid().as_u32()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn ids(processes: &[Process]) -> Vec<u32> {
        processes.iter().map(|process| process.pid).collect()
    }

    #[test]
    fn this_process_alone() {
        let found = Host::new().unwrap().processes(std::process::id(), false);
        assert_eq!(ids(&found), [std::process::id()]);
        assert!(found[0].resident > 1 << 16 && found[0].started > 0, "{found:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_tree_is_found_from_its_root_in_both_ways() {
        let mut host = Host::new().unwrap();
        let script = "sleep 60 & echo $!; wait";
        let mut shell = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut line).unwrap();
        let sleep: u32 = line.trim().parse().unwrap();

        let tree = host.processes(shell.id(), true);
        assert_eq!(ids(&tree), [shell.id(), sleep]);
        assert_eq!((tree[0].parent, tree[1].parent), (std::process::id(), shell.id()));
        assert_eq!(host.children_by_parents(shell.id()), [sleep]);
        let mine = ids(&host.processes(std::process::id(), true));
        assert!(mine.contains(&shell.id()) && mine.contains(&sleep), "{mine:?}");
        assert!(!mine.contains(&std::os::unix::process::parent_id()));

        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(host.processes(shell.id(), true), []);
        assert!(Command::new("kill").arg(sleep.to_string()).status().unwrap().success());
    }

    #[test]
    fn the_machine() {
        let mut host = Host::new().unwrap();
        let cpu = host.cpu();
        assert!(cpu.cores >= 1 && cpu.cores <= cpu.logical, "{cpu:?}");
        let memory = host.memory().unwrap();
        assert!(memory.available <= memory.total && memory.total > 1 << 20);
        if let Some(group) = host.group_memory(std::process::id(), memory) {
            assert!(group.total < memory.total && group.available <= group.total);
        }
    }
}

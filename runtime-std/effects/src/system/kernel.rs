//! Counters that Linux keeps below `/proc` and `sysinfo` does not read, or only with much else: single processes and
//! their children, TCP retransmits, and whole disks.

use super::host::Process;
use std::fs;

/// Names of block devices that are no disks.
const NOT_DISKS: [&str; 5] = ["loop", "ram", "zram", "sr", "fd"];

/// Disks that have a size; partitions are parts of them and not listed.
pub(super) fn whole_disks() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/block") else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let sectors: u64 = read(entry.path().join("size"))?.trim().parse().ok()?;
            // The kernel writes a slash in a disk's name as `!` here only.
            (sectors > 0 && !NOT_DISKS.contains(&kind)).then(|| name.replace('!', "/"))
        })
        .collect();
    names.sort();
    names
}

/// Name, bytes read and bytes written of the given disks, since boot.
pub(super) fn disk_io(disks: &[String]) -> Vec<(String, u64, u64)> {
    let text = read("/proc/diskstats").unwrap_or_default();
    diskstats(&text)
        .filter(|(name, ..)| disks.iter().any(|disk| disk == name))
        .map(|(name, read, written)| (name.to_owned(), read, written))
        .collect()
}

/// TCP segments sent again, since boot.
pub(super) fn tcp_retransmits() -> Option<u64> {
    retransmits(&read("/proc/net/snmp")?)
}

/// One process; nothing if it is gone.
pub(super) fn process(pid: u32) -> Option<Process> {
    let hertz = rustix::param::clock_ticks_per_second();
    parse_process(&read(format!("/proc/{pid}/stat"))?, hertz, rustix::param::page_size() as u64)
}

/// The children of a process; nothing if this kernel keeps no list of them or the process is gone.
pub(super) fn children(pid: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    let mut listed = false;
    // A child belongs to the thread that made it.
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let Some(text) = read(task.path().join("children")) else { continue };
        listed = true;
        found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    listed.then_some(found)
}

fn read(path: impl AsRef<std::path::Path>) -> Option<String> {
    // A process may give itself a name that is not Unicode.
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_process(stat: &str, hertz: u64, page: u64) -> Option<Process> {
    // The name may hold spaces and brackets, so count from the last bracket.
    let (head, rest) = stat.split_at_checked(stat.rfind(')')? + 1)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let millis = |user: usize, system: usize| Some((field(user)? + field(system)?) * 1000 / hertz.max(1));
    Some(Process {
        pid: head.split_ascii_whitespace().next()?.parse().ok()?,
        parent: u32::try_from(field(1)?).ok()?,
        cpu_ms: millis(11, 12)?,
        waited_ms: millis(13, 14)?,
        threads: u32::try_from(field(17)?).ok(),
        started: field(19)?,
        resident: field(21)?.saturating_mul(page),
    })
}

fn retransmits(snmp: &str) -> Option<u64> {
    let mut tcp = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let column = tcp.next()?.split_ascii_whitespace().position(|name| name == "RetransSegs")?;
    tcp.next()?.split_ascii_whitespace().nth(column)?.parse().ok()
}

fn diskstats(text: &str) -> impl Iterator<Item = (&str, u64, u64)> {
    // Sectors here have 512 bytes whatever the disk's own are.
    const SECTOR: u64 = 512;
    text.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.nth(2)?;
        let read: u64 = fields.nth(2)?.parse().ok()?;
        let written: u64 = fields.nth(3)?.parse().ok()?;
        Some((name, read.saturating_mul(SECTOR), written.saturating_mul(SECTOR)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name() {
        let stat = "123 (a) b (c) S 7 123 123 0 -1 4194560 100 0 2 0 55 6 10 2 20 0 17 0 98765 1000000 4321 1 1";
        let wanted = Process {
            pid: 123,
            started: 98765,
            parent: 7,
            cpu_ms: 610,
            waited_ms: 120,
            resident: 4321 * 4096,
            threads: Some(17),
        };
        assert_eq!(parse_process(stat, 100, 4096), Some(wanted));
        assert_eq!(parse_process("123 (x) S 7", 100, 4096), None);
        assert_eq!(parse_process("", 100, 4096), None);
        let me = process(std::process::id()).unwrap();
        assert!(me.threads >= Some(1) && me.pid == std::process::id(), "{me:?}");
        assert_eq!(process(u32::MAX), None);
        assert_eq!(children(u32::MAX), None);
    }

    #[test]
    fn retransmits_are_found_by_name() {
        let snmp = "Ip: A B\nIp: 1 2\nTcp: RtoAlgorithm RetransSegs InErrs\nTcp: 1 42 0\n";
        assert_eq!(retransmits(snmp), Some(42));
        assert_eq!(retransmits("Ip: A\n"), None);
    }

    #[test]
    fn disk_counters() {
        let text = " 254       0 vda 24752 6991 10 23672 10738 33937 20 30283 0 8584 55797\n   7 0 loop0 1 2\n";
        assert_eq!(diskstats(text).collect::<Vec<_>>(), [("vda", 5120, 10240)]);
        assert!(whole_disks().iter().all(|name| !name.starts_with("loop")));
    }
}

//! Counters that Linux keeps below `/proc` and `sysinfo` does not read: threads of a process, TCP retransmits, and
//! whole disks.

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

/// How many threads a process has now.
pub(super) fn threads(pid: u32) -> Option<u32> {
    thread_count(&read(format!("/proc/{pid}/stat"))?)
}

fn read(path: impl AsRef<std::path::Path>) -> Option<String> {
    // A process may give itself a name that is not Unicode.
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn thread_count(stat: &str) -> Option<u32> {
    // The name may hold spaces and brackets, so count from the last bracket.
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(17)?.parse().ok()
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
    fn threads_of_a_process_with_an_odd_name() {
        let stat = "123 (a) b (c) S 7 123 123 0 -1 4194560 100 0 2 0 55 6 1 2 20 0 17 0 98765 1000000 4321 1 1";
        assert_eq!(thread_count(stat), Some(17));
        assert_eq!(thread_count("123 (x) S 7"), None);
        assert_eq!(thread_count(""), None);
        assert!(threads(std::process::id()).unwrap() >= 1);
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

//! Size and use of the file system a path lies on.

use std::path::Path;

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskSpace {
    pub(super) total: u64,
    /// Taken by files.
    pub(super) used: u64,
    /// What an ordinary user may still take; with `used` less than `total` where some is kept for root.
    pub(super) available: u64,
}

impl DiskSpace {
    /// As `df` counts it: of what ordinary users have, in percent.
    pub(super) fn used_percent(&self) -> f64 {
        let reach = self.used.saturating_add(self.available);
        if reach == 0 { 0.0 } else { self.used as f64 / reach as f64 * 100.0 }
    }
}

/// `None`: no such path, or it may not be looked at.
#[cfg(unix)]
pub(super) fn of(path: &Path) -> Option<DiskSpace> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(DiskSpace {
        total: bytes(stat.f_blocks),
        used: bytes(stat.f_blocks.saturating_sub(stat.f_bfree)),
        available: bytes(stat.f_bavail),
    })
}

/// `None`: no disk holds the path.
#[cfg(not(unix))]
pub(super) fn of(path: &Path) -> Option<DiskSpace> {
    // Not the canonical path, which on Windows begins in a way that no disk does.
    let path = std::path::absolute(path).ok().filter(|path| path.exists())?;
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let disk = disks
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())?;
    let (total, available) = (disk.total_space(), disk.available_space());
    Some(DiskSpace { total, used: total.saturating_sub(available), available })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_leaves_out_what_is_kept_for_root() {
        let space = DiskSpace { total: 100, used: 20, available: 60 };
        assert_eq!(space.used_percent(), 25.0);
        assert_eq!(DiskSpace { total: 0, used: 0, available: 0 }.used_percent(), 0.0);
    }

    #[test]
    fn a_real_disk_and_none() {
        let dir = tempfile::tempdir().unwrap();
        let space = of(dir.path()).unwrap();
        assert!(space.total > 0 && space.used <= space.total, "{space:?}");
        assert_eq!(of(&dir.path().join("missing")), None);
    }
}

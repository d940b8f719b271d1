//! What the figures were measured on and with, read at run time. Must not measure.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine and both programs.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Model of the first processor.
    pub cpu: String,
    /// Processors this process may use.
    pub cores: usize,
    /// Kernel release.
    pub kernel: String,
    /// Load averages before the first measurement: a busy machine shows here.
    pub load_before: String,
    /// Load averages after the last measurement.
    pub load_after: String,
    /// What the official program calls itself.
    pub official: String,
    /// What our program calls itself.
    pub ours: String,
}

impl Machine {
    /// Reads all of it.
    pub fn read(official: &Path, ours: &Path) -> Machine {
        Machine {
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().map_or(0, |n| n.get()),
            kernel: one_line("/proc/sys/kernel/osrelease"),
            load_before: load(),
            load_after: String::new(),
            official: version(official),
            ours: version(ours),
        }
    }
}

/// The load averages of the last 1, 5 and 15 minutes.
pub fn load() -> String {
    one_line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn one_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or("unknown", |(_, name)| name.trim()).to_owned()
}

/// The first lines of `--help`, which name the product, its version and its commit, and the size of the program.
fn version(program: &Path) -> String {
    let size = fs::metadata(program).map_or(0, |m| m.len()) as f64 / f64::from(1 << 20);
    let Ok(out) = Command::new(program).arg("--help").output() else { return format!("cannot start, {size:.1} MiB") };
    let text = [out.stderr, out.stdout].concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage")).take(3).collect();
    format!("{} ({size:.1} MiB)", lines.join(", "))
}

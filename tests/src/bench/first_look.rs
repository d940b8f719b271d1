//! How often the SDK's first look after the spawn finds the port file. Measured by the SDK's own launching code in
//! Python, because how long that code takes between spawn and look decides the result.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::{BenchError, Doing, Result};

const SCRIPT: &str = include_str!("first_look.py");

/// What the script found.
#[derive(Debug, Clone, Deserialize)]
pub struct FirstLook {
    /// Number of starts.
    pub looks: u32,
    /// Starts in which the first look was enough.
    pub first: u32,
    /// Duration of each launch as the SDK's caller sees it, milliseconds.
    pub launch_ms: Vec<f64>,
}

/// Starts `program` `count` times under `python`.
pub fn first_look(python: &Path, program: &Path, count: u32) -> Result<FirstLook> {
    let out = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(program)
        .arg(count.to_string())
        .env("WANDB_ERROR_REPORTING", "false")
        .stdin(Stdio::null())
        .output()
        .doing(format!("starting {}", python.display()))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(BenchError::Python(said.lines().last().unwrap_or("it said nothing").to_owned()));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|e| BenchError::Python(format!("unreadable answer: {e}")))
}

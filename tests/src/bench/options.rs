//! The command line of `bench_sidecar`: where the programs are and how much to measure. Must not measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{BenchError, Doing, Result};

/// Printed with every usage error and by `--help`.
pub const USAGE: &str = "\
usage: bench_sidecar [options]

  --official PATH  the official sidecar (default: inside the package of --python)
  --ours PATH      our sidecar (default: `runwire` beside this program)
  --python PATH    a Python with the official package
                   (default: $RUNWIRE_PYTHON, then official/bin/python in the target folder)
  --quick          fewer steps and repetitions: minutes become seconds, noise grows
  --repeat N       repetitions of each per-step measurement (default 5; 3 with --quick)
  --only LIST      some of: steps,start,look,growth,runs,online (comma separated; default all but online)
  --online         the same as --only online: runs that upload to an embedded server
  --json PATH      write all single values there, too
  --scratch DIR    where logs are written (default: the system's temporary folder)";

/// The groups of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// CPU, throughput, memory and log size at 10, 100, 1000 metrics a step.
    Steps,
    /// Spawn to port file.
    Start,
    /// The SDK's first look at the port file.
    Look,
    /// Memory of a long run against a short one.
    Growth,
    /// Memory after many runs in one service.
    Runs,
    /// Runs that upload.
    Online,
}

/// All groups by the name they have in `--only`.
const GROUPS: [(&str, Group); 6] = [
    ("steps", Group::Steps),
    ("start", Group::Start),
    ("look", Group::Look),
    ("growth", Group::Growth),
    ("runs", Group::Runs),
    ("online", Group::Online),
];

/// The parsed command line.
#[derive(Debug)]
pub struct Options {
    /// The official sidecar's program.
    pub official: PathBuf,
    /// Our sidecar's program.
    pub ours: PathBuf,
    /// A Python with the official package.
    pub python: PathBuf,
    /// Fewer steps.
    pub quick: bool,
    /// Repetitions of each per-step measurement.
    pub repeat: usize,
    /// What to measure.
    pub groups: Vec<Group>,
    /// Where to write all values as JSON.
    pub json: Option<PathBuf>,
    /// Where logs are written.
    pub scratch: PathBuf,
}

impl Options {
    /// Parses the arguments (without the program's name). `None`: help was asked for.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>> {
        let (mut official, mut ours, mut python, mut repeat, mut json) = (None, None, None, None, None);
        let (mut quick, mut scratch) = (false, std::env::temp_dir());
        let mut groups: Vec<Group> =
            GROUPS.iter().map(|(_, group)| *group).filter(|group| *group != Group::Online).collect();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| BenchError::Usage(format!("{arg} needs a value")));
            match arg.as_str() {
                "--official" => official = Some(PathBuf::from(value()?)),
                "--ours" => ours = Some(PathBuf::from(value()?)),
                "--python" => python = Some(PathBuf::from(value()?)),
                "--json" => json = Some(PathBuf::from(value()?)),
                "--scratch" => scratch = PathBuf::from(value()?),
                "--repeat" => repeat = Some(parse_repeat(&value()?)?),
                "--only" => groups = parse_groups(&value()?)?,
                "--quick" => quick = true,
                "--online" => groups = vec![Group::Online],
                "-h" | "--help" => return Ok(None),
                _ => return Err(BenchError::Usage(format!("unknown argument {arg}"))),
            }
        }
        let python = match python {
            Some(python) => python,
            None => default_python()?,
        };
        let official = match official {
            Some(path) => path,
            None => official_of(&python)?,
        };
        let ours = match ours {
            Some(path) => path,
            None => beside_us("runwire")?,
        };
        must_exist(&official, "give it with --official, or a Python with the official package with --python")?;
        must_exist(&ours, "build it (cargo build --release -p runwire-std) or give it with --ours")?;
        let repeat = repeat.unwrap_or(if quick { 3 } else { 5 });
        Ok(Some(Options { official, ours, python, quick, repeat, groups, json, scratch }))
    }

    /// Whether a group is to be measured.
    pub fn wants(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }
}

fn parse_repeat(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        Ok(_) | Err(_) => Err(BenchError::Usage(format!("--repeat needs a number from 1, not {text}"))),
    }
}

fn parse_groups(list: &str) -> Result<Vec<Group>> {
    list.split(',')
        .map(|name| {
            let found = GROUPS.iter().find(|(known, _)| *known == name);
            found.map(|(_, group)| *group).ok_or_else(|| BenchError::Usage(format!("--only does not know {name}")))
        })
        .collect()
}

fn default_python() -> Result<PathBuf> {
    if let Some(python) = std::env::var_os("RUNWIRE_PYTHON") {
        return Ok(python.into());
    }
    // This program lies in <target>/<profile>/.
    let target = beside_us("..")?;
    Ok(target.join("official/bin/python"))
}

/// The sidecar inside the package that `python` imports.
fn official_of(python: &Path) -> Result<PathBuf> {
    must_exist(python, "set RUNWIRE_PYTHON or --python to a Python with the official package")?;
    let code = "import importlib.util as u, os; print(os.path.dirname(u.find_spec('wandb').origin))";
    let out = Command::new(python).args(["-c", code]).output().doing(format!("starting {}", python.display()))?;
    if !out.status.success() {
        return Err(BenchError::Python("it has no package named wandb".into()));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()).join("bin/wandb-core"))
}

fn beside_us(name: &str) -> Result<PathBuf> {
    let us = std::env::current_exe().doing("looking for this program's own folder")?;
    Ok(us.parent().unwrap_or(Path::new(".")).join(name))
}

fn must_exist(path: &Path, hint: &'static str) -> Result<()> {
    if path.exists() { Ok(()) } else { Err(BenchError::NoProgram { path: path.to_owned(), hint }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>> {
        Options::parse(args.iter().map(|s| (*s).to_owned()))
    }

    #[test]
    fn paths_and_groups() {
        let us = std::env::current_exe().unwrap();
        let us = us.to_str().unwrap();
        let options = parse(&[
            "--official",
            us,
            "--ours",
            us,
            "--python",
            "none",
            "--only",
            "look,steps",
            "--quick",
            "--json",
            "out.json",
        ]);
        let options = options.unwrap().unwrap();
        assert!(options.wants(Group::Look) && options.wants(Group::Steps) && !options.wants(Group::Runs));
        assert_eq!(options.repeat, 3);
        assert_eq!(options.json, Some(PathBuf::from("out.json")));
    }

    #[test]
    fn mistakes_are_told() {
        for (args, word) in [
            (vec!["--repeat", "0"], "--repeat"),
            (vec!["--only", "steps,x"], "know x"),
            (vec!["--json"], "needs a value"),
            (vec!["--fast"], "--fast"),
            (vec!["--python", "/nowhere/python"], "RUNWIRE_PYTHON"),
        ] {
            let said = parse(&args).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
        assert!(parse(&["--help"]).unwrap().is_none());
    }
}

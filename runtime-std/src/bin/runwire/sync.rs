//! `runwire sync PATH...`: uploads logs, with a bar for each on a terminal and plain lines elsewhere.

use crate::{arguments::Arguments, fail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use runwire_core::sync::{Severity, SyncOutcome};
use runwire_std::{
    local::{self, Shared, Wanted},
    sync::{
        self, SyncOptions, Uploaded, Watcher,
        credentials::{self, Server},
        paths,
    },
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::Duration,
};

const USAGE: &str = "runwire sync PATH... [--all] [--watch] [--again] [-n N] [--local] [--base-url URL] [--api-key KEY] \
                     [--project P] [--entity E] [--id ID] [--job-type TYPE] [--replace-tags OLD=NEW,...]";

struct Asked {
    paths: Vec<PathBuf>,
    base_url: Option<String>,
    api_key: Option<String>,
    local: bool,
    options: SyncOptions,
}

fn parse(words: &[OsString]) -> Result<Asked, String> {
    let server = Server { base_url: String::new(), api_key: String::new() };
    let overrides = runwire_core::sync::Overrides::default();
    let options = SyncOptions { server, overrides, watch: false, again: false, parallel: 5 };
    let mut asked = Asked { paths: Vec::new(), base_url: None, api_key: None, local: false, options };
    let mut rest = Arguments::new(words);
    while let Some(word) = rest.next() {
        let options = &mut asked.options;
        match word.name.as_str() {
            "--all" => asked.paths.push(".".into()),
            "--watch" | "--live" => options.watch = true,
            "--again" => options.again = true,
            "--local" => asked.local = true,
            "-n" | "--parallel" => options.parallel = rest.parsed(&word)?,
            "--base-url" => asked.base_url = Some(rest.text(&word)?),
            "--api-key" => asked.api_key = Some(rest.text(&word)?),
            "-p" | "--project" => options.overrides.project = rest.text(&word)?,
            "-e" | "--entity" => options.overrides.entity = rest.text(&word)?,
            "--id" => options.overrides.run_id = rest.text(&word)?,
            "--job-type" => options.overrides.job_type = rest.text(&word)?,
            "--replace-tags" => options.overrides.tag_replacements.extend(replaced(&rest.text(&word)?)?),
            "--" => asked.paths.extend(rest.rest().into_iter().map(PathBuf::from)),
            flag if flag.starts_with('-') => return Err(format!("{flag} is not known: {USAGE}")),
            _ => asked.paths.push(word.whole.into()),
        }
    }
    if asked.paths.is_empty() {
        return Err(format!("sync needs a log, a run's folder, or a folder `wandb`: {USAGE}"));
    }
    Ok(asked)
}

/// Tags as `old=new,old=new`; nothing behind the sign removes the tag.
fn replaced(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |part: &str| match part.split_once('=') {
        Some((old, new)) if !old.trim().is_empty() => Ok((old.trim().to_owned(), new.trim().to_owned())),
        Some(_) | None => Err(format!("'{part}' replaces no tag: it needs the form old=new: {USAGE}")),
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

pub(crate) fn run(words: &[OsString]) -> i32 {
    let mut asked = match parse(words) {
        Ok(asked) => asked,
        Err(why) => return fail(2, &why),
    };
    let found = paths::find(&asked.paths, asked.options.again);
    for (path, why) in &found.problems {
        eprintln!("runwire: {}: {why}", path.display());
    }
    if found.delivered > 0 {
        println!("Skipped {} that were delivered before (--again sends them anew).", runs(found.delivered));
    }
    let bad = i32::from(!found.problems.is_empty());
    if found.logs.is_empty() {
        println!("Nothing to upload.");
        return bad;
    }
    let interrupted = match local::interrupted() {
        Ok(flag) => flag,
        Err(error) => return fail(1, &format!("signals can't be taken: {error}")),
    };
    let shared = if asked.local {
        match Shared::start(&Wanted::default()) {
            Ok(shared) => Some(shared),
            Err(error) => return fail(1, &error.to_string()),
        }
    } else {
        None
    };
    asked.options.server = match &shared {
        Some(shared) => Server { base_url: shared.address.url.clone(), api_key: shared.address.key.clone() },
        None => match credentials::find(asked.base_url, asked.api_key) {
            Ok(server) => server,
            Err(error) => return fail(1, &error.to_string()),
        },
    };
    let mut show = Show::new(std::io::stderr().is_terminal());
    let uploaded = sync::sync(&found.logs, &asked.options, &interrupted, &mut show);
    let left: Vec<&Uploaded> = uploaded.iter().filter(|one| !one.is_whole()).collect();
    println!("Delivered {} of {}.", uploaded.len() - left.len(), runs(uploaded.len()));
    for one in &left {
        println!("  {}: {}", one.log.display(), why(one));
    }
    if left.iter().any(|one| one.outcome.error.is_some()) {
        println!("The same command goes on where this one ended; nothing is sent twice.");
    }
    if left.is_empty() { bad } else { 1 }
}

fn why(one: &Uploaded) -> String {
    let mut text = match &one.outcome.error {
        Some(error) => {
            let sent = one.outcome.delivered;
            format!(
                "{error} ({} rows, {} files and {} of {} bytes of the log are delivered)",
                sent.rows, sent.files, sent.log_bytes, one.bytes
            )
        }
        None => "everything that could be read is delivered".into(),
    };
    if !one.outcome.losses.is_empty() {
        text.push_str(&format!("; lost: {}", one.outcome.losses.join("; ")));
    }
    text
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".into() } else { format!("{count} runs") }
}

/// Bars on a terminal, lines elsewhere.
struct Show {
    bars: Option<MultiProgress>,
    running: BTreeMap<PathBuf, ProgressBar>,
}

impl Show {
    fn new(terminal: bool) -> Self {
        Show { bars: terminal.then(MultiProgress::new), running: BTreeMap::new() }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // The terminal may be gone; the uploads are not.
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }
}

impl Watcher for Show {
    fn started(&mut self, log: &Path) {
        let Some(bars) = &self.bars else { return self.line(&format!("Uploading {}", log.display())) };
        let style = ProgressStyle::with_template("{prefix:24!} [{bar:30}] {bytes:>10} of {total_bytes:10} {msg}");
        let bar = bars.add(ProgressBar::new(0));
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(log.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.running.insert(log.to_path_buf(), bar);
    }

    fn message(&mut self, _: &Path, severity: Severity, text: &str) {
        match severity {
            Severity::Info => self.line(text),
            Severity::Warning => self.line(&format!("Warning: {text}")),
            Severity::Error => self.line(&format!("Error: {text}")),
        }
    }

    fn progress(&mut self, log: &Path, outcome: &SyncOutcome, bytes: u64) {
        if let Some(bar) = self.running.get(log) {
            bar.set_length(bytes);
            bar.set_position(outcome.delivered.log_bytes.min(bytes));
            bar.set_message(format!("{} rows, {} files", outcome.delivered.rows, outcome.delivered.files));
        }
    }

    fn ended(&mut self, uploaded: &Uploaded) {
        if let Some(bar) = self.running.remove(&uploaded.log) {
            bar.finish_and_clear();
        }
        let sent = uploaded.outcome.delivered;
        self.line(&format!(
            "{}: {} rows, {} machine samples, {} console lines, {} files",
            uploaded.log.display(),
            sent.rows,
            sent.events,
            sent.console,
            sent.files
        ));
    }
}

//! The core without any runtime: a loop of your own, files written by hand, time that you choose.

use prost::Message;
use runwire_core::{
    ClientId, CloseReason, Completion, Config, Effect, Engine, Failure, FailureKind, Input, Instant, Output, UnixNanos,
    id::EffectId,
};
use runwire_proto::wire::{self, record::RecordType, request::RequestType};
use std::{
    collections::VecDeque,
    error::Error,
    fs,
    io::{self, Seek, SeekFrom, Write},
    time::Duration,
};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("runwire-custom-loop-{}", std::process::id()));
    let log = dir.join("run-custom.wandb");
    let settings = wire::Settings {
        offline: Some(true),
        sync_dir: Some(dir.display().to_string()),
        sync_file: Some(log.display().to_string()),
        x_disable_stats: Some(true),
        ..Default::default()
    };
    let mut engine = Engine::new(Config::new(settings), 1, Instant::ZERO, UnixNanos(0), None);
    let mut script: VecDeque<Input> = (0..100).map(|n| record(row(n))).collect();
    script.push_front(record(RecordType::Run(wire::RunRecord { run_id: "custom".into(), ..Default::default() })));
    script.push_back(record(RecordType::Exit(wire::RunExitRecord::default())));
    script.push_back(Input::Close(CloseReason::Finish));
    let mut file = None;
    let (mut now, mut effects) = (Instant::ZERO, 0);
    loop {
        // 1. Drain the outputs, and do what they say.
        let mut outcomes: VecDeque<(EffectId, Completion)> = VecDeque::new();
        let finished = loop {
            match engine.poll_output() {
                Output::Effect(id, effect) => {
                    effects += 1;
                    outcomes.push_back((id, perform(&mut file, effect)));
                }
                Output::Notice(notice) => println!("{notice}"),
                Output::Cancel(_) | Output::Reply(..) => {}
                // 2. Nothing more to do until something happens.
                Output::Wait(_) => break None,
                Output::Finished(summary) => break Some(summary),
            }
        };
        if let Some(summary) = finished {
            println!("{effects} effects, {:?}", summary.accounts);
            println!("log: {}", log.display());
            return Ok(());
        }
        // 3. Choose what happens next: an outcome, an input of your own, or time.
        now = now.after(Duration::from_millis(1));
        let mut inputs: VecDeque<Input> = outcomes.into_iter().map(|(id, done)| Input::Completed(id, done)).collect();
        inputs.extend(if inputs.is_empty() { script.pop_front().or(Some(Input::Tick)) } else { None });
        // 4. One input at a time, each followed by a drain (here the others wait in front of the script).
        if let Some(input) = inputs.pop_front() {
            engine.handle_input(now, input)?;
        }
        inputs.into_iter().rev().for_each(|input| script.push_front(input));
    }
}

fn record(kind: RecordType) -> Input {
    let record = wire::Record { record_type: Some(kind), ..Default::default() };
    Input::Record { client: ClientId(1), ticket: None, record: record.encode_to_vec().into() }
}

fn row(n: u32) -> RecordType {
    let item = wire::HistoryItem { key: "n".into(), value_json: n.to_string(), ..Default::default() };
    let part = wire::PartialHistoryRequest { item: vec![item], ..Default::default() };
    RecordType::Request(wire::Request { request_type: Some(RequestType::PartialHistory(part)) })
}

fn append(log: &mut Option<fs::File>, at: u64, bytes: &[u8]) -> io::Result<()> {
    let Some(file) = log else { return Ok(()) };
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Effects as plain calls. A failure is an outcome like any other.
fn perform(log: &mut Option<fs::File>, effect: Effect) -> Completion {
    let done = match effect {
        Effect::OpenLog { path, files_dir } => fs::create_dir_all(files_dir)
            .and_then(|()| fs::File::create_new(path))
            .map(|file| *log = Some(file))
            .map(|()| Completion::Opened),
        Effect::AppendLog { at, bytes } => append(log, at, &bytes).map(|()| Completion::Appended),
        Effect::SyncLog { .. } => log.as_ref().map_or(Ok(()), fs::File::sync_data).map(|()| Completion::Synced),
        Effect::CloseLog => {
            *log = None;
            Ok(Completion::Closed)
        }
        Effect::WriteFile { path, bytes } => fs::write(path, bytes).map(|()| Completion::Written),
        Effect::PatchFile { path, bytes, .. } => fs::write(path, bytes).map(|()| Completion::Written),
        // This program's runs have no event files.
        Effect::LinkFile { .. } => Ok(Completion::Written),
        Effect::TailFiles { .. } => Ok(Completion::Tail { files: Vec::new(), bytes: Default::default() }),
        Effect::SampleSystem(_) => Ok(Completion::Sampled(Vec::new())),
        Effect::ProbeSystem(_) => Ok(Completion::Probed(Box::default())),
        // This run neither saves its code nor talks to a server.
        other @ (Effect::SaveCode { .. }
        | Effect::WriteSecret { .. }
        | Effect::ReadFile { .. }
        | Effect::StatFiles { .. }
        | Effect::HashFile { .. }
        | Effect::Http(_)) => Ok(runwire_core::completion::success(other.kind())),
    };
    done.unwrap_or_else(|error| Completion::Failed(Failure { kind: FailureKind::Other, message: error.to_string() }))
}

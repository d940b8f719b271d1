//! Follows the log of a live run and prints its rows: a front end that only reads.
//!
//! `tail FILE` ends when the run has ended; `tail FILE --once` prints what is there.

use prost::Message;
use runwire_proto::{
    log::{LogEvent, LogReader, Tail},
    wire::{HistoryRecord, Record, record::RecordType},
};
use std::{
    error::Error,
    fs::File,
    io::{Read, Seek, SeekFrom},
    thread,
    time::Duration,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: tail FILE [--once]")?;
    let once = args.next().is_some_and(|arg| arg == "--once");
    let mut file = File::open(path)?;
    let mut reader = LogReader::new();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        file.read_to_end(&mut bytes)?;
        reader.push(&bytes);
        loop {
            match reader.next() {
                LogEvent::Record { bytes, .. } => match Record::decode(&bytes[..])?.record_type {
                    Some(RecordType::History(row)) => println!("{}", line(&row)),
                    Some(RecordType::Exit(exit)) => {
                        println!("the run ended with code {}", exit.exit_code);
                        return Ok(());
                    }
                    Some(_) | None => {}
                },
                LogEvent::Damage(damage) => eprintln!("{damage}"),
                LogEvent::Fatal(error) => return Err(error.into()),
                LogEvent::NeedMore(_) if once => return Ok(()),
                LogEvent::NeedMore(Tail::Clean) => break,
                // Half a record, or pages that have not arrived yet: read again from its start.
                LogEvent::NeedMore(Tail::Incomplete { .. }) => {
                    file.seek(SeekFrom::Start(reader.rewind()))?;
                    break;
                }
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// `12: loss=0.25 acc=0.9`
fn line(row: &HistoryRecord) -> String {
    let step = row.step.map_or_else(|| "-".into(), |step| step.num.to_string());
    let name = |key: &str, nested: &[String]| if nested.is_empty() { key.to_owned() } else { nested.join(".") };
    let items = row.item.iter().map(|item| (name(&item.key, &item.nested_key), &item.value_json));
    let shown = items.filter(|(name, _)| !name.starts_with('_')).map(|(name, value)| format!(" {name}={value}"));
    format!("{step}:{}", shown.collect::<String>())
}

//! What the beginning of a log says of its run: enough to tell which logs belong together, and which is the older one.

use prost::Message;
use runwire_proto::{
    log::{LogEvent, LogReader},
    wire::{self, record::RecordType},
};
use std::{fs::File, io::Read, path::Path};

/// A run record stands at the beginning; what comes this late is not looked for.
const HEAD_BYTES_MAX: usize = 16 << 20;

/// The first run record of the log at `path`, if there is one that can be read.
pub(super) fn run_of(path: &Path) -> Option<wire::RunRecord> {
    let mut file = File::open(path).ok()?;
    let mut reader = LogReader::new();
    let mut piece = vec![0; 64 << 10];
    let mut read = 0;
    loop {
        match reader.next() {
            LogEvent::Record { bytes, .. } => {
                if let Ok(wire::Record { record_type: Some(RecordType::Run(run)), .. }) = wire::Record::decode(bytes) {
                    return Some(run);
                }
            }
            LogEvent::Damage(_) => {}
            LogEvent::Fatal(_) => return None,
            LogEvent::NeedMore(_) => match file.read(&mut piece) {
                Ok(count) if count > 0 && read < HEAD_BYTES_MAX => {
                    read += count;
                    reader.push(&piece[..count]);
                }
                Ok(_) | Err(_) => return None,
            },
        }
    }
}

//! Which logs belong to one run, and which of them is the older one: read from their beginnings. Knows nothing of uploads.

use crate::sync::Overrides;
use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec::Vec,
};
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    log::{LogEvent, LogReader},
    wire::{self, record::RecordType},
};

/// Bytes of a log in which its run record is looked for.
pub(super) const HEAD_BYTES: u32 = 1 << 20;

/// The first run record in the beginning of a log.
pub(super) fn run_of(head: &Bytes) -> Option<wire::RunRecord> {
    let mut reader = LogReader::new();
    reader.push(head);
    loop {
        match reader.next() {
            LogEvent::Record { bytes, .. } => {
                if let Ok(wire::Record { record_type: Some(RecordType::Run(run)), .. }) = wire::Record::decode(bytes) {
                    return Some(run);
                }
            }
            LogEvent::Damage(_) => {}
            LogEvent::Fatal(_) | LogEvent::NeedMore(_) => return None,
        }
    }
}

/// Logs of one run together, oldest first; in the order of their first ones.
pub(super) fn groups(
    logs: Vec<(String, Option<wire::RunRecord>)>,
    overrides: &Overrides,
) -> VecDeque<VecDeque<String>> {
    type Begun = (i64, i32);
    let or = |wish: &str, text: String| if wish.is_empty() { text } else { wish.into() };
    let mut by_run: BTreeMap<[String; 3], Vec<(Begun, String)>> = BTreeMap::new();
    for (path, run) in logs {
        let run = run.unwrap_or_default();
        let begun = run.start_time.map_or((i64::MAX, 0), |start| (start.seconds, start.nanos));
        // A log without a run belongs to no other.
        let id = if run.run_id.is_empty() { path.clone() } else { run.run_id };
        let key = [or(&overrides.entity, run.entity), or(&overrides.project, run.project), or(&overrides.run_id, id)];
        by_run.entry(key).or_default().push((begun, path));
    }
    let mut groups: Vec<Vec<(Begun, String)>> = by_run.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.sort();
    groups.into_iter().map(|group| group.into_iter().map(|(_, path)| path).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use runwire_proto::log::LogWriter;

    fn run(id: &str, seconds: i64) -> Option<wire::RunRecord> {
        let start_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        Some(wire::RunRecord { run_id: id.into(), start_time, ..Default::default() })
    }

    #[test]
    fn the_run_is_found_behind_other_records_and_not_in_half_a_log() {
        let mut log = Vec::new();
        let mut writer = LogWriter::create(&mut log);
        for kind in [RecordType::Header(Default::default()), RecordType::Run(run("a", 5).expect("a run"))] {
            writer.push(&wire::Record { record_type: Some(kind), ..Default::default() }.encode_to_vec(), &mut log);
        }
        assert_eq!(run_of(&Bytes::from(log.clone())), run("a", 5));
        log.truncate(log.len() - 1);
        assert_eq!(run_of(&Bytes::from(log)), None);
        assert_eq!(run_of(&Bytes::from_static(b"nonsense")), None);
    }

    #[test]
    fn parts_of_a_run_follow_each_other_by_start_time_whatever_their_folders_are_called() {
        let logs = || {
            let known = [("/1", run("a", 9)), ("/2", run("b", 7)), ("/3", run("a", 3)), ("/4", None)];
            known.into_iter().map(|(path, run)| (path.into(), run)).collect::<Vec<(String, _)>>()
        };
        let order = |overrides: &Overrides| groups(logs(), overrides).into_iter().map(Vec::from).collect::<Vec<_>>();
        assert_eq!(order(&Overrides::default()), [vec!["/3", "/1"], vec!["/2"], vec!["/4"]]);
        let one = Overrides { run_id: "x".into(), ..Overrides::default() };
        assert_eq!(order(&one), [["/3", "/2", "/1", "/4"]]);
    }
}

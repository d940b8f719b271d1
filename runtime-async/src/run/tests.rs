//! A run from the outside: what its log holds afterwards.
#![cfg(any(feature = "smol", feature = "async-std"))]

use super::*;
use futures_lite::future::block_on;
use runwire_proto::log::{LogEvent, read_all};
use std::fs;

/// Numbers of the rows in a log, and its exit code.
fn rows(path: &Path) -> (usize, Option<i32>) {
    let bytes = fs::read(path).unwrap();
    let (mut rows, mut exit) = (0, None);
    for event in read_all(&bytes) {
        match event {
            LogEvent::Record { bytes, .. } => {
                match prost::Message::decode(&bytes[..]).map(|r: wire::Record| r.record_type) {
                    Ok(Some(RecordType::History(_))) => rows += 1,
                    Ok(Some(RecordType::Exit(record))) => exit = Some(record.exit_code),
                    Ok(_) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            LogEvent::Damage(damage) => panic!("{damage}"),
            LogEvent::NeedMore(_) => {}
            LogEvent::Fatal(error) => panic!("{error}"),
        }
    }
    (rows, exit)
}

#[test]
fn every_row_is_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let run = Run::init(RunOptions::new("p").dir(dir.path())).await.unwrap();
        for step in 0..100 {
            run.log_values(&[("loss", 1.0 / f64::from(step + 1))]).await.unwrap();
        }
        assert_eq!(run.step().await.unwrap(), 100);
        let report = run.finish().await.unwrap();
        assert_eq!(rows(&report.log), (100, Some(0)));
        assert_eq!((report.accounts.stored, report.accounts.refused()), (report.accounts.accepted, 0));
        assert!(matches!(run.finish().await, Err(RunError::Finished)));
        assert!(matches!(run.log_values(&[("late", 1.0)]).await, Err(RunError::Finished)));
    });
}

//! A run from the outside: what its log and its files hold afterwards.

use super::*;
use prost::Message;
use runwire_proto::log::{LogEvent, read_all};
use std::fs;

fn records(path: &Path) -> Vec<wire::Record> {
    let bytes = fs::read(path).unwrap();
    let events: Vec<LogEvent> = read_all(&bytes).collect();
    events
        .into_iter()
        .filter_map(|event| match event {
            LogEvent::Record { bytes, .. } => Some(wire::Record::decode(&bytes[..]).unwrap()),
            LogEvent::Damage(damage) => panic!("{damage}"),
            LogEvent::NeedMore(_) => None,
            LogEvent::Fatal(error) => panic!("{error}"),
        })
        .collect()
}

fn rows(path: &Path) -> Vec<wire::HistoryRecord> {
    let history = |record: wire::Record| match record.record_type {
        Some(RecordType::History(history)) => Some(history),
        _ => None,
    };
    records(path).into_iter().filter_map(history).collect()
}

fn exit_code(path: &Path) -> Option<i32> {
    match records(path).pop()?.record_type {
        Some(RecordType::Exit(exit)) => Some(exit.exit_code),
        _ => None,
    }
}

#[test]
fn every_row_is_in_the_log_and_the_files_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let options = RunOptions::new("p").id("abc").dir(dir.path()).config("lr", &0.1).unwrap();
    let run = Run::init(options).unwrap();
    for step in 0..100 {
        run.log_values(&[("loss", 1.0 / f64::from(step + 1)), ("nan", f64::NAN)]).unwrap();
    }
    assert_eq!(run.step().unwrap(), 100);
    run.summary("best", &0.01).unwrap();
    let report = run.finish().unwrap();
    assert!(!report.timed_out);
    assert_eq!(rows(&report.log).len(), 100);
    assert_eq!(exit_code(&report.log), Some(0));
    let counts = report.accounts;
    assert_eq!((counts.accepted, counts.refused()), (records(&report.log).len() as u64, 0));
    assert_eq!(counts.stored, counts.accepted);
    for name in ["config.yaml", "wandb-summary.json", "wandb-metadata.json"] {
        assert!(report.dir.join("files").join(name).is_file(), "{name}");
    }
    let summary = fs::read_to_string(report.dir.join("files/wandb-summary.json")).unwrap();
    assert!(summary.contains("\"best\":0.01"), "{summary}");
    assert!(matches!(run.finish(), Err(RunError::Finished)));
    assert!(matches!(run.log_values(&[("late", 1.0)]), Err(RunError::Finished)));
}

#[test]
fn threads_share_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::init(RunOptions::new("p").dir(dir.path())).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let run = run.clone();
            std::thread::spawn(move || (0..250).try_for_each(|n| run.log_values(&[("n", f64::from(n))])))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    let steps: Vec<i64> = rows(&run.finish().unwrap().log).iter().map(|row| row.step.unwrap_or_default().num).collect();
    assert_eq!(steps, (0..1000).collect::<Vec<i64>>());
}

#[test]
fn dropping_the_last_handle_finishes_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::init(RunOptions::new("p").dir(dir.path())).unwrap();
    run.log_values(&[("a", 1.0)]).unwrap();
    let log = run.log_path().to_path_buf();
    drop(run.clone());
    assert_eq!(exit_code(&log), None);
    drop(run);
    assert_eq!(exit_code(&log), Some(0));
}

#[test]
fn a_panic_of_the_program_is_an_exit_code_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_path_buf();
    let (send, receive) = std::sync::mpsc::channel();
    let died = std::thread::spawn(move || {
        let run = Run::init(RunOptions::new("p").dir(root)).unwrap();
        send.send(run.log_path().to_path_buf()).unwrap();
        run.log_values(&[("a", 1.0)]).unwrap();
        panic!("the training fails");
    })
    .join();
    assert!(died.is_err());
    let log = receive.recv().unwrap();
    assert_eq!((rows(&log).len(), exit_code(&log)), (1, Some(1)));
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Run::init(RunOptions::new("p").dir(&file)).err().unwrap();
    assert!(error.to_string().contains("file/wandb"), "{error}");
}

#[test]
fn two_runs_of_one_second_have_two_folders() {
    let dir = tempfile::tempdir().unwrap();
    let begin = || Run::init(RunOptions::new("p").id("same").dir(dir.path())).unwrap();
    let (one, two) = (begin(), begin());
    assert_ne!(one.dir(), two.dir());
    assert!(one.dir().parent().unwrap().join("latest-run").exists());
}

#[test]
fn the_default_folder_is_the_current_one_and_absolute() {
    let here = std::env::current_dir().unwrap();
    assert_eq!(RunOptions::new("p").root().unwrap(), here);
    assert_eq!(RunOptions::new("p").dir("").root().unwrap(), here);
    assert_eq!(RunOptions::new("p").dir("below").root().unwrap(), here.join("below"));
}

#[test]
fn an_id_that_is_no_name_is_refused_with_the_rule() {
    let dir = tempfile::tempdir().unwrap();
    for id in ["a/b", "", "a\\b", "a:b", "a\nb"] {
        let error = Run::init(RunOptions::new("p").id(id).dir(dir.path())).err().unwrap().to_string();
        assert!(error.contains("1 to 128 characters") && error.contains("RunOptions::id"), "{error}");
    }
    assert!(!dir.path().join("wandb").exists(), "nothing was made");
}

#[test]
fn a_number_that_json_lacks_stays_itself_deep_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::init(RunOptions::new("p").dir(dir.path())).unwrap();
    let deep = std::collections::BTreeMap::from([("val", vec![f64::NAN, f64::INFINITY, 0.5])]);
    run.log(&std::collections::BTreeMap::from([("deep", deep)])).unwrap();
    let report = run.finish().unwrap();
    let items = rows(&report.log).remove(0).item;
    let texts: Vec<&str> = items.iter().map(|item| &*item.value_json).collect();
    assert!(texts.contains(&"[NaN,Infinity,0.5]"), "{texts:?}");
}

//! The cases of the page "log" about uploads, by their numbers, with `runwire sync`. Where ours is meant to do better than
//! the official client, the test says so.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runwire_local::Fault;
use runwire_proto::wire::record::RecordType;
use runwire_tests::uploads::{Bench, beside, column, golden, place_of, until, wait};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

#[test]
fn log_54_a_missing_path_is_an_error_and_does_not_keep_others_back() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    let ended = bench.sync(&["nowhere.wandb", log.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("nowhere.wandb: "), "{}", ended.stderr);
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 5);
}

#[test]
fn log_55_parts_of_one_run_follow_each_other_by_start_time() {
    let bench = Bench::new();
    let older = bench.place("2", "r", &golden("12a_resume_part1"));
    let newer = bench.place("1", "r", &golden("12b_resume_part2"));
    let ended = bench.sync(&[newer.to_str().unwrap(), older.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let state = bench.state_of(&newer);
    assert_eq!(column(&state, "_step"), (0..6).map(Value::from).collect::<Vec<_>>());
    assert_eq!(
        (place_of(&older)["starting_step"].clone(), place_of(&newer)["starting_step"].clone()),
        (0.into(), 3.into())
    );
    // And a second time nothing changes.
    assert_eq!(bench.sync(&[newer.to_str().unwrap(), older.to_str().unwrap()]).code, Some(0));
    assert_eq!(bench.state_of(&newer)["history"], state["history"]);
}

#[test]
fn log_56_another_entity_project_and_id() {
    let bench = Bench::new();
    let log = bench.golden("05_unicode");
    let ended = bench.sync(&[log.to_str().unwrap(), "--project", "proj2", "--entity", "local", "--id=newid"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(bench.state("proj2", "newid")["complete"], true);
    // What is known of the run under its own name is not touched by this.
    assert!(!beside(&log, ".delivered").exists());
}

#[test]
fn log_56_another_job_type_and_other_tags() {
    let bench = Bench::new();
    let log = bench.golden("05_unicode");
    let recorded = runwire_tests::logs::Log::read(&log);
    let tags = recorded.types().find_map(|kind| match kind {
        RecordType::Run(run) => Some(run.tags.clone()),
        _ => None,
    });
    let tags = tags.unwrap();
    let (first, second) = (tags[0].clone(), tags[1].clone());
    let ended =
        bench.sync(&[log.to_str().unwrap(), "--job-type", "eval", "--replace-tags", &format!("{first}=new,{second}=")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let asked = bench.controls().requests(Some("graphql:UpsertBucket")).remove(0)["body"]["variables"].clone();
    assert_eq!(asked["jobType"], "eval");
    let rest: Vec<Value> = tags[2..].iter().cloned().map(Value::from).collect();
    assert_eq!(asked["tags"], Value::from([vec!["new".into()], rest].concat()));

    let ended = bench.sync(&[log.to_str().unwrap(), "--replace-tags", "bad"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("old=new"), "{}", ended.stderr);
}

/// The official client keeps `.syncstate` for the step and sends all rows again; ours keeps what is delivered as well.
#[test]
fn log_57_the_starting_step_is_kept_and_a_second_sync_sends_no_row() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let note = place_of(&log);
    assert_eq!(
        (&note["starting_step"], &note["starting_runtime_ms"], &note["complete"]),
        (&0.into(), &0.into(), &true.into())
    );
    assert_eq!(bench.sync_log(&log).code, Some(0));
    assert_eq!(place_of(&log), note);
}

#[test]
fn log_58_a_marked_log_is_skipped_in_a_folder_and_counted() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    fs::write(beside(&log, ".synced"), "").unwrap();
    let ended = bench.sync(&["wandb"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("Skipped 1 run ") && ended.stdout.contains("Nothing to upload."), "{}", ended.stdout);
    // Named itself, it is meant.
    assert_eq!(bench.sync_log(&log).code, Some(0));
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 5);
}

#[test]
fn log_59_success_leaves_an_empty_mark_and_a_refusal_none() {
    let bench = Bench::new();
    let (good, bad) = (bench.golden("01_scalars"), bench.golden("02_nested"));
    bench.controls().inject(Fault {
        contains: Some("g02".into()),
        status: Some(403),
        times: -1,
        ..Fault::on("graphql:UpsertBucket")
    });
    let ended = bench.sync(&["wandb"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(fs::read(beside(&good, ".synced")).unwrap(), b"");
    assert!(!beside(&bad, ".synced").exists());
    assert!(
        ended.stdout.contains("Delivered 1 of 2 runs.") && ended.stdout.contains("run-02_nested.wandb: "),
        "{}",
        ended.stdout
    );
}

#[test]
fn log_60_61_a_live_log_is_followed_to_its_exit() {
    let bench = Bench::new();
    let whole = golden("03a_steps140");
    let log = bench.place("1", "live", &whole[..7]);
    let child = bench.command(&[log.to_str().unwrap(), "--watch"]).spawn().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    // The cut is inside a record.
    file.write_all(&whole[7..20_001]).unwrap();
    let seen = until("rows of a live log", || {
        let text = fs::read_to_string(beside(&log, ".delivered")).ok()?;
        let note: Value = serde_json::from_str(&text).ok()?;
        note["delivered"]["history"].as_u64().filter(|rows| *rows > 10)
    });
    assert!(seen < 140);
    file.write_all(&whole[20_001..]).unwrap();
    let ended = wait(child);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 140);
}

#[test]
fn log_62_an_interrupt_of_a_live_sync_ends_it_soon_and_the_next_goes_on() {
    let bench = Bench::new();
    let whole = golden("03a_steps140");
    let log = bench.place("1", "live", &whole[..20_001]);
    let child = bench.command(&[log.to_str().unwrap(), "--watch"]).spawn().unwrap();
    until("the first rows", || {
        let text = fs::read_to_string(beside(&log, ".delivered")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?["delivered"]["history"].as_u64().filter(|rows| *rows > 10)
    });
    let start = Instant::now();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let ended = wait(child);
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    fs::write(&log, &whole).unwrap();
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let state = bench.state_of(&log);
    assert_eq!(column(&state, "_step"), (0..140).map(Value::from).collect::<Vec<_>>());
    assert_eq!(state["counters"]["conflicts"], 0);
}

#[test]
fn log_63_a_wrong_key_is_said_at_once_in_the_servers_words() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    let start = Instant::now();
    let ended = bench.sync(&[log.to_str().unwrap(), "--api-key", "wrong"]);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("API key"), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(bench.controls().requests(Some("graphql:UpsertBucket")).len(), 1);
}

#[test]
fn log_64_the_recorded_exit_code_is_told() {
    let bench = Bench::new();
    let log = bench.golden("15_exit3");
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let state = bench.state_of(&log);
    assert_eq!((&state["exit_code"], &state["state"]), (&json!(3), &json!("failed")));
}

#[test]
fn log_65_the_last_name_notes_tags_alert_and_preempting() {
    let bench = Bench::new();
    let log = bench.golden("07_config_summary");
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let state = bench.state_of(&log);
    assert_eq!(
        (&state["display_name"], &state["notes"], &state["preempting"]),
        (&json!("renamed"), &json!("changed"), &json!(true))
    );
    assert_eq!(state["alerts"].as_array().map(Vec::len), Some(1));
    // A second sync does not raise the alert again; the official one does.
    assert_eq!(bench.sync_log(&log).code, Some(0));
    assert_eq!(bench.state_of(&log)["alerts"].as_array().map(Vec::len), Some(1));
}

/// The official client claims success here; ours delivers the rows and names what is missing.
#[test]
fn log_66_media_whose_files_are_gone() {
    let bench = Bench::new();
    let log = bench.golden("11_media");
    let ended = bench.sync_log(&log);
    let state = bench.state_of(&log);
    assert_eq!(column(&state, "_step").len() as u64, runwire_std::inspect::inspect(&log).unwrap().rows());
    let files = state["files"].as_object().unwrap();
    assert!(!files.keys().any(|name| name.starts_with("media/")), "{:?}", files.keys());
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("media/"), "{}\n{}", ended.stdout, ended.stderr);
}

#[test]
fn log_68_an_online_and_an_offline_run_keep_the_same_log() {
    let bench = Bench::new();
    let kinds = |options: runwire_std::RunOptions| {
        let run = runwire_std::Run::init(options.dir(bench.dir.path())).unwrap();
        (0..10).for_each(|n| run.log_values(&[("x", f64::from(n))]).unwrap());
        let report = run.finish().unwrap();
        let kinds: Vec<String> =
            runwire_tests::logs::Log::read(&report.log).kinds().iter().map(|k| (*k).into()).collect();
        // When the machine's facts come is a matter of time.
        (kinds.into_iter().filter(|kind| kind != "environment").collect::<Vec<_>>(), report)
    };
    let (offline, _) = kinds(runwire_std::RunOptions::new("p"));
    let online = runwire_std::RunOptions::new("p").server(bench.server.url(), runwire_tests::uploads::KEY);
    let (online, report) = kinds(online);
    assert_eq!(online, offline);
    assert_eq!(column(&bench.state_of(&report.log), "x").len(), 10);
    assert!(report.url.unwrap().starts_with(&bench.server.url()));
}

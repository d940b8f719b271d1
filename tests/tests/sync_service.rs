//! Uploads that a client of the service asks for: the messages of the page "log", and the official `wandb sync` on our
//! service.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_proto::wire::{
    ServerInitSyncRequest, ServerSyncRequest, ServerSyncResponse, ServerSyncStatusRequest, Settings,
    server_request::ServerRequestType as Ask, server_response::ServerResponseType as Answer,
};
use runwire_tests::{
    client::Client,
    official::{official_python, runwire_program},
    sidecar::Sidecar,
    uploads::{Bench, KEY, beside, column, golden, place_of, until, wait},
};
use std::path::Path;

fn init(client: &mut Client, bench: &Bench, path: &str) -> String {
    let settings = Settings { base_url: Some(bench.server.url()), api_key: Some(KEY.into()), ..Settings::default() };
    let cwd = bench.dir.path().to_str().unwrap().to_string();
    let request =
        ServerInitSyncRequest { path: vec![path.into()], settings: Some(settings), cwd, ..Default::default() };
    match client.ask(Ask::InitSync(request)).server_response_type {
        Some(Answer::InitSyncResponse(answer)) => answer.id,
        other => panic!("{other:?}"),
    }
}

fn sync(client: &mut Client, id: &str) -> ServerSyncResponse {
    let request = ServerSyncRequest { id: id.into(), parallelism: 5 };
    match client.ask(Ask::Sync(request)).server_response_type {
        Some(Answer::SyncResponse(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn log_51_52_53_operations_have_ids_and_unknown_ones_are_said_to_be() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let ids = [init(&mut client, &bench, "nowhere"), init(&mut client, &bench, log.to_str().unwrap())];
    assert_eq!(ids, ["sync-0", "sync-1"]);

    let unknown = sync(&mut client, "sync-77").messages;
    let text = "Internal error: operation unknown or already started: sync-77";
    assert_eq!(unknown.iter().map(|m| (m.severity, m.content.as_str())).collect::<Vec<_>>(), [(40, text)]);

    let status = |client: &mut Client| {
        let request = ServerSyncStatusRequest { id: "sync-1".into() };
        match client.ask(Ask::SyncStatus(request)).server_response_type {
            Some(Answer::SyncStatusResponse(answer)) => answer,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status(&mut client), Default::default(), "it has not begun");
    let messages = sync(&mut client, "sync-1").messages;
    assert!(messages.iter().any(|m| m.severity == 20 && m.content.contains("Finished syncing")), "{messages:?}");
    assert_eq!(status(&mut client), Default::default(), "it has ended");
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 5);
}

/// A relative path is below the folder that the client names.
#[test]
fn log_54_a_missing_path_is_a_message_for_its_user() {
    let bench = Bench::new();
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let id = init(&mut client, &bench, "nowhere/run-x.wandb");
    let messages = sync(&mut client, &id).messages;
    assert!(messages.iter().any(|m| m.severity == 40), "{messages:?}");
}

/// In the order of their names they would follow each other the wrong way round.
#[test]
fn log_55_parts_of_one_run_follow_each_other_by_start_time_in_the_service_too() {
    let bench = Bench::new();
    let older = bench.place("2", "r", &golden("12a_resume_part1"));
    let newer = bench.place("1", "r", &golden("12b_resume_part2"));
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let settings = Settings { base_url: Some(bench.server.url()), api_key: Some(KEY.into()), ..Settings::default() };
    let path = [&newer, &older].map(|log| log.to_str().unwrap().to_string()).to_vec();
    let request = ServerInitSyncRequest { path, settings: Some(settings), ..Default::default() };
    let id = match client.ask(Ask::InitSync(request)).server_response_type {
        Some(Answer::InitSyncResponse(answer)) => answer.id,
        other => panic!("{other:?}"),
    };
    let messages = sync(&mut client, &id).messages;
    let state = bench.state_of(&newer);
    assert_eq!(column(&state, "_step"), (0..6).map(serde_json::Value::from).collect::<Vec<_>>(), "{messages:?}");
}

/// A log that grows, over the socket: what takes time is told, and it ends by itself.
#[test]
fn log_60_and_61_a_live_log_is_followed_by_the_service() {
    let bench = Bench::new();
    let whole = golden("03a_steps140");
    let log = bench.place("1", "live", &whole[..20_001]);
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let settings = Settings { base_url: Some(bench.server.url()), api_key: Some(KEY.into()), ..Settings::default() };
    let path = vec![log.to_str().unwrap().to_string()];
    let request = ServerInitSyncRequest { path, settings: Some(settings), live: true, ..Default::default() };
    client.ask(Ask::InitSync(request));
    let asked = client.post(Ask::Sync(ServerSyncRequest { id: "sync-0".into(), parallelism: 1 }));
    let label = until("the end of what there is", || {
        let request = ServerSyncStatusRequest { id: "sync-0".into() };
        match client.ask(Ask::SyncStatus(request)).server_response_type {
            Some(Answer::SyncStatusResponse(answer)) => answer.stats.into_iter().next(),
            other => panic!("{other:?}"),
        }
        .filter(|stats| stats.operations.iter().any(|operation| operation.desc == "waiting for more data"))
        .map(|stats| stats.label)
    });
    std::fs::write(&log, &whole).unwrap();
    match client.answer(&asked).server_response_type {
        Some(Answer::SyncResponse(answer)) => {
            assert!(answer.messages.iter().any(|m| m.content.contains("Finished syncing")), "{:?}", answer.messages);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 140);
    let place = place_of(&log);
    let named = ["entity", "project", "run_id"].map(|name| place[name].as_str().unwrap().to_string());
    assert_eq!(label, named.join("/"));
}

#[test]
fn the_official_sync_on_our_service_delivers_every_row_once() {
    let bench = Bench::new();
    let log = bench.golden("03a_steps140");
    let official = |log: &Path| {
        let mut command = bench.command(&[]);
        let mut exec = std::process::Command::new(runwire_program());
        exec.args(["exec", "--"]).arg(official_python()).args(["-m", "wandb", "sync", "--no-skip-synced"]).arg(log);
        exec.current_dir(bench.dir.path()).stdin(std::process::Stdio::null());
        exec.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => exec.env(name, value),
                None => exec.env_remove(name),
            };
        }
        command = exec;
        wait(command.env("WANDB_ERROR_REPORTING", "false").spawn().unwrap())
    };
    let first = official(&log);
    assert_eq!(first.code, Some(0), "{}\n{}", first.stdout, first.stderr);
    assert!(beside(&log, ".synced").exists(), "{}\n{}", first.stdout, first.stderr);
    let again = official(&log);
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    let state = bench.state_of(&log);
    assert_eq!(column(&state, "_step").len(), 140);
    assert_eq!((&state["counters"]["duplicates"], &state["counters"]["conflicts"]), (&0.into(), &0.into()));
}

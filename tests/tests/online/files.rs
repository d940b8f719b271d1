//! Files of a run on their way to storage.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use runwire_proto::wire::files_item::PolicyType;
use runwire_proto::wire::{AlertRecord, ListStringValue, record::RecordType};
use runwire_tests::online::{Backend, Online, files, set_up_on};
use runwire_tests::sidecar::Launch;
use serde_json::{Value, json};

const ASK: &str = "graphql:CreateRunFiles";

/// A run that saves one file while this fault is there.
fn with_fault(fault: Value) -> (Value, Backend) {
    let backend = Backend::start();
    backend.fault(fault);
    let mut online = Online::on(backend, |_| {});
    online.save("f.txt", "content", PolicyType::End);
    online.end()
}

fn has(state: &Value, name: &str) -> bool {
    files(state).iter().any(|file| file == name)
}

fn asked(backend: &Backend) -> Vec<String> {
    let names = |v: &Value| v["files"].as_array().cloned().unwrap_or_default();
    backend
        .variables("CreateRunFiles")
        .iter()
        .flat_map(names)
        .map(|name| name.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn uploads_of(backend: &Backend, name: &str) -> Vec<Value> {
    let all = backend.requests("upload");
    all.into_iter().filter(|put| put["path"].as_str().is_some_and(|path| path.contains(name))).collect()
}

#[test]
fn backend_54_and_run_56_files_are_asked_for_together() {
    let mut online = Online::new();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        online.save(name, name, PolicyType::Now);
    }
    let first = online.backend.await_requests(ASK, 1).remove(0);
    let mut names: Vec<Value> = first["body"]["variables"]["files"].as_array().cloned().unwrap_or_default();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, ["a.txt", "b.txt", "c.txt", "d.txt"]);
    let (state, _) = online.end();
    assert!(has(&state, "a.txt") && has(&state, "d.txt"));
}

#[test]
fn run_56_now_live_end_and_ignored() {
    let mut online = Online::with(|settings| {
        settings.ignore_globs = Some(ListStringValue { value: vec!["*.tmp".into(), "d/*".into()] });
    });
    let start = std::time::Instant::now();
    online.save("now.txt", "now", PolicyType::Now);
    online.save("live.txt", "one", PolicyType::Live);
    online.save("end.txt", "early", PolicyType::End);
    for ignored in ["x.tmp", "d/x.txt"] {
        online.save(ignored, "x", PolicyType::Now);
    }
    online.backend.await_answered("upload", 2);
    assert!(start.elapsed() < std::time::Duration::from_secs(9), "a batch takes about five seconds");
    std::fs::write(online.dir().join("files/live.txt"), "two, longer").expect("it can be written");
    let second = online.backend.await_requests(ASK, 2).remove(1);
    assert_eq!(second["body"]["variables"]["files"], json!(["live.txt"]), "it goes alone");
    online.backend.await_answered("upload", 3);
    std::fs::write(online.dir().join("files/end.txt"), "late").expect("it can be written");
    let (state, backend) = online.end();
    assert_eq!((&state["files"]["end.txt"]["size"], uploads_of(&backend, "end.txt").len()), (&json!(4), 1));
    assert_eq!((uploads_of(&backend, "now.txt").len(), uploads_of(&backend, "live.txt").len()), (1, 2));
    let asked = asked(&backend);
    assert!(asked.iter().all(|name| !name.ends_with(".tmp") && !name.starts_with("d/")), "{asked:?}");
}

#[test]
fn backend_55_a_live_file_is_sent_when_it_changes_and_only_then() {
    let mut online = Online::new();
    online.save("live.txt", "one", PolicyType::Live);
    online.backend.await_answered("upload", 1);
    std::fs::write(online.dir().join("files/live.txt"), "two, longer").expect("it can be written");
    online.backend.await_answered("upload", 2);
    let (state, backend) = online.end();
    assert_eq!(uploads_of(&backend, "live.txt").len(), 2, "unchanged content is not sent at the end");
    assert_eq!(state["files"]["live.txt"]["size"], 11);
}

#[test]
fn backend_56_an_empty_file() {
    let mut online = Online::new();
    online.save("empty.txt", "", PolicyType::End);
    let (state, backend) = online.end();
    assert!(has(&state, "empty.txt"));
    assert_eq!(uploads_of(&backend, "empty.txt")[0]["headers"]["content-length"], "0");
}

#[test]
fn backend_57_ignored_files_are_not_even_named() {
    let mut online = Online::with(|settings| {
        settings.ignore_globs = Some(ListStringValue { value: vec!["*.skip".into()] });
    });
    online.save("a.skip", "a", PolicyType::End);
    online.save("a.keep", "a", PolicyType::End);
    let (state, backend) = online.end();
    assert!(has(&state, "a.keep"));
    assert!(!asked(&backend).contains(&"a.skip".to_owned()));
}

#[test]
fn run_57_files_elsewhere_and_files_that_are_not_there() {
    let mut online = Online::new();
    std::fs::write(online.dir().join("outside.txt"), "secret").expect("it can be written");
    online.save("inside.txt", "a", PolicyType::End);
    online.hand_over(&["/etc/hostname", "../outside.txt", "missing.txt"], PolicyType::End);
    let (state, backend) = online.end();
    assert!(has(&state, "inside.txt"));
    // The official client names `../x` to the server before it refuses it.
    assert!(asked(&backend).iter().all(|name| !name.contains("etc") && !name.contains("..")), "{:?}", asked(&backend));
    assert!(uploads_of(&backend, "outside").is_empty() && uploads_of(&backend, "hostname").is_empty());
}

#[test]
fn backend_58_headers_that_storage_wants() {
    let headers = ["X-Up: v1", "Content-Type: text/zzz", "bad"].map(str::to_owned).to_vec();
    let backend = Backend::with(|options| options.settings.upload_headers = headers);
    let mut online = Online::on(backend, |_| {});
    online.save("f.txt", "content", PolicyType::End);
    let (_, backend) = online.end();
    let put = &uploads_of(&backend, "f.txt")[0];
    assert_eq!((&put["headers"]["x-up"], &put["headers"]["content-type"]), (&json!("v1"), &json!("text/zzz")));
}

#[test]
fn backend_59_storage_of_another_vendor() {
    // Any success is one; the official client wants exactly 201 here.
    for status in [201, 200] {
        let backend = Backend::with(|options| {
            options.settings.upload_headers = vec!["x-ms-blob-type: BlockBlob".into()];
            options.settings.upload_status = status;
        });
        let mut online = Online::on(backend, |_| {});
        online.save("f.txt", "content", PolicyType::End);
        let (state, backend) = online.end();
        assert!(has(&state, "f.txt"), "{status}");
        assert_eq!(uploads_of(&backend, "f.txt")[0]["headers"]["x-ms-blob-type"], "BlockBlob");
    }
}

/// An answer to the first question that lists these files only.
fn listed(files: Value) -> Value {
    json!({"on": ASK, "status": 200, "body": {"data": {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}}})
}

#[test]
fn backend_60_a_short_answer() {
    // The official client uploads nothing of such a batch; ours asks again for what is missing.
    let (state, backend) = with_fault(listed(json!([])));
    assert!(has(&state, "f.txt"));
    assert!(backend.count(ASK) >= 2);
}

#[test]
fn backend_61_an_answer_that_names_another_file() {
    let backend = Backend::start();
    let address = format!("{}/storage/elsewhere", backend.url());
    backend.fault(listed(json!([{"name": "../../f.txt", "uploadUrl": address}])));
    let mut online = Online::on(backend, |_| {});
    let secret = online.dir().parent().expect("a run lies in a folder").join("f.txt");
    std::fs::write(&secret, "not for anybody").expect("it can be written");
    online.save("f.txt", "content", PolicyType::End);
    let (state, backend) = online.end();
    assert!(uploads_of(&backend, "elsewhere").is_empty(), "nothing is sent there");
    assert_eq!(state["state"], "finished");
    // The file that was really wanted is asked for again; the official client leaves it out.
    assert_eq!(state["files"]["f.txt"]["size"], 7, "{}", state["files"]);
}

#[test]
fn backend_62_an_answer_without_an_address() {
    let backend = Backend::start();
    backend.fault(
        json!({"on": ASK, "contains": "f.txt", "times": -1, "status": 200, "body": {"data": {"createRunFiles": {
        "runID": "r", "uploadHeaders": [], "files": [{"name": "f.txt", "uploadUrl": null}]}}}}),
    );
    let mut online = Online::on(backend, |_| {});
    online.save("f.txt", "content", PolicyType::End);
    online.log_rows(1);
    online.exit(0);
    assert_eq!(online.state()["state"], "finished");
    assert!(!has(&online.state(), "f.txt"));
    // The official client says nothing.
    let told = online.messages().join("\n");
    assert!(told.contains("f.txt"), "{told}");
}

#[test]
fn backend_63_many_files() {
    let backend = Backend::start();
    backend.fault(json!({"on": "upload", "delay_ms": 300, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    let names: Vec<String> = (0..200).map(|n| format!("many/f{n}.txt")).collect();
    for name in &names {
        online.save(name, name, PolicyType::End);
    }
    let (state, backend) = online.end();
    let arrived = files(&state);
    assert!(names.iter().all(|name| arrived.contains(name)));
    let puts = backend.requests("upload");
    let time = |put: &Value, name: &str| put[name].as_u64().unwrap_or(u64::MAX);
    let most = puts.iter().map(|put| {
        let at = time(put, "t_ms");
        puts.iter().filter(|other| time(other, "t_ms") <= at && time(other, "answered_ms") > at).count()
    });
    assert!(most.max() <= Some(128));
}

#[test]
fn backend_64_a_question_that_is_refused_once_at_the_end() {
    // The official client loses every file of it.
    let (state, backend) = with_fault(json!({"on": ASK, "status": 403}));
    assert!(has(&state, "f.txt") && has(&state, "config.yaml"), "{}", state["files"]);
    assert_eq!(backend.count(ASK), 2);
}

#[test]
fn backend_64_refused_by_storage() {
    // The official client gives up after one attempt and says nothing; ours asks for another address, which helps when the
    // first one has expired, and tells what did not arrive.
    let (state, _) = with_fault(json!({"on": "upload", "contains": "f.txt", "status": 403}));
    assert!(has(&state, "f.txt"));
    let backend = Backend::start();
    backend.fault(json!({"on": "upload", "contains": "f.txt", "status": 403, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.save("f.txt", "content", PolicyType::End);
    online.exit(0);
    assert!(!has(&online.state(), "f.txt"));
    assert_eq!(online.state()["state"], "finished");
    let told = online.messages().join("\n");
    assert!(told.contains("f.txt") && told.contains("403"), "{told}");
}

#[test]
fn backend_65_trouble_with_storage_that_passes() {
    for fault in [
        json!({"on": "upload", "status": 503, "times": 2}),
        json!({"on": "upload", "status": 429, "headers": {"Retry-After": "0.3"}}),
        json!({"on": "upload", "close": true, "times": 2}),
        json!({"on": "upload", "apply": true, "close": true}),
        json!({"on": ASK, "status": 503, "times": 2}),
    ] {
        let (state, backend) = with_fault(fault.clone());
        assert!(has(&state, "f.txt"), "{fault}");
        let names = |push: &Value| push["uploaded"].as_array().cloned().unwrap_or_default();
        let told = backend.pushes().iter().flat_map(names).filter(|name| name == "f.txt").count();
        assert_eq!(told, 1, "{fault}");
    }
}

#[test]
fn backend_66_and_run_59_alerts() {
    let backend = Backend::start();
    backend.fault(json!({"on": "graphql:NotifyScriptableRunAlert", "status": 403}));
    let mut online = Online::on(backend, |_| {});
    for (title, level, wait) in [("one", "INFO", 300_000), ("two", "BOGUS", 60)] {
        online.send(RecordType::Alert(AlertRecord {
            title: title.into(),
            text: "text".into(),
            level: level.into(),
            wait_duration: wait,
            ..Default::default()
        }));
    }
    online.log_rows(1);
    let (state, backend) = online.end();
    assert_eq!(state["state"], "finished");
    // They are sent side by side, so that none waits for another.
    let sent = backend.variables("NotifyScriptableRunAlert");
    let of = |title: &str| sent.iter().find(|alert| alert["title"] == title).expect("it was sent");
    assert_eq!(of("one")["waitDuration"], 300_000);
    assert_eq!((&of("two")["severity"], &of("two")["waitDuration"]), (&json!("BOGUS"), &json!(60)));
}

/// Storage that takes a file slowly: four megabytes a second.
fn slow_storage() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}/f.bin", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut piece, mut left) = (vec![0; 1 << 20], LARGE);
            while left > 0 {
                match stream.read(&mut piece) {
                    Ok(count) if count > 0 => {
                        left = left.saturating_sub(count);
                        std::thread::sleep(Duration::from_micros(count as u64 / 4));
                    }
                    Ok(_) | Err(_) => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    url
}

/// More than the two sockets take without anybody reading.
const LARGE: usize = 32 << 20;

#[test]
fn a_large_file_is_waited_for_as_long_as_it_moves_on() {
    let backend = Backend::start();
    backend.fault(listed(json!([{"name": "f.bin", "uploadUrl": slow_storage()}])));
    let sidecar = Launch::new().env("RUNWIRE_FINISH_WAIT", "5").start();
    let mut online = set_up_on(sidecar, &backend.url(), |_| {}, |_| {}).begin(backend);
    online.save("f.bin", &"x".repeat(LARGE), PolicyType::End);
    let start = Instant::now();
    let answer = runwire_tests::online::exit(&mut online, 0);
    assert!(!answer.timed_out, "after {:?}: {:?}", start.elapsed(), online.messages());
    assert!(start.elapsed() > Duration::from_secs(6), "it was too fast to mean anything: {:?}", start.elapsed());
    let names = |push: &Value| push["uploaded"].as_array().cloned().unwrap_or_default();
    assert!(online.backend.pushes().iter().flat_map(names).any(|name| name == "f.bin"));
}

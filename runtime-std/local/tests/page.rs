//! The page in a real browser: headless Chromium, if there is one (`chromium` in the path, or named by `CHROMIUM`);
//! without it the test says so and passes. The pictures are written to `target/local-page`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_local::{Backend, Options, Request, Server};
use serde_json::json;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

fn fill(backend: &mut Backend) {
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let mut post = |target: &str, body: &serde_json::Value| {
        let request = Request::json("POST", target, body).with("authorization", "Basic YXBpOms=");
        let response = backend.handle(now_ms, &request);
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    };
    for (run, shown) in [("r1", "<script>alert(1)</script>"), ("r2", "second")] {
        let query = format!(
            "mutation {{ upsertBucket(input: {{entityName: \"me\", modelName: \"demo\", name: \"{run}\",
                displayName: \"{shown}\", tags: [\"x\"], config: \"{{\\\"lr\\\":{{\\\"value\\\":0.1}}}}\"}}) {{ inserted }} }}"
        );
        post("/graphql", &json!({ "query": query }));
        let row = |step: u32| {
            let x = f64::from(step) / 300.0;
            let loss =
                if step % 997 == 500 { "NaN".to_owned() } else { (x.cos() + (x * 40.0).sin() / 9.0).to_string() };
            format!("{{\"_step\":{step},\"_runtime\":{},\"loss\":{loss},\"acc\":{}}}", x * 9.0, 1.0 - (-x).exp())
        };
        let body = json!({ "files": {
            "wandb-history.jsonl": { "offset": 0, "content": (0..5000).map(row).collect::<Vec<_>>() },
            "wandb-summary.json": { "offset": 0, "content": ["{\"loss\":0.25,\"acc\":0.97,\"note\":\"<i>x</i>\"}"] },
            "output.log": { "offset": 0, "content": ["{\"ts\":\"\",\"content\":\"epoch 1 <b>done</b>\"}"] },
        }, "complete": true, "exitcode": 0 });
        post(&format!("/files/me/demo/{run}/file_stream"), &body);
    }
}

fn browse(browser: &Path, args: &[String]) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1400"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("--virtual-time-budget=8000")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn browser() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join("chromium")).find(|file| file.is_file())
}

#[test]
fn the_page_shows_runs_and_charts() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium in the path and none named by CHROMIUM");
        return;
    };
    let server = Server::start(Options::default()).unwrap();
    server.with_backend(fill);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("local-page");
    fs::create_dir_all(&pictures).unwrap();
    let picture = |name: &str| format!("--screenshot={}", pictures.join(name).display());
    let run = format!("{}/me/demo/runs/r1", server.url());

    let list = browse(&browser, &["--dump-dom".into(), server.url()]);
    assert!(list.contains("&lt;script&gt;alert(1)") && list.contains("second") && list.contains("finished"), "{list}");
    assert!(!list.contains("<script>alert"), "text of a run has become part of the page");
    let page = browse(&browser, &["--dump-dom".into(), run.clone()]);
    for part in [
        "data-metric=\"loss\"",
        "data-metric=\"acc\"",
        "class=\"curve\"",
        "class=\"gap\"",
        "epoch 1 &lt;b&gt;done",
        "5000 values",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    browse(&browser, &[picture("list.png"), server.url()]);
    browse(&browser, &[picture("run.png"), run]);
    for name in ["list.png", "run.png"] {
        assert!(fs::metadata(pictures.join(name)).unwrap().len() > 5000, "{name} is empty");
    }
}

//! Runs in a real browser: a page that logs, dies and comes back, tabs side by side, and the programs of the scenarios. Needs
//! Chromium (`chromium` in the path, or named by `CHROMIUM`); without it the tests say so and pass.
#![cfg(unix)]

mod front;
mod imports;
mod stage;

use runwire_tests::{
    kit::scenarios::{Blocking, FrontEnd, Outcome, SCENARIOS, Scenario, Stage as Plain, outcome},
    official::workspace,
    online::Backend,
    sidecar::await_that,
};
use serde_json::json;
use stage::{Stage, package};
use std::{path::Path, time::Duration};

/// What a page may make its visitors load.
const GZIPPED_MAX: usize = 600_000;

#[test]
fn the_module_is_small() {
    let (_, size) = package();
    println!("{size}");
    assert!(size.gzipped <= GZIPPED_MAX, "{size}; {GZIPPED_MAX} gzipped are allowed");
}

/// Logs while the server fails, so that the end is in the page's store only; then everything of the browser dies at once.
#[test]
fn what_a_killed_page_logged_arrives_exactly_once() {
    let Some(stage) = Stage::new() else { return };
    let browser = stage.browser();
    browser.open(&stage.site, "first");
    stage.tell("first", &stage.begin("killed", &json!({})));
    stage.tell("first", "for (let x = 0; x < 400; x++) kept.run.log({ x });");
    stage.backend.await_answered("file_stream", 1);
    stage.backend.fault(json!({ "on": "any", "times": -1, "status": 503 }));
    stage.tell(
        "first",
        "for (let x = 400; x < 1000; x++) kept.run.log({ x });
         await new Promise((later) => setTimeout(later, 1000));",
    );
    browser.kill();
    assert!(stage.delivered("killed").len() < 1000, "the server has everything already");

    stage.backend.controls().clear_faults();
    let browser = stage.browser();
    browser.open(&stage.site, "second");
    let recovered = stage.tell("second", &format!("return await lib.recover({});", stage.account()));
    assert_eq!(recovered.as_array().map(Vec::len), Some(1), "{recovered}");
    assert_eq!(recovered[0]["delivered"], true, "{recovered}");
    assert_eq!(stage.delivered("killed"), (0..1000).collect::<Vec<u64>>());
    let run = stage.backend.run("e/p/killed");
    assert_eq!((&run["counters"]["gaps"], &run["counters"]["conflicts"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!(stage.tell("second", "return await lib.logs();"), json!([]), "what is delivered is kept no longer");
}

/// A page that counts to 1000 dies on the way; the next one goes on where the log ends.
#[test]
fn a_page_that_dies_midway_goes_on_where_it_was() {
    let Some(stage) = Stage::new() else { return };
    let count = "const from = await kept.run.step();
         for (let x = from; x < 1000; x++) {
           kept.run.log({ x });
           await new Promise((later) => setTimeout(later, 2));
         }
         return [from, await kept.run.finish()];";
    let browser = stage.browser();
    browser.open(&stage.site, "first");
    let options = json!({ "resume": true });
    stage.tell("first", &stage.begin("goes-on", &options));
    stage.site.send("first", count);
    stage.backend.await_answered("file_stream", 1);
    std::thread::sleep(Duration::from_millis(300));
    browser.kill();
    assert!(stage.delivered("goes-on").len() < 1000, "it had no time to die");

    let browser = stage.browser();
    browser.open(&stage.site, "second");
    stage.tell("second", &stage.begin("goes-on", &options));
    let ended = stage.tell("second", count);
    assert!(ended[0].as_u64().is_some_and(|from| (1..1000).contains(&from)), "{ended}");
    assert_eq!(ended[1]["delivered"], true, "{ended}");
    assert_eq!(stage.delivered("goes-on"), (0..1000).collect::<Vec<u64>>());
}

#[test]
fn tabs_leave_each_other_alone_and_take_over_from_the_dead_only() {
    let Some(stage) = Stage::new() else { return };
    let browser = stage.browser();
    let first = browser.open(&stage.site, "first");
    browser.open(&stage.site, "second");
    let rows = "for (let x = 0; x < 300; x++) {
           kept.run.log({ x });
           if (x % 50 === 0) await new Promise((later) => setTimeout(later, 5));
         }";
    stage.tell("first", &stage.begin("left", &json!({})));
    stage.tell("second", &stage.begin("right", &json!({})));
    stage.site.send("first", rows);
    stage.site.send("second", rows);
    for tab in ["first", "second"] {
        stage.site.outcome(tab).unwrap_or_else(|bad| panic!("{tab}: {bad}"));
    }
    let recover = format!("return await lib.recover({});", stage.account());
    assert_eq!(stage.tell("second", &recover), json!([]), "the other tab lives");
    assert_eq!(stage.tell("second", "return (await lib.logs()).length;"), 2);

    std::thread::sleep(Duration::from_millis(300));
    browser.close(&first);
    let taken = await_that("the log of the dead tab", || {
        let taken = stage.tell("second", &recover);
        taken.as_array().is_some_and(|logs| !logs.is_empty()).then_some(taken)
    });
    assert_eq!(taken[0]["delivered"], true, "{taken}");
    assert_eq!(stage.tell("second", "return (await kept.run.finish()).delivered;"), true);
    for id in ["left", "right"] {
        assert_eq!(stage.delivered(id), (0..300).collect::<Vec<u64>>(), "{id}");
    }
}

#[test]
fn a_page_without_a_database_logs_all_the_same_and_says_so() {
    let Some(stage) = Stage::new() else { return };
    let browser = stage.browser();
    browser.open(&stage.site, "bare");
    stage.tell(
        "bare",
        "kept.said = [];
         const warn = console.warn;
         console.warn = (...words) => { kept.said.push(words.join(' ')); warn(...words); };
         Object.defineProperty(globalThis, 'indexedDB', { value: undefined });",
    );
    stage.tell("bare", &stage.begin("bare", &json!({})));
    let report = stage.tell(
        "bare",
        "for (let x = 0; x < 50; x++) kept.run.log({ x, nan: NaN, deep: { list: [1, Infinity] } });
         return [await kept.run.finish(), kept.said];",
    );
    assert_eq!(report[0]["delivered"], true, "{report}");
    assert!(report[1][0].as_str().is_some_and(|text| text.contains("no IndexedDB")), "{report}");
    assert_eq!(stage.delivered("bare"), (0..50).collect::<Vec<u64>>());
    let refused = stage.tell("bare", "try { kept.run.log({ x: 1 }); } catch (error) { return error.message; }");
    assert!(refused.as_str().is_some_and(|text| text.contains("finished already")), "{refused}");
}

#[test]
fn the_example_trains_and_logs() {
    let Some(stage) = Stage::with(|folder| {
        let site = folder.join("site");
        copy(&workspace().join("examples/browser"), &site);
        copy(package().0, &site.join("runwire"));
        site
    }) else {
        return;
    };
    let browser = stage.browser();
    browser.visit(&format!("{}/lib/index.html?server={}", stage.site.origin(), stage.backend.url()));
    let begun = stage.backend.await_requests("graphql:UpsertBucket", 1);
    let id = begun[0]["body"]["variables"]["name"].as_str().expect("a run has an id").to_owned();
    let run = await_that("the end of the training", || {
        Some(stage.backend.run(&format!("local/browser/{id}"))).filter(|run| run["state"] == "finished")
    });
    let losses: Vec<f64> =
        run["history"].as_array().into_iter().flatten().filter_map(|row| row["loss"].as_f64()).collect();
    assert_eq!(losses.len(), 300, "{run}");
    assert!(losses[299] < losses[0], "it learns: {losses:?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("it is a folder").map(|entry| entry.expect("it can be read").path()) {
        let target = to.join(entry.file_name().expect("it has a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).expect("a file can be copied");
        }
    }
}

/// Every program of the scenarios: what is left on the server and in the logs is the same as from threads.
#[test]
fn a_page_leaves_what_threads_leave() {
    let Some(stage) = Stage::new() else { return };
    let page = front::Page::open(&stage);
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let mine = played(&page, scenario, Backend::with(|options| options.origins.push(stage.site.origin())));
        let theirs = played(&Blocking, scenario, Backend::start());
        for ((mine, theirs), (id, rows)) in mine.iter().zip(&theirs).zip(scenario.runs) {
            if mine != theirs || mine.rows() != *rows {
                wrong.push(format!("{} ({id}, {rows} rows):\n{mine:?}\n{theirs:?}", scenario.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn played(front: &dyn FrontEnd, scenario: &Scenario, backend: Backend) -> Vec<Outcome> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plain = Plain { backend, dir: folder.path().to_path_buf() };
    front.play(&plain, scenario.acts);
    scenario.runs.iter().map(|(id, _)| outcome(&plain, id)).collect()
}

//! What is dropped, cancelled or panicked away on an executor: nothing accepted is lost, nothing hangs, and no thread, file or
//! connection is left. One test, because it counts what the process has.
#![cfg(target_os = "linux")]

use futures_lite::future::{self, FutureExt};
use runwire_async::{AsyncStd, Executor, Run, RunError, RunOptions, Smol, settled};
use runwire_tests::{logs::Log, online::Backend};
use serde_json::json;
use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Threads and open files of this process. The pool for blocking calls is the process's own and ends its idle threads when
/// it likes; what a call in it would still hold is a file.
fn held() -> (usize, usize) {
    let threads = names().iter().filter(|name| !name.starts_with("blocking-")).count();
    (threads, fs::read_dir("/proc/self/fd").expect("this process has a folder").count())
}

/// Names of the threads.
fn names() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("this process has a folder");
    tasks.flatten().map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default()).collect()
}

/// Waits until the process holds no more than `most`: idle threads of a pool end after a while.
fn goes_back_to(most: (usize, usize), what: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let now = held();
        if now.0 <= most.0 && now.1 <= most.1 {
            return;
        }
        assert!(Instant::now() < until, "{what}: {now:?} threads and files, {most:?} before; {:?}", names());
        thread::sleep(Duration::from_millis(50));
    }
}

fn options(dir: &Path, server: Option<&Backend>) -> RunOptions {
    let options = RunOptions::new("p").entity("e").dir(dir);
    match server {
        Some(server) => options.server(server.url(), "0123456789012345678901234567890123456789"),
        None => options,
    }
}

/// Rows and exit code of a log.
fn read(log: &Path) -> (usize, i32) {
    let log = Log::read(log);
    (log.history().len(), log.exit_code())
}

async fn rows(run: &Run, count: u32) {
    for x in 0..count {
        run.log_values(&[("x", f64::from(x))]).await.expect("a row is accepted");
    }
}

/// Polls a future once and drops it.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    async { Some(future.await) }.or(future::ready(None)).await
}

fn everything<E: Executor>(executor: &E, server: &Backend) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let dir = folder.path();
    future::block_on(async {
        // A handle that is let go.
        let run = Run::init_on(executor.clone(), options(dir, None)).await.expect("a run begins");
        let log = run.log_path().to_path_buf();
        rows(&run, 100).await;
        drop(run);
        settled().await;
        assert_eq!(read(&log), (100, 0));

        // A beginning that is given up, at once and after a while.
        once(Run::init_on(executor.clone(), options(dir, None))).await;
        let begun = Run::init_on(executor.clone(), options(dir, Some(server)));
        async { drop(begun.await) }.or(executor.sleep(Duration::from_millis(3))).await;
        settled().await;

        // An end that is given up and waited for again; calls in between.
        let run = Run::init_on(executor.clone(), options(dir, Some(server))).await.expect("a run begins");
        rows(&run, 50).await;
        once(run.log_values(&[("x", 0.0)]))
            .await
            .expect("there is room, so it is ready at once")
            .expect("it is accepted");
        assert!(once(run.finish()).await.is_none());
        assert!(matches!(run.log_values(&[("late", 1.0)]).await, Err(RunError::Finished)));
        let report = run.finish().await.expect("the end comes");
        assert_eq!(read(&report.log), (51, 0));
        assert_eq!(report.accounts.stored, report.accounts.accepted);
        assert!(matches!(run.finish().await, Err(RunError::Finished)));

        // Many tasks share a run.
        let run = Run::init_on(executor.clone(), options(dir, None)).await.expect("a run begins");
        let (done, all) = (async_channel(), run.clone());
        for _ in 0..8 {
            let (run, done) = (all.clone(), done.0.clone());
            executor.spawn(async move {
                rows(&run, 250).await;
                drop(done);
            });
        }
        drop(done.0);
        done.1.recv().await.expect_err("nothing is sent");
        assert_eq!(read(&all.finish().await.expect("the end comes").log), (2000, 0));
        drop((run, all));

        // A task that panics with a run.
        let run = Run::init_on(executor.clone(), options(dir, None)).await.expect("a run begins");
        let log = run.log_path().to_path_buf();
        let died = thread::spawn(move || {
            future::block_on(async move {
                rows(&run, 30).await;
                panic!("planted: the training fails");
            })
        });
        assert!(died.join().is_err());
        settled().await;
        assert_eq!(read(&log), (30, 1));

        // A server that refuses.
        server.fault(json!({ "on": "any", "times": -1, "status": 403 }));
        let refused = Run::init_on(executor.clone(), options(dir, Some(server))).await;
        server.controls().clear_faults();
        assert!(matches!(refused, Err(RunError::Refused(_))));
        settled().await;
    });
}

type Ends = (smol::channel::Sender<()>, smol::channel::Receiver<()>);

fn async_channel() -> Ends {
    smol::channel::bounded(1)
}

#[test]
fn nothing_is_lost_and_nothing_is_left() {
    let server = Backend::start();
    // The threads of the executors themselves stay.
    everything(&Smol, &server);
    everything(&AsyncStd, &server);
    thread::sleep(Duration::from_secs(3));
    let before = held();
    for _ in 0..3 {
        everything(&Smol, &server);
        everything(&AsyncStd, &server);
    }
    goes_back_to(before, "after three more times");
}

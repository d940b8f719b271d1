//! The sidecar as one future: found by its port file, spoken to over its socket, gone when it is told to go.
#![cfg(unix)]

use runwire_async::{AsyncStd, Executor, ServeOptions, Smol, serve};
use runwire_tests::{
    client::{Client, Run, settings, teardown_request},
    logs::Log,
    sidecar::await_that,
};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

/// Serves on a thread; `work` speaks with it. Gives what is left of the socket.
fn with_service<E: Executor>(
    executor: E,
    tcp: bool,
    work: impl FnOnce(&Path, &Path, smol::channel::Sender<()>),
) -> PathBuf {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let port_file = folder.path().join("port.txt");
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let options = ServeOptions { port_file: port_file.clone(), tcp, ..ServeOptions::default() };
    let service = thread::spawn(move || {
        smol::block_on(serve(executor, options, async move {
            // Nothing is ever sent.
            let _ = stopped.recv().await;
        }))
    });
    let text = await_that("a port file", || fs::read_to_string(&port_file).ok());
    let socket = text.lines().find_map(|line| line.strip_prefix("unix=")).expect("a socket is named");
    assert_eq!(text.lines().any(|line| line.starts_with("sock=")), tcp, "{text}");
    let socket = PathBuf::from(socket);
    work(&socket, folder.path(), stop);
    service.join().expect("the service does not panic").expect("the service can start");
    socket
}

fn a_run(socket: &Path, root: &Path, rows: usize) -> Run {
    let mut run = Run::begin(Client::unix(socket), settings::offline(root, "run1"));
    (0..rows).for_each(|x| run.row(&[("x", &x.to_string())]));
    run
}

fn a_whole_run<E: Executor>(executor: E) {
    let socket = with_service(executor, true, |socket, root, _stop| {
        let mut run = a_run(socket, root, 500);
        run.exit(0);
        assert_eq!(run.log().history().len(), 500);
        run.finish();
        run.client.send(teardown_request(0));
    });
    assert!(!socket.exists(), "the socket is gone");
}

#[test]
fn a_run_over_the_socket_of_smol() {
    a_whole_run(Smol);
}

#[test]
fn a_run_over_the_socket_of_async_std() {
    a_whole_run(AsyncStd);
}

#[test]
fn whoever_stops_it_loses_nothing_that_was_sent() {
    let mut log = None;
    with_service(Smol, false, |socket, root, stop| {
        let mut run = a_run(socket, root, 300);
        run.settle();
        drop(stop);
        let copy = root.join("copy.wandb");
        let path = run.log_path();
        // The end of a run that was left open is in its log before the service goes.
        let whole = await_that("an exit record", || Some(Log::salvage(&path)).filter(|log| !log.exits().is_empty()));
        fs::copy(&path, copy).expect("the log is there");
        log = Some(whole);
    });
    assert_eq!(log.expect("it was read").history().len(), 300);
}

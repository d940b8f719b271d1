//! The sidecar on an executor: takes the flags of the official one and serves until it is told to end.
//!
//! It is started like any sidecar: `sidecar_on_smol --port-filename FILE --pid N`.

#[cfg(unix)]
fn main() {
    use runwire_async::{ServeOptions, Smol, serve};
    use runwire_std::flags;
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2},
        iterator::Signals,
    };
    use std::{
        process::exit,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    let flags = flags::parse(std::env::args_os().skip(1)).unwrap_or_else(|error| {
        eprintln!("{error}\n{}", flags::USAGE);
        exit(error.exit_code().into())
    });
    let (told, signal) = smol::channel::bounded::<()>(1);
    let signalled = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&signalled);
    // Schedulers send the user signals to whole jobs: they mean nothing here and must not end it.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]).expect("signals can be watched");
    std::thread::spawn(move || {
        signals.forever().find(|signal| ![SIGUSR1, SIGUSR2].contains(signal));
        seen.store(true, Ordering::Release);
        told.close();
    });
    let options = ServeOptions {
        port_file: flags.port_filename.clone(),
        tcp: flags.listen_on_localhost,
        parent: u32::try_from(flags.pid).ok().filter(|pid| *pid != 0 && !flags.detached),
        idle_timeout: flags.idle_timeout.filter(|_| flags.detached),
    };
    let served = smol::block_on(serve(Smol, options, async move {
        // Nothing is ever sent.
        let _ = signal.recv().await;
    }));
    if let Err(error) = served {
        eprintln!("the service can't start: {error}");
        exit(1);
    }
    exit(if signalled.load(Ordering::Acquire) { 128 } else { 0 });
}

#[cfg(not(unix))]
fn main() {
    eprintln!("this example watches Unix signals");
}

//! The drop-in for the official sidecar: sockets, port file, parent watch and signals around a driver loop.

use crate::{driver::Driver, flags::Flags, inbox::Inbox};
use runwire_effects::{
    debug_log::{CoreLog, Level},
    environment,
    rendezvous::{SocketDir, bind, write_port_file},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Exit code after SIGINT or SIGTERM, as the official sidecar has it.
const SIGNALLED: i32 = 128;

/// Serves until a client, the parent, a signal or idleness ends it. Returns the exit code of the process.
pub fn serve(flags: &Flags) -> i32 {
    let log = CoreLog::open(Level::from_flag(flags.log_level));
    match serve_logged(flags, &log) {
        Ok(code) => code,
        Err(error) => {
            log.activate();
            log.write(Level::Error, &format!("the service can't start: {error}"), &[]);
            eprintln!("runwire: the service can't start: {error}");
            1
        }
    }
}

fn serve_logged(flags: &Flags, log: &CoreLog) -> io::Result<i32> {
    #[cfg(target_os = "linux")]
    if flags.os_pid_shutdown {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    let inbox = Inbox::new()?;
    let signalled = Arc::new(AtomicBool::new(false));
    watch_signals(&inbox, &signalled)?;

    let mut config = environment::service_config();
    config.idle_timeout = flags.idle_timeout.filter(|_| flags.detached);
    let parent = i32::try_from(flags.pid).unwrap_or(0);
    let mut driver = Driver::new(config, log.clone(), Level::from_flag(flags.log_level), Arc::clone(&inbox));
    let mut bound = bind(parent, flags.listen_on_localhost)?;
    let socket = bound.dir.as_ref().map(SocketDir::socket);
    let dir = bound.dir.take();
    driver.listen(std::mem::take(&mut bound.doors), Box::new(move || drop(dir)))?;
    if parent != 0 && !flags.detached {
        driver.watch_parent(parent.unsigned_abs());
    }
    // Only now: whoever reads the file may connect at once.
    write_port_file(&flags.port_filename, socket.as_deref(), bound.tcp_port)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", flags.port_filename.display())))?;
    log.activate();
    log.write(Level::Info, "main: starting server", &[]);
    driver.run()?;
    Ok(if signalled.load(Ordering::Acquire) { SIGNALLED } else { 0 })
}

#[cfg(unix)]
fn watch_signals(inbox: &Arc<Inbox>, signalled: &Arc<AtomicBool>) -> io::Result<()> {
    use crate::inbox::Event;
    use runwire_core::service::StopReason;
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2},
        iterator::Signals,
    };
    // A hang-up ends the service like the others: its runs are worth a whole log.
    // Batch schedulers send the user signals to whole jobs: they mean nothing here and must not kill.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
    let (inbox, signalled) = (Arc::clone(inbox), Arc::clone(signalled));
    std::thread::Builder::new().name("runwire-signals".into()).stack_size(64 << 10).spawn(move || {
        for _ in signals.forever().filter(|signal| ![SIGUSR1, SIGUSR2].contains(signal)) {
            signalled.store(true, Ordering::Release);
            inbox.push(Event::Stop(StopReason::Signal));
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn watch_signals(_: &Arc<Inbox>, _: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}

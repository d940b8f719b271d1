//! The drop-in for the official sidecar: sockets, port file, parent watch and signals around a [`Driver`].

use crate::{
    debug_log::CoreLog,
    driver::Driver,
    inbox::{Event, Inbox},
    options,
    rendezvous::{SocketDir, write_port_file},
    sockets::Listener,
};
use runwire_core::{Notice, service::StopReason};
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How a sidecar is started.
#[derive(Clone, Debug)]
pub struct SidecarOptions {
    /// Where to tell clients how to connect.
    pub port_file: PathBuf,
    /// The process that must stay the parent; 0 to watch none.
    pub parent_pid: i32,
    /// Outlive the parent, and end after `idle_timeout` without a connection.
    pub detached: bool,
    /// See `detached`; zero never ends.
    pub idle_timeout: Duration,
    /// Also listen on `127.0.0.1`.
    pub listen_on_localhost: bool,
    /// Ask the system for SIGKILL when the parent dies (Linux).
    pub os_pid_shutdown: bool,
    /// Weight of lines in the debug log: -4 debug, 0 info, 4 warn, 8 error.
    pub log_level: i32,
}

/// Exit code after SIGINT or SIGTERM, as the official sidecar has it.
const SIGNALLED: i32 = 128;

/// Serves until a client, the parent, a signal or idleness ends it. Returns the exit code of the process.
pub fn serve(options: &SidecarOptions) -> i32 {
    let mut log = CoreLog::open(options.log_level);
    match serve_logged(options, &mut log) {
        Ok(code) => code,
        Err(error) => {
            log.write(&Notice::error(format!("the service can't start: {error}")));
            eprintln!("runwire: the service can't start: {error}");
            1
        }
    }
}

fn serve_logged(options: &SidecarOptions, log: &mut CoreLog) -> io::Result<i32> {
    #[cfg(target_os = "linux")]
    if options.os_pid_shutdown {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    let inbox = Inbox::new()?;
    let signalled = Arc::new(AtomicBool::new(false));
    watch_signals(&inbox, &signalled)?;

    let mut config = options::service_config();
    config.idle_timeout = (options.detached && !options.idle_timeout.is_zero()).then_some(options.idle_timeout);
    let mut driver = Driver::new(config, log.clone(), Arc::clone(&inbox));
    let mut bound = bind(options.parent_pid, options.listen_on_localhost)?;
    let socket = bound.dir.as_ref().map(SocketDir::socket);
    let dir = bound.dir.take();
    driver.listen(std::mem::take(&mut bound.listeners), Box::new(move || drop(dir)))?;
    if options.parent_pid != 0 && !options.detached {
        driver.watch_parent(options.parent_pid.unsigned_abs());
    }
    // Only now: whoever reads the file may connect at once.
    write_port_file(&options.port_file, socket.as_deref(), bound.tcp_port)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", options.port_file.display())))?;
    log.write(&Notice::info("the service listens"));
    driver.run()?;
    Ok(if signalled.load(Ordering::Acquire) { SIGNALLED } else { 0 })
}

pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) dir: Option<SocketDir>,
    pub(crate) tcp_port: Option<u16>,
}

/// Opens the Unix socket, and TCP if it is asked for or nothing else works.
pub(crate) fn bind(parent_pid: i32, want_tcp: bool) -> io::Result<Bound> {
    let mut bound = Bound { listeners: Vec::new(), dir: None, tcp_port: None };
    #[cfg(unix)]
    {
        let dir = SocketDir::create(parent_pid)?;
        let listener = std::os::unix::net::UnixListener::bind(dir.socket())?;
        listener.set_nonblocking(true)?;
        bound.listeners.push(Listener::Unix(listener));
        bound.dir = Some(dir);
    }
    #[cfg(not(unix))]
    let _ = parent_pid;
    if want_tcp || bound.listeners.is_empty() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        bound.tcp_port = Some(listener.local_addr()?.port());
        bound.listeners.push(Listener::Tcp(listener));
    }
    Ok(bound)
}

#[cfg(unix)]
fn watch_signals(inbox: &Arc<Inbox>, signalled: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };
    // A hang-up ends the service like the others: its runs are worth a whole log.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (inbox, signalled) = (Arc::clone(inbox), Arc::clone(signalled));
    std::thread::Builder::new().name("runwire-signals".into()).stack_size(64 << 10).spawn(move || {
        for _ in signals.forever() {
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

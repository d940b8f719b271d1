//! `runwire exec -- CMD`: a service in this process, and a program that uses it.

use crate::{
    driver::Driver,
    inbox::{Event, Inbox},
};
use runwire_core::service::StopReason;
use runwire_effects::{
    debug_log::{CoreLog, Level},
    environment,
    rendezvous::bind,
};
use std::{
    ffi::OsString,
    io,
    process::{Child, Command, ExitStatus},
    sync::Arc,
};

/// The variable by which the official SDK finds a running service, and the version of its form.
const SERVICE_VARIABLE: &str = "WANDB_SERVICE";
const SERVICE_VERSION: u32 = 3;

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// There is no socket to offer.
    #[error("the service can't start: {0}")]
    Service(#[source] io::Error),
    /// The program is not there, or may not be started.
    #[error("{program} can't be started: {source}")]
    Program {
        /// As it was named.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Variables that a program is started with, or, without a value, without.
pub type Variables = Vec<(OsString, Option<OsString>)>;

/// Variables that send the runs of a program on the official SDK to this server, whatever the user's own say.
pub fn sent_to(address: &crate::local::Address) -> Variables {
    let set = |name: &str, value: &str| (OsString::from(name), Some(OsString::from(value)));
    let mut variables =
        vec![set("WANDB_BASE_URL", &address.url), set("WANDB_API_KEY", &address.key), set("WANDB_MODE", "online")];
    // Each of these would name another server, another user there, or none.
    let others =
        ["WANDB_ENTITY", "WANDB_DISABLED", "WANDB_APP_URL", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_CREDENTIALS_FILE"];
    variables.extend(others.map(|name| (name.into(), None)));
    for name in ["NO_PROXY", "no_proxy"] {
        let others = std::env::var(name).unwrap_or_default();
        let all =
            if others.is_empty() { "127.0.0.1,localhost".into() } else { format!("{others},127.0.0.1,localhost") };
        variables.push(set(name, &all));
    }
    variables
}

/// Runs `command` with a service of its own; ends the runs that it left open. Returns the command's exit code, or
/// 128 plus the signal that ended it.
pub fn exec(command: &[OsString], variables: &Variables) -> Result<i32, ExecError> {
    let Some((program, arguments)) = command.split_first() else { return Ok(0) };
    let inbox = Inbox::new().map_err(ExecError::Service)?;
    let log = CoreLog::open(Level::Info);
    log.activate();
    let mut bound = bind(0, cfg!(not(unix))).map_err(ExecError::Service)?;
    let dir = bound.dir.take();
    let token = match (&dir, bound.tcp_port) {
        (Some(dir), _) => format!("{SERVICE_VERSION}-{}-unix-{}", std::process::id(), dir.socket().display()),
        (None, Some(port)) => format!("{SERVICE_VERSION}-{}-tcp-localhost-{port}", std::process::id()),
        (None, None) => return Err(ExecError::Service(io::ErrorKind::AddrNotAvailable.into())),
    };
    let mut driver = Driver::new(environment::service_config(), log.clone(), Level::Info, Arc::clone(&inbox));
    driver.listen(bound.doors, Box::new(move || drop(dir))).map_err(ExecError::Service)?;
    // Before the program starts, so that no signal can end this process and leave the program behind.
    let signals = signals::Forwarder::start().map_err(ExecError::Service)?;
    let service = std::thread::Builder::new()
        .name("runwire-service".into())
        .spawn(move || driver.run())
        .map_err(ExecError::Service)?;
    let mut prepared = Command::new(program);
    prepared.args(arguments).env(SERVICE_VARIABLE, token);
    for (name, value) in variables {
        match value {
            Some(value) => prepared.env(name, value),
            None => prepared.env_remove(name),
        };
    }
    let mut child = prepared
        .spawn()
        .map_err(|source| ExecError::Program { program: program.to_string_lossy().into_owned(), source })?;
    signals.forward_to(&child);
    let code = wait(&mut child).map_err(ExecError::Service)?;
    inbox.push(Event::Stop(StopReason::ProgramEnded { exit_code: code }));
    match service.join() {
        Ok(outcome) => outcome.map_err(ExecError::Service)?,
        Err(_) => return Err(ExecError::Service(io::Error::other("the service panicked; please report this"))),
    }
    Ok(code)
}

fn wait(child: &mut Child) -> io::Result<i32> {
    let status: ExitStatus = child.wait()?;
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Ok(128 + signal);
    }
    Ok(status.code().unwrap_or(1))
}

#[cfg(unix)]
mod signals {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
        iterator::{SignalsInfo, exfiltrator::WithOrigin},
        low_level::siginfo::Cause,
    };
    use std::{
        io,
        process::Child,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    /// Hands signals on to the program, whose end then ends this process too.
    pub(super) struct Forwarder {
        pid: Arc<AtomicU32>,
    }

    impl Forwarder {
        pub(super) fn start() -> io::Result<Self> {
            let mut signals = SignalsInfo::<WithOrigin>::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
            let pid = Arc::new(AtomicU32::new(0));
            let target = Arc::clone(&pid);
            std::thread::Builder::new().name("runwire-signals".into()).stack_size(64 << 10).spawn(move || {
                for origin in signals.forever() {
                    // A key of the terminal reaches the program by itself: both are in its foreground group.
                    let from_terminal = matches!(origin.cause, Cause::Kernel);
                    if !from_terminal {
                        send(target.load(Ordering::Acquire), origin.signal);
                    }
                }
            })?;
            Ok(Forwarder { pid })
        }

        pub(super) fn forward_to(&self, child: &Child) {
            self.pid.store(child.id(), Ordering::Release);
        }
    }

    fn send(pid: u32, signal: i32) {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        if let (Some(pid), Some(signal)) = (pid, rustix::process::Signal::from_named_raw(signal)) {
            // The program may just have ended, and then there is nobody to tell.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use std::{io, process::Child};

    /// The console delivers its events to every process in it.
    pub(super) struct Forwarder;

    impl Forwarder {
        pub(super) fn start() -> io::Result<Self> {
            Ok(Forwarder)
        }

        pub(super) fn forward_to(&self, _: &Child) {}
    }
}

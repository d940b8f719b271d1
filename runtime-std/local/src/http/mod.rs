//! The heart on a socket: threads, keep-alive, and who may connect. Knows no endpoint of the W&B API.

mod controls;
mod faults;
mod guard;
pub(crate) mod wire;

pub use faults::{Controls, Fault, kind};

use crate::{
    backend::{Backend, Settings},
    request::{Request, Response},
    store::{DiskStore, MemoryStore, Store, StoreError},
};
use guard::Guard;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Connections at a time; further ones are closed.
const CONNECTIONS_MAX: usize = 1024;
/// A connection without a request for so long is closed.
const IDLE: Duration = Duration::from_secs(180);
/// Stopping waits for requests under way no longer than this.
const STOPPING: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub addr: SocketAddr,
    /// File that keeps everything; none: everything is lost with the server.
    pub data: Option<PathBuf>,
    /// API keys that are let in; empty: any key is, and pages need none.
    pub keys: Vec<String>,
    /// Names under which the server may be addressed besides `localhost` and any address (`Host` header).
    pub hosts: Vec<String>,
    /// Origins, such as `http://localhost:5173`, whose pages may ask too. Others are refused.
    pub origins: Vec<String>,
    /// Faults and records for tests (see [`Fault`]). Never for data of value: they need no key.
    pub test_controls: bool,
    /// Everything else; its `keys` and `secret` are replaced.
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: None,
            keys: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            test_controls: false,
            settings: Settings::default(),
        }
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}: {cause}; choose another address or port")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Other machines could reach it, and it would let anyone in.
    #[error("{0} can be reached by other machines: give at least one API key, or listen on 127.0.0.1")]
    Open(SocketAddr),
    /// The data file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no random bytes for the secret that signs upload addresses.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// A server that runs until it is stopped or dropped.
pub struct Server {
    shared: Arc<Shared>,
    addr: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    backend: Mutex<Backend>,
    controls: Option<Controls>,
    guard: Guard,
    body_max: usize,
    stopping: AtomicBool,
    connections: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Server {
    /// Starts to listen.
    pub fn start(options: Options) -> Result<Self, StartError> {
        if options.keys.is_empty() && !options.addr.ip().is_loopback() {
            return Err(StartError::Open(options.addr));
        }
        let store: Box<dyn Store> = match &options.data {
            Some(path) => Box::new(DiskStore::open(path)?),
            None => Box::new(MemoryStore::default()),
        };
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| StartError::Random(error.to_string()))?;
        let secret = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let open_state = options.settings.open_state || options.test_controls;
        let settings = Settings { keys: options.keys, secret, open_state, ..options.settings };
        let listener =
            TcpListener::bind(options.addr).map_err(|cause| StartError::Listen { addr: options.addr, cause })?;
        let addr = listener.local_addr().map_err(|cause| StartError::Listen { addr: options.addr, cause })?;
        let shared = Arc::new(Shared {
            body_max: settings.body_max,
            backend: Mutex::new(Backend::open(store, settings)?),
            controls: options.test_controls.then(Controls::default),
            guard: Guard::new(options.hosts, options.origins),
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&accepting, &listener));
        Ok(Self { shared, addr, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What clients take as `WANDB_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A run's state as JSON (`state.rs` says what is in it); null if there is none.
    pub fn snapshot(&self, entity: &str, project: &str, run: &str) -> Result<Value, StoreError> {
        self.with_backend(|backend| backend.snapshot(now_ms(), entity, project, run))
    }

    /// Does something with the heart while no request is being answered.
    pub fn with_backend<T>(&self, work: impl FnOnce(&mut Backend) -> T) -> T {
        work(&mut heart(&self.shared))
    }

    /// Faults and records, if the server was started with them.
    pub fn controls(&self) -> Option<&Controls> {
        self.shared.controls.as_ref()
    }

    /// Waits until the server is stopped, which only another process or a signal can do.
    pub fn wait(mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
    }

    /// Stops listening, closes all connections, and waits until the data file is free. What has been answered is kept.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let mut near = self.addr;
        if near.ip().is_unspecified() {
            near.set_ip(if near.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() });
        }
        let _woken = TcpStream::connect_timeout(&near, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
        for connection in lock(&self.shared.connections).values() {
            let _closed = connection.shutdown(Shutdown::Both);
        }
        // The data file is free when the last thread has let go of it. One that sleeps in a scripted fault may take longer.
        let start = Instant::now();
        while Arc::strong_count(&self.shared) > 1 && start.elapsed() < STOPPING {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for number in 1.. {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(_) if shared.stopping.load(Ordering::SeqCst) => return,
            Err(_) => {
                // Out of descriptors, most likely: others end meanwhile.
                thread::sleep(Duration::from_millis(50));
                continue;
            }
        };
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(closer) = stream.try_clone() else { continue };
        let mut connections = lock(&shared.connections);
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        connections.insert(number, closer);
        drop(connections);
        let shared = Arc::clone(shared);
        let serving = move || {
            let _ended = serve(&shared, &stream, number);
            let _closed = stream.shutdown(Shutdown::Both);
            lock(&shared.connections).remove(&number);
        };
        let _detached = thread::Builder::new().stack_size(512 << 10).spawn(serving);
    }
}

fn serve(shared: &Shared, stream: &TcpStream, conn: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut writer = stream;
    while !shared.stopping.load(Ordering::SeqCst) {
        let incoming = match wire::read(&mut reader, &mut writer, shared.body_max) {
            Ok(incoming) => incoming,
            Err(wire::Stop::Closed) => return Ok(()),
            Err(wire::Stop::Refused(response)) => return wire::write(&mut writer, &response, false, false, None),
        };
        let head_only = incoming.request.method == "HEAD";
        let Some((response, cut)) = answer(shared, conn, &incoming.request) else { return Ok(()) };
        let response = shared.guard.readable(&incoming.request, response);
        let keep_alive = incoming.keep_alive && cut.is_none();
        wire::write(&mut writer, &response, head_only, keep_alive, cut)?;
        if !keep_alive {
            return Ok(());
        }
    }
    Ok(())
}

/// The answer and how much of its body is sent; none if the connection is to be closed.
fn answer(shared: &Shared, conn: u64, request: &Request) -> Option<(Response, Option<usize>)> {
    if let Some(refused) = shared.guard.check(request) {
        return Some((refused, None));
    }
    if let Some(answer) = shared.guard.preflight(request) {
        return Some((answer, None));
    }
    let Some(controls) = &shared.controls else { return Some((work(shared, request), None)) };
    if let Some(response) = controls::handle(controls, &mut heart(shared), request) {
        return Some((response, None));
    }
    let admitted = heart(shared).admits(now_ms(), request);
    let (n, fault) = controls.arrived(conn, request, admitted);
    let Some(fault) = fault else {
        let response = work(shared, request);
        controls.answered(n, Some(&response));
        return Some((response, None));
    };
    thread::sleep(faults::millis(fault.hold_ms));
    let real = fault.applies().then(|| work(shared, request));
    thread::sleep(faults::millis(fault.delay_ms));
    if fault.close {
        controls.answered(n, None);
        return None;
    }
    let response = fault.answer(real);
    controls.answered(n, Some(&response));
    Some((response, fault.cut))
}

/// The heart's answer, once what it says is on the disk.
fn work(shared: &Shared, request: &Request) -> Response {
    let mut backend = heart(shared);
    let response = backend.handle(now_ms(), request);
    let barrier = backend.barrier();
    drop(backend);
    match barrier.wait() {
        Ok(()) => response,
        Err(error) => Response::error(500, &error.to_string()),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The heart. A thread that panicked in a request leaves it as the store is; the others go on.
fn heart(shared: &Shared) -> MutexGuard<'_, Backend> {
    shared.backend.lock().unwrap_or_else(|poisoned| {
        shared.backend.clear_poison();
        let mut backend = poisoned.into_inner();
        backend.recover();
        backend
    })
}

/// Plain collections, whole between any two lines.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

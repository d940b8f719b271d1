//! The embedded server as a user of this program meets it: where its data is, who serves it now, and how to reach whoever
//! does. Only one process can have a data file open; the others find its address in a file beside the data.
//!
//! It must not know what the server does with a request.

use runwire_local::{Options, Server, StartError, StoreError};
use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Names the data file.
pub const DATA_VARIABLE: &str = "RUNWIRE_DATA";
/// Where the server listens unless it is told otherwise or something else is there.
pub const PORT: u16 = 8810;
/// A key of the form that clients want. The server takes any key unless it was given one.
pub const KEY: &str = "10ca110ca110ca110ca110ca110ca110ca110ca1";

/// How long whoever has the data open may take to say where it serves.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(5);
/// How often a server of another process is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The system has no place for a user's data.
    #[error("there is no folder for data: set {DATA_VARIABLE} or HOME, or name a file with --data")]
    NoFolder,
    /// It can't be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Another process has the data open and can't be reached.
    #[error(
        "{0} is open in another process that does not say where it serves; end it, or use another file with --data"
    )]
    Silent(PathBuf),
    /// Its address could not be written beside the data.
    #[error("{0}: {1}")]
    Address(PathBuf, #[source] io::Error),
}

/// Where a server is and what it wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What clients take as `WANDB_BASE_URL`.
    pub url: String,
    /// What they take as `WANDB_API_KEY`.
    pub key: String,
}

/// What to serve.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The data file; the user's own otherwise.
    pub data: Option<PathBuf>,
    /// Where to listen; otherwise [`PORT`] of this machine, or a free one if that is taken.
    pub addr: Option<SocketAddr>,
    /// The only key that is let in; otherwise any is.
    pub key: Option<String>,
    /// Origins whose pages may ask, beside the server's own.
    pub origins: Vec<String>,
}

/// The user's data file: `RUNWIRE_DATA`, or `runwire/local.redb` in the platform's folder for data.
pub fn default_data() -> Result<PathBuf, LocalError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set(DATA_VARIABLE) {
        return Ok(path);
    }
    let folder = if cfg!(windows) {
        set("LOCALAPPDATA").or_else(|| set("APPDATA"))
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        set("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".local/share")))
    };
    folder.map(|folder| folder.join("runwire").join("local.redb")).ok_or(LocalError::NoFolder)
}

/// A server of this process.
pub struct Serving {
    _server: Server,
    /// Where it is.
    pub address: Address,
    /// Its data file.
    pub data: PathBuf,
}

impl Serving {
    /// Starts to serve. `Ok(Err(address))`: another process serves the same data, there.
    pub fn start(wanted: &Wanted) -> Result<Result<Serving, Address>, LocalError> {
        let data = match &wanted.data {
            Some(path) => path.clone(),
            None => default_data()?,
        };
        let until = Instant::now() + ADDRESS_PATIENCE;
        loop {
            match open(&data, wanted) {
                Ok(serving) => return Ok(Ok(serving)),
                Err(LocalError::Start(StartError::Store(StoreError::InUse(_)))) => {}
                Err(error) => return Err(error),
            }
            if let Some(address) = read_address(&data).filter(answers) {
                return Ok(Err(address));
            }
            // It may have just begun, or just ended.
            if Instant::now() >= until {
                return Err(LocalError::Silent(data));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops listening. What was answered is kept.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let path = address_file(&self.data);
        if read_address(&self.data).as_ref() == Some(&self.address) {
            let _ = fs::remove_file(path);
        }
    }
}

fn open(data: &Path, wanted: &Wanted) -> Result<Serving, LocalError> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let options = |addr| Options {
        addr,
        data: Some(data.to_path_buf()),
        keys: wanted.key.iter().cloned().collect(),
        origins: wanted.origins.clone(),
        ..Options::default()
    };
    let server = match (Server::start(options(wanted.addr.unwrap_or(usual))), wanted.addr) {
        (Err(StartError::Listen { .. }), None) => Server::start(options(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?,
        (started, _) => started?,
    };
    let url = server.url();
    let address = Address { url, key: wanted.key.clone().unwrap_or_else(|| KEY.into()) };
    write_address(data, &address).map_err(|error| LocalError::Address(address_file(data), error))?;
    Ok(Serving { _server: server, address, data: data.to_path_buf() })
}

/// A server for a program that runs meanwhile: of this process, or one that was there. If that one ends, this process goes
/// on in its place, at the same address.
pub struct Shared {
    /// Where it is.
    pub address: Address,
    keeper: Option<JoinHandle<()>>,
    stop: Arc<(Mutex<bool>, Condvar)>,
    own: Option<Serving>,
}

impl Shared {
    /// Starts a server, or joins the one that serves the same data.
    pub fn start(wanted: &Wanted) -> Result<Shared, LocalError> {
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        match Serving::start(wanted)? {
            Ok(serving) => Ok(Shared { address: serving.address.clone(), keeper: None, stop, own: Some(serving) }),
            Err(address) => {
                let data = wanted.data.clone().map_or_else(default_data, Ok)?;
                let (watched, told) = (address.clone(), Arc::clone(&stop));
                let keeper = std::thread::Builder::new()
                    .name("runwire-keeper".into())
                    .spawn(move || keep(&data, &watched, &told))
                    .map_err(|error| LocalError::Address(PathBuf::from("a thread"), error))?;
                Ok(Shared { address, keeper: Some(keeper), stop, own: None })
            }
        }
    }

    /// Whether this process serves itself, as far as it was so from the start.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Takes the place of the server at `address` when it is gone, until told to stop.
fn keep(data: &Path, address: &Address, stop: &(Mutex<bool>, Condvar)) {
    let mut own: Option<Serving> = None;
    let mut stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !*stopped {
        stopped = stop.1.wait_timeout(stopped, WATCH_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        if *stopped || own.is_some() || answers(address) {
            continue;
        }
        let addr = address.url.strip_prefix("http://").and_then(|text| text.parse().ok());
        let key = (address.key != KEY).then(|| address.key.clone());
        // Whoever was faster serves as well; then the next look finds it.
        own = open(data, &Wanted { addr, key, ..Wanted::default() }).ok();
    }
}

fn address_file(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".address");
    PathBuf::from(name)
}

/// Only this user may read it: it may hold a key.
fn write_address(data: &Path, address: &Address) -> io::Result<()> {
    let path = address_file(data);
    let scratch = path.with_extension(format!("address.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&scratch)?.write_all(format!("{}\n{}\n", address.url, address.key).as_bytes())?;
    fs::rename(scratch, path)
}

fn read_address(data: &Path) -> Option<Address> {
    let text = fs::read_to_string(address_file(data)).ok()?;
    let mut lines = text.lines();
    Some(Address { url: lines.next()?.to_string(), key: lines.next()?.to_string() })
}

/// Whether a server of this kind is there.
fn answers(address: &Address) -> bool {
    let Some(authority) = address.url.strip_prefix("http://") else { return false };
    let Ok(addr) = authority.parse::<SocketAddr>() else { return false };
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        stream
            .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"))
}

/// Set by SIGINT or SIGTERM; a second one ends the process at once.
pub fn interrupted() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Returns when the flag is set.
pub fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(dir: &Path) -> Wanted {
        let addr = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Wanted { data: Some(dir.join("deep/local.redb")), addr, ..Wanted::default() }
    }

    #[test]
    fn the_second_joins_the_first_and_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let first = Serving::start(&wanted(dir.path())).unwrap().ok().unwrap();
        let second = Shared::start(&wanted(dir.path())).unwrap();
        assert_eq!((second.is_own(), &second.address), (false, &first.address));
        let address = first.address.clone();
        first.stop();
        let start = Instant::now();
        while !answers(&address) {
            assert!(start.elapsed() < Duration::from_secs(10), "nobody took its place");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(second);
        assert!(!answers(&address));
        assert_eq!(read_address(&wanted(dir.path()).data.unwrap()), None, "no address is left behind");
    }

    #[test]
    fn an_address_is_private_and_a_stale_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("local.redb");
        let stale = Address { url: "http://127.0.0.1:9".into(), key: KEY.into() };
        write_address(&data, &stale).unwrap();
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(address_file(&data)).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!answers(&stale));
        let addr = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let serving =
            Serving::start(&Wanted { data: Some(data.clone()), addr, key: Some("secret".into()), ..Wanted::default() });
        let serving = serving.unwrap().ok().unwrap();
        assert_eq!(read_address(&data), Some(Address { url: serving.address.url.clone(), key: "secret".into() }));
    }
}

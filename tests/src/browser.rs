//! Pages in a headless Chromium that a test tells what to do: a site that serves them, tabs that run JavaScript which the
//! test sends and say what came of it, and a browser that can be killed and started again with what it had stored.
//!
//! Knows nothing of runs.

use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Nothing in a page takes longer; a machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(120);
/// A page asks again after this.
const POLL: Duration = Duration::from_secs(5);

/// The browser, if there is one: named by `CHROMIUM`, which must then be right, or in the path.
pub fn chromium() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path: OsString = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join("chromium")).find(|file| file.is_file())
}

/// Serves a folder, and pages that do what they are told.
pub struct Site {
    addr: SocketAddr,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    state: Mutex<BTreeMap<String, Tab>>,
    changed: Condvar,
}

#[derive(Default)]
struct Tab {
    orders: VecDeque<String>,
    outcomes: VecDeque<Value>,
}

/// A page: runs each order as the body of an async function of the modules below `/lib/` and of what earlier ones kept.
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>told</title><script type="module">
const tab = location.pathname.split("/").pop();
const kept = {};
const Told = (async () => {}).constructor;
const say = (body) => fetch(`/done/${tab}`, { method: "POST", body: JSON.stringify(body) });
try {
  const lib = await import("/lib/index.js");
  await say({ good: "ready" });
  for (;;) {
    const order = await fetch(`/order/${tab}`);
    if (order.status === 204) continue;
    try {
      const result = await new Told("lib", "kept", await order.text())(lib, kept);
      await say({ good: result ?? null });
    } catch (error) {
      await say({ bad: String(error?.stack ?? error) });
    }
  }
} catch (error) {
  await say({ bad: String(error?.stack ?? error) });
}
</script>"#;

impl Site {
    /// Serves `lib` below `/lib/`.
    pub fn start(lib: &Path) -> io::Result<Site> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let orders = Arc::<Orders>::default();
        let (served, lib) = (Arc::clone(&orders), lib.to_path_buf());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (served, lib) = (Arc::clone(&served), lib.clone());
                thread::spawn(move || {
                    // A page that is killed breaks its connections.
                    let _ = serve(&stream, &served, &lib);
                });
            }
        });
        Ok(Site { addr, orders })
    }

    /// Its origin, as browsers say it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Runs JavaScript in a tab and gives what it returns.
    pub fn tell(&self, tab: &str, order: &str) -> Value {
        self.send(tab, order);
        self.outcome(tab).unwrap_or_else(|bad| panic!("in tab {tab}: {bad}\n{order}"))
    }

    /// Sends an order without waiting for it.
    pub fn send(&self, tab: &str, order: &str) {
        lock(&self.orders.state).entry(tab.into()).or_default().orders.push_back(order.into());
        self.orders.changed.notify_all();
    }

    /// What came of the oldest order that was not asked about yet; the first is that the page is ready.
    pub fn outcome(&self, tab: &str) -> Result<Value, String> {
        let state = lock(&self.orders.state);
        let none = |state: &mut BTreeMap<String, Tab>| state.entry(tab.into()).or_default().outcomes.is_empty();
        let waited = self.orders.changed.wait_timeout_while(state, PATIENCE, none);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let outcome = state.entry(tab.into()).or_default().outcomes.pop_front();
        let mut outcome = outcome.ok_or_else(|| format!("the page says nothing for {PATIENCE:?}"))?;
        match outcome.get("bad") {
            Some(bad) => Err(bad.as_str().unwrap_or_default().into()),
            None => Ok(outcome["good"].take()),
        }
    }
}

fn serve(stream: &TcpStream, orders: &Orders, lib: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (what, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (status, kind, content) = match what {
        "page" => ("200 OK", "text/html", PAGE.as_bytes().to_vec()),
        "lib" => match fs::read(lib.join(rest.split('?').next().unwrap_or_default())) {
            Ok(content) if !rest.contains("..") => ("200 OK", kind_of(rest), content),
            Ok(_) | Err(_) => ("404 Not Found", "text/plain", Vec::new()),
        },
        "order" => match next_order(orders, rest) {
            Some(order) => ("200 OK", "text/plain", order.into_bytes()),
            None => ("204 No Content", "text/plain", Vec::new()),
        },
        "done" => {
            let outcome = serde_json::from_slice(&body).unwrap_or_default();
            lock(&orders.state).entry(rest.into()).or_default().outcomes.push_back(outcome);
            orders.changed.notify_all();
            ("200 OK", "text/plain", Vec::new())
        }
        _ => ("404 Not Found", "text/plain", Vec::new()),
    };
    let mut writer = stream;
    let length = content.len();
    write!(
        writer,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )?;
    writer.write_all(&content)
}

fn next_order(orders: &Orders, tab: &str) -> Option<String> {
    let state = lock(&orders.state);
    let none = |state: &mut BTreeMap<String, Tab>| state.entry(tab.into()).or_default().orders.is_empty();
    let waited = orders.changed.wait_timeout_while(state, POLL, none);
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    state.entry(tab.into()).or_default().orders.pop_front()
}

fn kind_of(name: &str) -> &'static str {
    match name.split('?').next().unwrap_or_default().rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("html") => "text/html",
        _ => "application/octet-stream",
    }
}

/// A browser without a window. Dropping it kills it.
pub struct Browser {
    child: Child,
    port: u16,
}

impl Browser {
    /// Starts it with what an earlier one stored in `profile`.
    pub fn start(program: &Path, profile: &Path) -> Browser {
        let port_file = profile.join("DevToolsActivePort");
        // That of an earlier one.
        let _ = fs::remove_file(&port_file);
        let log = fs::File::create(profile.with_extension("log")).expect("a log can be made beside the profile");
        let mut command = Command::new(program);
        command
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-extensions"])
            .args(["--disable-backgrounding-occluded-windows", "--disable-background-networking", "--disable-sync"])
            .args(["--remote-debugging-port=0", "--enable-logging=stderr", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()));
        let mut browser = Browser { child, port: 0 };
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let said = fs::read_to_string(&port_file).unwrap_or_default();
            if let Some(port) = said.lines().next().and_then(|line| line.parse().ok()) {
                browser.port = port;
                return browser;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not start; see the log beside {}", program.display(), profile.display());
    }

    /// Opens an address in a new tab.
    pub fn visit(&self, url: &str) {
        self.ask("PUT", &format!("/json/new?{url}"));
    }

    /// Opens a page of the site in a new tab and waits until it can be told something. Gives what closes it.
    pub fn open(&self, site: &Site, tab: &str) -> String {
        let answer = self.ask("PUT", &format!("/json/new?{}/page/{tab}", site.origin()));
        let ready = site.outcome(tab).unwrap_or_else(|bad| panic!("tab {tab}: {bad}"));
        assert_eq!(ready, "ready");
        answer["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Closes a tab.
    pub fn close(&self, id: &str) {
        let _ = self.ask("GET", &format!("/json/close/{id}"));
    }

    /// Kills it, tabs and all, at once.
    pub fn kill(mut self) {
        self.end();
    }

    fn ask(&self, method: &str, path: &str) -> Value {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the browser listens");
        write!(socket, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut reader = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut header = String::new();
            let read = reader.read_line(&mut header).expect("it answers");
            if read == 0 || header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("its answer is whole");
        serde_json::from_slice(&body).unwrap_or_default()
    }

    fn end(&mut self) {
        #[cfg(unix)]
        if let Ok(id) = i32::try_from(self.child.id()) {
            let group = nix::unistd::Pid::from_raw(id);
            // Gone already is as good.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

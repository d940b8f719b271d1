//! How fast it is: `load [ROWS] [ROWS PER PUSH] [METRICS] [CLIENTS]` pushes rows as the official client writes them over
//! HTTP, each client into a run of its own, to a server with a data file; then asks for charts of the first run. Prints
//! rows and pushes per second and the time of a chart, warm and after a restart; and of the run's page and of a client that
//! resumes the run, each after a restart.

use runwire_local::{Backend, DiskStore, Options, Request, Server, Settings};
use serde_json::json;
use std::{
    env,
    error::Error,
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut args = env::args().skip(1);
    let mut number = |default: usize| args.next().map_or(Ok(default), |text| text.parse());
    let (rows, per_push, metrics, clients) = (number(2_000_000)?, number(5000)?, number(4)?, number(2)?);
    let each = rows / clients;
    let dir = env::temp_dir().join(format!("runwire-load-{}", std::process::id()));
    let data = dir.join("data.redb");
    let server = Server::start(Options { data: Some(data.clone()), ..Options::default() })?;
    let addr = server.addr();
    let bodies = |run: usize| -> Vec<String> {
        (0..each).step_by(per_push).map(|from| body(run, from, per_push.min(each - from), metrics)).collect()
    };
    let all: Vec<Vec<String>> = (0..clients).map(bodies).collect();
    let bytes: usize = all.iter().flatten().map(String::len).sum();
    let pushes: usize = all.iter().map(Vec::len).sum();
    let start = Instant::now();
    thread::scope(|scope| -> Result<(), Failure> {
        let clients: Vec<_> =
            all.iter().enumerate().map(|(run, bodies)| scope.spawn(move || send(addr, run, bodies))).collect();
        for client in clients {
            client.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    })?;
    let took = start.elapsed();
    println!(
        "{rows} rows of {metrics} metrics, {per_push} a push, {clients} clients, {} MB: {:.2} s, {:.0} rows/s, {:.0} pushes/s",
        bytes >> 20,
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64(),
        pushes as f64 / took.as_secs_f64()
    );
    let chart = |backend: &mut Backend| -> Result<Duration, Failure> {
        let start = Instant::now();
        let limits = (f64::NEG_INFINITY, f64::INFINITY);
        let found = backend.chart(["e", "p", "r0"], "loss0", None, limits, 1000)?;
        let points: u64 = found.iter().map(|bucket| bucket.count).sum();
        assert_eq!(points as usize, each, "the chart has lost points");
        Ok(start.elapsed())
    };
    println!("chart of {each} steps: {:?}", server.with_backend(|backend| chart(backend))?);
    println!("again: {:?}", server.with_backend(|backend| chart(backend))?);
    server.stop();
    println!("file: {} MB", std::fs::metadata(&data)?.len() >> 20);
    let open = || -> Result<Backend, Failure> {
        let start = Instant::now();
        let backend = Backend::open(Box::new(DiskStore::open(&data)?), Settings::default())?;
        println!("opened in {:?}", start.elapsed());
        Ok(backend)
    };
    let mut backend = open()?;
    println!("first chart after a restart: {:?}", chart(&mut backend)?);
    println!("again: {:?}", chart(&mut backend)?);
    drop(backend);
    let mut backend = open()?;
    let page = |backend: &mut Backend| -> Result<Duration, Failure> {
        let start = Instant::now();
        let request = Request { method: "GET".into(), target: "/_page/run/e/p/r0".into(), ..Request::default() };
        let answer = backend.handle(0, &request);
        let took = start.elapsed();
        let found: serde_json::Value = serde_json::from_slice(&answer.body)?;
        assert_eq!(found["rows"], each, "the page has lost rows");
        Ok(took)
    };
    println!("first page of the run after a restart: {:?}", page(&mut backend)?);
    println!("again: {:?}", page(&mut backend)?);
    println!("first chart after that: {:?}", chart(&mut backend)?);
    drop(backend);
    let mut backend = open()?;
    let query = json!({ "query": "{ project(name: \"p\", entityName: \"e\") { run(name: \"r0\") { historyTail } } }" });
    let request = Request::json("POST", "/graphql", &query).with("authorization", "Basic YXBpOms=");
    let start = Instant::now();
    let answer = backend.handle(0, &request);
    println!("what a client that resumes asks first: {:?} ({})", start.elapsed(), answer.status);
    let push = Request::json("POST", "/files/e/p/r0/file_stream", &serde_json::from_str(&body(0, each, 10, metrics))?);
    let start = Instant::now();
    let answer = backend.handle(0, &push.with("authorization", "Basic YXBpOms="));
    println!("and its first rows: {:?} ({})", start.elapsed(), answer.status);
    drop(backend);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn body(run: usize, from: usize, count: usize, metrics: usize) -> String {
    let row = |step: usize| {
        let x = step as f64 * 0.001 + run as f64;
        let mut text = String::from("{");
        for metric in 0..metrics {
            let _infallible = write!(text, "\"loss{metric}\":{},", (x + metric as f64).sin());
        }
        let _infallible =
            write!(text, "\"_timestamp\":1.7955740131234567e+09,\"_runtime\":{},\"_step\":{step}}}", x * 3.7);
        text
    };
    let rows: Vec<String> = (from..from + count).map(row).collect();
    json!({ "files": {
        "wandb-history.jsonl": { "offset": from, "content": rows },
        "wandb-summary.json": { "offset": 0, "content": [rows.last()] },
    } })
    .to_string()
}

fn send(addr: SocketAddr, run: usize, bodies: &[String]) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let query = format!(
        "mutation {{ upsertBucket(input: {{entityName: \"e\", modelName: \"p\", name: \"r{run}\"}}) {{ inserted }} }}"
    );
    post(&mut stream, &mut reader, "/graphql", &json!({ "query": query }).to_string())?;
    for body in bodies {
        post(&mut stream, &mut reader, &format!("/files/e/p/r{run}/file_stream"), body)?;
    }
    Ok(())
}

fn post(stream: &mut TcpStream, reader: &mut impl BufRead, path: &str, body: &str) -> Result<(), Failure> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YXBpOms=\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let (mut line, mut length, mut first) = (String::new(), 0, true);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if first && !line.starts_with("HTTP/1.1 200") {
            return Err(format!("the server said {line}").into());
        }
        first = false;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer)?;
    Ok(())
}

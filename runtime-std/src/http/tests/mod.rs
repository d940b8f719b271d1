//! The transport against small servers on loopback that say exactly what a test wants.

mod hostile;
mod tls;
mod ways;

use super::*;

fn attempt(request: &HttpRequest) -> Result<HttpResponse, Failure> {
    super::attempt(request, &mut || {})
}

use runwire_core::{
    FailureKind,
    net::{Header, Purpose},
};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    thread::JoinHandle,
};

/// A server that answers each request on its connections with the next of `answers`, and returns what it was asked.
fn serve(answers: Vec<&'static str>) -> (String, JoinHandle<Vec<(usize, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut asked, mut answers) = (Vec::new(), answers.into_iter().peekable());
        for connection in 0.. {
            if answers.peek().is_none() {
                break;
            }
            let (socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            while let Some(request) = next_request(&mut reader) {
                asked.push((connection, request));
                let Some(answer) = answers.next() else { break };
                if answer.is_empty() {
                    break;
                }
                (&socket).write_all(answer.as_bytes()).unwrap();
                if answers.peek().is_none() {
                    break;
                }
            }
        }
        asked
    });
    (url, thread)
}

fn next_request(reader: &mut impl BufRead) -> Option<String> {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8_lossy(&body));
    Some(text)
}

fn request(url: &str, body: Body) -> HttpRequest {
    HttpRequest {
        purpose: Purpose::FileStream,
        method: Method::Post,
        url: format!("{url}/files?signature=secret"),
        headers: vec![Header::new("User-Agent", "wandb-core"), Header::new("Authorization", "Basic abc")],
        body,
        gzip: false,
        timeout: Some(Duration::from_secs(5)),
        answer_bytes_max: 1000,
        save_to: None,
        wire: std::sync::Arc::default(),
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}";

#[test]
fn a_connection_is_used_again_and_any_status_is_an_answer() {
    let (url, server) = serve(vec!["HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy", OK]);
    let first = attempt(&request(&url, Body::Bytes("one".into()))).unwrap();
    assert_eq!((first.status, &first.body[..]), (503, &b"busy"[..]));
    let second = attempt(&request(&url, Body::Empty)).unwrap();
    assert_eq!((second.status, second.header("retry-after")), (200, Some("7")));
    let asked = server.join().unwrap();
    assert_eq!((asked[0].0, asked[1].0), (0, 0), "one connection");
    let text = asked[0].1.to_ascii_lowercase();
    assert!(text.starts_with("post /files?signature=secret http/1.1") && text.ends_with("\r\n\r\none"), "{text}");
    assert!(text.contains("user-agent: wandb-core") && !text.contains("accept: ") && !text.contains("chunked"));
    assert!(asked[1].1.to_ascii_lowercase().contains("content-length: 0"));
}

#[test]
fn a_closed_connection_and_a_bad_address_are_failures_without_secrets() {
    let (url, server) = serve(vec![""]);
    let closed = attempt(&request(&url, Body::Bytes("x".into()))).unwrap_err();
    assert_eq!(closed.kind, FailureKind::Unreachable, "{}", closed.message);
    assert!(!closed.message.contains("secret") && closed.message.contains("/files"), "{}", closed.message);
    drop(server.join());
    let refused = attempt(&request("http://127.0.0.1:1", Body::Empty)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Unreachable);
    for url in ["ftp://h/x", "http://", "not a url", "/relative"] {
        let bad = attempt(&HttpRequest { url: url.into(), ..request("", Body::Empty) }).unwrap_err();
        assert_eq!(bad.kind, FailureKind::BadRequest, "{url}");
    }
}

#[test]
fn a_silent_server_is_left_at_the_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let slow = HttpRequest { timeout: Some(Duration::from_millis(200)), ..request(&url, Body::Empty) };
    assert_eq!(attempt(&slow).unwrap_err().kind, FailureKind::TimedOut);
}

#[test]
fn bodies_are_compressed_and_a_redirect_keeps_them_but_not_the_credentials() {
    let (there, target) = serve(vec![OK]);
    let moved = format!("HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: {there}/new\r\n\r\n");
    let (url, server) = serve(vec![Box::leak(moved.into_boxed_str())]);
    let answer = attempt(&request(&url, Body::Bytes("data".into()))).unwrap();
    assert_eq!(answer.status, 200);
    let asked = target.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.starts_with("post /new") && asked.ends_with("data") && !asked.contains("authorization"));
    drop(server.join());
    let (url, server) = serve(vec![OK]);
    let packed = HttpRequest { gzip: true, ..request(&url, Body::Bytes(vec![b'a'; 1000].into())) };
    assert_eq!(attempt(&packed).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.contains("content-encoding: gzip") && asked.len() < 500, "{asked}");
}

#[test]
fn files_are_streamed_with_their_length_and_answers_may_be_saved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.txt");
    std::fs::write(&path, "content").unwrap();
    let file = |len| Body::File { path: path.to_string_lossy().into_owned(), len };
    let (url, server) = serve(vec![OK]);
    let put = HttpRequest { method: Method::Put, timeout: None, ..request(&url, file(4)) };
    assert_eq!(attempt(&put).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1;
    assert!(asked.to_ascii_lowercase().contains("content-length: 4") && asked.ends_with("\r\n\r\ncont"), "{asked}");
    let (url, server) = serve(vec![OK]);
    let shrunk = attempt(&HttpRequest { timeout: None, ..request(&url, file(9)) }).unwrap_err();
    assert_eq!(shrunk.kind, FailureKind::Other, "{}", shrunk.message);
    drop(server);
    let (url, server) = serve(vec![OK]);
    let target = dir.path().join("a/b.json").to_string_lossy().into_owned();
    let get = HttpRequest { method: Method::Get, save_to: Some(target.clone()), ..request(&url, Body::Empty) };
    assert_eq!(attempt(&get).unwrap().body.len(), 0);
    assert_eq!(std::fs::read_to_string(target).unwrap(), "{}");
    drop(server.join());
}

#[test]
fn a_file_that_is_sent_slowly_is_heard_of_all_the_time() {
    const LEN: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reader = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut piece, mut read) = (vec![0; 256 << 10], 0);
        while read < LEN {
            read += socket.read(&mut piece).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        socket.write_all(OK.as_bytes()).unwrap();
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large").to_str().unwrap().to_string();
    std::fs::write(&path, vec![7; LEN]).unwrap();
    let asked = HttpRequest { method: Method::Put, ..request(&url, Body::File { path, len: LEN as u64 }) };
    let (start, mut heard) = (Instant::now(), Vec::new());
    let answer = super::attempt(&asked, &mut || heard.push(start.elapsed())).unwrap();
    assert_eq!(answer.status, 200);
    reader.join().unwrap();
    let longest = heard.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(heard.len() > 20 && longest < Duration::from_secs(2), "{} times, {longest:?} apart", heard.len());
}

//! The transport against small servers on loopback that say exactly what a test wants.

mod tls;
mod ways;

use super::*;
use runwire_core::{
    FailureKind,
    net::{Body, Header, Method, Purpose},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread::JoinHandle,
};

fn attempt(request: &HttpRequest) -> Result<HttpResponse, Failure> {
    super::attempt(request, &mut || {})
}

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

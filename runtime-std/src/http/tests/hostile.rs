//! Servers that say less, more or something else than they should.

use super::*;
use std::net::TcpStream;

/// A server that does as `script` says with one connection, after it has read the request's headers.
fn once(script: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        script(socket);
    });
    url
}

fn say(text: &'static str) -> String {
    once(move |mut socket| socket.write_all(text.as_bytes()).unwrap())
}

#[test]
fn half_an_answer_is_none() {
    let broken = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 2",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ];
    for text in broken {
        let failure = attempt(&request(&say(text), Body::Bytes("x".into()))).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{text:?}: {}", failure.message);
        assert!(!failure.message.contains("signature"), "{}", failure.message);
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_left_at_the_bound() {
    let url = once(|mut socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}").unwrap();
        std::thread::sleep(Duration::from_secs(3));
    });
    let slow = HttpRequest { timeout: Some(Duration::from_millis(300)), ..request(&url, Body::Empty) };
    let failure = attempt(&slow).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut, "{}", failure.message);
}

#[test]
fn an_answer_that_comes_before_the_body_was_taken_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large").to_string_lossy().into_owned();
    std::fs::write(&path, vec![7; 32 << 20]).unwrap();
    let url = once(|mut socket| {
        socket.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nexpired").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        // Closing with the body unread makes the system refuse the rest of it.
    });
    let put = HttpRequest {
        purpose: Purpose::PutFile,
        method: Method::Put,
        timeout: None,
        ..request(&url, Body::File { path, len: 32 << 20 })
    };
    let answer = attempt(&put).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (403, &b"expired"[..]));
}

#[test]
fn a_long_answer_is_cut_and_the_connection_used_again() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5000));
    let (url, server) = serve(vec![Box::leak(long.into_boxed_str()), OK]);
    let cut = attempt(&request(&url, Body::Empty)).unwrap();
    assert_eq!(cut.body.len(), 1000);
    assert_eq!(attempt(&request(&url, Body::Empty)).unwrap().body, "{}");
    let asked = server.join().unwrap();
    assert_eq!((asked[0].0, asked[1].0), (0, 0), "one connection");
}

#[test]
fn a_compressed_answer_is_read_as_text() {
    let url = once(|mut socket| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"{\"data\":{}}").unwrap();
        let body = encoder.finish().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    });
    assert_eq!(attempt(&request(&url, Body::Empty)).unwrap().body, "{\"data\":{}}");
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let save_to = Some(dir.path().join("model.bin").to_string_lossy().into_owned());
    let url = say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let get = HttpRequest { method: Method::Get, save_to: save_to.clone(), ..request(&url, Body::Empty) };
    assert_eq!(attempt(&get).unwrap_err().kind, FailureKind::Unreachable);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let url = say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    let get = HttpRequest { method: Method::Get, save_to, ..request(&url, Body::Empty) };
    let answer = attempt(&get).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (404, &b"none"[..]), "a refusal is not saved");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_bad_header_and_a_missing_file_are_named_without_their_content() {
    let mut bad = request("http://127.0.0.1:1", Body::Empty);
    bad.headers.push(Header::new("X-Key", "hidden\nkey"));
    let failure = attempt(&bad).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(!failure.message.contains("hidden"), "{}", failure.message);
    let gone = attempt(&request("http://127.0.0.1:1", Body::File { path: "/no/such/file".into(), len: 1 }));
    let failure = gone.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.starts_with("/no/such/file: "), "{}", failure.message);
}

#[test]
fn a_framing_header_of_the_caller_does_not_break_the_request() {
    let (url, server) = serve(vec![OK]);
    let mut odd = request(&url, Body::Bytes("four".into()));
    odd.headers.push(Header::new("Content-Length", "9"));
    odd.headers.push(Header::new("Transfer-Encoding", "chunked"));
    assert_eq!(attempt(&odd).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.contains("content-length: 4\r\n") && !asked.contains("chunked"), "{asked}");
}

//! Servers that say less, more or something else than they should.

use crate::{
    Client,
    server::{OK, once, request, say, serve},
};
use flate2::{Compression, write::GzEncoder};
use runwire_core::{
    FailureKind,
    net::{Body, Header, HttpRequest, Method, Purpose},
};
use std::{io::Write, time::Duration};

pub(crate) fn half_an_answer_is_none(attempt: Client<'_>) {
    let broken = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 2",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ];
    for text in broken {
        let failure = attempt(request(&say(text), Body::Bytes("x".into()))).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable, "{text:?}: {}", failure.message);
        assert!(!failure.message.contains("signature"), "{}", failure.message);
    }
}

pub(crate) fn a_server_that_stops_in_the_middle_is_left_at_the_bound(attempt: Client<'_>) {
    let url = once(|mut socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}").unwrap();
        std::thread::sleep(Duration::from_secs(3));
    });
    let slow = HttpRequest { timeout: Some(Duration::from_millis(300)), ..request(&url, Body::Empty) };
    let failure = attempt(slow.clone()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut, "{}", failure.message);
}

pub(crate) fn an_answer_that_comes_before_the_body_was_taken_is_heard(attempt: Client<'_>) {
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
    let answer = attempt(put.clone()).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (403, &b"expired"[..]));
}

pub(crate) fn a_long_answer_is_cut_and_the_connection_used_again(attempt: Client<'_>) {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5000));
    let (url, server) = serve(vec![Box::leak(long.into_boxed_str()), OK]);
    let cut = attempt(request(&url, Body::Empty)).unwrap();
    assert_eq!(cut.body.len(), 1000);
    assert_eq!(attempt(request(&url, Body::Empty)).unwrap().body, "{}");
    let asked = server.join().unwrap();
    assert_eq!((asked[0].0, asked[1].0), (0, 0), "one connection");
}

pub(crate) fn a_compressed_answer_is_read_as_text(attempt: Client<'_>) {
    let url = once(|mut socket| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"{\"data\":{}}").unwrap();
        let body = encoder.finish().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    });
    assert_eq!(attempt(request(&url, Body::Empty)).unwrap().body, "{\"data\":{}}");
}

pub(crate) fn a_download_that_breaks_off_leaves_nothing(attempt: Client<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let save_to = Some(dir.path().join("model.bin").to_string_lossy().into_owned());
    let url = say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let get = HttpRequest { method: Method::Get, save_to: save_to.clone(), ..request(&url, Body::Empty) };
    assert_eq!(attempt(get.clone()).unwrap_err().kind, FailureKind::Unreachable);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let url = say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    let get = HttpRequest { method: Method::Get, save_to, ..request(&url, Body::Empty) };
    let answer = attempt(get.clone()).unwrap();
    assert_eq!((answer.status, &answer.body[..]), (404, &b"none"[..]), "a refusal is not saved");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

pub(crate) fn a_bad_header_and_a_missing_file_are_named_without_their_content(attempt: Client<'_>) {
    let mut bad = request("http://127.0.0.1:1", Body::Empty);
    bad.headers.push(Header::new("X-Key", "hidden\nkey"));
    let failure = attempt(bad.clone()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(!failure.message.contains("hidden"), "{}", failure.message);
    let gone = attempt(request("http://127.0.0.1:1", Body::File { path: "/no/such/file".into(), len: 1 }));
    let failure = gone.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.starts_with("/no/such/file: "), "{}", failure.message);
}

pub(crate) fn a_framing_header_of_the_caller_does_not_break_the_request(attempt: Client<'_>) {
    let (url, server) = serve(vec![OK]);
    let mut odd = request(&url, Body::Bytes("four".into()));
    odd.headers.push(Header::new("Content-Length", "9"));
    odd.headers.push(Header::new("Transfer-Encoding", "chunked"));
    assert_eq!(attempt(odd.clone()).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.contains("content-length: 4\r\n") && !asked.contains("chunked"), "{asked}");
}

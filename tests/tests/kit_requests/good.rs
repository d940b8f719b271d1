//! Servers that do as they should.

use crate::{
    Client,
    server::{OK, request, serve},
};
use runwire_core::{
    FailureKind,
    net::{Body, HttpRequest, Method, Secret, Wire},
};
use std::{net::TcpListener, sync::Arc, time::Duration};

pub(crate) fn a_connection_is_used_again_and_any_status_is_an_answer(attempt: Client<'_>) {
    let (url, server) = serve(vec!["HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy", OK]);
    let first = attempt(request(&url, Body::Bytes("one".into()))).unwrap();
    assert_eq!((first.status, &first.body[..]), (503, &b"busy"[..]));
    let second = attempt(request(&url, Body::Empty)).unwrap();
    assert_eq!((second.status, second.header("retry-after")), (200, Some("7")));
    let asked = server.join().unwrap();
    assert_eq!((asked[0].0, asked[1].0), (0, 0), "one connection");
    let text = asked[0].1.to_ascii_lowercase();
    assert!(text.starts_with("post /files?signature=secret http/1.1") && text.ends_with("\r\n\r\none"), "{text}");
    assert!(text.contains("user-agent: wandb-core") && !text.contains("accept: ") && !text.contains("chunked"));
    assert!(asked[1].1.to_ascii_lowercase().contains("content-length: 0"));
}

pub(crate) fn a_closed_connection_and_a_bad_address_are_failures_without_secrets(attempt: Client<'_>) {
    let (url, server) = serve(vec![""]);
    let closed = attempt(request(&url, Body::Bytes("x".into()))).unwrap_err();
    assert_eq!(closed.kind, FailureKind::Unreachable, "{}", closed.message);
    assert!(!closed.message.contains("secret") && closed.message.contains("/files"), "{}", closed.message);
    drop(server.join());
    let refused = attempt(request("http://127.0.0.1:1", Body::Empty)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Unreachable);
    for url in ["ftp://h/x", "http://", "not a url", "/relative"] {
        let bad = attempt(HttpRequest { url: url.into(), ..request("", Body::Empty) }).unwrap_err();
        assert_eq!(bad.kind, FailureKind::BadRequest, "{url}");
    }
}

pub(crate) fn a_silent_server_is_left_at_the_bound(attempt: Client<'_>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let slow = HttpRequest { timeout: Some(Duration::from_millis(200)), ..request(&url, Body::Empty) };
    assert_eq!(attempt(slow.clone()).unwrap_err().kind, FailureKind::TimedOut);
}

pub(crate) fn bodies_are_compressed_and_a_redirect_keeps_them_but_not_the_credentials(attempt: Client<'_>) {
    let (there, target) = serve(vec![OK]);
    let moved = format!("HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: {there}/new\r\n\r\n");
    let (url, server) = serve(vec![Box::leak(moved.into_boxed_str())]);
    let answer = attempt(request(&url, Body::Bytes("data".into()))).unwrap();
    assert_eq!(answer.status, 200);
    let asked = target.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.starts_with("post /new") && asked.ends_with("data") && !asked.contains("authorization"));
    drop(server.join());
    let (url, server) = serve(vec![OK]);
    let packed = HttpRequest { gzip: true, ..request(&url, Body::Bytes(vec![b'a'; 1000].into())) };
    assert_eq!(attempt(packed.clone()).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1.to_ascii_lowercase();
    assert!(asked.contains("content-encoding: gzip") && asked.len() < 500, "{asked}");
}

pub(crate) fn files_are_streamed_with_their_length_and_answers_may_be_saved(attempt: Client<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.txt");
    std::fs::write(&path, "content").unwrap();
    let file = |len| Body::File { path: path.to_string_lossy().into_owned(), len };
    let (url, server) = serve(vec![OK]);
    let put = HttpRequest { method: Method::Put, timeout: None, ..request(&url, file(4)) };
    assert_eq!(attempt(put.clone()).unwrap().status, 200);
    let asked = server.join().unwrap().remove(0).1;
    assert!(asked.to_ascii_lowercase().contains("content-length: 4") && asked.ends_with("\r\n\r\ncont"), "{asked}");
    let (url, server) = serve(vec![OK]);
    let shrunk = attempt(HttpRequest { timeout: None, ..request(&url, file(9)) }).unwrap_err();
    assert_eq!(shrunk.kind, FailureKind::Other, "{}", shrunk.message);
    drop(server);
    let (url, server) = serve(vec![OK]);
    let target = dir.path().join("a/b.json").to_string_lossy().into_owned();
    let get = HttpRequest { method: Method::Get, save_to: Some(target.clone()), ..request(&url, Body::Empty) };
    assert_eq!(attempt(get.clone()).unwrap().body.len(), 0);
    assert_eq!(std::fs::read_to_string(target).unwrap(), "{}");
    drop(server.join());
}

fn through(proxy: &str, url: &str) -> HttpRequest {
    let address = proxy.replace("http://", "http://u:p%40w@");
    let wire =
        Wire { http_proxy: Some(Secret::new(&address)), https_proxy: Some(Secret::new(address)), insecure: false };
    HttpRequest { wire: Arc::new(wire), ..request(url, Body::Bytes("data".into())) }
}

/// `u:p@w`, in small letters.
const AUTHORIZATION: &str = "proxy-authorization: basic dtpwqhc=\r\n";

pub(crate) fn backend_68_a_proxy_for_http_is_asked_with_the_whole_address(attempt: Client<'_>) {
    let (proxy, server) = serve(vec![OK, OK]);
    // A name that only the proxy can resolve.
    for _ in 0..2 {
        assert_eq!(attempt(through(&proxy, "http://server.invalid:81")).unwrap().status, 200);
    }
    for (connection, asked) in server.join().unwrap() {
        assert_eq!(connection, 0, "one connection");
        let start = "POST http://server.invalid:81/files?signature=secret HTTP/1.1\r\n";
        assert!(asked.starts_with(start) && asked.to_ascii_lowercase().contains(AUTHORIZATION), "{asked}");
        assert!(
            asked.to_ascii_lowercase().contains("host: server.invalid:81\r\n") && asked.ends_with("data"),
            "{asked}"
        );
    }
}

pub(crate) fn backend_68_a_proxy_for_https_is_asked_for_a_tunnel(attempt: Client<'_>) {
    let (proxy, server) = serve(vec!["HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"]);
    let failure = attempt(through(&proxy, "https://server.invalid")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("407") && !failure.message.contains("p@w"), "{}", failure.message);
    let asked = server.join().unwrap().remove(0).1;
    assert!(
        asked.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n")
            && asked.to_ascii_lowercase().contains(AUTHORIZATION),
        "{asked}"
    );
    assert!(!asked.contains("signature") && !asked.contains("Basic abc"), "{asked}");
}

pub(crate) fn a_bad_address_of_a_proxy_is_named_but_not_shown(attempt: Client<'_>) {
    for address in ["nonsense://u:pw@h", "http://u:pw@", ""] {
        let wire = Wire { http_proxy: Some(Secret::new(address)), ..Wire::default() };
        let failure = attempt(HttpRequest { wire: Arc::new(wire), ..request("http://h", Body::Empty) }).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest, "{}", failure.message);
        assert!(failure.message.contains("proxy") && !failure.message.contains("pw"), "{}", failure.message);
    }
}

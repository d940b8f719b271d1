//! Ways to the server: proxies, and many connections at a time.

use super::*;
use crate::pool::{Job, NETWORK_THREADS_MAX, Pool};
use runwire_core::{
    Effect, EffectId, StreamKey,
    net::{Secret, Wire},
};
use std::sync::{Arc, Barrier, mpsc};

fn through(proxy: &str, url: &str) -> HttpRequest {
    let address = proxy.replace("http://", "http://u:p%40w@");
    let wire = Wire {
        http_proxy: Some(Secret::new(&address)),
        https_proxy: Some(Secret::new(address)),
        insecure: false,
        ..Wire::default()
    };
    HttpRequest { wire: Arc::new(wire), ..request(url, Body::Bytes("data".into())) }
}

/// `u:p@w`
const AUTHORIZATION: &str = "Proxy-Authorization: Basic dTpwQHc=\r\n";

#[test]
fn backend_68_a_proxy_for_http_is_asked_with_the_whole_address() {
    let (proxy, server) = serve(vec![OK, OK]);
    // A name that only the proxy can resolve.
    for _ in 0..2 {
        assert_eq!(attempt(&through(&proxy, "http://server.invalid:81")).unwrap().status, 200);
    }
    for (connection, asked) in server.join().unwrap() {
        assert_eq!(connection, 0, "one connection");
        let start = "POST http://server.invalid:81/files?signature=secret HTTP/1.1\r\n";
        assert!(asked.starts_with(start) && asked.contains(AUTHORIZATION), "{asked}");
        assert!(
            asked.to_ascii_lowercase().contains("host: server.invalid:81\r\n") && asked.ends_with("data"),
            "{asked}"
        );
    }
}

#[test]
fn backend_68_a_proxy_for_https_is_asked_for_a_tunnel() {
    let (proxy, server) = serve(vec!["HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"]);
    let failure = attempt(&through(&proxy, "https://server.invalid")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("407") && !failure.message.contains("p@w"), "{}", failure.message);
    let asked = server.join().unwrap().remove(0).1;
    assert!(asked.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n") && asked.contains(AUTHORIZATION), "{asked}");
    assert!(!asked.contains("signature") && !asked.contains("Basic abc"), "{asked}");
}

#[test]
fn backend_68_a_proxy_is_told_who_asks_by_a_header_of_the_user() {
    let wire = |address: &str| {
        let authorization = Some(Secret::new("Bearer token"));
        let address = Some(Secret::new(address));
        Arc::new(Wire {
            http_proxy: address.clone(),
            https_proxy: address,
            proxy_authorization: authorization,
            ..Wire::default()
        })
    };
    let (proxy, server) = serve(vec!["HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"]);
    let asked = HttpRequest { wire: wire(&proxy), ..request("https://server.invalid", Body::Empty) };
    assert!(attempt(&asked).is_err());
    let head = server.join().unwrap().remove(0).1;
    assert!(head.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.ends_with("\r\nProxy-Authorization: Bearer token\r\n\r\n"), "{head}");

    let (proxy, server) = serve(vec![OK]);
    let asked = HttpRequest { wire: wire(&proxy), ..request("http://server.invalid", Body::Empty) };
    assert_eq!(attempt(&asked).unwrap().status, 200);
    let head = server.join().unwrap().remove(0).1;
    assert_eq!(head.matches("Proxy-Authorization: Bearer token\r\n").count(), 1, "{head}");

    // What the address says counts more.
    let (proxy, server) = serve(vec![OK]);
    let named = proxy.replace("http://", "http://u:p%40w@");
    let asked = HttpRequest { wire: wire(&named), ..request("http://server.invalid", Body::Empty) };
    assert_eq!(attempt(&asked).unwrap().status, 200);
    let head = server.join().unwrap().remove(0).1;
    assert!(head.contains(AUTHORIZATION) && !head.contains("Bearer"), "{head}");
}

#[test]
fn a_bad_address_of_a_proxy_is_named_but_not_shown() {
    for address in ["nonsense://u:pw@h", "http://u:pw@", ""] {
        let wire = Wire { http_proxy: Some(Secret::new(address)), ..Wire::default() };
        let failure = attempt(&HttpRequest { wire: Arc::new(wire), ..request("http://h", Body::Empty) }).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest, "{}", failure.message);
        assert!(failure.message.contains("proxy") && !failure.message.contains("pw"), "{}", failure.message);
    }
}

#[test]
fn more_than_a_hundred_requests_are_under_way_at_a_time() {
    const COUNT: usize = 128;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let all = Arc::new(Barrier::new(COUNT));
    std::thread::spawn(move || {
        for _ in 0..COUNT {
            let (socket, _) = listener.accept().unwrap();
            let all = Arc::clone(&all);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                next_request(&mut reader).unwrap();
                all.wait();
                (&socket).write_all(OK.as_bytes()).unwrap();
            });
        }
    });
    let (sender, outcomes) = mpsc::channel();
    let pool = Pool::new(NETWORK_THREADS_MAX, Arc::new(move |_, _, completion| sender.send(completion).unwrap()));
    for index in 0..COUNT {
        let request = HttpRequest { timeout: Some(Duration::from_secs(60)), ..request(&url, Body::Empty) };
        let effect = Effect::Http(Box::new(request));
        let id = EffectId(index as u64);
        pool.submit(Job { key: StreamKey(0), id, effect, files: Arc::default() });
    }
    for _ in 0..COUNT {
        let Completion::Http(answer) = outcomes.recv_timeout(Duration::from_secs(60)).unwrap() else {
            panic!("a request failed")
        };
        assert_eq!(answer.status, 200);
    }
}

//! The way to the server: proxies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use runwire_tests::online::set_up;

/// Heads of the requests that a server saw which says yes to everything.
type Heads = Arc<Mutex<Vec<String>>>;

/// A server, or a proxy, that answers everything with an empty success.
fn agreeable() -> (u16, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || serve(stream, &seen));
        }
    });
    (port, heads)
}

fn serve(stream: TcpStream, seen: &Heads) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        seen.lock().expect("nobody panics with it").push(head);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"data\":{}}";
        if reader.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn backend_68_everything_goes_through_the_proxy() {
    let (port, heads) = agreeable();
    let mut setup = set_up(
        "http://server.invalid",
        |settings| {
            settings.http_proxy = Some(format!("http://u:pw@127.0.0.1:{port}"));
            settings.init_timeout = Some(10.0);
        },
        |_| {},
    );
    assert!(setup.answer.is_ok(), "{:?}", setup.answer);
    setup.run.row(&[("x", "1")]);
    setup.run.exit(0);
    let heads = heads.lock().expect("nobody panics with it").clone();
    for path in ["/graphql", "/files/e/p/run1/file_stream"] {
        let wanted = format!("POST http://server.invalid{path} HTTP/1.1");
        let found = heads.iter().filter(|head| head.contains(&wanted)).count();
        // A proxy may also be asked for a tunnel.
        let tunnels = heads.iter().filter(|head| head.starts_with("CONNECT server.invalid:80 ")).count();
        assert!(found + tunnels > 0, "{wanted} is not in {heads:?}");
    }
    // The name and the password, in base 64.
    let told = |head: &String| head.to_ascii_lowercase().contains("proxy-authorization: basic dtpwdw==");
    assert!(heads.iter().all(told), "{heads:?}");
}

//! The way to the server: proxies and certificates.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use runwire_proto::wire::files_item::PolicyType;
use runwire_tests::official::workspace;
use runwire_tests::online::{Backend, Online, Setup, set_up_on};
use runwire_tests::sidecar::Launch;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

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

/// The same behind a certificate that nobody has signed but itself; gives its address.
fn secret() -> (String, Heads) {
    let file = |name: &str| workspace().join("tests").join("data").join("tls").join(name);
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).expect("there is a certificate");
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).expect("there is its key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("https://{}", listener.local_addr().expect("it is bound"));
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
            let seen = Arc::clone(&seen);
            thread::spawn(move || serve(StreamOwned::new(connection, stream), &seen));
        }
    });
    (url, heads)
}

fn serve(stream: impl Read + Write, seen: &Heads) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let mut body = vec![0; length_of(&head)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let is_tunnel = head.starts_with("CONNECT ");
        seen.lock().expect("nobody panics with it").push(head);
        if is_tunnel && reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
            continue;
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"data\":{}}";
        if reader.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn backend_68_everything_goes_through_the_proxy() {
    let (port, heads) = agreeable();
    let mut setup = set_up_on(
        Launch::new().start(),
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
    let graphql = heads.iter().any(|head| head.contains("/graphql HTTP/1.1"));
    let push = heads.iter().any(|head| head.contains("/files/e/p/run1/file_stream HTTP/1.1"));
    assert!(graphql && push, "{heads:?}");
    // The name and the password, in base 64. Within a tunnel they are not said again.
    let told = |head: &&String| head.to_ascii_lowercase().contains("proxy-authorization: basic dtpwdw==");
    let asked = heads.iter().filter(|head| head.starts_with("CONNECT ") || head.contains(" http://"));
    assert!(asked.clone().count() > 0 && asked.clone().all(|head| told(&head)), "{heads:?}");
}

/// A proxy that passes requests on one by one, without its own headers; gives what it saw.
fn passing_on(to: &str) -> (u16, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (heads, to) = (Heads::default(), to.trim_start_matches("http://").to_owned());
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, to) = (Arc::clone(&seen), to.clone());
            thread::spawn(move || pass_on(stream, &seen, &to));
        }
    });
    (port, heads)
}

fn pass_on(stream: TcpStream, seen: &Heads, to: &str) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).ok().filter(|count| *count > 0)?;
        }
        seen.lock().expect("nobody panics with it").push(head.clone());
        let mut body = vec![0; length_of(&head)];
        reader.read_exact(&mut body).ok()?;
        let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-authorization"));
        let head = kept.collect::<Vec<_>>().join("\r\n").trim_end().replace(&format!("http://{to}/"), "/");
        let mut server = BufReader::new(TcpStream::connect(to).ok()?);
        server.get_mut().write_all(format!("{head}\r\n\r\n").as_bytes()).ok()?;
        server.get_mut().write_all(&body).ok()?;
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            server.read_line(&mut answer).ok().filter(|count| *count > 0)?;
        }
        let mut body = vec![0; length_of(&answer)];
        server.read_exact(&mut body).ok()?;
        reader.get_mut().write_all(&[answer.into_bytes(), body].concat()).ok()?;
    }
}

/// How many bytes follow a head.
fn length_of(head: &str) -> usize {
    let value = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    head.lines().find_map(value).unwrap_or(0)
}

#[test]
fn backend_68_every_request_of_a_run_goes_through_the_proxy() {
    let backend = Backend::start();
    let (port, heads) = passing_on(&backend.url());
    let mut online = Online::on(backend, |settings| {
        settings.http_proxy = Some(format!("http://u:pw@127.0.0.1:{port}"));
        settings.console = Some("wrap".into());
    });
    online.log_rows(3);
    online.print("a line\n");
    online.save("f.txt", "content", PolicyType::Now);
    let (state, backend) = online.end();
    assert_eq!((&state["state"], state["history"].as_array().map(Vec::len)), (&"finished".into(), Some(3)));
    let heads = heads.lock().expect("nobody panics with it").clone();
    assert_eq!(heads.len(), backend.count("any"), "some went another way");
    for kind in ["/graphql ", "/file_stream ", "f.txt"] {
        assert!(heads.iter().any(|head| head.contains(kind)), "no {kind} in {heads:?}");
    }
    // The name and the password, in base 64.
    let told = |head: &String| head.to_ascii_lowercase().contains("proxy-authorization: basic dtpwdw==");
    assert!(heads.iter().all(told), "{heads:?}");
}

#[test]
fn backend_09_the_path_of_the_address_is_kept() {
    let (port, heads) = agreeable();
    let url = format!("http://127.0.0.1:{port}/sub/");
    let mut setup = set_up_on(Launch::new().start(), url.trim_end_matches('/'), |_| {}, |_| {});
    assert!(setup.answer.is_ok(), "{:?}", setup.answer);
    setup.run.row(&[("x", "1")]);
    setup.run.exit(0);
    let heads = heads.lock().expect("nobody panics with it").clone();
    let paths: BTreeSet<&str> = heads.iter().filter_map(|head| head.split(' ').nth(1)).collect();
    assert_eq!(paths, BTreeSet::from(["/sub/files/e/p/run1/file_stream", "/sub/graphql"]));
}

#[test]
fn backend_69_a_certificate_that_is_not_trusted() {
    let (url, heads) = secret();
    let setup: Setup = set_up_on(Launch::new().start(), &url, |_| {}, |_| {});
    assert!(setup.error().message.to_lowercase().contains("certificate"), "{:?}", setup.answer);
    assert!(setup.took.as_secs() < 5, "another try can't help: {:?}", setup.took);
    assert!(heads.lock().expect("nobody panics with it").is_empty());

    let trusting =
        set_up_on(Launch::new().start(), &url, |settings| settings.insecure_disable_ssl = Some(true), |_| {});
    assert!(trusting.answer.is_ok(), "{:?}", trusting.answer);
    let file = workspace().join("tests").join("data").join("tls").join("cert.pem");
    let told = set_up_on(Launch::new().env("SSL_CERT_FILE", file).start(), &url, |_| {}, |_| {});
    assert!(told.answer.is_ok(), "{:?}", told.answer);
}

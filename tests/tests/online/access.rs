//! The way to the server: proxies and certificates.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use runwire_tests::official::workspace;
use runwire_tests::online::{Setup, set_up_on};
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
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
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

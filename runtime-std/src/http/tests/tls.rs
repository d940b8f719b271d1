//! A server whose certificate nobody knows.

use super::*;
use runwire_core::net::base64;
use rustls::pki_types::PrivateKeyDer;
use std::{path::Path, process::Command, sync::Arc};

/// Tells a second process of this test the address to ask.
const ASK: &str = "RUNWIRE_TEST_ASK";

/// A server that answers `count` connections. Returns its address and its certificate in PEM.
fn serve_secure(count: usize) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let lines = base64(made.cert.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for _ in 0..count {
            let (socket, _) = listener.accept().unwrap();
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut reader = BufReader::new(rustls::StreamOwned::new(connection, socket));
                if next_request(&mut reader).is_some() {
                    reader.get_mut().write_all(OK.as_bytes()).unwrap();
                }
            });
        }
    });
    (url, pem)
}

/// The variable is read once a process, so this test runs itself again with it.
#[test]
fn backend_69_ssl_cert_file_names_what_is_trusted() {
    if let Ok(url) = std::env::var(ASK) {
        let answer = attempt(&request(&url, Body::Empty));
        assert_eq!(answer.map(|answer| answer.status), Ok(200));
        return;
    }
    let (url, pem) = serve_secure(2);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let again = |name: &str, value: &Path| {
        let name_of_test = "http::tests::tls::backend_69_ssl_cert_file_names_what_is_trusted";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name_of_test]).env(ASK, &url).env(name, value).output().unwrap()
    };
    let output = again("SSL_CERT_FILE", &file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let other = again("RUNWIRE_TEST_NOTHING", &file);
    assert!(!other.status.success(), "it is not trusted otherwise");
}

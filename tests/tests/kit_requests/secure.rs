//! A server whose certificate nobody knows.

use crate::{
    Client,
    server::{OK, next_request, request},
};
use runwire_core::{
    FailureKind,
    net::{Body, HttpRequest, Wire},
};
use rustls::pki_types::PrivateKeyDer;
use std::{
    io::{BufReader, Write},
    net::TcpListener,
    sync::Arc,
};

/// A server that answers `count` connections. Returns its address.
fn serve_secure(count: usize) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
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
    url
}

pub(crate) fn backend_69_an_unknown_certificate_is_refused_unless_it_is_not_checked(attempt: Client<'_>) {
    let url = serve_secure(2);
    let refused = attempt(request(&url, Body::Empty)).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Certificate, "{}", refused.message);
    assert!(refused.message.contains("certificate") && !refused.message.contains("signature"), "{}", refused.message);
    let wire = Arc::new(Wire { insecure: true, ..Wire::default() });
    let answer = attempt(HttpRequest { wire, ..request(&url, Body::Bytes("x".into())) }).unwrap();
    assert_eq!(answer.status, 200);
}

//! TLS: whom a client trusts, and how a socket becomes a secure one.

use crate::executor::{Executor, Socket};
use futures_rustls::TlsConnector;
use runwire_effects::http::system_roots;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    io,
    sync::{Arc, OnceLock},
};

/// Made when they are first needed: reading the system's certificates takes its time.
#[derive(Default)]
pub(super) struct Connectors {
    checked: Arc<OnceLock<TlsConnector>>,
    unchecked: Arc<OnceLock<TlsConnector>>,
}

impl Connectors {
    /// Makes `socket` a secure connection to `host`.
    pub(super) async fn secure<E: Executor>(
        &self,
        executor: &E,
        insecure: bool,
        host: &str,
        socket: Socket,
    ) -> io::Result<Socket> {
        let made = Arc::clone(if insecure { &self.unchecked } else { &self.checked });
        let connector = match made.get() {
            Some(connector) => connector.clone(),
            None => executor.unblock(move || made.get_or_init(|| Arc::new(config(insecure)).into()).clone()).await,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(connector.connect(name, socket).await?))
    }
}

/// The system's certificates; built-in ones where it has none.
fn config(insecure: bool) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions that it was built with");
    if insecure {
        let anything = Arc::new(Anything(provider));
        return builder.dangerous().with_custom_certificate_verifier(anything).with_no_client_auth();
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system_roots());
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// Trusts any certificate, but still wants whoever shows it to hold its key.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

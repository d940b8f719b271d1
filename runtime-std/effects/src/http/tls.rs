//! Whom this machine trusts.

use rustls::pki_types::CertificateDer;

/// Certificates of the system, `SSL_CERT_FILE` and `SSL_CERT_DIR` included; none where the system has none.
pub fn system_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

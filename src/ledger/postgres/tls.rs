//! TLS by rustls with ring; the server is always verified.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ledger::LedgerError;
use crate::ledger::postgres::address::Address;

/// What makes a connection to this address safe: whoever is not vouched for by the operating system's authorities, or by the one
/// that the address names, is not spoken to.
pub(super) fn connector(address: &Address) -> Result<MakeRustlsConnect, LedgerError> {
    let refuse = |reason: String| LedgerError::Untrusted { place: address.to_string(), reason };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?;
    let builder = match address.authority() {
        None => builder.with_platform_verifier().map_err(|error| refuse(error.to_string()))?,
        Some(path) => {
            let unusable = |reason: String| refuse(format!("{}: {reason}", path.display()));
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("there is no certificate in it".into()));
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

//! TLS settings for HTTP and PostgreSQL: rustls with one crypto provider.
//!
//! Public roots are compiled in: reading a system's certificate store is half of a cold start.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Verifies the server's certificate and name against the public roots.
pub(crate) fn public_roots() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    with_roots(roots)
}

/// Verifies the server's certificate and name against the certificates of a PEM text.
pub(crate) fn private_roots(pem: &str) -> Result<ClientConfig, PemError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| PemError)?).map_err(|_| PemError)?;
    }
    if roots.is_empty() {
        Err(PemError)
    } else {
        Ok(with_roots(roots))
    }
}

/// Encrypts, and believes whoever answers: what `sslmode=require` means to every PostgreSQL client.
pub(crate) fn unverified() -> ClientConfig {
    let verifier = Unverified(aws_lc_rs::default_provider());
    let mut config = with_roots(RootCertStore::empty());
    config.dangerous().set_certificate_verifier(Arc::new(verifier));
    config
}

/// The text holds no usable certificate.
#[derive(Debug, thiserror::Error)]
#[error("no usable certificate in the PEM text")]
pub(crate) struct PemError;

fn with_roots(roots: RootCertStore) -> ClientConfig {
    #[expect(
        clippy::expect_used,
        reason = "fails only if the provider lacks both TLS 1.2 and 1.3"
    )]
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[derive(Debug)]
struct Unverified(CryptoProvider);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

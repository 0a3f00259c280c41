//! TLS as `sslmode` means it.
//!
//! libpq's modes below `verify-full` check less than rustls does by itself, so one verifier here
//! covers them all: nothing, the chain, or the chain and the host's name
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CERTIFICATES>). In every
//! mode the server must hold the key of the certificate it shows.
//!
//! The files are read for each connection, so a certificate that is replaced counts from the next
//! connection on.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::Error;
use super::target::{SslMode, Target};
use crate::tls as shared;

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

impl Check {
    /// A root certificate that is named is also used below `verify-ca`, as in libpq.
    fn for_target(target: &Target) -> Self {
        match target.sslmode {
            SslMode::VerifyFull => Self::ChainAndName,
            SslMode::VerifyCa => Self::Chain,
            SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => {
                if target.sslrootcert.is_some() {
                    Self::Chain
                } else {
                    Self::Nothing
                }
            }
        }
    }
}

/// Builds the TLS configuration of `target`; reads the small files it names.
pub(super) fn client_config(target: &Target) -> Result<Arc<ClientConfig>, Error> {
    let provider = shared::provider();
    let check = Check::for_target(target);
    let trusted = match (check, &target.sslrootcert) {
        (Check::Nothing, _) => Vec::new(),
        (_, Some(path)) => certificates("sslrootcert", path)?,
        (_, None) => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    if check != Check::Nothing && roots.is_empty() {
        return Err(Error::NoRootCertificates);
    }
    let verifier = Verifier {
        check,
        roots,
        trusted,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring implements TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match (&target.sslcert, &target.sslkey) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let private_key =
                shared::private_key(key).map_err(|source| unusable("sslkey", key, source))?;
            builder
                .with_client_auth_cert(chain, private_key)
                .map_err(|source| unusable("sslkey", key, source))?
        }
        (None | Some(_), None) | (None, Some(_)) => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(
    parameter: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    shared::certificates(path).map_err(|source| unusable(parameter, path, source))
}

fn unusable(
    parameter: &'static str,
    path: &Path,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::CertificateFile {
        parameter,
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// Checks a server's certificate as far as `sslmode` asks.
#[derive(Debug)]
struct Verifier {
    check: Check,
    roots: RootCertStore,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A self-signed server certificate that the operator named in `sslrootcert` is trusted as it
    /// is: OpenSSL, and so libpq, accepts it, while webpki refuses an authority's certificate as
    /// a server's.
    fn is_named(&self, end_entity: &CertificateDer<'_>) -> bool {
        self.trusted
            .iter()
            .any(|certificate| certificate == end_entity)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if self.check != Check::Nothing && !self.is_named(end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        if self.check == Check::ChainAndName {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

//! What every TLS connection of the relay has in common: the PEM files it reads, and how its
//! failures are told from those of the network.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file does not hold what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// Something in it looks like PEM and is none.
    #[error("it is damaged")]
    Damaged(#[source] PemError),
    /// There is no `BEGIN CERTIFICATE` in it.
    #[error("it holds no certificate in PEM form")]
    NoCertificate,
    /// There is no `BEGIN PRIVATE KEY` in it, or the key is encrypted.
    #[error("it holds no private key in PEM form without a passphrase")]
    NoKey,
}

/// Every certificate in the file; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let pem = std::fs::read(path).map_err(FileError::Read)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(FileError::NoCertificate),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(FileError::Damaged(error)),
    }
}

/// The private key in the file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let pem = std::fs::read(path).map_err(FileError::Read)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        PemError::NoItemsFound => FileError::NoKey,
        error => FileError::Damaged(error),
    })
}

/// The crypto of every connection. It is always given explicitly: the process may hold two (another
/// library can bring its own), and rustls panics when it must guess.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The failure of TLS itself among the causes of `error`: a certificate that one side does not
/// accept, and not a connection that broke.
pub(crate) fn failure<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(failure) = error.downcast_ref() {
            return Some(failure);
        }
        // The error that an `io::Error` wraps is not among its causes, only that error's causes are.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(wrapped) = wrapped {
            let wrapped: &'a (dyn StdError + 'static) = wrapped;
            cause = Some(wrapped);
            continue;
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Chain;

    #[test]
    fn a_file_that_does_not_hold_what_it_should_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.pem");
        let why = |result: Result<(), FileError>| Chain(&result.unwrap_err()).to_string();
        let certificates = || certificates(&path).map(drop);
        assert!(why(certificates()).starts_with("it cannot be read: No such file"));
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(why(certificates()), "it holds no certificate in PEM form");
        assert!(why(private_key(&path).map(drop)).starts_with("it holds no private key"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
        assert!(why(certificates()).starts_with("it is damaged: "));
    }

    #[test]
    fn a_failure_of_tls_is_found_behind_the_errors_that_carry_it() {
        let tls = || rustls::Error::NoCertificatesPresented;
        let carried = io::Error::other(io::Error::other(tls()));
        assert_eq!(failure(&carried), Some(&tls()));
        assert_eq!(failure(&io::Error::from(io::ErrorKind::BrokenPipe)), None);
    }
}

//! The `tls-server-end-point` channel binding: a hash of the server's certificate, which ties the
//! SCRAM exchange to this very TLS connection (<https://www.rfc-editor.org/rfc/rfc5929#section-4>).
//!
//! The hash is that of the certificate's signature algorithm, with SHA-256 in place of MD5 and
//! SHA-1. Algorithms without a hash of their own (Ed25519) have no binding; PostgreSQL then does
//! not offer it either.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The binding for a server's certificate in DER; `None` where the algorithm has no hash.
pub(super) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_algorithm(certificate)? {
        // md5, sha1, sha256 WithRSAEncryption; ecdsa-with-SHA1, ecdsa-with-SHA256
        [
            0x2A,
            0x86,
            0x48,
            0x86,
            0xF7,
            0x0D,
            0x01,
            0x01,
            0x04 | 0x05 | 0x0B,
        ]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02] => Sha256::digest(certificate).to_vec(),
        // sha384WithRSAEncryption, ecdsa-with-SHA384
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03] => Sha384::digest(certificate).to_vec(),
        // sha512WithRSAEncryption, ecdsa-with-SHA512
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04] => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OID, .. }, .. }`
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(certificate, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (identifier, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    Some(identifier)
}

/// Splits one DER element with this tag into its content and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (
                digits
                    .iter()
                    .fold(0, |length, &digit| length << 8 | usize::from(digit)),
                rest,
            )
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's skeleton with this signature algorithm and a body that needs a long length.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82], &length[..], content].concat()
        };
        let identifier = wrap(OBJECT_IDENTIFIER, algorithm);
        let body = [wrap(SEQUENCE, &[0; 300]), wrap(SEQUENCE, &identifier)].concat();
        wrap(SEQUENCE, &body)
    }

    #[test]
    fn the_hash_is_that_of_the_signature_algorithm() {
        let ecdsa_sha384 = certificate(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03]);
        assert_eq!(
            server_end_point(&ecdsa_sha384),
            Some(Sha384::digest(&ecdsa_sha384).to_vec())
        );
        let rsa_sha1 = certificate(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05]);
        assert_eq!(
            server_end_point(&rsa_sha1),
            Some(Sha256::digest(&rsa_sha1).to_vec())
        );
        let ed25519 = certificate(&[0x2B, 0x65, 0x70]);
        assert_eq!(server_end_point(&ed25519), None);
    }

    #[test]
    fn a_cut_certificate_has_no_binding() {
        let whole = certificate(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]);
        for length in 0..whole.len() {
            assert_eq!(server_end_point(&whole[..length]), None);
        }
    }
}

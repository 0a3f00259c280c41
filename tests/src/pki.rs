//! An authority and its certificates, made for one run of the tests.

use anyhow::Result;
use postrider::local::ServerTls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// The only name that the servers' certificates hold. An address of the same machine is another.
pub const HOST: &str = "localhost";

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, in PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority, which nobody trusts yet.
    ///
    /// # Errors
    ///
    /// The key could not be made.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self(issuer))
    }

    /// The authority's own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a client of this name.
    ///
    /// # Errors
    ///
    /// The key could not be made.
    pub fn client(&self, name: &str) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&params)
    }

    /// A certificate for a server at [`HOST`], which knows this authority's clients.
    ///
    /// # Errors
    ///
    /// The key could not be made.
    pub fn server(&self) -> Result<ServerTls> {
        let mut params = CertificateParams::new([HOST.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, HOST);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let Identity { certificate, key } = self.issue(&params)?;
        Ok(ServerTls {
            certificate,
            key,
            client_authority: self.pem(),
        })
    }

    fn issue(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate()?;
        Ok(Identity {
            certificate: params.signed_by(&key, &self.0)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

//! What a local server needs to ask for TLS, and for certificates of its clients.

/// A server's certificate and whose clients it knows, all as PEM.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// The server's certificate.
    pub certificate: String,
    /// Its private key, in PKCS #8.
    pub key: String,
    /// The authority of the clients' certificates.
    pub client_authority: String,
}

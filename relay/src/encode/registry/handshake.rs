//! What a server says against a client's certificate after the client took itself for connected.
//!
//! In TLS 1.3 the client's side of the handshake ends before the server has looked at the client's
//! certificate (<https://www.rfc-editor.org/rfc/rfc8446#section-2>), so a refusal arrives beside the
//! first request. hyper loses it when it comes between two of its steps, and says no more than that
//! the connection was closed.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

/// A server that accepts the client waits for its request and says nothing, so silence is consent.
const SILENCE: Duration = Duration::from_secs(2);

/// Connects once more, asks nothing, and listens for the alert with which the server refuses.
pub(super) async fn refusal(url: &str, config: Arc<ClientConfig>) -> Option<rustls::Error> {
    let heard = tokio::time::timeout(SILENCE, listen(url, config)).await;
    heard.ok().flatten()
}

async fn listen(url: &str, config: Arc<ClientConfig>) -> Option<rustls::Error> {
    let url: Url = url.parse().ok()?;
    // A numeric IPv6 host stands in brackets in a URL, and nowhere else.
    let host = url.host_str()?.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let stream = TcpStream::connect((host, url.port_or_known_default()?)).await;
    let connecting = TlsConnector::from(config).connect(name, stream.ok()?);
    let heard = match connecting.await {
        Ok(mut stream) => stream.read(&mut [0]).await,
        Err(error) => Err(error),
    };
    match tls::failure(&heard.err()?) {
        Some(alert @ rustls::Error::AlertReceived(_)) => Some(alert.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::server::WebPkiClientVerifier;
    use rustls::{AlertDescription, RootCertStore, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[tokio::test]
    async fn the_alert_of_a_server_that_wants_a_certificate_is_heard() {
        let wanted = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        assert_eq!(refusal_of_a_server(true).await, Some(wanted));
        assert_eq!(refusal_of_a_server(false).await, None);
    }

    async fn refusal_of_a_server(wants_a_certificate: bool) -> Option<rustls::Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let roots = Arc::new(roots);

        let provider = tls::provider();
        let server = ServerConfig::builder_with_provider(provider.clone());
        let server = server.with_safe_default_protocol_versions().unwrap();
        let server = if wants_a_certificate {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
            server.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            server.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = server.with_single_cert(vec![cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(server.unwrap()));
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            let connected = acceptor.accept(stream).await;
            // Held open, so that only what is said on it can end the client's wait.
            std::future::pending::<()>().await;
            drop(connected);
        };

        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        tokio::select! {
            refusal = refusal(&url, Arc::new(client)) => refusal,
            () = serving => None,
        }
    }
}

//! More listeners: some ask clients who they are, one lies on a way of the test's own.

use crate::local::tls::ServerTls;

/// One more door of the broker.
#[derive(Debug, Clone)]
pub struct Listener {
    name: &'static str,
    protocol: &'static str,
    port: u16,
    advertised: String,
    settings: Vec<(&'static str, String)>,
}

impl Listener {
    /// As the plain one, behind a proxy that listens on port `proxy` of 127.0.0.1: clients that
    /// come through it stay on it. The broker talks to itself elsewhere.
    pub fn behind_proxy(port: u16, proxy: u16) -> Self {
        Self {
            name: "PROXIED",
            protocol: "PLAINTEXT",
            port,
            advertised: format!("127.0.0.1:{proxy}"),
            settings: Vec::new(),
        }
    }

    /// TLS, and then SASL: SCRAM for those of `KafkaOptions::scram_users`, PLAIN for `plain_users`.
    pub fn sasl(port: u16, tls: &ServerTls, plain_users: &[(&str, &str)]) -> Self {
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned();
        let users = plain_users
            .iter()
            .map(|(user, password)| format!(" user_{user}=\"{password}\""));
        let plain = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required{};",
            users.collect::<String>()
        );
        let mechanisms = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned();
        let mut settings = own_certificate(tls);
        settings.extend([
            ("sasl.enabled.mechanisms", mechanisms),
            ("plain.sasl.jaas.config", plain),
            ("scram-sha-256.sasl.jaas.config", scram.clone()),
            ("scram-sha-512.sasl.jaas.config", scram),
        ]);
        Self {
            name: "SASL",
            protocol: "SASL_SSL",
            port,
            advertised: by_name(port),
            settings,
        }
    }

    /// TLS with a certificate on both sides.
    pub fn mutual_tls(port: u16, tls: &ServerTls) -> Self {
        let mut settings = own_certificate(tls);
        settings.extend([
            ("ssl.client.auth", "required".to_owned()),
            ("ssl.truststore.type", "PEM".to_owned()),
            ("ssl.truststore.certificates", tls.client_authority.clone()),
        ]);
        Self {
            name: "MUTUAL",
            protocol: "SSL",
            port,
            advertised: by_name(port),
            settings,
        }
    }

    /// Where it listens, for `listeners`.
    pub(super) fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", self.name, self.port)
    }

    /// Where clients are sent.
    pub(super) fn advertised(&self) -> String {
        format!("{}://{}", self.name, self.advertised)
    }

    pub(super) fn protocol(&self) -> String {
        format!("{}:{}", self.name, self.protocol)
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = (String, String)> {
        let prefix = format!("listener.name.{}", self.name.to_ascii_lowercase());
        let settings = self.settings.iter();
        settings.map(move |(name, value)| (format!("{prefix}.{name}"), value.clone()))
    }
}

/// A certificate can hold a name.
fn by_name(port: u16) -> String {
    format!("localhost:{port}")
}

fn own_certificate(tls: &ServerTls) -> Vec<(&'static str, String)> {
    vec![
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.certificate.chain", tls.certificate.clone()),
        ("ssl.keystore.key", tls.key.clone()),
    ]
}

//! Servers that let nobody in without TLS and a password, and scenarios that know both.

use std::path::PathBuf;

use anyhow::{Context, Result};
use postrider::local::{
    KafkaOptions, Listener, PostgresOptions, RegistryOptions, Stack, StackOptions, port,
};
use tokio::sync::OnceCell;

use crate::pki::{Authority, HOST, Identity};
use crate::scenario::Scenario;
use crate::tls_front::TlsFront;

/// Who the relay is, to each of the servers.
pub const USER: &str = "relay";

/// The relay's passwords, each of which may be shown by nobody.
pub const POSTGRES_PASSWORD: &str = "canary-of-postgres";
/// As above.
pub const KAFKA_PASSWORD: &str = "canary-of-kafka";
/// As above.
pub const REGISTRY_PASSWORD: &str = "canary-of-registry";

/// The servers, and the authorities behind their certificates.
pub struct Secured {
    /// The servers themselves; the harness has its own way into them.
    pub stack: Stack,
    /// Signs for the servers and for their clients.
    pub authority: Authority,
    /// Has the same name, and signs for nobody here.
    pub stranger: Authority,
    /// Where Kafka asks for TLS and SASL.
    pub sasl_port: u16,
    /// Where Kafka asks for TLS with a client certificate.
    pub mutual_tls_port: u16,
    /// Where the registry asks for TLS with a client certificate, and a password.
    pub registry_port: u16,
}

/// The secured servers of this test binary, started by the first test that asks; see
/// [`crate::shared_stack`].
///
/// # Errors
///
/// A server that could not be started.
pub async fn secured_stack() -> Result<&'static Secured> {
    static SECURED: OnceCell<Secured> = OnceCell::const_new();
    SECURED.get_or_try_init(start).await
}

async fn start() -> Result<Secured> {
    let authority = Authority::new("Postrider tests")?;
    let tls = authority.server()?;
    let (sasl_port, mutual_tls_port) = (port::free()?, port::free()?);
    let stack = Stack::start(StackOptions {
        postgres: PostgresOptions {
            tls: Some(tls.clone()),
            host_rules: vec![
                "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full".to_owned(),
            ],
            ..PostgresOptions::default()
        },
        kafka: KafkaOptions {
            listeners: vec![
                Listener::sasl(sasl_port, &tls, &[(USER, KAFKA_PASSWORD)]),
                Listener::mutual_tls(mutual_tls_port, &tls),
            ],
            scram_users: vec![(USER.to_owned(), KAFKA_PASSWORD.to_owned())],
            ..KafkaOptions::default()
        },
        registry: RegistryOptions::default(),
    })
    .await?;
    // Superuser, so that `init` can make everything in any scenario's database.
    let role = format!("create role {USER} superuser replication login");
    let role = format!("{role} password '{POSTGRES_PASSWORD}'");
    stack.postgres.execute("postgres", &role).await?;
    let url = stack.registry.url();
    let upstream = url
        .strip_prefix("http://")
        .and_then(|url| url.split('/').next());
    let upstream = upstream.context("the registry has another URL")?;
    let front = TlsFront::start(upstream, &tls, USER, REGISTRY_PASSWORD)?;
    Ok(Secured {
        stack,
        authority,
        stranger: Authority::new("Postrider tests")?,
        sasl_port,
        mutual_tls_port,
        registry_port: front.port,
    })
}

impl Secured {
    /// A scenario that the harness reaches as ever, and the relay only as the servers ask: with TLS
    /// to all three, a client certificate where one is asked for, and every password from a file.
    ///
    /// # Errors
    ///
    /// The database or a file could not be made.
    pub async fn scenario(&self, name: &str) -> Result<Scenario> {
        let mut scenario = Scenario::on(&self.stack, name).await?;
        self.secure_postgres(&mut scenario)?;
        self.secure_kafka(&mut scenario, "SCRAM-SHA-512")?;
        self.secure_registry(&mut scenario)?;
        Ok(scenario)
    }

    /// Makes the relay of `scenario` connect to PostgreSQL as the server asks.
    ///
    /// # Errors
    ///
    /// A file could not be written.
    pub fn secure_postgres(&self, scenario: &mut Scenario) -> Result<()> {
        let (certificate, key) = write_identity(scenario, "client", &self.authority.client(USER)?)?;
        let tls = [
            ("sslrootcert", self.trust(scenario)?),
            ("sslcert", certificate),
            ("sslkey", key),
        ];
        let tls = tls.map(|(name, path)| format!("{name}={}", path.display()));
        let url = self.postgres_url(
            scenario,
            HOST,
            &format!("sslmode=verify-full&{}", tls.join("&")),
        );
        scenario.set("postgres.url", url);
        let password = scenario.write("postgres.password", POSTGRES_PASSWORD)?;
        scenario.set("postgres.password_file", path(&password));
        Ok(())
    }

    /// The URL for the relay, with these parameters.
    pub fn postgres_url(&self, scenario: &Scenario, host: &str, parameters: &str) -> String {
        let (port, database) = (self.stack.postgres.port(), scenario.name());
        format!("postgres://{USER}@{host}:{port}/{database}?{parameters}")
    }

    /// Makes the relay of `scenario` connect to Kafka by SASL over TLS.
    ///
    /// # Errors
    ///
    /// A file could not be written.
    pub fn secure_kafka(&self, scenario: &mut Scenario, mechanism: &str) -> Result<()> {
        let ca = self.trust(scenario)?;
        let password = scenario.write("kafka.password", KAFKA_PASSWORD)?;
        scenario.set(
            "kafka.bootstrap_servers",
            format!("{HOST}:{}", self.sasl_port),
        );
        scenario.set("kafka.tls.ca", path(&ca));
        scenario.set("kafka.sasl.mechanism", mechanism);
        scenario.set("kafka.sasl.user", USER);
        scenario.set("kafka.sasl.password_file", path(&password));
        Ok(())
    }

    /// Makes the relay of `scenario` connect to the registry as it asks.
    ///
    /// # Errors
    ///
    /// A file could not be written.
    pub fn secure_registry(&self, scenario: &mut Scenario) -> Result<()> {
        let (certificate, key) = write_identity(scenario, "client", &self.authority.client(USER)?)?;
        let ca = self.trust(scenario)?;
        let password = scenario.write("registry.password", REGISTRY_PASSWORD)?;
        scenario.set("registry.url", self.registry_url(HOST, ""));
        scenario.set("registry.tls.ca", path(&ca));
        scenario.set("registry.tls.certificate", path(&certificate));
        scenario.set("registry.tls.key", path(&key));
        scenario.set("registry.user", USER);
        scenario.set("registry.password_file", path(&password));
        Ok(())
    }

    /// The URL of the secured registry; `prefix` comes before the path.
    pub fn registry_url(&self, host: &str, prefix: &str) -> String {
        let plain = self.stack.registry.url();
        // After `http:`, nothing, and host and port.
        let path = plain.splitn(4, '/').nth(3).unwrap_or_default();
        format!("https://{host}:{}{prefix}/{path}", self.registry_port)
    }

    /// The file of the authority that the servers' certificates come from.
    fn trust(&self, scenario: &Scenario) -> Result<PathBuf> {
        scenario.write("ca.pem", &self.authority.pem())
    }
}

/// Writes `<name>.pem` and `<name>.key`; gives both paths.
///
/// # Errors
///
/// A file could not be written.
pub fn write_identity(
    scenario: &Scenario,
    name: &str,
    identity: &Identity,
) -> Result<(PathBuf, PathBuf)> {
    let certificate = scenario.write(&format!("{name}.pem"), &identity.certificate)?;
    let key = scenario.write(&format!("{name}.key"), &identity.key)?;
    Ok((certificate, key))
}

fn path(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

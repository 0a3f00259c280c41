//! TLS to the registry: whom its client trusts, and who it says it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::handshake;
use crate::config::{Problem, RegistryConfig, RegistryTlsConfig};
use crate::error::Chain;
use crate::tls::{self, FileError};

/// A URL that begins so asks for TLS.
const SCHEME: &str = "https://";

/// What the clients of the registry need for TLS, read from its files.
///
/// Invariant: a client for an `https://` URL sends nothing without TLS, wherever it is redirected
/// (`suites::security::registry::a_registry_cannot_lead_its_client_out_of_tls`).
#[derive(Debug, Clone, Default)]
pub struct RegistryTls {
    /// Without it the client trusts what the system trusts, and shows no certificate.
    config: Option<Arc<ClientConfig>>,
    is_required: bool,
}

impl RegistryTls {
    /// Reads the files that `config` names; all problems at once.
    pub fn read(config: &RegistryConfig) -> Result<Self, Vec<Problem>> {
        let scheme = config.url.get(..SCHEME.len());
        let is_required = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        let Some(files) = &config.tls else {
            return Ok(Self {
                config: None,
                is_required,
            });
        };
        let mut problems = Vec::new();
        if !is_required {
            let message = "must begin with https:// for registry.tls to have an effect";
            problems.push(Problem::new("registry.url", message));
        }
        let client_config = client_config(files, &mut problems);
        match client_config {
            Some(client_config) if problems.is_empty() => Ok(Self {
                config: Some(Arc::new(client_config)),
                is_required,
            }),
            _ => Err(problems),
        }
    }

    /// A client that waits so long for each answer.
    pub fn client(&self, answer_timeout: Duration) -> Result<Client, reqwest::Error> {
        // A provider that is there already serves as well.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .timeout(answer_timeout)
            .https_only(self.is_required);
        if let Some(config) = &self.config {
            client = client.tls_backend_preconfigured(ClientConfig::clone(config));
        }
        client.build()
    }

    /// Why the server at this URL turns such a client away, if it does so for its certificate.
    pub async fn refusal(&self, url: &str) -> Option<rustls::Error> {
        if !self.is_required {
            return None;
        }
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => Arc::new(builder(system_roots()).with_no_client_auth()),
        };
        handshake::refusal(url, config).await
    }
}

fn builder(roots: RootCertStore) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .expect("ring implements TLS 1.2 and 1.3")
        .with_root_certificates(roots)
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// `None` when there are problems.
fn client_config(files: &RegistryTlsConfig, problems: &mut Vec<Problem>) -> Option<ClientConfig> {
    if files.certificate.is_some() != files.key.is_some() {
        let message = "certificate and key go together";
        problems.push(Problem::new("registry.tls", message));
    }
    let roots = roots(files.ca.as_deref(), problems);
    let chain = read(
        "registry.tls.certificate",
        files.certificate.as_deref(),
        problems,
        tls::certificates,
    );
    let key = read(
        "registry.tls.key",
        files.key.as_deref(),
        problems,
        tls::private_key,
    );
    let builder = builder(roots?);
    let (Some(chain), Some(key), Some(path)) = (chain, key, &files.key) else {
        // What is named and cannot be read is among the problems.
        return Some(builder.with_no_client_auth());
    };
    let config = builder.with_client_auth_cert(chain, key).map_err(|error| {
        let path = path.display();
        let message = format!("{path} is not the key of registry.tls.certificate: {error}");
        problems.push(Problem::new("registry.tls.key", message));
    });
    config.ok()
}

fn roots(ca: Option<&Path>, problems: &mut Vec<Problem>) -> Option<RootCertStore> {
    let key = "registry.tls.ca";
    let roots = match ca {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let authorities = read(key, Some(path), problems, tls::certificates)?;
            roots.add_parsable_certificates(authorities);
            roots
        }
        None => system_roots(),
    };
    if roots.is_empty() {
        let message = match ca {
            Some(_) => "holds no certificate that could be trusted",
            None => "is not set, and the system trusts no authority",
        };
        problems.push(Problem::new(key, message));
        return None;
    }
    Some(roots)
}

fn read<T>(
    key: &str,
    path: Option<&Path>,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(&Path) -> Result<T, FileError>,
) -> Option<T> {
    let path = path?;
    let note = |error: FileError| {
        let message = format!("cannot use {}: {}", path.display(), Chain(&error));
        problems.push(Problem::new(key, message));
    };
    read(path).map_err(note).ok()
}

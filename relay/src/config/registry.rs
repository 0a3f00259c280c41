//! `[registry]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::secret::without_password;

/// The Confluent-compatible schema registry.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Base URL, such as `http://registry:8081`.
    #[serde(serialize_with = "without_password")]
    pub url: String,
    /// User for basic authentication.
    pub user: Option<String>,
    /// The password; a file is better.
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// TLS to the registry, which an `https://` URL turns on.
    pub tls: Option<RegistryTlsConfig>,
}

/// TLS to the registry. The files are read when the relay starts.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryTlsConfig {
    /// PEM file of the authorities to trust; without it those of the system.
    pub ca: Option<PathBuf>,
    /// PEM file of the relay's own certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key, without a passphrase.
    pub key: Option<PathBuf>,
}

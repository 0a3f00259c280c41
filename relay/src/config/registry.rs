//! `[registry]`

use std::path::PathBuf;

use serde::Deserialize;

use super::Secret;

/// The Confluent-compatible schema registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Base URL, such as `http://registry:8081`.
    pub url: String,
    /// User for basic authentication.
    pub user: Option<String>,
    /// The password; a file is better.
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

//! `[postgres]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::without_password;
use super::units::ByteSize;

/// The database that holds the outbox.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// libpq URL, with `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and several hosts. It must
    /// lead to the server itself: a pooler does not pass the replication protocol on.
    #[serde(serialize_with = "without_password")]
    pub url: String,
    /// File that holds the password; it wins over one in the URL. It is read at every login, so a
    /// password may change while the relay runs.
    pub password_file: Option<PathBuf>,
    /// The replication slot; `postrider_<name>` without it. Created by `init`, checked by `run`.
    pub slot: Option<String>,
    /// The publication. Created by `init`, checked by `run`.
    #[serde(default = "default_publication")]
    pub publication: String,
    /// Write-ahead log that the slot may make the server keep. At half of it the relay warns, at four
    /// fifths it alarms; it stops nothing. Where `max_slot_wal_keep_size` of the server is less, that
    /// counts, also without this key.
    pub wal_retained_max: Option<ByteSize>,
}

/// The publication's name, unless the configuration gives another.
pub const DEFAULT_PUBLICATION: &str = "postrider";

fn default_publication() -> String {
    DEFAULT_PUBLICATION.to_owned()
}

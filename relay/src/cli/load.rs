//! The configuration of one command: from its flags, the environment and the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{self, Config, FILE_VARIABLE, Sources};
use crate::error::{Action, Classify};
use crate::pipeline::Settings;
use crate::{postgres, telemetry};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "postrider.toml";

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Given {
    /// The configuration file [default: `POSTRIDER_CONFIG`, else postrider.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    config: Option<PathBuf>,
    /// Sets one key over the file and the environment, such as `kafka.bootstrap_servers=host:9092`.
    #[arg(
        long = "set",
        global = true,
        value_name = "KEY=VALUE",
        display_order = 901
    )]
    set: Vec<String>,
}

/// Which variables of the environment are configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// `POSTRIDER__…` only: what runs for months must not depend on whose shell started it.
    OwnVariables,
    /// Also those of `psql` and the Kafka tools, weaker than the file.
    WellKnownVariables,
    /// The same, for a command that needs the registry and nothing else: CI knows no database.
    RegistryAlone,
}

/// A configuration that was checked.
pub(super) struct Loaded {
    /// As the operator wrote it.
    pub(super) config: Config,
    /// As the stages take it.
    pub(super) settings: Settings,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A flag has another form.
    #[error("--set {flag:?} is not KEY=VALUE")]
    Flag {
        /// The flag's value.
        flag: String,
    },
    /// A source is wrong.
    #[error(transparent)]
    Config(config::Error),
    /// Something is missing, and so is the file that was not asked for.
    #[error("there is no file {DEFAULT_FILE} here, and neither --config nor {FILE_VARIABLE}")]
    NoFile(#[source] config::Error),
    /// A password file or a lock was taken away between two looks.
    #[error("the configuration changed while it was read")]
    Changed,
}

impl Classify for Error {
    fn action(&self) -> Action {
        match self {
            Self::Flag { .. } | Self::Config(_) | Self::NoFile(_) | Self::Changed => Action::Refuse,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Flag { .. } => "write --set kafka.bootstrap_servers=host:9092",
            Self::Config(config::Error::ReadFile { .. }) => "name a file that is there: --config",
            Self::Config(_) => "correct the configuration",
            Self::NoFile(_) => {
                "name the file with --config, or give every key otherwise; beside `postrider dev`: \
                 eval \"$(postrider dev --env)\""
            }
            Self::Changed => "try again",
        }
        .to_owned()
    }

    fn reason(&self) -> &'static str {
        "configuration"
    }
}

/// Reads and checks the configuration, and starts the log.
pub(super) fn load(
    given: &Given,
    environment: BTreeMap<String, String>,
    sight: Sight,
) -> Result<Loaded, Error> {
    let mut flags = BTreeMap::new();
    for flag in &given.set {
        let (key, value) = flag
            .split_once('=')
            .ok_or_else(|| Error::Flag { flag: flag.clone() })?;
        flags.insert(key.to_owned(), value.to_owned());
    }
    let default = Path::new(DEFAULT_FILE);
    let file = given
        .config
        .clone()
        .or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from))
        .or_else(|| default.exists().then(|| default.to_owned()));
    let without_file = file.is_none();
    let sources = Sources {
        well_known: match sight {
            Sight::OwnVariables => BTreeMap::new(),
            Sight::WellKnownVariables => well_known(&environment),
            Sight::RegistryAlone => with_placeholders(well_known(&environment)),
        },
        file,
        environment,
        flags,
    };
    let check = |config: &Config| Settings::new(config).err().unwrap_or_default();
    let config = config::load(&sources, check).map_err(|error| match error {
        error if without_file => Error::NoFile(error),
        error => Error::Config(error),
    })?;
    telemetry::start(&config.log);
    let settings = Settings::new(&config).map_err(|_| Error::Changed)?;
    Ok(Loaded { config, settings })
}

/// Keys that ordinary tools' variables give.
fn well_known(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let variable = |name: &str| environment.get(name).cloned();
    [
        (
            "postgres.url",
            variable("DATABASE_URL").or_else(|| postgres::url_from_variables(environment)),
        ),
        (
            "kafka.bootstrap_servers",
            variable("KAFKA_BOOTSTRAP_SERVERS"),
        ),
        ("registry.url", variable("SCHEMA_REGISTRY_URL")),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

/// Stands in for required keys that the command does not look at. Nothing is weaker, so what is
/// given is still checked.
fn with_placeholders(mut known: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for (key, placeholder) in [
        ("name", "unused"),
        ("postgres.url", "postgres://unused@127.0.0.1/unused"),
        ("kafka.bootstrap_servers", "127.0.0.1:9092"),
    ] {
        known
            .entry(key.to_owned())
            .or_insert_with(|| placeholder.to_owned());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const COMPLETE: [(&str, &str); 4] = [
        ("POSTRIDER__NAME", "orders"),
        ("DATABASE_URL", "postgres://app@db/orders"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"),
        ("SCHEMA_REGISTRY_URL", "http://registry:8081"),
    ];

    fn given(config: Option<PathBuf>) -> Given {
        Given {
            config,
            set: Vec::new(),
        }
    }

    #[test]
    fn a_command_needs_no_file_when_the_variables_of_other_tools_say_everything() {
        let loaded = load(
            &given(None),
            environment(&COMPLETE),
            Sight::WellKnownVariables,
        );
        let config = loaded.unwrap_or_else(|error| panic!("{error}")).config;
        assert_eq!(config.postgres.url, "postgres://app@db/orders");
        assert_eq!(config.kafka.bootstrap_servers, "kafka:9092");
        assert_eq!(config.registry.url, "http://registry:8081");
    }

    #[test]
    fn the_daemon_ignores_the_variables_of_other_tools() {
        let loaded = load(&given(None), environment(&COMPLETE), Sight::OwnVariables);
        let error = loaded.err().expect("nothing says where the database is");
        let causes = crate::error::Chain(&error).to_string();
        assert!(
            causes.contains("no file postrider.toml") && causes.contains("postgres"),
            "{causes}"
        );
    }

    #[test]
    fn a_command_that_needs_the_registry_alone_asks_for_nothing_else() {
        let only = [("SCHEMA_REGISTRY_URL", "http://registry:8081")];
        let loaded = load(&given(None), environment(&only), Sight::RegistryAlone);
        let config = loaded.unwrap_or_else(|error| panic!("{error}")).config;
        assert_eq!(config.registry.url, "http://registry:8081");
        let loaded = load(&given(None), environment(&[]), Sight::RegistryAlone);
        let error = loaded.err().expect("nothing says where the registry is");
        let causes = crate::error::Chain(&error).to_string();
        assert!(causes.contains("registry.url: is missing"), "{causes}");
        assert!(
            !causes.contains("postgres") && !causes.contains("kafka"),
            "{causes}"
        );
        let broken = [("POSTRIDER__NAME", "Not A Name"), only[0]];
        let loaded = load(&given(None), environment(&broken), Sight::RegistryAlone);
        assert!(loaded.is_err(), "what is given is checked");
    }

    #[test]
    fn the_file_wins_over_the_variables_of_other_tools() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "kafka.bootstrap_servers = \"mine:9092\"").unwrap();
        let loaded = load(
            &given(Some(path)),
            environment(&COMPLETE),
            Sight::WellKnownVariables,
        );
        let config = loaded.unwrap_or_else(|error| panic!("{error}")).config;
        assert_eq!(config.kafka.bootstrap_servers, "mine:9092");
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let missing = given(Some(PathBuf::from("/nowhere/postrider.toml")));
        let loaded = load(&missing, environment(&COMPLETE), Sight::WellKnownVariables);
        let error = loaded.err().expect("the file is missing");
        assert_eq!(error.action(), Action::Refuse);
        assert!(error.to_string().contains("/nowhere/postrider.toml"));
    }
}

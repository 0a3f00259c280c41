//! `[log]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// What is logged, and in which form. Logs go to stderr.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `human` or `json`; without it `human` on a terminal, else `json`.
    pub format: Option<LogFormat>,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,postrider=debug`;
    /// `info` without it. `run` reads it again on SIGHUP. `RUST_LOG` wins.
    pub level: Option<LogLevel>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line of text, for people.
    Human,
    /// One JSON object per line, for collectors.
    Json,
}

/// A level for everything, and others for parts: `info,postrider::publish=debug`.
///
/// Invariant: what stands for everything is a level. The filter takes any other word for the name
/// of a part, so that `warning` would silence everything else (`tests`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct LogLevel(String);

impl LogLevel {
    /// The filter that it asks for.
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl TryFrom<String> for LogLevel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_whole = |directive: &&&str| !directive.contains(['=', '[']);
        // The parser takes nothing for `error`, as an old way to write it.
        let is_level = |it: &str| !it.is_empty() && it.parse::<LevelFilter>().is_ok();
        let unknown = directives.iter().filter(is_whole).find(|it| !is_level(it));
        if let Some(unknown) = unknown {
            return Err(format!(
                "{unknown:?} is no level: error, warn, info, debug, trace or off; for a part of the \
                 relay: info,postrider::publish=debug"
            ));
        }
        let text = directives.join(",");
        match EnvFilter::try_new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(format!("{text:?} is no log level: {error}")),
        }
    }
}

impl From<LogLevel> for String {
    fn from(level: LogLevel) -> Self {
        level.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_for_everything_and_for_parts_are_taken() {
        for text in [
            "warn",
            "WARN",
            "off",
            "info,postrider=debug",
            "info, postrider::publish=trace ,librdkafka=off",
        ] {
            LogLevel::try_from(text.to_owned()).unwrap();
        }
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for text in [
            "",
            "warning",
            "info,postrider",
            "postrider=loud",
            "info,,debug",
        ] {
            let error = LogLevel::try_from(text.to_owned()).unwrap_err();
            assert!(
                error.contains("no level") || error.contains("no log level"),
                "{error}"
            );
        }
    }
}

//! Logs, on stderr. ERROR: data at risk or an operator needed; WARN: unexpected and recovered;
//! INFO: lifecycle; DEBUG: per batch. Never per event, never a payload.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// The levels of the log that runs.
static LEVELS: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging; a later call changes the levels and nothing else.
pub fn start(config: &LogConfig) {
    let of_config = || config.level.as_ref().map(LogLevel::filter);
    let filter = EnvFilter::try_from_default_env()
        .ok()
        .or_else(of_config)
        .unwrap_or_else(|| EnvFilter::new("info"));
    if let Some(levels) = LEVELS.get() {
        levels.reload(filter).expect("the log stays");
        return;
    }
    let terminal = stderr().is_terminal();
    let format = config.format.unwrap_or(if terminal {
        LogFormat::Human
    } else {
        LogFormat::Json
    });
    let (filter, levels) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let started = match format {
        LogFormat::Human => registry.with(lines.with_ansi(terminal)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if started.is_ok() {
        let _first = LEVELS.set(levels);
    }
}

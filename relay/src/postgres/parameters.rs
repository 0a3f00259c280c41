//! The parts of a connection URL, read one by one into a [`Draft`] that collects every problem.
//!
//! A password with an unescaped `@`, `/` or `?` shifts the parts, so a problem quotes nothing from
//! the URL but the names of parameters.

use std::path::PathBuf;
use std::time::Duration;

use super::target::{ChannelBinding, Draft, Host, PORT_DEFAULT, SslMode};
use crate::percent;

const KNOWN: &str = "host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, \
                     channel_binding, connect_timeout, options, application_name, \
                     target_session_attrs";

/// Reads `user:password@host:port,host:port`.
pub(super) fn read_authority(draft: &mut Draft, authority: &str) {
    let (credentials, addresses) = match authority.rsplit_once('@') {
        Some((credentials, addresses)) => (Some(credentials), addresses),
        None => (None, authority),
    };
    if let Some(credentials) = credentials {
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        draft.user = decoded(&mut draft.problems, "the user", user);
        if let Some(password) = password {
            draft.password = decoded(&mut draft.problems, "the password", password);
        }
    }
    if addresses.is_empty() {
        return;
    }
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for address in addresses.split(',') {
        let (host, port) = split_port(address);
        hosts.push(host);
        ports.push(port);
    }
    draft.hosts = decoded(&mut draft.problems, "the host", &hosts.join(","));
    draft.ports = Some(ports.join(","));
}

/// Splits `host:port`, where an IPv6 address stands in brackets.
fn split_port(address: &str) -> (&str, &str) {
    if let Some((host, rest)) = address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (host, rest.strip_prefix(':').unwrap_or(rest));
    }
    address.rsplit_once(':').unwrap_or((address, ""))
}

/// Reads one `name=value` of the query.
pub(super) fn read_parameter(draft: &mut Draft, pair: &str) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let Some(value) = decoded(&mut draft.problems, "a parameter", value) else {
        return;
    };
    match name {
        "host" => draft.hosts = Some(value),
        "port" => draft.ports = Some(value),
        "user" => draft.user = Some(value),
        "password" => draft.password = Some(value),
        "dbname" => draft.database = Some(value),
        "sslmode" => match sslmode(&value) {
            Some(mode) => draft.sslmode = Some(mode),
            None => draft.problems.push(
                "sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"
                    .to_owned(),
            ),
        },
        "sslrootcert" if value == "system" => draft.system_roots = true,
        "sslrootcert" => draft.sslrootcert = Some(PathBuf::from(value)),
        "sslcert" => draft.sslcert = Some(PathBuf::from(value)),
        "sslkey" => draft.sslkey = Some(PathBuf::from(value)),
        "channel_binding" => match value.as_str() {
            "disable" => draft.channel_binding = Some(ChannelBinding::Disable),
            "prefer" => draft.channel_binding = Some(ChannelBinding::Prefer),
            "require" => draft.channel_binding = Some(ChannelBinding::Require),
            _ => draft
                .problems
                .push("channel_binding is none of disable, prefer, require".to_owned()),
        },
        "connect_timeout" => match value.parse() {
            Ok(seconds) => draft.connect_timeout = Some(Duration::from_secs(seconds)),
            Err(_) => draft
                .problems
                .push("connect_timeout is not a number of seconds".to_owned()),
        },
        "options" => draft.options = Some(value),
        "application_name" => draft.application_name = Some(value),
        "target_session_attrs" => {
            if !matches!(value.as_str(), "read-write" | "primary") {
                draft.problems.push(
                    "target_session_attrs must be read-write or primary: the relay needs a server \
                     that accepts writes"
                        .to_owned(),
                );
            }
        }
        _ => draft.problems.push(unknown(name)),
    }
}

fn unknown(name: &str) -> String {
    let is_word = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word && !name.is_empty() {
        // Not named: it may be the end of a password with a question mark in it.
        format!("a parameter is not known (known: {KNOWN})")
    } else {
        "the part after ? is not a list of name=value".to_owned()
    }
}

fn sslmode(value: &str) -> Option<SslMode> {
    use SslMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};
    [Disable, Allow, Prefer, Require, VerifyCa, VerifyFull]
        .into_iter()
        .find(|mode| mode.as_str() == value)
}

/// Pairs hosts and ports: one port for all hosts, or one for each, as libpq does.
pub(super) fn hosts(draft: &mut Draft) -> Vec<Host> {
    let names = draft.hosts.take().unwrap_or_default();
    let ports = draft.ports.take().unwrap_or_default();
    let names: Vec<&str> = names.split(',').collect();
    let ports: Vec<&str> = ports.split(',').collect();
    if ports.len() > 1 && ports.len() != names.len() {
        draft
            .problems
            .push(format!("{} ports for {} hosts", ports.len(), names.len()));
        return Vec::new();
    }
    let mut hosts = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let port = if ports.len() == 1 {
            ports[0]
        } else {
            ports[index]
        };
        let port = match port {
            "" => PORT_DEFAULT,
            digits => match digits.parse() {
                Ok(port) if port > 0 => port,
                _ => {
                    draft.problems.push(format!(
                        "the port of host {} is not a number from 1 to 65535 (or the password has \
                         a character that is not percent-encoded)",
                        index + 1
                    ));
                    continue;
                }
            },
        };
        hosts.push(match name {
            "" => Host::Tcp {
                name: "localhost".to_owned(),
                port,
            },
            directory if directory.starts_with('/') => Host::Unix {
                directory: PathBuf::from(directory),
                port,
            },
            name => Host::Tcp {
                name: name.to_owned(),
                port,
            },
        });
    }
    hosts
}

/// Undoes percent-encoding, or reports `what` as broken.
pub(super) fn decoded(problems: &mut Vec<String>, what: &str, text: &str) -> Option<String> {
    let decoded = percent::decode(text);
    if decoded.is_none() {
        problems.push(format!("{what} is not valid percent-encoded UTF-8"));
    }
    decoded
}

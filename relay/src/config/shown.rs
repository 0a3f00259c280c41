//! The configuration as it works: every value, with where it comes from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Config;

/// The name of a source, by dotted key; a key that is not there has its default.
pub type Origins = BTreeMap<String, String>;

/// One key of the configuration that works.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Entry {
    /// The value; a secret is hidden.
    value: Value,
    /// Where it comes from: a file, the environment, a flag; or `default`.
    origin: String,
}

/// Every key that has a value, in dotted form.
///
/// Invariant: no secret is in it (`tests::secrets_are_hidden`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Shown(BTreeMap<String, Entry>);

impl Shown {
    /// What `config` says.
    pub fn new(config: &Config) -> Self {
        let tree = serde_json::to_value(config).expect("every key is a text");
        let mut entries = BTreeMap::new();
        collect("", &tree, &config.origins, &mut entries);
        Self(entries)
    }
}

fn collect(prefix: &str, value: &Value, origins: &Origins, into: &mut BTreeMap<String, Entry>) {
    match value {
        Value::Null => {}
        Value::Object(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                collect(&key, value, origins, into);
            }
        }
        value => {
            let origin = origins.get(prefix).map_or("default", String::as_str);
            let entry = Entry {
                value: value.clone(),
                origin: origin.to_owned(),
            };
            into.insert(prefix.to_owned(), entry);
        }
    }
}

impl fmt::Display for Shown {
    /// As TOML, a key a line, with the origin as a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|(key, entry)| {
            let value = entry.value.to_string();
            (format!("{key} = {value}"), &entry.origin)
        });
        let lines: Vec<_> = lines.collect();
        let longest = lines.iter().map(|(line, _)| line.chars().count());
        let width = longest.max().unwrap_or_default();
        for (line, origin) in &lines {
            writeln!(f, "{line:width$}  # {origin}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn shown(file: &str) -> Shown {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postrider.toml");
        std::fs::write(&path, file).unwrap();
        let environment = [
            ("POSTRIDER__BATCH__TIME_MAX", "2 s"),
            ("SECRET", "canary-in-a-variable"),
        ];
        let flags = [("topics.create", "true")];
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let sources = Sources {
            file: Some(path.clone()),
            environment: environment.map(text).into(),
            flags: flags.map(text).into(),
            ..Sources::default()
        };
        let mut config = load(&sources, |_| Vec::new()).unwrap();
        for origin in config.origins.values_mut() {
            *origin = origin.replace(&*path.to_string_lossy(), "postrider.toml");
        }
        Shown::new(&config)
    }

    const FILE: &str = r#"
        name = "orders"
        postgres.url = "postgres://postrider:canary-in-the-url@db/orders?password=canary-in-the-query"
        registry.url = "http://me:canary-in-the-registry@registry:8081"
        registry.user = "me"
        registry.password = "canary-password"
        [kafka]
        bootstrap_servers = "kafka:9092"
        sasl = {mechanism = "PLAIN", user = "me", password = "${SECRET}"}
        options."ssl.key.password" = "canary-in-an-option"
        options."linger.ms" = 5
    "#;

    #[test]
    fn every_value_has_its_origin() {
        insta::assert_snapshot!(shown(FILE));
    }

    #[test]
    fn secrets_are_hidden() {
        let shown = shown(FILE);
        let everything = shown.to_string() + &serde_json::to_string(&shown).unwrap();
        assert!(!everything.contains("canary"), "{everything}");
    }
}

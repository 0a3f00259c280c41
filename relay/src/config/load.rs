//! Reads the configuration from its sources and reports every problem at once.
//!
//! An operator who mends one key per start loses a deployment per key. serde stops at the first
//! error, so the loader notes the error, takes the offending key out (or fills a missing one with
//! a placeholder) and reads again until nothing is left to complain about.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{Config, Origins};

/// Environment variables that begin so are configuration; `__` parts the sections. Two
/// underscores, so that Kubernetes' own `POSTRIDER_PORT` for a service of that name is no conflict.
const ENVIRONMENT_PREFIX: &str = "POSTRIDER__";

/// More problems than this are not worth reading in one go.
const PROBLEMS_MAX: usize = 64;

/// Where the configuration comes from, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Values that ordinary tools set (`DATABASE_URL`, ...), by key; for one-shot commands only.
    pub well_known: BTreeMap<String, String>,
    /// The file; `None` when there is none and none was asked for.
    pub file: Option<PathBuf>,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// `key=value` flags, by key.
    pub flags: BTreeMap<String, String>,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `kafka.bootstrap_servers`.
    pub key: String,
    /// What is wrong, and what would be right. Never the value of a secret.
    pub message: String,
}

impl Problem {
    /// A problem with the value of `key`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML. The parser's own error is no source of it: that one shows the line,
    /// which may hold a password.
    #[error("{} is not valid TOML: line {line}, column {column}: {why}", path.display())]
    ParseFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
        /// What the parser expected.
        why: String,
    },
    /// Keys are unknown, missing or wrong; all of them.
    #[error("the configuration has {} problem{}:{}", .0.len(), if .0.len() == 1 { "" } else { "s" }, lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| {
        format!("{text}\n  {problem}")
    })
}

/// Reads the configuration and checks it with `check`, which sees only values that have the right
/// type. All problems of both come back together.
pub fn load(sources: &Sources, check: impl Fn(&Config) -> Vec<Problem>) -> Result<Config, Error> {
    let mut problems = Vec::new();
    let mut figment = Figment::new().merge(Layer::new("well-known variables", &sources.well_known));
    if let Some(path) = &sources.file {
        figment = figment.merge(file_layer(path, &sources.environment, &mut problems)?);
    }
    let environment = sources.environment.iter().filter_map(|(name, value)| {
        let key = name
            .strip_prefix(ENVIRONMENT_PREFIX)?
            .to_ascii_lowercase()
            .replace("__", ".");
        Some((key, value.clone()))
    });
    figment = figment
        .merge(Layer::new("environment", &environment.collect()))
        .merge(Layer::new("flags", &sources.flags));

    let mut values: Dict = figment.extract().map_err(|error| {
        let problem = Problem::new(error.path.join("."), error.kind.to_string());
        Error::Invalid(vec![problem])
    })?;
    let mut config = read_noting_problems(&figment, &mut values, &mut problems);
    if let Some(config) = &mut config {
        config.origins = origins(&figment, &values);
    }
    if let Some(config) = &config {
        for problem in check(config) {
            if !problems.iter().any(|known| known.key == problem.key) {
                problems.push(problem);
            }
        }
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Error::Invalid(problems)),
    }
}

fn file_layer(
    path: &Path,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Result<Figment, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::ReadFile {
        path: path.to_owned(),
        source,
    })?;
    let mut values: Dict = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Error::ParseFile {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            why: error.message().to_owned(),
        }
    })?;
    for (key, value) in &mut values {
        expand_variables(key, value, environment, problems);
    }
    let origin = format!("file {}", path.display());
    Ok(Figment::from(Layer { origin, values }))
}

/// figment tags a value with the source that brings it, unless it has a tag already: the parser's
/// must go, or nobody could say which file a value is from.
const UNTAGGED: Tag = Tag::Default;

/// Replaces `${VAR}` in the file's texts. After the file was parsed, so that a value can hold
/// quotes or line ends without becoming configuration.
fn expand_variables(
    key: &str,
    value: &mut Value,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::String(tag, text) => {
            *tag = UNTAGGED;
            match expand(text, environment) {
                Ok(expanded) => *text = expanded,
                Err(message) => problems.push(Problem::new(key, message)),
            }
        }
        Value::Dict(tag, table) => {
            *tag = UNTAGGED;
            for (name, value) in table {
                expand_variables(&format!("{key}.{name}"), value, environment, problems);
            }
        }
        Value::Array(tag, items) => {
            *tag = UNTAGGED;
            for item in items {
                expand_variables(key, item, environment, problems);
            }
        }
        Value::Char(tag, _) | Value::Bool(tag, _) | Value::Num(tag, _) | Value::Empty(tag, _) => {
            *tag = UNTAGGED;
        }
    }
}

fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| "has ${ without a closing brace".to_owned())?;
        let value = environment
            .get(name)
            .ok_or_else(|| format!("refers to ${{{name}}}, which the environment does not set"))?;
        expanded.push_str(before);
        expanded.push_str(value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Reads until serde is content, taking out or filling in what it objects to. `None` when some
/// section stays unreadable; then `problems` says why.
fn read_noting_problems(
    figment: &Figment,
    values: &mut Dict,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    for _ in 0..PROBLEMS_MAX {
        let error = match Value::from(values.clone()).deserialize::<Config>() {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let mut path = error.path.clone();
        match &error.kind {
            Kind::MissingField(field) => {
                path.push(field.to_string());
                let key = path.join(".");
                if !problems.iter().any(|known| known.key == key) {
                    problems.push(Problem::new(&key, "is missing"));
                }
                fill(values, &path);
            }
            kind => {
                if let Kind::UnknownField(field, _) = kind
                    && path.last() != Some(field)
                {
                    path.push(field.clone());
                }
                let key = path.join(".");
                let value = Value::from(values.clone()).find(&key);
                if value.is_none_or(|value| value.tag() != PLACEHOLDER) {
                    let origin = origin(figment, values, &key);
                    problems.push(Problem::new(&key, format!("{}{origin}", explain(kind))));
                }
                take_out(values, &path);
            }
        }
    }
    None
}

fn explain(kind: &Kind) -> String {
    match kind {
        Kind::UnknownField(_, known) => format!("unknown key; known here: {}", known.join(", ")),
        Kind::UnknownVariant(_, known) => format!("must be one of: {}", known.join(", ")),
        Kind::Message(message) => message.clone(),
        // The expectation without the value that was found: it may be a secret.
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("must be {expected}")
        }
        other => other.to_string(),
    }
}

/// The source of every value, by dotted key.
fn origins(figment: &Figment, values: &Dict) -> Origins {
    fn walk(figment: &Figment, prefix: &str, values: &Dict, origins: &mut Origins) {
        for (name, value) in values {
            let key = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            if let Value::Dict(_, inner) = value {
                walk(figment, &key, inner, origins);
            } else if let Some(source) = figment.get_metadata(value.tag()) {
                origins.insert(key, source.name.to_string());
            }
        }
    }
    let mut origins = Origins::new();
    walk(figment, "", values, &mut origins);
    origins
}

fn origin(figment: &Figment, values: &Dict, key: &str) -> String {
    Value::from(values.clone())
        .find(key)
        .and_then(|value| {
            figment
                .get_metadata(value.tag())
                .map(|source| source.name.to_string())
        })
        .map(|name| format!(" (from {name})"))
        .unwrap_or_default()
}

/// Marks a value that the loader put in; its own faults are not the operator's.
const PLACEHOLDER: Tag = Tag::Default;

/// Puts a placeholder where a key is missing: an empty section for the sections of the top level,
/// a harmless text for every other key.
fn fill(values: &mut Dict, path: &[String]) {
    let section = path.len() == 1 && path[0] != "name";
    let placeholder = if section {
        Value::Dict(PLACEHOLDER, Dict::new())
    } else {
        Value::String(PLACEHOLDER, "x".to_owned())
    };
    if let Some(table) = table_of(values, path)
        && let Some(name) = path.last()
    {
        table.insert(name.clone(), placeholder);
    }
}

fn take_out(values: &mut Dict, path: &[String]) {
    // An item of a list has no key of its own; then the whole list goes.
    let mut path = path;
    while let Some((name, _)) = path.split_last() {
        if let Some(table) = table_of(values, path)
            && table.remove(name).is_some()
        {
            return;
        }
        path = &path[..path.len() - 1];
    }
}

/// The table that holds the last name of `path`.
fn table_of<'a>(values: &'a mut Dict, path: &[String]) -> Option<&'a mut Dict> {
    let (_, sections) = path.split_last()?;
    let mut table = values;
    for section in sections {
        match table.get_mut(section)? {
            Value::Dict(_, inner) => table = inner,
            _ => return None,
        }
    }
    Some(table)
}

/// One source's values, with its name for error messages.
struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    /// A layer of texts by dotted key. Texts stay texts: a password of digits is no number.
    fn new(origin: &str, texts: &BTreeMap<String, String>) -> Self {
        let mut values = Dict::new();
        for (key, text) in texts {
            let mut table = &mut values;
            let mut names = key.split('.').peekable();
            while let Some(name) = names.next() {
                // librdkafka's option names have dots of their own.
                let rest_is_option = key.starts_with("kafka.options.") && name == "options";
                let entry = table.entry(name.to_owned());
                if names.peek().is_none() {
                    entry.or_insert_with(|| Value::from(text.clone()));
                    break;
                }
                let value = entry.or_insert_with(|| Value::from(Dict::new()));
                let Value::Dict(_, inner) = value else { break };
                if rest_is_option {
                    let option = names.collect::<Vec<_>>().join(".");
                    inner.insert(option, Value::from(text.clone()));
                    break;
                }
                table = inner;
            }
        }
        Self {
            origin: origin.to_owned(),
            values,
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;

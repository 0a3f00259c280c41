//! A text that never shows.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// What is shown in place of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

/// A password. `Debug` and `Serialize` hide it and there is no `Display`, so it reaches no output by
/// accident.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The password itself; the caller hands it to a client and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Writes a URL with [`HIDDEN`] in place of each password: before the `@`, and in the query.
pub(super) fn without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hide_password(url))
}

fn hide_password(url: &str) -> String {
    let (before_query, query) = match url.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (url, None),
    };
    let mut shown = match before_query.rsplit_once('@') {
        Some((login, rest)) => {
            let (scheme, login) = login.split_once("://").unwrap_or(("", login));
            match login.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:{HIDDEN}@{rest}"),
                None => before_query.to_owned(),
            }
        }
        None => before_query.to_owned(),
    };
    for (index, pair) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if name.contains("password") => {
                shown.extend([name, "=", HIDDEN]);
            }
            _ => shown.push_str(pair),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_without_its_passwords() {
        let shown = [
            (
                "postgres://me:s@cret@host/db",
                "postgres://me:[hidden]@host/db",
            ),
            ("postgres://me@host/db", "postgres://me@host/db"),
            (
                "postgres://host/db?sslmode=require&password=x",
                "postgres://host/db?sslmode=require&password=[hidden]",
            ),
            ("http://registry:8081", "http://registry:8081"),
            ("", ""),
        ];
        for (url, expected) in shown {
            assert_eq!(hide_password(url), expected);
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(
            format!("{:?}", Secret::new("hunter2".to_owned())),
            "[hidden]"
        );
    }
}

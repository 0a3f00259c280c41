//! A text that never shows.

use std::fmt;

use serde::Deserialize;

/// A password. `Debug` hides it and there is no `Display`, so it reaches no log by accident.
#[derive(Clone, PartialEq, Eq, Deserialize)]
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
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(
            format!("{:?}", Secret::new("hunter2".to_owned())),
            "[hidden]"
        );
    }
}

//! What a server said when it refused: an `ErrorResponse` or a `NoticeResponse`.

use std::fmt;

use postgres_protocol::message::backend::ErrorFields;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

/// The fields of an error or a notice that decide what to do, and those an operator reads.
///
/// The message text is translated by the server's `lc_messages`; `code` and `routine` are not, so
/// decisions rest on these
/// (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `WARNING` and so on, never translated.
    pub severity: String,
    /// The SQLSTATE, five characters.
    pub code: String,
    /// The primary message, in the server's language.
    pub message: String,
    /// The detail, in the server's language; empty when there is none.
    pub detail: String,
    /// The server's own advice; empty when there is none.
    pub hint: String,
    /// The C function that raised it.
    pub routine: String,
}

impl ServerError {
    /// Reads the fields of a message from the server. Before authentication the server cannot know
    /// our encoding, so bytes that are not UTF-8 are replaced.
    pub(crate) fn from_fields(mut fields: ErrorFields<'_>) -> Box<Self> {
        let mut error = Box::<Self>::default();
        while let Ok(Some(field)) = fields.next() {
            let target = match field.type_() {
                b'V' => &mut error.severity,
                b'C' => &mut error.code,
                b'M' => &mut error.message,
                b'D' => &mut error.detail,
                b'H' => &mut error.hint,
                b'R' => &mut error.routine,
                _ => continue,
            };
            *target = String::from_utf8_lossy(field.value_bytes()).into_owned();
        }
        error
    }
}

impl From<&tokio_postgres::error::DbError> for ServerError {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        Self {
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().unwrap_or_default().to_owned(),
            hint: error.hint().unwrap_or_default().to_owned(),
            routine: error.routine().unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)?;
        for addition in [&self.detail, &self.hint] {
            if !addition.is_empty() {
                write!(f, "; {addition}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

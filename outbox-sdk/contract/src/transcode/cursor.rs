//! The JSON text and the place in it: white space, punctuation, literals and numbers.
//!
//! Source: <https://www.rfc-editor.org/rfc/rfc8259>.

use super::fault::Fault;
use crate::schema::JsonKind;

/// Reads a JSON text from left to right.
pub(super) struct Cursor<'t> {
    text: &'t str,
    position: usize,
}

/// A number's text, which follows the grammar.
#[derive(Clone, Copy)]
pub(super) struct Number<'t> {
    pub(super) text: &'t str,
    /// It has neither a fraction nor an exponent.
    pub(super) is_integer: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Goes to `position`, where the cursor was or which it knows to be a boundary.
    #[inline]
    pub(super) fn go_to(&mut self, position: usize) {
        self.position = position;
    }

    #[inline]
    pub(super) fn rest(&self) -> &'t [u8] {
        self.text
            .as_bytes()
            .get(self.position..)
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// The next byte that is not white space; the cursor stands on it.
    #[inline]
    pub(super) fn peek_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
        self.peek()
    }

    /// The kind of the value that begins at the next token.
    #[inline]
    pub(super) fn kind(&mut self) -> Result<JsonKind, Fault> {
        let kind = self.peek_token().and_then(JsonKind::of_first_byte);
        kind.ok_or(Fault::Syntax("a value"))
    }

    pub(super) fn kind_at(&self, position: usize) -> Option<JsonKind> {
        self.text
            .as_bytes()
            .get(position)
            .copied()
            .and_then(JsonKind::of_first_byte)
    }

    /// Passes `expected`, if it stands here without white space before it.
    #[inline]
    pub(super) fn take(&mut self, expected: &[u8]) -> bool {
        let is_there = self.rest().starts_with(expected);
        if is_there {
            self.position += expected.len();
        }
        is_there
    }

    /// Passes `token` and the white space before it, if it is the next.
    #[inline]
    pub(super) fn take_token(&mut self, token: u8) -> bool {
        let is_there = self.peek_token() == Some(token);
        self.position += usize::from(is_there);
        is_there
    }

    /// Passes a literal whose first letter the cursor stands on.
    #[inline]
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Fault> {
        if self.take(literal.as_bytes()) {
            Ok(())
        } else {
            Err(Fault::Syntax(literal))
        }
    }

    /// Passes the number that the cursor stands on.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'t>, Fault> {
        let start = self.position;
        self.position += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.position += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(Fault::Syntax("no digit after a leading zero"));
            }
        } else {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.peek() == Some(b'.') {
            is_integer = false;
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_integer = false;
            self.position += 1;
            self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Number {
            text: &self.text[start..self.position],
            is_integer,
        })
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        if self.position == start {
            Err(Fault::Syntax("a digit"))
        } else {
            Ok(())
        }
    }
}

impl Number<'_> {
    /// Its value, where it is an integer that 64 bits hold.
    #[inline]
    pub(super) fn to_long(self) -> Option<i64> {
        if self.is_integer {
            self.text.parse().ok()
        } else {
            None
        }
    }
}

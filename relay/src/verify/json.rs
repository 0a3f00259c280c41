//! Reads the JSON text of a row without losing anything: numbers stay text, every member of an
//! object is kept, repeated ones too.
//!
//! `serde_json::Value` would not do: it rounds long decimals to floating point, and it drops all
//! but the last of repeated members, which are two of the faults the oracle looks for. PostgreSQL
//! has checked the grammar when the row was written
//! (<https://www.postgresql.org/docs/current/datatype-json.html>), so this reader only has to be
//! exact, not strict.

use std::borrow::Cow;

/// Nesting beyond this is refused, so that no row can exhaust the stack.
const DEPTH_MAX: usize = 128;

/// A JSON value that borrows from the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Boolean(bool),
    /// The number as it is written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// The members in the order they are written.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one JSON value; the error says where the text stops making sense.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at == text.len() {
            Ok(value)
        } else {
            Err(reader.unexpected())
        }
    }

    /// The first member of that name, if this is an object that has one.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// What kind of value this is, for findings: they never quote data.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Json<'a>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(self.number())),
            Some(b't') => self.word("true", Json::Boolean(true)),
            Some(b'f') => self.word("false", Json::Boolean(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.at += 1;
        let mut members = Vec::new();
        while !self.closes(b'}') {
            if !members.is_empty() {
                self.expect(b',')?;
                self.skip_space();
            }
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            members.push((name, self.value(depth + 1)?));
        }
        Ok(Json::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.closes(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(self.value(depth + 1)?);
        }
        Ok(Json::Array(items))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        let start = self.at;
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => return Err("a string does not end".to_owned()),
            }
        }
        self.at += 1;
        if escaped {
            let quoted = &self.text[start..self.at];
            serde_json::from_str(quoted)
                .map(Cow::Owned)
                .map_err(|error| error.to_string())
        } else {
            Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]))
        }
    }

    fn number(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let digits = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let length = rest
            .bytes()
            .position(|byte| !digits(byte))
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, String> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.unexpected())
        }
    }

    /// Whether the array or object ends here; steps over its bracket if so.
    fn closes(&mut self, bracket: u8) -> bool {
        self.skip_space();
        let closes = self.peek() == Some(bracket);
        self.at += usize::from(closes);
        closes
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> String {
        format!("not JSON at byte {}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit_and_objects_every_member() {
        let text = r#" {"a": 12345678901234567890.1230, "b":[true,null,"x\"\u00e9"], "a":-1e3} "#;
        let Json::Object(members) = Json::parse(text).unwrap() else {
            panic!("not an object")
        };
        assert_eq!(
            members[0],
            ("a".into(), Json::Number("12345678901234567890.1230"))
        );
        let items = vec![Json::Boolean(true), Json::Null, Json::Text("x\"é".into())];
        assert_eq!(members[1], ("b".into(), Json::Array(items)));
        assert_eq!(members[2], ("a".into(), Json::Number("-1e3")));
    }

    #[test]
    fn a_text_that_is_not_json_is_an_error_and_no_panic() {
        let deep = "[".repeat(200);
        for text in [
            "",
            "{",
            "[1",
            "{\"a\"}",
            "\"\\",
            "\"é",
            "tru",
            "1 2",
            "[,]",
            deep.as_str(),
        ] {
            assert!(Json::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}

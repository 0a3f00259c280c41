//! The types that hold no others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use uuid::Uuid;

use super::cursor::{Cursor, Number};
use super::fault::{Fault, Misfit};
use super::varint::{write_length, write_long};
use super::{Run, decimal, string, time};
use crate::schema::{Node, NodeIndex, TimeUnit, UuidForm};

const OUT_OF_RANGE: &str = "is out of range";

impl Run<'_, '_> {
    #[inline]
    pub(super) fn scalar(&mut self, node: &Node, index: NodeIndex) -> Result<(), Fault> {
        match node {
            Node::String => self.string(index),
            Node::Int => {
                let long = self.long(index)?;
                let int = i32::try_from(long).map_err(|_| misfit(index, OUT_OF_RANGE))?;
                write_long(i64::from(int), self.out);
                Ok(())
            }
            Node::Long => {
                let long = self.long(index)?;
                write_long(long, self.out);
                Ok(())
            }
            Node::Float => self.float(index),
            Node::Double => self.double(index),
            Node::Null => self.null(index),
            Node::Boolean => self.boolean(index),
            Node::Enum { symbols, .. } => {
                let symbol = symbols.find(self.text(index)?);
                let position = symbol.ok_or(misfit(index, "is not one of its symbols"))?;
                write_length(position, self.out);
                Ok(())
            }
            Node::Uuid(form) => self.uuid(index, *form),
            Node::Bytes => self.bytes(index),
            Node::Fixed { size, .. } => self.fixed(index, *size),
            Node::Decimal {
                precision,
                scale,
                size,
            } => self.decimal(index, (*precision, *scale), *size),
            Node::Date => self.date(index),
            Node::Time(unit) => self.time_of_day(index, *unit),
            Node::Timestamp { unit, is_local } => self.timestamp(index, *unit, *is_local),
            Node::Array { .. } | Node::Map { .. } | Node::Record(_) | Node::Union { .. } => {
                unreachable!("the caller handles the types that hold others")
            }
        }
    }

    fn null(&mut self, index: NodeIndex) -> Result<(), Fault> {
        match self.cursor.peek_token() {
            Some(b'n') => self.cursor.literal("null"),
            _ => Err(self.wrong_kind(index)),
        }
    }

    fn boolean(&mut self, index: NodeIndex) -> Result<(), Fault> {
        let (literal, byte) = match self.cursor.peek_token() {
            Some(b't') => ("true", 1),
            Some(b'f') => ("false", 0),
            _ => return Err(self.wrong_kind(index)),
        };
        self.cursor.literal(literal)?;
        self.out.push(byte);
        Ok(())
    }

    /// The text of a string that must stand at the next token.
    #[inline]
    fn text(&mut self, index: NodeIndex) -> Result<&str, Fault> {
        self.at_string(index)?;
        string::read(&mut self.cursor, &mut self.scratch.text)
    }

    #[inline]
    fn at_string(&mut self, index: NodeIndex) -> Result<(), Fault> {
        if self.cursor.peek_token() == Some(b'"') {
            Ok(())
        } else {
            Err(self.wrong_kind(index))
        }
    }

    #[inline]
    fn string(&mut self, index: NodeIndex) -> Result<(), Fault> {
        self.at_string(index)?;
        let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
        write_length(text.len(), self.out);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    #[inline]
    fn number(&mut self, index: NodeIndex) -> Result<Number<'_>, Fault> {
        match self.cursor.peek_token() {
            Some(b'-' | b'0'..=b'9') => self.cursor.number(),
            _ => Err(self.wrong_kind(index)),
        }
    }

    #[inline]
    fn long(&mut self, index: NodeIndex) -> Result<i64, Fault> {
        let number = self.number(index)?;
        match number.to_long() {
            Some(long) => Ok(long),
            None if number.is_integer => Err(misfit(index, OUT_OF_RANGE)),
            None => Err(misfit(index, "has a fraction or an exponent")),
        }
    }

    fn float(&mut self, index: NodeIndex) -> Result<(), Fault> {
        let float: f32 = self
            .number(index)?
            .text
            .parse()
            .expect("the grammar is part of Rust's");
        if float.is_infinite() {
            return Err(misfit(index, OUT_OF_RANGE));
        }
        self.out.extend_from_slice(&float.to_le_bytes());
        Ok(())
    }

    fn double(&mut self, index: NodeIndex) -> Result<(), Fault> {
        let double: f64 = self
            .number(index)?
            .text
            .parse()
            .expect("the grammar is part of Rust's");
        if double.is_infinite() {
            return Err(misfit(index, OUT_OF_RANGE));
        }
        self.out.extend_from_slice(&double.to_le_bytes());
        Ok(())
    }

    fn uuid(&mut self, index: NodeIndex, form: UuidForm) -> Result<(), Fault> {
        self.at_string(index)?;
        let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
        // The other forms that the parser knows have other lengths.
        let uuid = Some(text)
            .filter(|text| text.len() == 36)
            .map(Uuid::try_parse);
        let Some(Ok(uuid)) = uuid else {
            return Err(misfit(index, "is not 32 hexadecimal digits in five groups"));
        };
        match form {
            UuidForm::String => {
                write_length(text.len(), self.out);
                self.out.extend_from_slice(text.as_bytes());
            }
            UuidForm::Fixed => self.out.extend_from_slice(uuid.as_bytes()),
        }
        Ok(())
    }

    fn bytes(&mut self, index: NodeIndex) -> Result<(), Fault> {
        self.at_string(index)?;
        let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
        let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
        write_length((text.len() / 4 * 3).saturating_sub(padding), self.out);
        decode_base64(text, self.out, index)?;
        Ok(())
    }

    fn fixed(&mut self, index: NodeIndex, size: usize) -> Result<(), Fault> {
        self.at_string(index)?;
        let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
        let decoded = decode_base64(text, self.out, index)?;
        if decoded == size {
            Ok(())
        } else {
            Err(misfit(index, "has another number of bytes"))
        }
    }

    fn decimal(
        &mut self,
        index: NodeIndex,
        precision_and_scale: (u32, u32),
        size: Option<usize>,
    ) -> Result<(), Fault> {
        let text = match self.cursor.peek_token() {
            Some(b'"') => {
                let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
                let mut number = Cursor::new(text);
                if number.number().is_err() || number.peek().is_some() {
                    return Err(misfit(index, "is not a number such as -12.30"));
                }
                text
            }
            Some(b'-' | b'0'..=b'9') => self.cursor.number()?.text,
            _ => return Err(self.wrong_kind(index)),
        };
        decimal::write(
            text,
            precision_and_scale,
            size,
            &mut self.scratch.limbs,
            self.out,
        )
        .map_err(|reason| misfit(index, reason))
    }

    /// Writes a date or time: `count` reads its text, `is_valid` judges a number in its place.
    fn text_or_count(
        &mut self,
        index: NodeIndex,
        count: impl FnOnce(&str) -> Result<i64, time::Rule>,
        is_valid: impl FnOnce(i64) -> bool,
    ) -> Result<(), Fault> {
        let number = if self.cursor.peek_token() == Some(b'"') {
            let text = string::read(&mut self.cursor, &mut self.scratch.text)?;
            count(text).map_err(|rule| misfit(index, rule))?
        } else {
            let number = self.long(index)?;
            if !is_valid(number) {
                return Err(misfit(index, OUT_OF_RANGE));
            }
            number
        };
        write_long(number, self.out);
        Ok(())
    }

    fn date(&mut self, index: NodeIndex) -> Result<(), Fault> {
        let count = |text: &str| time::date(text).map(i64::from);
        self.text_or_count(index, count, |days| i32::try_from(days).is_ok())
    }

    fn time_of_day(&mut self, index: NodeIndex, unit: TimeUnit) -> Result<(), Fault> {
        let count = |text: &str| time::time_of_day(text, unit);
        self.text_or_count(index, count, |units| {
            (0..time::units_per_day(unit)).contains(&units)
        })
    }

    fn timestamp(&mut self, index: NodeIndex, unit: TimeUnit, is_local: bool) -> Result<(), Fault> {
        let count = |text: &str| time::timestamp(text, unit, is_local);
        self.text_or_count(index, count, |_| true)
    }
}

fn misfit(expected: NodeIndex, reason: &'static str) -> Fault {
    Fault::Misfit(Misfit::Value { expected, reason })
}

/// Appends the bytes that `text` stands for, and returns their number.
fn decode_base64(text: &str, out: &mut Vec<u8>, index: NodeIndex) -> Result<usize, Fault> {
    let start = out.len();
    out.resize(start + base64::decoded_len_estimate(text.len()), 0);
    let decoded = BASE64
        .decode_slice(text, &mut out[start..])
        .map_err(|_| misfit(index, "is not base64 with padding"))?;
    out.truncate(start + decoded);
    Ok(decoded)
}

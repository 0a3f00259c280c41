//! Records: the fields in the order of the schema, whatever their order in the JSON.
//!
//! Fields that come in order are written where they belong. From the first that does not, the
//! values are written as they come and put in order at the end of the record, where defaults fill
//! the gaps.

use super::fault::{Fault, Misfit, Step};
use super::{Run, string};
use crate::schema::{NodeIndex, Record};

/// Where in `out` the value of a field stands that came out of order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    field: usize,
    start: usize,
    end: usize,
}

impl Run<'_, '_> {
    pub(super) fn record(&mut self, record: &Record, index: NodeIndex) -> Result<(), Fault> {
        self.open(b'{', index)?;
        let mut ordered = 0;
        if !self.is_empty(b'}') {
            loop {
                let field = self.key(record, index, ordered)?;
                if field != ordered {
                    return self.unordered_rest(record, index, ordered, field);
                }
                self.field(record, index, field)?;
                ordered += 1;
                if !self.another(b'}')? {
                    break;
                }
            }
        }
        for missing in ordered..record.fields.len() {
            self.default(record, index, missing)?;
        }
        Ok(())
    }

    /// Passes a key and its colon; `guess` is the field that it probably names.
    #[inline]
    fn key(&mut self, record: &Record, index: NodeIndex, guess: usize) -> Result<usize, Fault> {
        let first = self.cursor.peek_token();
        if let Some(field) = record.fields.get(guess)
            && self.cursor.take(field.key.as_bytes())
        {
            return Ok(guess);
        }
        if first != Some(b'"') {
            return Err(Fault::Syntax("a key"));
        }
        let start = self.cursor.position() + 1;
        let name = string::read(&mut self.cursor, &mut self.scratch.text)?;
        let field = record.names.find(name);
        let end = self.cursor.position() - 1;
        if !self.cursor.take_token(b':') {
            return Err(Fault::Syntax("a colon"));
        }
        let unknown = Misfit::UnknownField {
            record: index,
            name: (start, end),
        };
        field.ok_or(Fault::Misfit(unknown))
    }

    #[inline]
    fn field(&mut self, record: &Record, index: NodeIndex, field: usize) -> Result<(), Fault> {
        self.value(record.fields[field].node).inspect_err(|_| {
            self.scratch.unwound.push(Step::Field {
                record: index,
                field,
            });
        })
    }

    fn default(&mut self, record: &Record, index: NodeIndex, field: usize) -> Result<(), Fault> {
        let missing = Fault::Misfit(Misfit::MissingField {
            record: index,
            field,
        });
        let default = record.fields[field].default.as_ref().ok_or(missing)?;
        self.out.extend_from_slice(default);
        if self.out.len() > self.encoded_end {
            Err(Fault::TooLarge)
        } else {
            Ok(())
        }
    }

    /// The rest of a record whose first `ordered` fields are written, from the key of `field` on.
    fn unordered_rest(
        &mut self,
        record: &Record,
        index: NodeIndex,
        ordered: usize,
        mut field: usize,
    ) -> Result<(), Fault> {
        let first_piece = self.scratch.pieces.len();
        let rest_start = self.out.len();
        loop {
            if field < ordered {
                return Err(Fault::Misfit(Misfit::DuplicateField {
                    record: index,
                    field,
                }));
            }
            let start = self.out.len();
            self.field(record, index, field)?;
            self.scratch.pieces.push(Piece {
                field,
                start,
                end: self.out.len(),
            });
            if !self.another(b'}')? {
                break;
            }
            field = self.key(record, index, field + 1)?;
        }

        let pieces = &mut self.scratch.pieces[first_piece..];
        pieces.sort_unstable_by_key(|piece| piece.field);
        if let Some(pair) = pieces
            .windows(2)
            .find(|pair| pair[0].field == pair[1].field)
        {
            let field = pair[0].field;
            return Err(Fault::Misfit(Misfit::DuplicateField {
                record: index,
                field,
            }));
        }
        self.scratch.unordered.clear();
        self.scratch
            .unordered
            .extend_from_slice(&self.out[rest_start..]);
        self.out.truncate(rest_start);
        let mut next_piece = first_piece;
        for field in ordered..record.fields.len() {
            match self.scratch.pieces.get(next_piece).copied() {
                Some(piece) if piece.field == field => {
                    let value = piece.start - rest_start..piece.end - rest_start;
                    self.out.extend_from_slice(&self.scratch.unordered[value]);
                    next_piece += 1;
                }
                _ => self.default(record, index, field)?,
            }
        }
        self.scratch.pieces.truncate(first_piece);
        Ok(())
    }
}

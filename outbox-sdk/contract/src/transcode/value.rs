//! Values: the choice by type, and the types that hold others (a record has its own file).

use super::fault::{Fault, Misfit, Step};
use super::varint::write_length;
use super::{DEPTH_MAX, Run, string};
use crate::schema::{Branch, Node, NodeIndex};

/// What may be read again for the branches of unions, on top of 16 times the payload.
const REREAD_BYTES_MIN: usize = 1 << 16;

impl Run<'_, '_> {
    /// Writes the value that begins at the next token as the type at `index`.
    pub(super) fn value(&mut self, index: NodeIndex) -> Result<(), Fault> {
        let schema = self.schema;
        match schema.node(index) {
            Node::Record(record) => self.record(record, index),
            Node::Array { items } => self.array(*items, index),
            Node::Map { values } => self.map(*values, index),
            Node::Union { branches } => self.union(branches, index),
            scalar => self.scalar(scalar, index),
        }
    }

    /// The misfit of a value that begins at the next token and is not of a kind that fits; not
    /// JSON, if no value begins there.
    pub(super) fn wrong_kind(&mut self, expected: NodeIndex) -> Fault {
        match self.cursor.kind() {
            Ok(_) => Fault::Misfit(Misfit::Kind {
                expected,
                at: self.cursor.position(),
            }),
            Err(not_a_value) => not_a_value,
        }
    }

    /// Passes the opening bracket of a value that holds others.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8, expected: NodeIndex) -> Result<(), Fault> {
        if !self.cursor.take_token(bracket) {
            return Err(self.wrong_kind(expected));
        }
        if self.depth == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    /// After an item or member: whether another follows, or else the closing bracket was passed.
    #[inline]
    pub(super) fn another(&mut self, closing: u8) -> Result<bool, Fault> {
        if self.cursor.take_token(b',') {
            Ok(true)
        } else if self.cursor.take_token(closing) {
            self.depth -= 1;
            Ok(false)
        } else {
            Err(Fault::Syntax("a comma or the closing bracket"))
        }
    }

    /// Directly after the opening bracket: whether it is closed at once.
    #[inline]
    pub(super) fn is_empty(&mut self, closing: u8) -> bool {
        let is_empty = self.cursor.take_token(closing);
        self.depth -= usize::from(is_empty);
        is_empty
    }

    fn array(&mut self, items: NodeIndex, index: NodeIndex) -> Result<(), Fault> {
        self.open(b'[', index)?;
        if !self.is_empty(b']') {
            let block = Block::begin(self.out);
            let mut count = 0;
            loop {
                self.value(items)
                    .inspect_err(|_| self.scratch.unwound.push(Step::Item(count)))?;
                count += 1;
                if !self.another(b']')? {
                    break;
                }
            }
            block.end(count, self.out);
        }
        self.out.push(0);
        Ok(())
    }

    fn map(&mut self, values: NodeIndex, index: NodeIndex) -> Result<(), Fault> {
        self.open(b'{', index)?;
        if !self.is_empty(b'}') {
            let block = Block::begin(self.out);
            let first_key = self.scratch.keys.len();
            let mut count = 0;
            loop {
                self.map_entry(values)
                    .inspect_err(|_| self.scratch.unwound.push(Step::Entry(count)))?;
                count += 1;
                if !self.another(b'}')? {
                    break;
                }
            }
            self.check_keys_differ(first_key)?;
            block.end(count, self.out);
        }
        self.out.push(0);
        Ok(())
    }

    fn map_entry(&mut self, values: NodeIndex) -> Result<(), Fault> {
        if self.cursor.peek_token() != Some(b'"') {
            return Err(Fault::Syntax("a key"));
        }
        let key = string::read(&mut self.cursor, &mut self.scratch.text)?;
        write_length(key.len(), self.out);
        let start = self.out.len();
        self.out.extend_from_slice(key.as_bytes());
        self.scratch.keys.push((start, self.out.len()));
        if !self.cursor.take_token(b':') {
            return Err(Fault::Syntax("a colon"));
        }
        self.value(values)
    }

    /// Takes the keys from `first_key` on off the scratch; it is an error if two are equal.
    fn check_keys_differ(&mut self, first_key: usize) -> Result<(), Fault> {
        let out = &*self.out;
        let keys = &mut self.scratch.keys[first_key..];
        let text = |&(start, end): &(usize, usize)| &out[start..end];
        keys.sort_unstable_by(|one, other| text(one).cmp(text(other)));
        let all_differ = keys.windows(2).all(|pair| text(&pair[0]) != text(&pair[1]));
        self.scratch.keys.truncate(first_key);
        if all_differ {
            Ok(())
        } else {
            Err(Fault::Misfit(Misfit::DuplicateMapKey))
        }
    }

    fn union(&mut self, branches: &[Branch], index: NodeIndex) -> Result<(), Fault> {
        let kind = self.cursor.kind()?;
        let mut candidates = branches
            .iter()
            .enumerate()
            .filter(|(_, branch)| branch.accepts(kind))
            .peekable();
        let Some((position, branch)) = candidates.next() else {
            return Err(self.wrong_kind(index));
        };
        // A single candidate needs no second reading, and its misfit says more than the union's.
        if candidates.peek().is_none() {
            write_length(position, self.out);
            return self.value(branch.node);
        }
        if self.fits(position, branch)? {
            return Ok(());
        }
        for (position, branch) in candidates {
            if self.fits(position, branch)? {
                return Ok(());
            }
        }
        let reason = "fits none of them";
        Err(Fault::Misfit(Misfit::Value {
            expected: index,
            reason,
        }))
    }

    /// Writes the next value as `branch`, or nothing if it does not fit.
    fn fits(&mut self, position: usize, branch: &Branch) -> Result<bool, Fault> {
        let (start, depth) = (self.cursor.position(), self.depth);
        let written = self.out.len();
        let (pieces, keys) = (self.scratch.pieces.len(), self.scratch.keys.len());
        let unwound = self.scratch.unwound.len();
        write_length(position, self.out);
        match self.value(branch.node) {
            Ok(()) => return Ok(true),
            Err(Fault::Misfit(_)) => {}
            Err(whatever_the_branch) => return Err(whatever_the_branch),
        }
        self.reread_bytes += self.cursor.position() - start + 1;
        if self.reread_bytes > REREAD_BYTES_MIN + 16 * self.cursor.text().len() {
            return Err(Fault::TooAmbiguous);
        }
        self.cursor.go_to(start);
        self.depth = depth;
        self.out.truncate(written);
        self.scratch.pieces.truncate(pieces);
        self.scratch.keys.truncate(keys);
        self.scratch.unwound.truncate(unwound);
        Ok(false)
    }
}

/// The items of an array or map, whose count comes before them but is known only after.
///
/// One byte is kept free for it, which is enough for up to 63.
struct Block {
    start: usize,
}

impl Block {
    #[inline]
    fn begin(out: &mut Vec<u8>) -> Self {
        out.push(0);
        Self {
            start: out.len() - 1,
        }
    }

    #[inline]
    fn end(self, count: usize, out: &mut Vec<u8>) {
        let end = out.len();
        write_length(count, out);
        out[self.start] = out.remove(end);
        let others = out.len() - end;
        if others > 0 {
            out[self.start + 1..].rotate_right(others);
        }
    }
}

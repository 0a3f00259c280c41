//! Whether everything that one schema describes can be written under another.
//!
//! One is what a Rust type writes, the other the contract that it must keep. The order of fields
//! does not matter, and neither do names of types, for a payload is JSON and holds none of them.
//!
//! The failure this guards against: a type and its contract drift apart, and only the one value
//! that shows it, perhaps in production, finds out.

use std::collections::HashSet;
use std::fmt;

use super::{CompiledSchema, Node, NodeIndex, Record};

/// A place where a type does not keep its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The fields that lead there, such as `lines[].price`; empty for the whole.
    pub path: String,
    /// What differs, and what to do.
    pub problem: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl CompiledSchema {
    /// Where a payload that `written` describes might not fit this schema; nowhere, if all fit.
    pub fn differences_from(&self, written: &CompiledSchema) -> Vec<Difference> {
        let mut comparison = Comparison {
            written,
            contract: self,
            compared: HashSet::new(),
            differences: Vec::new(),
        };
        comparison.types(written.root, self.root, "");
        comparison.differences
    }
}

struct Comparison<'s> {
    written: &'s CompiledSchema,
    contract: &'s CompiledSchema,
    /// Pairs of records that were or are being compared: types can contain themselves.
    compared: HashSet<(NodeIndex, NodeIndex)>,
    differences: Vec<Difference>,
}

impl Comparison<'_> {
    fn report(&mut self, path: &str, problem: String) {
        self.differences.push(Difference {
            path: path.to_owned(),
            problem,
        });
    }

    fn types(&mut self, written: NodeIndex, contract: NodeIndex, path: &str) {
        let (may_be_null, written_branches) = self.written.branches(written);
        let (takes_null, contract_branches) = self.contract.branches(contract);
        if may_be_null && !takes_null {
            let expected = self.contract.describe(contract);
            self.report(
                path,
                format!("may be null, but the schema wants {expected}: take the `Option` away"),
            );
        }
        for branch in written_branches {
            let kind = self.written.node(branch).kind();
            let fitting = contract_branches
                .iter()
                .find(|other| kind.fits(self.contract.node(**other).kind()));
            if let Some(other) = fitting {
                self.details(branch, *other, path);
            } else {
                let found = self.written.describe(branch);
                let expected = self.contract.describe(contract);
                self.report(
                    path,
                    format!(
                        "is {found}, but the schema wants {expected}: change the type, or say \
                         with `#[event(avro = \"…\")]` what serde writes"
                    ),
                );
            }
        }
    }

    /// Compares what is inside two types of kinds that fit.
    fn details(&mut self, written: NodeIndex, contract: NodeIndex, path: &str) {
        match (self.written.node(written), self.contract.node(contract)) {
            (Node::Record(written_record), Node::Record(contract_record)) => {
                let pair = (written, contract);
                self.records(pair, (written_record, contract_record), path);
            }
            (Node::Array { items: one }, Node::Array { items: other })
            | (Node::Map { values: one }, Node::Map { values: other }) => {
                self.types(*one, *other, &format!("{path}[]"));
            }
            (
                Node::Enum { symbols, .. },
                Node::Enum {
                    symbols: known,
                    name,
                },
            ) => {
                for symbol in symbols.declared().filter(|one| known.find(one).is_none()) {
                    self.report(path, format!("the enum {name} has no symbol {symbol}"));
                }
            }
            (
                Node::Decimal {
                    precision, scale, ..
                },
                Node::Decimal {
                    precision: precision_max,
                    scale: scale_max,
                    ..
                },
            ) => {
                let is_within =
                    scale <= scale_max && precision - scale <= precision_max - scale_max;
                if !is_within {
                    self.report(
                        path,
                        format!(
                            "is decimal({precision}, {scale}), which does not fit the schema's \
                             decimal({precision_max}, {scale_max})"
                        ),
                    );
                }
            }
            (Node::Fixed { size, .. }, Node::Fixed { size: wanted, .. }) if size != wanted => {
                self.report(path, format!("has {size} bytes, the schema wants {wanted}"));
            }
            _ => {}
        }
    }

    fn records(
        &mut self,
        pair: (NodeIndex, NodeIndex),
        (written, contract): (&Record, &Record),
        path: &str,
    ) {
        if !self.compared.insert(pair) {
            return;
        }
        let inner = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        for field in &written.fields {
            match contract.names.find(field.name()) {
                Some(position) => {
                    let node = contract.fields[position].node;
                    self.types(field.node, node, &inner(field.name()));
                }
                None => self.report(
                    &inner(field.name()),
                    format!("the schema's record {} has no such field", contract.name),
                ),
            }
        }
        for field in &contract.fields {
            if field.default.is_none() && written.names.find(field.name()).is_none() {
                self.report(
                    &inner(field.name()),
                    "the schema wants this field, and it has no default".to_owned(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Kind;

    fn differences(written: &str, contract: &str) -> Vec<String> {
        let compile = |json| CompiledSchema::compile(json, &[]).expect(json);
        compile(contract)
            .differences_from(&compile(written))
            .iter()
            .map(Difference::to_string)
            .collect()
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
    }

    #[test]
    fn the_order_of_fields_and_the_names_of_types_do_not_matter() {
        let written = record(
            r#"{"name":"a","type":"int"},{"name":"b","type":{"type":"enum","name":"E","symbols":["X"]}}"#,
        );
        let contract = r#"{"type":"record","name":"other.Name","fields":[
            {"name":"b","type":["null",{"type":"enum","name":"F","symbols":["Y","X"]}]},
            {"name":"c","type":"int","default":0},{"name":"a","type":"long"}]}"#;
        assert_eq!(differences(&written, contract), [""; 0]);
    }

    #[test]
    fn everything_that_differs_is_told_at_once_with_its_path() {
        let written = record(
            r#"{"name":"extra","type":"int"},
            {"name":"maybe","type":["null","int"],"default":null},
            {"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[
                {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":4}},
                {"name":"state","type":{"type":"enum","name":"E","symbols":["X","Y"]}}]}}},
            {"name":"at","type":"string"}"#,
        );
        let contract = record(
            r#"{"name":"missing","type":"int"},{"name":"maybe","type":"int"},
            {"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[
                {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
                {"name":"state","type":{"type":"enum","name":"E","symbols":["X"]}}]}}},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}"#,
        );
        assert_eq!(
            differences(&written, &contract),
            [
                "extra: the schema's record R has no such field",
                "maybe: may be null, but the schema wants int: take the `Option` away",
                "lines[].price: is decimal(12, 4), which does not fit the schema's decimal(12, 2)",
                "lines[].state: the enum E has no symbol Y",
                "at: is string, but the schema wants timestamp-micros: change the type, or say \
                 with `#[event(avro = \"…\")]` what serde writes",
                "missing: the schema wants this field, and it has no default",
            ]
        );
    }

    #[test]
    fn a_number_that_may_be_out_of_range_does_not_fit() {
        assert_eq!(differences(r#""int""#, r#""double""#).len(), 0);
        assert_eq!(differences(r#""long""#, r#""int""#).len(), 1);
        assert_eq!(differences(r#""double""#, r#""float""#).len(), 1);
        let decimal = |precision: u32, scale: u32| {
            format!(
                r#"{{"type":"bytes","logicalType":"decimal","precision":{precision},"scale":{scale}}}"#
            )
        };
        assert_eq!(differences(&decimal(4, 2), &decimal(6, 3)).len(), 0);
        assert_eq!(differences(&decimal(4, 2), &decimal(4, 3)).len(), 1);
        let fixed = |size: u32| format!(r#"{{"type":"fixed","name":"F","size":{size}}}"#);
        assert_eq!(differences(&fixed(2), &fixed(2)).len(), 0);
        assert_eq!(differences(&fixed(2), &fixed(3)).len(), 1);
    }

    #[test]
    fn a_type_that_contains_itself_is_compared_once() {
        let recursive = |kind: &str| {
            record(&format!(
                r#"{{"name":"v","type":"{kind}"}},{{"name":"next","type":["null","R"],"default":null}}"#
            ))
        };
        assert_eq!(differences(&recursive("int"), &recursive("int")).len(), 0);
        assert_eq!(differences(&recursive("long"), &recursive("int")).len(), 1);
    }

    #[test]
    fn only_kinds_that_hold_every_value_fit() {
        assert!(Kind::Uuid.fits(Kind::String) && !Kind::String.fits(Kind::Uuid));
        assert!(Kind::Long.fits(Kind::TimestampMicros) && !Kind::TimestampMicros.fits(Kind::Long));
        assert!(Kind::Boolean.fits(Kind::Boolean) && !Kind::Boolean.fits(Kind::Int));
    }
}

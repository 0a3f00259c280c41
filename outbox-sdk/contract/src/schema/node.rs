//! The nodes of a compiled schema.

/// The place of a node in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeIndex(u32);

impl NodeIndex {
    pub(super) fn new(position: usize) -> Self {
        Self(u32::try_from(position).expect("NODES_MAX is far below 2^32"))
    }

    #[inline]
    pub(crate) fn position(self) -> usize {
        self.0 as usize
    }
}

/// One type of a schema, with its logical type where that is valid.
#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed {
        name: Box<str>,
        size: usize,
    },
    Enum {
        name: Box<str>,
        symbols: SortedNames,
    },
    Array {
        items: NodeIndex,
    },
    Map {
        values: NodeIndex,
    },
    Record(Record),
    Union {
        branches: Box<[Branch]>,
    },
    /// `size` is that of the fixed; bytes where there is none.
    Decimal {
        precision: u32,
        scale: u32,
        size: Option<usize>,
    },
    Uuid(UuidForm),
    /// Days.
    Date,
    /// Milliseconds are an int, microseconds a long.
    Time(TimeUnit),
    Timestamp {
        unit: TimeUnit,
        is_local: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: Box<str>,
    pub(crate) fields: Box<[Field]>,
    pub(crate) names: SortedNames,
}

#[derive(Debug)]
pub(crate) struct Field {
    /// `"name":`, as compact JSON has it: one comparison recognises the expected field.
    pub(crate) key: Box<str>,
    pub(crate) node: NodeIndex,
    /// The Avro bytes that stand for a missing field.
    pub(crate) default: Option<Box<[u8]>>,
}

impl Field {
    pub(crate) fn name(&self) -> &str {
        &self.key[1..self.key.len() - 2]
    }
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) node: NodeIndex,
    /// The kinds of JSON value that can fit, one bit each.
    kinds: u8,
}

impl Branch {
    pub(super) fn new(node: NodeIndex, kinds: &[JsonKind]) -> Self {
        Self {
            node,
            kinds: kinds.iter().fold(0, |bits, kind| bits | kind.bit()),
        }
    }

    pub(crate) fn accepts(&self, kind: JsonKind) -> bool {
        self.kinds & kind.bit() != 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UuidForm {
    String,
    Fixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
        }
    }

    /// How many decimal digits of a second it counts.
    pub(crate) fn fraction_digits(self) -> u32 {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// What a JSON value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl JsonKind {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(crate) fn of_first_byte(byte: u8) -> Option<Self> {
        match byte {
            b'n' => Some(Self::Null),
            b't' | b'f' => Some(Self::Boolean),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b'"' => Some(Self::String),
            b'[' => Some(Self::Array),
            b'{' => Some(Self::Object),
            _ => None,
        }
    }
}

impl Node {
    /// The kinds of JSON value that can be written as this type; those of a union are its
    /// branches'.
    pub(crate) fn json_kinds(&self) -> &'static [JsonKind] {
        match self {
            Self::Null => &[JsonKind::Null],
            Self::Boolean => &[JsonKind::Boolean],
            Self::Int | Self::Long | Self::Float | Self::Double => &[JsonKind::Number],
            Self::Bytes | Self::String | Self::Fixed { .. } | Self::Enum { .. } | Self::Uuid(_) => {
                &[JsonKind::String]
            }
            Self::Decimal { .. } | Self::Date | Self::Time(_) | Self::Timestamp { .. } => {
                &[JsonKind::Number, JsonKind::String]
            }
            Self::Array { .. } => &[JsonKind::Array],
            Self::Map { .. } | Self::Record(_) => &[JsonKind::Object],
            Self::Union { .. } => &[],
        }
    }
}

/// Names in their declared order, found by binary search.
#[derive(Debug)]
pub(crate) struct SortedNames {
    /// `(name, place in the declared order)`.
    sorted: Box<[(Box<str>, usize)]>,
}

impl SortedNames {
    /// Fails with the name that is there twice.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut sorted: Vec<(Box<str>, usize)> = names
            .into_iter()
            .map(Box::from)
            .enumerate()
            .map(|(at, name)| (name, at))
            .collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.to_string()),
            None => Ok(Self {
                sorted: sorted.into(),
            }),
        }
    }

    /// The names in their declared order.
    pub(super) fn declared(&self) -> impl Iterator<Item = &str> {
        let mut declared: Vec<_> = self.sorted.iter().collect();
        declared.sort_unstable_by_key(|(_, place)| *place);
        declared.into_iter().map(|(name, _)| &**name)
    }

    /// In alphabetical order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(|(name, _)| &**name)
    }

    /// The place of `name` in the declared order.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let at = self
            .sorted
            .binary_search_by(|(one, _)| (**one).cmp(name))
            .ok()?;
        Some(self.sorted[at].1)
    }
}

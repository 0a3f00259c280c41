//! JSON strings: the text between the quotes, unescaped only where it has to be.

use super::cursor::Cursor;
use super::fault::Fault;

/// Passes the string whose opening quote the cursor stands on, and returns its text: a part of
/// the JSON where it has no escapes, else `buffer`, which it overwrites.
#[inline]
pub(super) fn read<'s, 't: 's>(
    cursor: &mut Cursor<'t>,
    buffer: &'s mut String,
) -> Result<&'s str, Fault> {
    let start = cursor.position() + 1;
    cursor.go_to(start);
    let end = start + plain_bytes(cursor.rest());
    cursor.go_to(end);
    if cursor.take(b"\"") {
        return Ok(&cursor.text()[start..end]);
    }
    buffer.clear();
    buffer.push_str(&cursor.text()[start..end]);
    read_escaped(cursor, buffer)?;
    Ok(buffer)
}

/// The rest of a string from its first escape on.
fn read_escaped(cursor: &mut Cursor<'_>, buffer: &mut String) -> Result<(), Fault> {
    loop {
        let start = cursor.position();
        let end = start + plain_bytes(cursor.rest());
        buffer.push_str(&cursor.text()[start..end]);
        cursor.go_to(end);
        if cursor.take(b"\"") {
            return Ok(());
        }
        if !cursor.take(b"\\") {
            return Err(Fault::Syntax(
                "the end of the string, and no control character in it",
            ));
        }
        buffer.push(escape(cursor)?);
    }
}

/// The character of the escape whose backslash was passed.
fn escape(cursor: &mut Cursor<'_>) -> Result<char, Fault> {
    let character = match cursor.peek() {
        Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            cursor.go_to(cursor.position() + 1);
            return unicode(cursor);
        }
        _ => return Err(Fault::Syntax("an escape")),
    };
    cursor.go_to(cursor.position() + 1);
    Ok(character)
}

/// The character of `\u`, which for those beyond U+FFFF is a pair of surrogates.
fn unicode(cursor: &mut Cursor<'_>) -> Result<char, Fault> {
    const LONE: Fault = Fault::Syntax("surrogates in pairs, the high one first");
    let first = code_unit(cursor)?;
    let code_point = if (0xD800..0xDC00).contains(&first) {
        if !cursor.take(b"\\u") {
            return Err(LONE);
        }
        let second = code_unit(cursor)?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(LONE);
        }
        0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
    } else {
        first
    };
    char::from_u32(code_point).ok_or(LONE)
}

fn code_unit(cursor: &mut Cursor<'_>) -> Result<u32, Fault> {
    const EXPECTED: Fault = Fault::Syntax("four hexadecimal digits");
    let digits = cursor.rest().first_chunk::<4>().ok_or(EXPECTED)?;
    let mut unit = 0;
    for digit in digits {
        unit = unit * 16 + char::from(*digit).to_digit(16).ok_or(EXPECTED)?;
    }
    cursor.go_to(cursor.position() + 4);
    Ok(unit)
}

/// How many bytes come before the next quote, backslash or control character, eight at a time.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
    at + bytes[at..]
        .iter()
        .position(is_special)
        .unwrap_or(bytes.len() - at)
}

/// The high bit of each byte that ends a plain run; above the first one bits may be wrong.
///
/// A byte below `n` borrows when `n` is taken from it, which shows in its high bit; a byte equal
/// to `b` is 0, so below 1, after an exclusive or with `b`.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quote | backslash | below(word, 0x20)) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_run_ends_at_the_first_special_byte(bytes: Vec<u8>) {
            let naive = bytes.iter().position(|byte| *byte < 0x20 || b"\"\\".contains(byte));
            prop_assert_eq!(plain_bytes(&bytes), naive.unwrap_or(bytes.len()));
        }

        #[test]
        fn a_string_reads_as_another_parser_reads_it(text: String, escaped in any::<bool>()) {
            let json = if escaped {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                format!("\"{}\"", units.collect::<String>())
            } else {
                serde_json::to_string(&text).unwrap()
            };
            let mut buffer = String::new();
            prop_assert_eq!(read(&mut Cursor::new(&json), &mut buffer), Ok(text.as_str()));
        }

        #[test]
        fn any_text_agrees_with_another_parser_on_whether_it_is_a_string(text: String) {
            let json = format!("\"{text}\"");
            let mut cursor = Cursor::new(&json);
            let mut buffer = String::new();
            let ours = read(&mut cursor, &mut buffer).ok().map(str::to_owned);
            let ours = ours.filter(|_| cursor.position() == json.len());
            prop_assert_eq!(ours, serde_json::from_str::<String>(&json).ok());
        }
    }

    #[test]
    fn every_escape_is_understood_and_no_other() {
        let read_all =
            |json: &str| read(&mut Cursor::new(json), &mut String::new()).map(str::to_owned);
        assert_eq!(
            read_all(r#""a\"\\\/\b\f\n\r\t\u00e4\uD83D\uDE00z""#).as_deref(),
            Ok("a\"\\/\u{8}\u{c}\n\r\t\u{e4}\u{1F600}z"),
        );
        for json in [
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\ud83d\u0041""#,
            r#""\ude00""#,
            r#""\ud83d\ud83d""#,
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\u+123""#,
            r#""open"#,
            r#""\"#,
            "\"line\nbreak\"",
            "\"nul\0\"",
        ] {
            assert!(read_all(json).is_err(), "{json} was accepted");
        }
    }
}

//! Decimals, exactly: from digits to a big-endian integer, with no float between.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#decimal>.

use super::varint::write_length;

/// Appends the number in `text` (JSON's grammar) as a decimal of `precision` and `scale`, as a
/// fixed of `size` bytes or else as bytes; `limbs` is scratch. The error says which rule it breaks.
pub(super) fn write(
    text: &str,
    (precision, scale): (u32, u32),
    size: Option<usize>,
    limbs: &mut Vec<u64>,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = Digits {
        whole: whole.as_bytes(),
        fraction: fraction.as_bytes(),
    };
    let significant = digits.significant();
    limbs.clear();
    if !significant.is_empty() {
        // The unscaled number is the digits up to the last that is not zero, and this many zeros.
        let exponent: i64 = exponent.parse().map_err(|_| "has too large an exponent")?;
        let after_point = digits.whole.len().cast_signed() - significant.end.cast_signed();
        let zeros = i64::try_from(after_point)
            .ok()
            .and_then(|after_point| after_point.checked_add(exponent)?.checked_add(scale.into()))
            .ok_or("has too large an exponent")?;
        let Ok(zeros) = u64::try_from(zeros) else {
            return Err("has more digits than the scale");
        };
        if zeros.saturating_add(significant.len() as u64) > u64::from(precision) {
            return Err("has more digits than the precision");
        }
        for digit in significant {
            multiply_add(limbs, digits.at(digit));
        }
        for _ in 0..zeros {
            multiply_add(limbs, 0);
        }
    }
    write_integer(is_negative, limbs, size, out);
    Ok(())
}

/// The digits before and after the point, as one sequence.
struct Digits<'t> {
    whole: &'t [u8],
    fraction: &'t [u8],
}

impl Digits<'_> {
    fn at(&self, index: usize) -> u64 {
        let digit = match index.checked_sub(self.whole.len()) {
            None => self.whole[index],
            Some(index) => self.fraction[index],
        };
        u64::from(digit - b'0')
    }

    /// From the first digit that is not zero to the last; empty for zero.
    fn significant(&self) -> std::ops::Range<usize> {
        let all = 0..self.whole.len() + self.fraction.len();
        let is_significant = |index: &usize| self.at(*index) != 0;
        match (
            all.clone().find(is_significant),
            all.rev().find(is_significant),
        ) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }
}

/// `limbs * 10 + digit`, the lowest limb first.
fn multiply_add(limbs: &mut Vec<u64>, digit: u64) {
    let mut carry = u128::from(digit);
    for limb in limbs.iter_mut() {
        let product = u128::from(*limb) * 10 + carry;
        *limb = low_limb(product);
        carry = product >> 64;
    }
    if carry != 0 {
        limbs.push(low_limb(carry));
    }
}

fn low_limb(number: u128) -> u64 {
    u64::try_from(number & u128::from(u64::MAX)).expect("64 bits fit into 64 bits")
}

/// Appends the two's complement, big-endian: `size` bytes, or a length and as few as it takes.
fn write_integer(is_negative: bool, limbs: &mut [u64], size: Option<usize>, out: &mut Vec<u8>) {
    if is_negative {
        let mut carry = true;
        for limb in limbs.iter_mut() {
            (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
        }
    }
    let sign = if is_negative && !limbs.is_empty() {
        0xFF
    } else {
        0
    };
    let bytes = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
    // A leading byte says nothing where the next one has the same sign; zero keeps one byte.
    let repeats_sign = |(byte, next): (u8, u8)| byte == sign && (next ^ sign) & 0x80 == 0;
    let padded = std::iter::once(sign).chain(bytes);
    let redundant = padded
        .clone()
        .zip(padded.clone().skip(1))
        .take_while(|pair| repeats_sign(*pair))
        .count();
    let length = 1 + limbs.len() * 8 - redundant;
    match size {
        Some(size) => out.extend(std::iter::repeat_n(sign, size.saturating_sub(length))),
        None => write_length(length, out),
    }
    out.extend(padded.skip(redundant));
}

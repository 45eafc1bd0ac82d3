//! Where a value ends, and what a string or a number says: the characters of an answer, one after the other.
//!
//! Must never: read beyond the text, or hold more than one value's.

use super::REPLACEMENT;

/// Brackets inside one another at most.
const DEPTH: u32 = 64;

/// The first place from `at` on that is no white space.
pub(super) fn blank(text: &str, mut at: usize) -> usize {
    while matches!(text.as_bytes().get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends, by brackets and quotes alone.
pub(super) fn end_of(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    // One bit for each open bracket: whether it is a brace.
    let (mut open, mut depth) = (0_u128, 0_u32);
    loop {
        match *bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at)?,
            bracket @ (b'{' | b'[') => {
                if depth == DEPTH {
                    return None;
                }
                open = (open << 1) | u128::from(bracket == b'{');
                depth += 1;
                at += 1;
                continue;
            }
            bracket @ (b'}' | b']') => {
                if depth == 0 || (open & 1 == 1) != (bracket == b'}') {
                    return None;
                }
                open >>= 1;
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => {
                at += 1;
                continue;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => return None,
            _ => at = end_of_token(bytes, at),
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn end_of_string(bytes: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn end_of_token(bytes: &[u8], mut at: usize) -> usize {
    while !matches!(
        bytes.get(at),
        None | Some(b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | b' ' | b'\t' | b'\r' | b'\n')
    ) {
        at += 1;
    }
    at
}

/// The inside of a string; an escape that is none stands for itself, half a surrogate for no character.
pub(super) fn unescape(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = after.chars();
        let escape = chars.next().unwrap_or(REPLACEMENT);
        rest = chars.as_str();
        match escape {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'u' => {
                let (character, used) = code_point(rest);
                text.push(character);
                rest = rest.get(used..).unwrap_or_default();
            }
            other => text.push(other),
        }
    }
    text.push_str(rest);
    text
}

/// The character after `\u`, and how many bytes stand for it.
fn code_point(rest: &str) -> (char, usize) {
    let unit = |at: usize| u32::from_str_radix(rest.get(at..at + 4)?, 16).ok();
    let Some(first) = unit(0) else { return (REPLACEMENT, 0) };
    let second = rest.get(4..6).filter(|begins| *begins == "\\u").and_then(|_| unit(6));
    match (first, second) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            let both = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(both).unwrap_or(REPLACEMENT), 10)
        }
        _ => (char::from_u32(first).unwrap_or(REPLACEMENT), 4),
    }
}

/// A number of any size, so that two are equal where their values are: sign, digits without zeros at either end, exponent.
pub(super) fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (negative, token) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let trimmed = digits.trim_start_matches('0').trim_end_matches('0');
    if trimmed.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let shift = i64::try_from(zeros).ok()? - i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.trim_start_matches('+').parse::<i64>().ok()?.checked_add(shift)?;
    Some((negative, trimmed.to_owned(), exponent))
}

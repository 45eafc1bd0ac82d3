//! What the command line writes: the only file that prints to standard output, and what makes text harmless there.
//!
//! A reader that goes away (`| head -1`) ends a command quietly: there is nobody left to complain to. Must never: panic
//! where standard output is closed or full, or pass on what steers a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Writes to standard output, with whatever steers a terminal made harmless.
///
/// # Errors
/// As the system has it; see [`ended`].
pub fn try_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let text = harmless(text, out.is_terminal());
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// JSON is what it is, byte for byte, for programs; on a terminal it is written with escapes that mean the same. Other text
/// is for people.
fn harmless(text: &str, on_terminal: bool) -> Cow<'_, str> {
    let is_json = text.starts_with(['{', '[']);
    if (is_json && !on_terminal) || !text.contains(|c| steers(c) && !lays_out(c)) {
        return Cow::Borrowed(text);
    }
    if !is_json {
        return Cow::Owned(plain_lines(text));
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && !lays_out(c) {
            // Writing to a string cannot fail.
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(escaped, "\\u{unit:04x}"));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

const fn lays_out(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

/// Writes to standard output. Where its reader has gone, the rest is for nobody; any other failure (a full disk) is said on
/// standard error.
pub fn out(text: &str) {
    if let Err(error) = try_out(text) {
        let _ = ended(&error);
    }
}

/// Writes one line to standard output.
pub fn line(text: &str) {
    out(&format!("{text}\n"));
}

/// The exit code after standard output failed: a reader that has gone is a quiet end.
pub fn ended(error: &io::Error) -> ExitCode {
    if error.kind() == ErrorKind::BrokenPipe {
        return ExitCode::SUCCESS;
    }
    complain(&format!("trunkwarden: cannot write to standard output: {error}"));
    ExitCode::FAILURE
}

/// Writes one line (or several) to standard error, which may be closed as well.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain_lines(text));
}

/// Text of the platform may hold anything: on one line, and nothing of it may steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same for text of several lines: line feeds and tabs stay.
pub fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if steers(c) && !lays_out(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Whether a character steers a terminal or the order in which text is read: control characters of both sets, and those
/// that turn the direction of writing or hide.
pub fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || turns || hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal_and_json_means_the_same() {
        let text = "row\twith \u{1b}[31mred\r\u{9b}2J \u{202e}txet\nnext";
        assert_eq!(harmless(text, false), "row\twith \u{fffd}[31mred\u{fffd}\u{fffd}2J \u{fffd}txet\nnext");
        let value = serde_json::json!({"status": "\u{1b}[2J\u{9b}31m\u{202e}\u{e0001}", "ok": "é ü 電話"});
        let json = format!("{value}\n");
        assert_eq!(harmless(&json, false), json, "programs read it as it is");
        let shown = harmless(&json, true).into_owned();
        assert!(shown.chars().all(|c| !steers(c) || c == '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}

//! What the command line writes: the only file that prints to standard output, and what makes text harmless there.
//!
//! A reader that goes away (`| head -1`) ends a command quietly: there is nobody left to complain to. Must never: panic
//! where standard output is closed or full, or pass on what steers a terminal.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Writes to standard output.
///
/// # Errors
/// As the system has it; see [`ended`].
pub fn try_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
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
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Text of the platform may hold anything: on one line, and nothing of it may steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same for text of several lines: line feeds and tabs stay.
pub fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if steers(c) && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Whether a character steers a terminal or the order in which text is read: control characters of both sets, and those
/// that turn the direction of writing or hide.
pub fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || turns || hides
}

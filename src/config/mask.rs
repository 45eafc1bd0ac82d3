//! Keeps secrets out of messages that show a line of a file.
//!
//! It scans the text by itself and trusts no parse, since the line that is shown may be the one that does not parse.
//! The rule is an allow list: a string or bare value is shown only behind a key that is known and nowhere a secret;
//! behind a secret key only what names the place of a secret (`file`, `env`, `credential`) is. What stands
//! behind a key that takes a URL never shows its user part or its query, whether it looks like a URL or not.

use super::keys;

/// What stands for a hidden part.
const MASK: &str = "***";
/// Arrays and inline tables within each other; what is deeper is not shown. TOML's own reader stops at 80.
const MAX_DEPTH: usize = 100;

/// A part of a text that must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    start: usize,
    end: usize,
    /// A comment: it goes without a trace.
    comment: bool,
}

/// The parts of `text` that must not be shown, in order and apart.
pub(crate) fn hidden(text: &str) -> Vec<Hidden> {
    Scan { text, at: 0, hidden: Vec::new(), header_secret: false, depth: 0 }.run()
}

/// `line`, which starts at byte `from`, without its hidden parts; and how offsets in it move.
pub(crate) fn apply(line: &str, from: usize, hidden: &[Hidden]) -> (String, impl Fn(usize) -> usize + use<>) {
    let mut out = String::with_capacity(line.len());
    // (offset in the line, offset in the output) after each hidden part, and where that part began.
    let mut moved: Vec<(usize, usize, usize)> = Vec::new();
    let mut done = 0;
    let first = hidden.partition_point(|part| part.end <= from);
    for Hidden { start, end, comment } in hidden.iter().skip(first).take_while(|part| part.start < from + line.len()) {
        let start = start.saturating_sub(from).max(done).min(line.len());
        let end = end.saturating_sub(from).min(line.len());
        if end <= start || !line.is_char_boundary(start) || !line.is_char_boundary(end) {
            continue;
        }
        out.push_str(line.get(done..start).unwrap_or_default());
        out.push_str(if *comment { "" } else { MASK });
        moved.push((start, end, out.len()));
        done = end;
    }
    out.push_str(line.get(done..).unwrap_or_default());
    out.truncate(out.trim_end().len());
    let map = move |offset: usize| {
        let mut new = offset;
        for (start, end, after) in &moved {
            if offset >= *end {
                new = after + (offset - end);
            } else if offset > *start {
                new = *after;
            }
        }
        new
    };
    (out, map)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    hidden: Vec<Hidden>,
    header_secret: bool,
    depth: usize,
}

/// What may be shown of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    All,
    /// All but a user part and a query.
    Url,
    Nothing,
}

impl Scan<'_> {
    fn run(mut self) -> Vec<Hidden> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b']' | b'}' | b',' => self.at += 1,
                b'#' => self.comment(),
                b'[' => self.header(),
                _ => self.pair(self.header_secret, b'\n'),
            }
        }
        self.hidden
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn line_end(&self) -> usize {
        self.rest().find('\n').map_or(self.text.len(), |length| self.at + length)
    }

    fn hide(&mut self, start: usize, end: usize) {
        if end > start {
            self.hidden.push(Hidden { start, end, comment: false });
        }
    }

    /// A comment may hold what once was a value: its text is not shown.
    fn comment(&mut self) {
        let end = self.line_end();
        self.hidden.push(Hidden { start: self.at, end, comment: true });
        self.at = end;
    }

    fn header(&mut self) {
        let end = self.line_end();
        let line = self.text.get(self.at..end).unwrap_or_default();
        self.header_secret = segments(line).any(keys::is_secret);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | '.' | '_' | '-');
        let shown = line.find(|c| !plain(c)).map_or(end, |length| self.at + length);
        let closed = line.find(']').map_or(end, |length| self.at + length);
        // Quoted names go too: what stands between the quotes of a broken header may be anything.
        self.hide(shown, closed);
        self.at = closed.max(self.at + 1);
    }

    /// `key = value`; whatever stands in the key's place without a `=` is hidden.
    fn pair(&mut self, inside_secret: bool, stop: u8) {
        let start = self.at;
        let mut quote = None;
        while let Some(byte) = self.peek() {
            match (quote, byte) {
                (_, b'\n') | (None, b'=' | b'#') => break,
                (None, b',' | b'}') if stop == b'}' => break,
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), byte) if byte == open => quote = None,
                _ => {}
            }
            self.at += 1;
        }
        if self.peek() != Some(b'=') {
            self.hide(start, self.at);
            return;
        }
        let name = self.text.get(start..self.at).unwrap_or_default().to_owned();
        // Only a bare key is surely a key; what stands between quotes may be a value out of its place.
        let bare =
            segments(&name).all(|part| !part.is_empty() && part.bytes().all(is_bare)) && !name.contains(['"', '\'']);
        if !bare {
            self.hide(start, start + name.trim_end().len());
        }
        self.at += 1;
        let last = segments(&name).last().unwrap_or_default();
        let in_secret = inside_secret || segments(&name).any(keys::is_secret);
        let show =
            bare && if in_secret { matches!(last, "file" | "env" | "credential") } else { keys::is_harmless(last) };
        let show = match show {
            true if keys::is_url(last) => Show::Url,
            true => Show::All,
            false => Show::Nothing,
        };
        self.value(show, in_secret, stop);
    }

    /// A value up to the end of the pair. `stop` is `\n` at the top, `}` in an inline table, `]` in an array.
    fn value(&mut self, mut show: Show, in_secret: bool, stop: u8) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' if stop == b'\n' => return,
                b'#' => self.comment(),
                b',' if stop == b'}' => return,
                b'}' | b']' if byte == stop => return,
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.at += 1,
                _ => {
                    self.one(byte, show, in_secret, stop);
                    // A pair has one value: what follows it is a mistake, and may be the next pair's secret.
                    if stop != b']' {
                        show = Show::Nothing;
                    }
                }
            }
        }
    }

    fn one(&mut self, first: u8, show: Show, in_secret: bool, stop: u8) {
        match first {
            b'{' | b'[' if self.depth == MAX_DEPTH => {
                self.hide(self.at, self.text.len());
                self.at = self.text.len();
            }
            b'{' => {
                self.at += 1;
                self.depth += 1;
                self.inline(in_secret);
                self.depth -= 1;
            }
            b'[' => {
                self.at += 1;
                self.depth += 1;
                self.value(show, in_secret, b']');
                self.depth -= 1;
                if self.peek() == Some(b']') {
                    self.at += 1;
                }
            }
            b'"' | b'\'' => self.string(show),
            _ => self.bare(show, stop),
        }
    }

    fn inline(&mut self, in_secret: bool) {
        while let Some(byte) = self.peek() {
            match byte {
                b'}' => {
                    self.at += 1;
                    return;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' => self.at += 1,
                b'#' => self.comment(),
                _ => self.pair(in_secret, b'}'),
            }
        }
    }

    fn string(&mut self, show: Show) {
        let quote = self.rest().get(..1).unwrap_or("\"").to_owned();
        let triple = quote.repeat(3);
        let (open, close, many) =
            if self.rest().starts_with(&triple) { (3, triple, true) } else { (1, quote.clone(), false) };
        let start = self.at + open;
        let mut end = start;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(end) {
            if *byte == b'\n' && !many {
                break;
            }
            if *byte == b'\\' && quote == "\"" {
                end += 2;
                continue;
            }
            if self.text.as_bytes().get(end..).is_some_and(|rest| rest.starts_with(close.as_bytes())) {
                break;
            }
            end += 1;
        }
        let mut end = end.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let closed = self.text.get(end..).is_some_and(|rest| rest.starts_with(&close));
        // A string that is not closed may have swallowed anything: none of it is shown.
        if show == Show::Nothing || !closed {
            self.hide(start, end);
        } else {
            self.url(start, end, show == Show::Url);
        }
        self.at = if closed { end + close.len() } else { end.max(start) };
    }

    /// `surely`: the key says that it is one, so that a scheme may be missing.
    fn url(&mut self, start: usize, end: usize, surely: bool) {
        let Some(text) = self.text.get(start..end) else { return };
        let authority = match text.find("://") {
            Some(scheme) => scheme + 3,
            None if surely => 0,
            None => return,
        };
        // A password may hold anything, a `/` or a `?` too: what stands before the last `@` goes.
        let user = text.get(authority..).and_then(|part| part.rfind('@')).map_or(authority, |at| authority + at);
        self.hide(start + authority, start + user);
        let query = text.get(user..).and_then(|part| part.find('?')).map_or(text.len(), |at| user + at);
        self.hide(start + (query + 1).min(text.len()), end);
    }

    fn bare(&mut self, show: Show, stop: u8) {
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == b'\n' || byte == b'#' || (stop != b'\n' && matches!(byte, b',' | b'}' | b']')) {
                break;
            }
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default().trim_end();
        // A known key's number, flag or word without quotes helps; anything else may have swallowed a secret.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'+' | b'-');
        if show == Show::Nothing || text.len() > 40 || !text.bytes().all(plain) {
            self.hide(start, start + text.len());
        }
        if self.at == start {
            self.at += 1;
        }
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The segments of a dotted key or of a header.
fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').map(|part| part.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '[' | ']')))
}

//! What is wrong with a configuration, in words and with a caret.
//!
//! A diagnostic carries the lines that it shows, already masked: nobody who holds one can print a secret.

use super::loc::Loc;
use super::source::{Shown, Sources};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::path::Path;

/// Diagnostics of one configuration at most; the rest is counted.
const MAX_KEPT: usize = 500;

/// Whether a configuration may be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration may be used in spite of it.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// What to do, where the message does not say it.
    pub help: Option<String>,
    places: Vec<Place>,
}

/// A place that a diagnostic points at; the first is where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    shown: Shown,
    label: String,
}

impl Diagnostic {
    /// A diagnostic that points nowhere, such as for a file that cannot be read.
    pub(crate) fn bare(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), help: None, places: Vec::new() }
    }

    /// The file that it points at; `None` where it is about no line.
    pub fn file(&self) -> Option<&Path> {
        self.places.first().map(|place| place.shown.file.as_path())
    }

    /// The line that it points at, from 1.
    pub fn line(&self) -> Option<usize> {
        self.places.first().map(|place| place.shown.line)
    }

    /// The character that it points at, from 1.
    pub fn column(&self) -> Option<usize> {
        self.places.first().map(|place| place.shown.column)
    }

    /// The message with its lines and carets, several lines of text, without a newline at the end.
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// As [`Diagnostic::render`], in colours for a terminal.
    pub fn render_styled(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = printable(&self.message);
        let files: Vec<String> = self.places.iter().map(|p| p.shown.file.display().to_string()).collect();
        let texts: Vec<String> = self.places.iter().map(|p| printable(&p.shown.text)).collect();
        let mut group = Group::with_title(level.primary_title(message.as_str()));
        for (index, ((place, file), text)) in self.places.iter().zip(&files).zip(&texts).enumerate() {
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(clamp(text, &place.shown.span)).label(place.label.as_str());
            group = group.element(
                Snippet::source(text.as_str()).line_start(place.shown.line).path(file.as_str()).annotation(annotation),
            );
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: severity: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { shown, .. }) = self.places.first() {
            write!(f, "{}:{}:{}: ", shown.file.display(), shown.line, shown.column)?;
        }
        write!(f, "{}: {}", self.severity, printable(&self.message))
    }
}

/// Collects diagnostics while files are read and compiled.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<(Loc, Diagnostic)>,
    dropped: usize,
    errors: usize,
}

/// One finding under construction: added to when more is known.
pub(crate) struct Finding<'f> {
    sources: &'f Sources,
    diagnostic: Option<&'f mut Diagnostic>,
}

impl Findings {
    /// Notes an error at `loc`.
    pub fn error<'f>(&'f mut self, sources: &'f Sources, loc: Loc, message: impl Into<String>) -> Finding<'f> {
        self.add(sources, Severity::Error, loc, message.into())
    }

    /// Notes a warning at `loc`.
    pub fn warning<'f>(&'f mut self, sources: &'f Sources, loc: Loc, message: impl Into<String>) -> Finding<'f> {
        self.add(sources, Severity::Warning, loc, message.into())
    }

    /// Says what to do about the finding just made.
    pub fn note(&mut self, help: impl Into<String>) {
        if let Some((_, latest)) = self.found.last_mut() {
            latest.help = Some(help.into());
        }
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether another warning would be kept: what is costly to say need not be found out otherwise.
    pub fn has_room(&self) -> bool {
        self.found.len() < MAX_KEPT
    }

    /// All of them in the order of the files.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(loc, d)| (*loc, d.severity));
        let mut out: Vec<Diagnostic> = self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        if self.dropped > 0 {
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            out.push(Diagnostic::bare(severity, format!("and {} more findings, not shown", self.dropped)));
        }
        out
    }

    fn add<'f>(&'f mut self, sources: &'f Sources, severity: Severity, loc: Loc, message: String) -> Finding<'f> {
        // An inherited value is checked once for each heir: the same words at the same place are said once. Findings
        // come in bursts, so looking at the latest suffices.
        let known = self.found.iter().rev().take(MAX_KEPT).any(|(at, d)| *at == loc && d.message == message);
        if severity == Severity::Error && !known {
            self.errors += 1;
        }
        if known || (self.found.len() >= MAX_KEPT && severity == Severity::Warning) || self.found.len() >= 2 * MAX_KEPT
        {
            self.dropped += usize::from(!known);
            return Finding { sources, diagnostic: None };
        }
        let places = place(sources, loc, "").into_iter().collect();
        self.found.push((loc, Diagnostic { severity, message, help: None, places }));
        Finding { sources, diagnostic: self.found.last_mut().map(|(_, diagnostic)| diagnostic) }
    }
}

impl Finding<'_> {
    /// Writes this beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(first) = self.diagnostic.as_mut().and_then(|diagnostic| diagnostic.places.first_mut()) {
            first.label = label.into();
        }
        self
    }

    /// Shows another place too.
    pub fn also(mut self, loc: Loc, label: &str) -> Self {
        let more = place(self.sources, loc, label);
        if let Some(diagnostic) = self.diagnostic.as_mut() {
            diagnostic.places.extend(more);
        }
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(diagnostic) = self.diagnostic.as_mut() {
            diagnostic.help = Some(help.into());
        }
        self
    }
}

/// A warning of a place that was kept from before.
pub(crate) fn warning_at(place: Place, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, message, help: None, places: vec![place] }
}

/// A place as it may be shown.
pub(crate) fn place(sources: &Sources, loc: Loc, label: &str) -> Option<Place> {
    sources.show(loc).map(|shown| Place { shown, label: label.to_owned() })
}

/// Control characters would reach the terminal of whoever runs `check`: each becomes a space, byte for byte.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let width = if c.is_control() { c.len_utf8() } else { 1 };
            std::iter::repeat_n(if c.is_control() { ' ' } else { c }, width)
        })
        .collect()
}

/// The span within `text`; one character wide where it is empty, so that there is a caret.
fn clamp(text: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    let end = floor(span.end).max(start);
    if end > start {
        return start..end;
    }
    let wide = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    start..start + wide
}

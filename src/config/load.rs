//! Reads the main file and what it includes, has it compiled, and hands back a [`Config`] or every reason against one.

use super::advice::advice;
use super::compile;
use super::diagnostic::{self, Diagnostic, Findings, Severity};
use super::documents::{Document, Documents, SecretUse};
use super::hints;
use super::keys::root::{self, INCLUDE};
use super::loc::Loc;
use super::model::Config;
use super::reader::Reader;
use super::section::Section;
use super::source::{self, MAX_FILES, Sources};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Syntax errors that are shown of one file: what follows the first few mostly follows from them.
const MAX_SYNTAX_ERRORS: usize = 5;
/// Errors that a summary names.
const MOST_SUMMED: usize = 20;

/// A configuration that may be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is worth knowing.
    pub warnings: Vec<Diagnostic>,
    /// What it probably does not mean, for whoever checks it by hand.
    pub advice: Vec<Diagnostic>,
    secrets: Vec<SecretUse>,
}

impl Loaded {
    /// Tries every secret on this machine, and answers with a warning for each that cannot be resolved here and now, or that
    /// others could read.
    pub fn unusable_here(&self) -> Vec<Diagnostic> {
        let wrong = |used: &SecretUse| {
            let why = used.unusable()?;
            Some(diagnostic::warning_at(used.place.clone(), format!("{} {why}", used.shown())))
        };
        self.secrets.iter().filter_map(wrong).collect()
    }
}

/// A configuration that must not be used.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Every error and every warning, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n\n" })?;
            f.write_str(&diagnostic.render())?;
        }
        Ok(())
    }
}

impl Rejected {
    /// The same without any line of a file: for the log, the journal and whoever they are sent to.
    pub fn summary(&self) -> String {
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let mut lines: Vec<String> = errors.clone().take(MOST_SUMMED).map(ToString::to_string).collect();
        let more = errors.count().saturating_sub(MOST_SUMMED);
        if more > 0 {
            lines.push(format!("and {more} more; `trunkwarden check` shows them with their lines"));
        }
        lines.join("\n")
    }
}

impl std::error::Error for Rejected {}

/// Loads the file at `path` and what it includes. Relative paths in a file are relative to that file's directory.
///
/// # Errors
///
/// Every error of every file at once; one alone where the main file cannot be read.
pub fn load(path: &Path) -> Result<Loaded, Rejected> {
    let text = match source::read(path) {
        Ok(text) => text,
        Err(why) => {
            let another = if path.exists() { "" } else { "; --config FILE names another one" };
            return Err(Rejected { diagnostics: vec![Diagnostic::bare(Severity::Error, format!("{why}{another}"))] });
        }
    };
    let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
    compile_all(path.to_path_buf(), text, &dir, true)
}

/// Loads `text` as if it were the file `name`, without includes. Relative paths are relative to the working directory.
///
/// # Errors
///
/// As [`load`].
pub fn parse_str(name: &str, text: &str) -> Result<Loaded, Rejected> {
    compile_all(PathBuf::from(name), text.to_owned(), Path::new(""), false)
}

fn compile_all(name: PathBuf, text: String, dir: &Path, follow: bool) -> Result<Loaded, Rejected> {
    let mut intake = Intake { sources: Sources::default(), findings: Findings::default(), complete: true };
    let mut documents = Vec::new();
    let mut folders = BTreeSet::from([dir.to_path_buf()]);
    let main = name.clone();
    if let Some(root) = intake.take_in(name, text, true) {
        let includes = root.get(&INCLUDE).value;
        let (include_key, asked) = (root.key_at(&INCLUDE), root.has(&INCLUDE));
        documents.push(Document { root, dir: dir.to_path_buf() });
        if follow {
            folders.extend(includes.iter().map(|(pattern, _)| folder_of(dir, pattern)));
            intake.includes(&main, dir, &includes, &mut documents);
        } else if asked && !includes.is_empty() {
            intake.findings.error(
                &intake.sources,
                include_key,
                "`include` cannot be followed here: this text is not a file",
            );
        }
    }
    let Intake { sources, mut findings, complete } = intake;
    let documents = Documents { documents, complete };
    let (config, secrets) = compile::compile(&sources, &mut findings, &documents);
    let rejected = findings.errors() > 0;
    let diagnostics = findings.finish();
    match config {
        Some(mut config) if !rejected => {
            config.folders = folders;
            let advice = advice(&sources, &documents, &config);
            Ok(Loaded { config, warnings: diagnostics, advice, secrets })
        }
        _ => Err(Rejected { diagnostics }),
    }
}

struct Intake {
    sources: Sources,
    findings: Findings,
    complete: bool,
}

impl Intake {
    /// Parses and reads one file.
    fn take_in(&mut self, name: PathBuf, text: String, main: bool) -> Option<Section> {
        // A byte order mark is what some editors put first; TOML knows none.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let file = self.sources.add(name, text);
        let source = self.sources.get(file)?;
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let mut only_duplicates = true;
        for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
            let span = error.span().unwrap_or(source.text.len()..source.text.len());
            let at = Loc { file, start: span.start, end: span.end };
            let (key, line) = (source.text.get(span).unwrap_or_default(), source.line_at(at.start));
            if error.message() == "duplicate key" && hints::is_list(key, line) {
                // Each further row is another one of these; what they hold cannot be read.
                let message = format!("`{key}` is a list: write the header of each row with two brackets, [[{key}]]");
                self.findings.error(&self.sources, at, message);
                self.complete = false;
                return None;
            }
            if error.message() == "duplicate key" {
                let shown = super::syntax::shorten(key);
                self.findings.error(&self.sources, at, format!("`{shown}` is set twice"));
            } else {
                only_duplicates = false;
                let found = self.findings.error(&self.sources, at, format!("not valid TOML: {}", error.message()));
                if let Some(hint) = hints::of_line(line) {
                    found.help(hint);
                }
            }
        }
        if !errors.is_empty() {
            self.complete = false;
        }
        if !only_duplicates || errors.len() > MAX_SYNTAX_ERRORS {
            return None;
        }
        let at = Loc { file, start: 0, end: 0 };
        let mut reader = Reader { sources: &self.sources, findings: &mut self.findings, file };
        Some(reader.section(if main { &root::TABLE } else { &root::included::TABLE }, table.get_ref(), at))
    }

    /// Reads what the globs name, in sorted order, each file once.
    fn includes(&mut self, main: &Path, dir: &Path, globs: &[(String, Loc)], documents: &mut Vec<Document>) {
        let mut seen: BTreeSet<PathBuf> = main.canonicalize().into_iter().collect();
        for (pattern, at) in globs {
            let mut paths = match matches(dir, pattern) {
                Ok(paths) => paths,
                Err(why) => {
                    self.complete = false;
                    self.findings.error(&self.sources, *at, format!("`include` {why}"));
                    continue;
                }
            };
            if paths.is_empty() {
                self.findings.warning(&self.sources, *at, "no file matches this include");
            }
            paths.sort();
            for path in paths {
                if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                    continue;
                }
                if documents.len() >= MAX_FILES {
                    let message = format!("more than {MAX_FILES} files are included");
                    self.findings.error(&self.sources, *at, message);
                    return;
                }
                self.include(&path, *at, documents);
            }
        }
    }

    fn include(&mut self, path: &Path, at: Loc, documents: &mut Vec<Document>) {
        match source::read(path) {
            Err(why) => {
                self.complete = false;
                self.findings.error(&self.sources, at, why).label("included here");
            }
            Ok(text) => {
                let root = self.take_in(path.to_path_buf(), text, false);
                let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
                documents.extend(root.map(|root| Document { root, dir }));
            }
        }
    }
}

/// The folder that a file named by the glob appears in; of a glob over folders, the one that they appear in.
fn folder_of(dir: &Path, pattern: &str) -> PathBuf {
    let mut folder = dir.join(pattern);
    folder.pop();
    while folder.to_string_lossy().contains(['*', '?', '[']) && folder.pop() {}
    folder
}

/// The files that a glob names; one without wildcards names its file whether it exists or not.
fn matches(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![dir.join(pattern)]);
    }
    let absolute = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        let base = glob::Pattern::escape(&dir.display().to_string());
        if base.is_empty() { pattern.to_owned() } else { format!("{base}/{pattern}") }
    };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let found = glob::glob_with(&absolute, options).map_err(|error| format!("is not a glob: {}", error.msg))?;
    found
        .take(MAX_FILES + 1)
        .map(|path| path.map_err(|error| format!("cannot read {}: {}", error.path().display(), error.error())))
        .filter(|path| path.as_ref().map_or(true, |path| !path.is_dir()))
        .collect()
}

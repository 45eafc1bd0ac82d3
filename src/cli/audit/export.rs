//! `audit export`: entries written out, oldest first. A line of `jsonl` is an entry's text exactly as it was hashed.

use super::{FilterArgs, LogArgs};
use crate::cli::failed;
use crate::journal::{Archive, Listed};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The columns of `csv`.
const COLUMNS: [&str; 15] = [
    "seq",
    "timestamp",
    "event_type",
    "tenant",
    "channel_id",
    "actor",
    "reason",
    "before",
    "after",
    "operation_id",
    "details",
    "compliance_tag",
    "id",
    "prev_hash",
    "hash",
];

/// Which entries, and how.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// As they were hashed, a line each; or as a table
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    filter: FilterArgs,
    /// The folder of archived segments; left out: `archive` beside the journal
    #[arg(long, value_name = "DIR", conflicts_with = "without_archive")]
    archive: Option<PathBuf>,
    /// Leave archived entries out
    #[arg(long)]
    without_archive: bool,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

impl ExportArgs {
    /// Writes them to standard output.
    pub fn run(self) -> ExitCode {
        let archive = match (&self.archive, self.without_archive) {
            (Some(folder), _) => Archive::In(folder.clone()),
            (None, false) => Archive::Beside,
            (None, true) => Archive::NotAtHand,
        };
        let mut out = match Out::new(self.format) {
            Ok(out) => out,
            Err(error) => return ended(&error),
        };
        let mut written = Ok(());
        let read = self.log.reader().and_then(|reader| {
            reader.list(&self.filter.filter()?, &archive, |listed| {
                written = out.write(listed);
                written.is_ok()
            })
        });
        match (read, written.and_then(|()| out.flush())) {
            (Err(why), _) => failed(&why),
            (Ok(()), Err(error)) => ended(&error),
            (Ok(()), Ok(())) => ExitCode::SUCCESS,
        }
    }
}

/// Nobody reading any more (a closed pipe) is no error of ours.
fn ended(error: &std::io::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => failed(&format!("cannot write the entries: {error}")),
    }
}

enum Out {
    Jsonl(BufWriter<StdoutLock<'static>>),
    Csv(Box<csv::Writer<StdoutLock<'static>>>),
}

impl Out {
    fn new(format: Format) -> std::io::Result<Self> {
        let to = std::io::stdout().lock();
        Ok(match format {
            Format::Jsonl => Self::Jsonl(BufWriter::new(to)),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(to);
                table.write_record(COLUMNS).map_err(words)?;
                Self::Csv(Box::new(table))
            }
        })
    }

    fn write(&mut self, listed: &Listed) -> std::io::Result<()> {
        match self {
            Self::Jsonl(out) => writeln!(out, "{}", listed.text),
            Self::Csv(table) => {
                let entry: Value = serde_json::from_str(&listed.text)?;
                let cell = |name: &&'static str| match entry.get(*name) {
                    None if *name == "hash" => listed.hash.clone(),
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                table.write_record(COLUMNS.iter().map(|name| harmless(cell(name)))).map_err(words)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Jsonl(out) => out.flush(),
            Self::Csv(table) => table.flush(),
        }
    }
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe, which makes it text.
fn harmless(cell: String) -> String {
    const BEGINNINGS: [char; 11] =
        ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    if cell.starts_with(BEGINNINGS) { format!("'{cell}") } else { cell }
}

fn words(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

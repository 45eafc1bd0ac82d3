//! `journal check` and `journal backup`: the database file itself. Both work beside a running daemon.

use super::audit::{LogArgs, many};
use super::failed;
use crate::journal::{Against, Archive, Broken, Reader, Verified, public_keys_file, read_public_keys};
use clap::{Args, Subcommand};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check and back up the journal's file
#[derive(Debug, Args)]
pub struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Whether the file is sound: SQLite's own check, the rules that keep the log, the chain and the checkpoints
    Check {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Copy the whole journal, as it is at one moment, to a new file, and verify the copy
    Backup {
        /// The new file
        file: PathBuf,
        #[command(flatten)]
        log: LogArgs,
    },
}

impl JournalArgs {
    /// Does what was asked.
    pub fn run(self) -> ExitCode {
        let done = match &self.command {
            JournalCommand::Check { log } => log.reader().and_then(|reader| check(&reader, reader.path())),
            JournalCommand::Backup { file, log } => log.reader().and_then(|reader| backup(&reader, file)),
        };
        match done {
            Ok(text) => {
                crate::cli::terminal::out(&text);
                ExitCode::SUCCESS
            }
            Err(why) => failed(&why),
        }
    }
}

/// What is to be done with a file that is not sound.
const WHAT_TO_DO: &str =
    "stop the daemon, move the file away but keep it (it is evidence), and restore a backup or start with a new file";

/// Checks what `reader` reads, with the archives and keys that are beside the journal at `home`.
fn check(reader: &Reader, home: &Path) -> Result<String, String> {
    let findings = reader.check().map_err(|error| format!("{error}; {WHAT_TO_DO}"))?;
    if !findings.is_empty() {
        let mut text = format!("{} is damaged:\n", reader.path().display());
        for finding in &findings {
            let _ = writeln!(text, "  {finding}");
        }
        return Err(format!("{text}{WHAT_TO_DO}"));
    }
    let verified = verify(reader, home).map_err(|broken| format!("{broken}; {WHAT_TO_DO}"))?;
    Ok(format!(
        "{} is sound: {} in a whole chain, {}\n",
        reader.path().display(),
        many(verified.entries, "entry"),
        many(verified.checkpoints, "checkpoint")
    ))
}

fn verify(reader: &Reader, home: &Path) -> Result<Verified, Broken> {
    let keys = read_public_keys(&public_keys_file(home)).ok();
    let archive = Archive::In(home.with_file_name("archive"));
    reader.verify_against(&Against { keys, archive, ..Against::default() })
}

/// Copies, and removes a copy that is not whole.
fn backup(reader: &Reader, file: &Path) -> Result<String, String> {
    let bytes = reader.backup(file).map_err(|error| error.to_string())?;
    let checked = Reader::open(file).map_err(|e| e.to_string()).and_then(|copy| check(&copy, reader.path()));
    match checked {
        Ok(text) => Ok(format!(
            "{text}{bytes} bytes; it is not complete by itself: keep audit.vkey, audit.key and the archive folder too (docs/audit.md, Backup and restore)\n"
        )),
        Err(why) => {
            let _ = std::fs::remove_file(file);
            Err(format!("the copy is incomplete and was removed: {why}"))
        }
    }
}

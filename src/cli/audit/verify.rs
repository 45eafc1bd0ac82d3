//! `audit verify`: whether the log is whole. 0 only if all holds.

use super::{LogArgs, keys, keys_beside, many, text_of};
use crate::cli::failed;
use crate::cli::terminal::plain;
use crate::journal::note::{Checkpoint, NoteError};
use crate::journal::{Against, Archive, Broken, Reader, Verified, VerifierKey};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to hold the log against.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    log: LogArgs,
    /// A public key, or a file of them, under which checkpoints are checked; left out: `audit.vkey` beside the journal
    #[arg(long, value_name = "VKEY|FILE")]
    key: Vec<String>,
    /// A checkpoint that was kept elsewhere: the log must begin with what it covers
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The folder of archived segments; left out: `archive` beside the journal
    #[arg(long, value_name = "DIR", conflicts_with = "without_archive")]
    archive: Option<PathBuf>,
    /// Verify from the last archived segment on, by the checkpoint at its end
    #[arg(long)]
    without_archive: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What was found, beside what is to be doubted about it.
struct Outcome {
    result: Result<Verified, Broken>,
    remarks: Vec<String>,
}

impl VerifyArgs {
    /// Verifies.
    pub fn run(self) -> ExitCode {
        match self.outcome() {
            Ok(outcome) => outcome.show(self.json),
            Err(why) => failed(&why),
        }
    }

    fn outcome(&self) -> Result<Outcome, String> {
        let reader = self.log.reader()?;
        let mut remarks = Vec::new();
        let held = self.checkpoint.iter().map(|path| parsed(path)).collect::<Result<Vec<_>, _>>()?;
        let keys = self.keys(&reader, &mut remarks)?;
        for (path, checkpoint) in self.checkpoint.iter().zip(&held) {
            checkpoint.verify(&keys).map_err(|why| unusable(path, &why))?;
        }
        if held.is_empty() {
            remarks.push("no checkpoint from elsewhere was given (--checkpoint): this does not show that nothing was cut off at the end");
        }
        let archive = match (&self.archive, self.without_archive) {
            (Some(folder), _) => Archive::In(folder.clone()),
            (None, false) => Archive::Beside,
            (None, true) => Archive::NotAtHand,
        };
        // Without any key there is nobody whose signature could be missing.
        let cover = (!keys.is_empty()).then(|| self.log.cover());
        let against = Against { keys: Some(keys), held, archive, cover };
        let remarks = remarks.into_iter().map(str::to_owned).collect();
        Ok(Outcome { result: reader.verify_against(&against), remarks })
    }

    /// The keys that were given, or those beside the journal. None only where there is nothing that is signed.
    fn keys(&self, reader: &Reader, remarks: &mut Vec<&str>) -> Result<Vec<VerifierKey>, String> {
        if !self.key.is_empty() {
            return keys(&self.key);
        }
        let beside = keys_beside(reader.path())?;
        let signed = || !matches!(reader.newest_checkpoint(), Ok(None));
        if beside.is_empty() && (!self.checkpoint.is_empty() || signed()) {
            let journal = reader.path().display();
            return Err(format!(
                "no public key: there is no audit.vkey beside {journal}; give it with --key audit.vkey"
            ));
        }
        remarks.push(
            "the key is the one beside the journal: whoever can change the one can change the other; --key takes one \
             that was kept elsewhere",
        );
        Ok(beside)
    }
}

/// A checkpoint that was kept elsewhere.
fn parsed(path: &Path) -> Result<Checkpoint, String> {
    Checkpoint::parse(&text_of(path)?).map_err(|why| unusable(path, &why))
}

/// What is wrong with a checkpoint that was given says nothing about the log.
fn unusable(path: &Path, why: &NoteError) -> String {
    format!(
        "the checkpoint {} cannot be used, and the log was not checked: {why}; give one that this log's key has signed",
        path.display()
    )
}

impl Outcome {
    /// Shows it, as text or as JSON.
    fn show(&self, as_json: bool) -> ExitCode {
        let text = if as_json { format!("{}\n", self.json()) } else { self.text() };
        match &self.result {
            Ok(_) => {
                crate::cli::terminal::out(&text);
                ExitCode::SUCCESS
            }
            Err(_) if as_json => {
                crate::cli::terminal::out(&text);
                ExitCode::FAILURE
            }
            Err(_) => failed(text.trim_end()),
        }
    }

    fn json(&self) -> Value {
        match &self.result {
            Ok(v) => json!({
                "whole": true, "entries": v.entries, "head": v.head, "root": v.root, "checkpoints": v.checkpoints,
                "covered": v.covered, "archived": v.archived, "archives_read": v.archives_read, "accepted": v.accepted, "remarks": self.remarks,
            }),
            Err(b) => json!({ "whole": false, "seq": b.seq, "fault": b.fault.name(), "what": b.what }),
        }
    }

    fn text(&self) -> String {
        let v = match &self.result {
            Ok(verified) => verified,
            Err(broken) => return plain(&broken.to_string()),
        };
        let mut out = format!("whole: {}\nhead {}\nroot {}\n", many(v.entries, "entry"), v.head, v.root);
        let _ = match v.checkpoints {
            0 => writeln!(
                out,
                "no checkpoint yet: only the chain was checked, and whoever can write the file can write another chain"
            ),
            1 => writeln!(out, "1 checkpoint, signed; it covers entries 1 to {}", v.covered),
            n => writeln!(out, "{n} checkpoints, all signed; the newest covers entries 1 to {}", v.covered),
        };
        if v.archived > 0 {
            let read = if v.archives_read {
                "read and complete"
            } else {
                "NOT read: verified from the checkpoint at their end"
            };
            let _ = writeln!(out, "entries 1 to {} are archived, {read}", v.archived);
        }
        for seq in &v.accepted {
            let _ = writeln!(
                out,
                "note: a person accepted the log as it stood before entry {seq}; that entry says who and why"
            );
        }
        for remark in &self.remarks {
            let _ = writeln!(out, "note: {remark}");
        }
        out
    }
}

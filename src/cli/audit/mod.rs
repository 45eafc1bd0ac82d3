//! `audit`: the log for whoever has to trust it. Verified, proved, shown and handed on, all without the daemon.
//!
//! Reads the journal's file, also while a daemon writes it. Must never write to it: to accept a log is an order to the daemon.

mod accept;
mod export;
mod key;
mod prove;
mod tail;
mod verify;

use super::socket::{SocketError, state_dir};
use crate::config::nearest;
use crate::journal::{Cover, Filter, Reader, VerifierKey, event_type_matches, public_keys_file, read_public_keys};
use crate::policy::{EventType, WallMs};
use clap::{Args, Subcommand};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Verify, prove, show and export the audit log
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Whether the log is whole: every entry, every checkpoint, every archive; 0 only if all holds
    Verify(verify::VerifyArgs),
    /// Prove that an entry is in the log, as JSON that `verify-proof` checks without the log
    Prove(prove::ProveArgs),
    /// Check a proof without the log
    VerifyProof(prove::VerifyProofArgs),
    /// Write entries out, oldest first: as they were hashed (jsonl), or as a table (csv)
    Export(export::ExportArgs),
    /// Show the newest entries, and with -f those to come
    Tail(tail::TailArgs),
    /// Accept the log that the running daemon found at its start, though it is not what was signed, or nothing was
    Accept(accept::AcceptArgs),
    /// Show the public keys under which this log's checkpoints are checked
    Key(key::KeyArgs),
}

impl AuditArgs {
    /// Does what was asked.
    pub async fn run(self) -> ExitCode {
        match self.command {
            AuditCommand::Verify(args) => args.run(),
            AuditCommand::Prove(args) => args.run(),
            AuditCommand::VerifyProof(args) => args.run(),
            AuditCommand::Export(args) => args.run(),
            AuditCommand::Tail(args) => args.run().await,
            AuditCommand::Key(args) => args.run(),
            AuditCommand::Accept(args) => args.run().await,
        }
    }
}

/// Which journal.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// The journal's file; left out: `{state_dir}/journal.db` of the configuration
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// The configuration whose `state_dir` holds the journal
    #[arg(long, value_name = "FILE", default_value = "/etc/trunkwarden/trunkwarden.toml")]
    config: PathBuf,
}

impl LogArgs {
    /// The journal's file. An error is one sentence.
    pub(super) fn path(&self) -> Result<PathBuf, String> {
        if let Some(path) = &self.journal {
            return Ok(path.clone());
        }
        let folder = state_dir(&self.config).map_err(|error| match error {
            SocketError::NoPlace(why) => {
                format!("cannot tell where the journal is: {why}; name it with --journal FILE")
            }
            other => other.to_string(),
        })?;
        Ok(folder.join("journal.db"))
    }

    /// How much of the log's end no checkpoint may cover: twice what the configuration lets come between two of them.
    pub(super) fn cover(&self) -> Cover {
        let file: Option<toml::Table> = std::fs::read_to_string(&self.config).ok().and_then(|text| text.parse().ok());
        let audit = file.as_ref().and_then(|file| file.get("audit"));
        let entries = audit.and_then(|a| a.get("checkpoint_entries")).and_then(toml::Value::as_integer);
        let within = audit.and_then(|a| a.get("checkpoint_interval")).and_then(toml::Value::as_str);
        let within = within.and_then(|text| crate::config::duration_ms(text).ok()).map(Duration::from_millis);
        Cover {
            entries: entries.and_then(|n| u64::try_from(n).ok()).unwrap_or(1000).saturating_mul(2),
            within: within.unwrap_or(Duration::from_hours(1)).saturating_mul(2),
        }
    }

    pub(super) fn reader(&self) -> Result<Reader, String> {
        let path = self.path()?;
        match std::fs::File::open(&path) {
            Ok(_) => Reader::open(&path).map_err(|error| error.to_string()),
            Err(error) => Err(not_opened(&path, &error)),
        }
    }
}

/// Why the journal at `path` cannot be opened, and what to do.
fn not_opened(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("there is no journal at {path}; name it with --journal FILE"),
        ErrorKind::PermissionDenied => {
            format!("the journal {path} cannot be read: permission denied; run this as the daemon's user or as root")
        }
        _ => format!("the journal {path} cannot be read: {error}"),
    }
}

/// Which entries.
#[derive(Clone, Debug, Args)]
struct FilterArgs {
    /// Of this tenant only
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Of this channel only
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// Of this type only: `failover.held`, `failover.` for all of a kind, or a glob such as `*.failed`
    #[arg(long, value_name = "TYPE", value_parser = event_type)]
    event: Option<String>,
    /// At this moment or later, such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = super::explain::moment)]
    from: Option<WallMs>,
    /// Before this moment
    #[arg(long, value_name = "TIME", value_parser = super::explain::moment)]
    to: Option<WallMs>,
}

impl FilterArgs {
    fn filter(&self) -> Result<Filter, String> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err("--from must be earlier than --to".to_owned());
        }
        Ok(Filter {
            tenant: self.tenant.clone(),
            channel_id: self.channel.clone(),
            event_type: self.event.clone(),
            since: self.from,
            until: self.to,
            ..Filter::default()
        })
    }

    /// For whoever gets no entry: that none matches, and what may have been meant.
    fn none_matches(&self) -> String {
        let meant =
            self.channel.as_deref().and_then(|channel| channel.split_once('/')).map(|(tenant, id)| {
                format!("; --channel takes the id alone, such as --tenant {tenant} --channel {id}")
            });
        format!("no entry matches{}", meant.unwrap_or_default())
    }
}

/// What `--event` may name: a type of the closed list, the beginning of one, or a glob that matches one.
fn event_type(text: &str) -> Result<String, String> {
    let names = || EventType::ALL.iter().map(|event| event.name());
    if names().any(|name| event_type_matches(text, name)) {
        return Ok(text.to_owned());
    }
    let near = nearest(text, names()).map(|near| format!("; did you mean {near}?"));
    let near = near.unwrap_or_else(|| "; docs/audit.md lists the event types".to_owned());
    Err(format!("no event type matches it{near}"))
}

/// Public keys by what was given: each a key itself, or a file of them.
fn keys(given: &[String]) -> Result<Vec<VerifierKey>, String> {
    let mut all = Vec::new();
    for text in given {
        let private = |text: &str| text.lines().any(|line| line.trim_start().starts_with("PRIVATE+KEY+"));
        if private(text) || std::fs::read_to_string(text).is_ok_and(|file| private(&file)) {
            return Err("--key was given a private key; it takes the public one, which is in audit.vkey".to_owned());
        }
        match VerifierKey::parse(text) {
            Ok(key) => all.push(key),
            Err(_) if Path::new(text).exists() => {
                all.extend(read_public_keys(Path::new(text)).map_err(|error| error.to_string())?);
            }
            Err(error) => return Err(format!("--key {text}: there is no such file, and {error}")),
        }
    }
    Ok(all)
}

/// The public keys beside the journal; none where there is no such file.
fn keys_beside(journal: &Path) -> Result<Vec<VerifierKey>, String> {
    let path = public_keys_file(journal);
    if path.exists() { read_public_keys(&path).map_err(|error| error.to_string()) } else { Ok(Vec::new()) }
}

/// A file's text, as long as a note or a proof may be.
fn text_of(path: &Path) -> Result<String, String> {
    use std::io::Read;
    const MOST: u64 = 4 << 20;
    let words = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut text = String::new();
    std::fs::File::open(path).map_err(words)?.take(MOST).read_to_string(&mut text).map_err(words)?;
    Ok(text)
}

/// So many, with its noun.
pub(super) fn many(n: u64, noun: &str) -> String {
    crate::config::count(usize::try_from(n).unwrap_or(usize::MAX), noun)
}

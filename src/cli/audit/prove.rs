//! `audit prove` and `audit verify-proof`: that one entry is in the log, for somebody who does not have the log.

use super::{LogArgs, keys, text_of};
use crate::cli::failed;
use crate::cli::terminal;
use crate::journal::Proof;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which entry, by which checkpoint.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The entry's number
    #[arg(value_parser = entry_number)]
    seq: u64,
    /// By the checkpoint of so many entries; left out: by the newest
    #[arg(long, value_name = "N")]
    size: Option<u64>,
    #[command(flatten)]
    log: LogArgs,
}

fn entry_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected an entry's number, such as 4711".to_owned())
}

impl ProveArgs {
    /// Proves.
    pub fn run(self) -> ExitCode {
        let proved = self.log.reader().and_then(|reader| {
            let proof = reader.prove(self.seq, self.size).map_err(|error| error.to_string())?;
            serde_json::to_string_pretty(&proof).map_err(|error| error.to_string())
        });
        match proved {
            Ok(json) => {
                terminal::out(&format!("{json}\n"));
                ExitCode::SUCCESS
            }
            Err(why) => failed(&why),
        }
    }
}

/// Which proof, under which key.
#[derive(Debug, Args)]
pub struct VerifyProofArgs {
    /// The proof
    file: PathBuf,
    /// A public key, or a file of them, under which its checkpoint must be signed
    #[arg(long, value_name = "VKEY|FILE", required = true)]
    key: Vec<String>,
}

impl VerifyProofArgs {
    /// Checks it, and shows the entry that it proves.
    pub fn run(self) -> ExitCode {
        let checked = keys(&self.key).and_then(|keys| {
            let proof = Proof::parse(&text_of(&self.file)?)?;
            let checkpoint = proof.verify(&keys).map_err(|error| error.to_string())?;
            Ok((proof, checkpoint))
        });
        match checked {
            Ok((proof, checkpoint)) => {
                terminal::complain(&format!(
                    "entry {} is in {}, among its first {} entries:",
                    proof.seq, checkpoint.origin, checkpoint.size
                ));
                terminal::out(&format!("{}\n", proof.entry));
                ExitCode::SUCCESS
            }
            Err(why) => failed(&format!("{}: {why}", self.file.display())),
        }
    }
}

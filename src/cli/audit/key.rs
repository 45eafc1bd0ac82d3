//! `audit key`: the public keys of the log, for the auditor to keep elsewhere.

use super::{LogArgs, keys_beside};
use crate::cli::failed;
use crate::journal::public_keys_file;
use clap::Args;
use std::process::ExitCode;

/// Which log's.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(flatten)]
    log: LogArgs,
}

impl KeyArgs {
    /// Shows them, oldest first: the last one signs now.
    pub fn run(self) -> ExitCode {
        let shown = self.log.path().and_then(|path| match keys_beside(&path)? {
            keys if keys.is_empty() => {
                let file = public_keys_file(&path);
                Err(format!("there is no key in {}: the daemon makes one at its first start", file.display()))
            }
            keys => Ok(keys.iter().fold(String::new(), |text, key| text + &key.to_string() + "\n")),
        });
        match shown {
            Ok(text) => {
                crate::cli::terminal::out(&text);
                ExitCode::SUCCESS
            }
            Err(why) => failed(&why),
        }
    }
}

//! `trunkwarden schema`: the JSON Schema of the configuration file, for editors.

use super::terminal;
use clap::Args;
use std::process::ExitCode;

/// Prints the JSON Schema of the configuration file, for editors.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    /// Prints it to stdout.
    pub fn run(self) -> ExitCode {
        let schema = crate::config::schema::schema();
        match terminal::try_out(&format!("{schema:#}\n")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => terminal::ended(&error),
        }
    }
}

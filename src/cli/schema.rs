//! `trunkwarden schema`: the JSON Schema of the configuration file, for editors.

use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Prints the JSON Schema of the configuration file, for editors.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    /// Prints it to stdout.
    pub fn run(self) -> ExitCode {
        let schema = crate::config::schema::schema();
        match writeln!(std::io::stdout(), "{schema:#}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

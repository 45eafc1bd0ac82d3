//! What people type: one file a subcommand, each turning arguments into an exit code.
//!
//! Exit codes: 0 done; 1 failed or refused; 2 usage; 3 unknown outcome; 78 (`EX_CONFIG`) a bad configuration.

pub mod check;
pub mod config_arg;
pub mod schema;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A bad configuration (`EX_CONFIG` of sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// Keeps a contact centre's voice channels (SIP trunks) reachable and good to listen to.
#[derive(Debug, Parser)]
#[command(name = "trunkwarden", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Schema(schema::Schema),
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self) -> ExitCode {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Schema(schema) => schema.run(),
        }
    }
}

//! Arguments to a subcommand to an exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;
use trunkwarden::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    // One crypto provider for everything that speaks TLS; a second call is the only way it fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Cli::parse().run().await
}

//! Arguments to a subcommand to an exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;
use trunkwarden::cli::Cli;

/// How long the end waits for threads that read or write a disk.
const THREADS_WITHIN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // One crypto provider for everything that speaks TLS; a second call is the only way it fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return Cli::cannot_start(&error),
    };
    let code = runtime.block_on(cli.run());
    // A thread that stands in a system call, or reads a long log for nobody, does not hold up the end.
    runtime.shutdown_timeout(THREADS_WITHIN);
    code
}

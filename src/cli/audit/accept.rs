//! `audit accept`: a person's order to go on with a log that is not what was signed, or of which nothing was.

use crate::cli::socket::{Daemon, SocketArgs, SocketError};
use crate::cli::terminal::{self, plain};
use clap::Args;
use std::process::ExitCode;

/// To which daemon.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

impl AcceptArgs {
    /// Gives the order, and shows what was accepted.
    pub async fn run(self) -> ExitCode {
        let given = async {
            let answer = Daemon::find(&self.socket)?.order("/api/v1/audit/accept", None).await?;
            Ok(answer.get("accepted").and_then(|why| why.as_str()).unwrap_or_default().to_owned())
        };
        match given.await {
            Ok(why) => {
                terminal::line(&format!(
                    "accepted the audit log as it stands ({}); it is signed from now on",
                    plain(&why)
                ));
                ExitCode::SUCCESS
            }
            Err(error) => SocketError::report(&error),
        }
    }
}

//! `pause`, `resume`, `approve`, `acknowledge`: a person's orders, given over the control socket.

use super::socket::{Daemon, SocketArgs, SocketError};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::process::ExitCode;

/// `pause` and `resume`.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// One tenant; left out: all of them
    tenant: Option<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// A tenant whose mass change may be acted on, or a channel whose proposed action may be made
    #[arg(value_name = "TENANT[/CHANNEL]")]
    what: String,
    #[command(flatten)]
    socket: SocketArgs,
}

/// `acknowledge`.
#[derive(Debug, Args)]
pub struct AcknowledgeArgs {
    /// The channel whose block is released, or whose foreign route is taken over
    #[arg(value_name = "TENANT/CHANNEL")]
    channel: String,
    #[command(flatten)]
    socket: SocketArgs,
}

/// No more actions, for one tenant or all.
pub async fn pause(args: ScopeArgs) -> ExitCode {
    scoped("/api/v1/pause", "paused", args).await
}

/// Actions again.
pub async fn resume(args: ScopeArgs) -> ExitCode {
    scoped("/api/v1/resume", "resumed", args).await
}

/// Lets what is held or proposed be done.
pub async fn approve(args: ApproveArgs) -> ExitCode {
    let path = match args.what.split_once('/') {
        Some((tenant, channel)) => format!("/api/v1/channels/{}/{}/approve", part(tenant), part(channel)),
        None => format!("/api/v1/tenants/{}/approve", part(&args.what)),
    };
    told(give(&args.socket, &path, None).await, &format!("approved {}", args.what))
}

/// Releases a channel's block, or takes over the route that someone else set.
pub async fn acknowledge(args: AcknowledgeArgs) -> ExitCode {
    let Some((tenant, channel)) = args.channel.split_once('/') else {
        eprintln!("trunkwarden: `{}` names no channel: write TENANT/CHANNEL", args.channel);
        return ExitCode::from(2);
    };
    let path = format!("/api/v1/channels/{}/{}/acknowledge", part(tenant), part(channel));
    told(give(&args.socket, &path, None).await, &format!("acknowledged {}", args.channel))
}

async fn scoped(path: &str, done: &str, args: ScopeArgs) -> ExitCode {
    let body = args.tenant.as_ref().map(|tenant| json!({"tenant": tenant}));
    let what = args.tenant.as_deref().map_or_else(|| "all tenants".to_owned(), |t| format!("tenant {t}"));
    told(give(&args.socket, path, body).await, &format!("{done} {what}"))
}

async fn give(socket: &SocketArgs, path: &str, body: Option<serde_json::Value>) -> Result<(), SocketError> {
    Daemon::find(socket)?.post(path, body).await
}

fn told(result: Result<(), SocketError>, done: &str) -> ExitCode {
    match result {
        Ok(()) => {
            super::status::print(&format!("{done}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => error.report(),
    }
}

fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

//! `pause`, `resume`, `approve`, `acknowledge`, `failover`, `failback`, `maintenance`: a person's orders, given over the control socket.

use super::socket::{Daemon, SocketArgs, SocketError};
use crate::cli::terminal;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::process::ExitCode;

/// `pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// It lapses by itself after this time, such as 30m or 2h; left out: it lasts until resumed
    #[arg(long = "for", value_name = "TIME", value_parser = lasts, allow_hyphen_values = true)]
    lasts: Option<u64>,
}

/// Which tenants.
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

/// `failover`.
#[derive(Debug, Args)]
pub struct FailoverArgs {
    /// The channel whose traffic moves
    #[arg(value_name = "TENANT/CHANNEL")]
    channel: String,
    /// The channel of the same tenant that takes it
    #[arg(long, value_name = "CHANNEL")]
    to: String,
    #[command(flatten)]
    how: HowArgs,
}

/// `failback`.
#[derive(Debug, Args)]
pub struct FailbackArgs {
    /// The channel whose traffic comes home
    #[arg(value_name = "TENANT/CHANNEL")]
    channel: String,
    #[command(flatten)]
    how: HowArgs,
}

/// `maintenance`.
#[derive(Debug, Args)]
pub struct MaintenanceArgs {
    #[command(subcommand)]
    what: Maintenance,
}

#[derive(Debug, Subcommand)]
enum Maintenance {
    /// Neither act on the channel nor take it as a backup, for a time
    Start {
        /// The channel
        #[arg(value_name = "TENANT/CHANNEL")]
        channel: String,
        /// It ends by itself after this time, such as 30m or 2h
        #[arg(long = "for", value_name = "TIME", value_parser = lasts, allow_hyphen_values = true)]
        lasts: u64,
        /// Why, for whoever looks at it later
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        socket: SocketArgs,
    },
    /// End it early
    End {
        /// The channel
        #[arg(value_name = "TENANT/CHANNEL")]
        channel: String,
        #[command(flatten)]
        socket: SocketArgs,
    },
}

/// How an order to move traffic is given.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Pass over blocks and limits; never over the fitness of the target, a pause or the mode
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// No more actions, for one tenant or all.
pub async fn pause(PauseArgs { scope, lasts }: PauseArgs) -> ExitCode {
    let until = if lasts.is_some() { "paused, until it lapses," } else { "paused" };
    scoped("/api/v1/pause", until, scope, lasts).await
}

/// Moves a channel's traffic, if the target is fit.
pub async fn failover(args: FailoverArgs) -> ExitCode {
    let body = json!({"to": args.to, "force": args.how.force});
    let done =
        format!("ordered the failover of {} to {}: `trunkwarden status` shows the outcome", args.channel, args.to);
    let tenant = args.channel.split_once('/').map_or("", |(tenant, _)| tenant);
    let id = args.to.strip_prefix(tenant).and_then(|rest| rest.strip_prefix('/'));
    let hint = id.map(|id| format!("; --to takes the id alone, such as --to {id}"));
    let (path, socket) = match channel_path(&args.channel, "failover") {
        Ok(path) => (path, &args.how.socket),
        Err(code) => return code,
    };
    match give(socket, &path, Some(body)).await {
        Err(SocketError::Refused(why)) => told(Err(SocketError::Refused(why + &hint.unwrap_or_default())), &done),
        given => told(given, &done),
    }
}

/// Starts or ends a channel's maintenance.
pub async fn maintenance(args: MaintenanceArgs) -> ExitCode {
    match args.what {
        Maintenance::Start { channel, lasts, reason, socket } => {
            let body = json!({"for_seconds": lasts, "reason": reason});
            let done = format!("{channel} is in maintenance");
            to_channel(&channel, "maintenance", &socket, Some(body), &done).await
        }
        Maintenance::End { channel, socket } => {
            let done = format!("{channel} is out of maintenance");
            to_channel(&channel, "maintenance/end", &socket, None, &done).await
        }
    }
}

/// Takes a channel's traffic home, if home is good.
pub async fn failback(args: FailbackArgs) -> ExitCode {
    let done = format!("ordered the failback of {}: `trunkwarden status` shows the outcome", args.channel);
    let body = json!({"force": args.how.force});
    to_channel(&args.channel, "failback", &args.how.socket, Some(body), &done).await
}

/// Actions again.
pub async fn resume(args: ScopeArgs) -> ExitCode {
    scoped("/api/v1/resume", "resumed", args, None).await
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
    let done = format!("acknowledged {}", args.channel);
    to_channel(&args.channel, "acknowledge", &args.socket, None, &done).await
}

/// Gives an order to one channel.
pub(super) async fn to_channel(
    channel: &str,
    verb: &str,
    socket: &SocketArgs,
    body: Option<serde_json::Value>,
    done: &str,
) -> ExitCode {
    match channel_path(channel, verb) {
        Ok(path) => told(give(socket, &path, body).await, done),
        Err(code) => code,
    }
}

fn channel_path(channel: &str, verb: &str) -> Result<String, ExitCode> {
    let Some((tenant, id)) = channel.split_once('/') else {
        terminal::complain(&format!("trunkwarden: `{channel}` is not a channel: write TENANT/CHANNEL"));
        return Err(ExitCode::from(2));
    };
    Ok(format!("/api/v1/channels/{}/{}/{verb}", part(tenant), part(id)))
}

/// Whole seconds of "30m" or "2h": at least one, at most a year.
pub(super) fn lasts(text: &str) -> Result<u64, String> {
    match crate::config::duration_ms(text)? / 1000 {
        0 => Err("must be at least a second".to_owned()),
        seconds if seconds > crate::config::LONGEST_MS / 1000 => Err("must be at most a year".to_owned()),
        seconds => Ok(seconds),
    }
}

async fn scoped(path: &str, done: &str, args: ScopeArgs, for_seconds: Option<u64>) -> ExitCode {
    let mut body = serde_json::Map::new();
    body.extend(args.tenant.as_ref().map(|tenant| ("tenant".to_owned(), json!(tenant))));
    body.extend(for_seconds.map(|seconds| ("for_seconds".to_owned(), json!(seconds))));
    let body = (!body.is_empty()).then_some(serde_json::Value::Object(body));
    let what = args.tenant.as_deref().map_or_else(|| "all tenants".to_owned(), |t| format!("tenant {t}"));
    told(give(&args.socket, path, body).await, &format!("{done} {what}"))
}

async fn give(socket: &SocketArgs, path: &str, body: Option<serde_json::Value>) -> Result<(), SocketError> {
    Daemon::find(socket)?.post(path, body).await
}

fn told(result: Result<(), SocketError>, done: &str) -> ExitCode {
    match result {
        Ok(()) => {
            terminal::out(&format!("{done}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => error.report(),
    }
}

fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

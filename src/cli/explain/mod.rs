//! `explain`: what is known of one channel, what was decided and why, and what would have to change. Now, by the running
//! daemon; or at a past moment, by the journal alone.

mod past;
mod text;

use super::socket::{Daemon, SocketArgs, SocketError};
use super::{EX_CONFIG, failed};
use crate::cli::terminal;
use crate::clock::Clock;
use crate::config;
use crate::http::views::{ChannelView, TenantsView};
use crate::policy::{ChannelKey, TenantReport, TenantState, WallMs};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to explain.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The channel
    #[arg(value_name = "TENANT/CHANNEL", value_parser = channel_key)]
    channel: ChannelKey,
    /// A past moment, such as 2026-11-21T08:55:00Z: answered from the journal, whether or not the daemon runs
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<WallMs>,
    /// The journal to read with --at; left out: the one in the configured `state_dir`
    #[arg(long, value_name = "FILE", requires = "at")]
    journal: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// A channel explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The channel, as the API shows it.
    pub channel: ChannelView,
    /// Its tenant.
    pub tenant: TenantLine,
    /// The last changes of its reason up to then, oldest first; empty where the daemon answers.
    pub history: Vec<Change>,
    /// What the answer rests on.
    pub rests_on: Vec<String>,
}

/// A tenant, as far as it explains a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TenantLine {
    /// Whether its platform can be seen.
    pub state: TenantState,
    /// Whether it (or all) is paused.
    pub paused: bool,
    /// Whether a mass change is held.
    pub mass_hold: bool,
    /// Actions in flight.
    pub in_flight: u32,
    /// Actions in the last hour.
    pub actions_last_hour: u32,
    /// Its channels that are up.
    pub channels_up: u32,
}

/// A change of reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, RFC 3339.
    pub at: String,
    /// The reason from then on, in words.
    pub reason: String,
}

impl From<TenantReport> for TenantLine {
    fn from(t: TenantReport) -> Self {
        Self {
            state: t.state,
            paused: t.paused,
            mass_hold: t.mass_hold,
            in_flight: t.in_flight,
            actions_last_hour: t.actions_last_hour,
            channels_up: t.up,
        }
    }
}

/// Explains it.
pub async fn explain(args: ExplainArgs) -> ExitCode {
    let explained = match args.at {
        None => match live(&args).await {
            Ok(explained) => explained,
            Err(error) => return error.report(),
        },
        Some(at) => match past_answer(&args, at) {
            Ok(explained) => explained,
            Err(code) => return code,
        },
    };
    let text =
        if args.json { serde_json::to_string(&explained).unwrap_or_default() + "\n" } else { text::render(&explained) };
    terminal::out(&text);
    ExitCode::SUCCESS
}

async fn live(args: &ExplainArgs) -> Result<Explained, SocketError> {
    let daemon = Daemon::find(&args.socket)?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (tenant, channel) = (args.channel.tenant.as_str(), args.channel.channel.as_str());
    let path = format!("/api/v1/channels/{}/{}", encoded(tenant), encoded(channel));
    let channel: ChannelView = daemon.get(&path).await?;
    let tenants: TenantsView = daemon.get("/api/v1/tenants").await?;
    let found = tenants.tenants.into_iter().find(|t| t.tenant == tenant);
    let found = found.ok_or_else(|| SocketError::Refused(format!("no tenant `{tenant}` is configured")))?;
    let tenant = TenantLine {
        state: found.state,
        paused: found.paused,
        mass_hold: found.mass_hold,
        in_flight: found.in_flight,
        actions_last_hour: found.actions_last_hour,
        channels_up: found.channels_up,
    };
    let rests_on = vec![format!("the running daemon, version {}", tenants.daemon.version)];
    Ok(Explained { channel, tenant, history: Vec::new(), rests_on })
}

fn past_answer(args: &ExplainArgs, at: WallMs) -> Result<Explained, ExitCode> {
    if at > Clock::system().wall() {
        terminal::complain("error: --at is in the future; leave it out to ask the running daemon about now");
        return Err(ExitCode::from(2));
    }
    let config = config::load(args.socket.config()).map_err(|rejected| {
        terminal::complain(&rejected.to_string());
        ExitCode::from(EX_CONFIG)
    })?;
    let config = config.config;
    let journal = args.journal.clone().unwrap_or_else(|| config.daemon.state_dir.join("journal.db"));
    past::explain(&journal, &config, &args.channel, at).map_err(|why| failed(&why))
}

/// `TENANT/CHANNEL`; a channel's id may hold slashes.
fn channel_key(text: &str) -> Result<ChannelKey, String> {
    match text.split_once('/') {
        Some((tenant, channel)) if !tenant.is_empty() && !channel.is_empty() => Ok(ChannelKey::new(tenant, channel)),
        _ => Err("expected TENANT/CHANNEL, such as acme/ch-0001".to_owned()),
    }
}

/// A moment in RFC 3339.
pub(super) fn moment(text: &str) -> Result<WallMs, String> {
    text.parse::<jiff::Timestamp>()
        .map(|at| WallMs(at.as_millisecond()))
        .map_err(|_| "expected a time with its offset from UTC, such as 2026-11-21T08:55:00Z".to_owned())
}

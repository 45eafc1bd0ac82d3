//! `status`: what the running daemon sees and does, as a table or as JSON.

use super::socket::{Daemon, SocketArgs, SocketError};
use super::terminal::{self, plain};
use crate::http::views::{ChannelLine, ChannelsView, DaemonView, TenantView, TenantsView};
use crate::policy::TenantState;
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Pages of 1000 channels that are read at most.
const MAX_PAGES: usize = 200;

/// What to show.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// One tenant's channels only
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Shows it.
pub async fn status(args: StatusArgs) -> ExitCode {
    match read(&args).await {
        Ok((tenants, channels)) if args.json => {
            let all = json!({"daemon": tenants.daemon, "tenants": tenants.tenants, "channels": channels});
            terminal::out(&format!("{all}\n"));
            ExitCode::SUCCESS
        }
        Ok((tenants, channels)) => {
            terminal::out(&text(&tenants, &channels));
            ExitCode::SUCCESS
        }
        Err(error) => error.report(),
    }
}

async fn read(args: &StatusArgs) -> Result<(TenantsView, Vec<ChannelLine>), SocketError> {
    let daemon = Daemon::find(&args.socket)?;
    let mut tenants: TenantsView = daemon.get("/api/v1/tenants").await?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut base = "/api/v1/channels?limit=1000".to_owned();
    if let Some(name) = &args.tenant {
        tenants.tenants.retain(|t| &t.tenant == name);
        let _ = write!(base, "&tenant={}", encoded(name));
    }
    let (mut channels, mut path) = (Vec::new(), base.clone());
    for _ in 0..MAX_PAGES {
        let page: ChannelsView = daemon.get(&path).await?;
        channels.extend(page.channels);
        let Some(next) = page.next else { break };
        path = format!("{base}&after={}", encoded(&next));
    }
    Ok((tenants, channels))
}

fn text(tenants: &TenantsView, channels: &[ChannelLine]) -> String {
    let mut out = daemon_line(&tenants.daemon);
    for tenant in &tenants.tenants {
        let _ = writeln!(out, "{}", plain(&tenant_line(tenant)));
    }
    if channels.is_empty() {
        out.push_str("no channels\n");
        return out;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["CHANNEL", "HEALTH", "SCORE", "ROUTE", "REASON"]);
    for channel in channels {
        table.add_row(row(channel).map(|cell| plain(&cell)));
    }
    if let Some(score) = table.column_mut(2) {
        score.set_cell_alignment(CellAlignment::Right);
    }
    let _ = writeln!(out, "\n{table}");
    out
}

fn daemon_line(daemon: &DaemonView) -> String {
    let mut out =
        format!("trunkwarden {}: mode {}", plain(&daemon.version), json!(daemon.mode).as_str().unwrap_or("?"));
    if daemon.paused {
        let until = daemon.paused_until.as_deref().unwrap_or("`trunkwarden resume`");
        let _ = write!(out, "; paused: no actions until {}", plain(until));
    }
    let signs = [
        (!daemon.journal_writable, "the journal cannot be written: no actions until it can"),
        (!daemon.orphans_resolved, "the last process left actions open: the platform is being read back"),
        (!daemon.config_ok, "the last configuration was refused: the one before it stays in force"),
    ];
    for (_, words) in signs.iter().filter(|(is, _)| *is) {
        let _ = write!(out, "; {words}");
    }
    if let Some(why) = &daemon.audit_unaccepted {
        let _ = write!(out, "; the audit log is not signed until `trunkwarden audit accept`: {}", plain(why));
    }
    out.push('\n');
    out
}

fn tenant_line(t: &TenantView) -> String {
    let mut out = format!("tenant {}: {} of {} up", t.tenant, t.channels_up, t.channels);
    if t.state == TenantState::Blind {
        out.push_str(", BLIND: its platform does not answer, no actions");
    }
    if t.mass_hold {
        let _ = write!(out, ", HELD: half of it turned bad at once (`trunkwarden approve {}` lets it act)", t.tenant);
    }
    if t.paused {
        let _ = write!(out, ", paused until {}", t.paused_until.as_deref().unwrap_or("resumed"));
    }
    for channel in &t.credentials_lost {
        let _ = write!(
            out,
            ", CREDENTIALS LOST by a codec change: {channel} (enter them again, then `trunkwarden acknowledge {}/{channel}`)",
            t.tenant
        );
    }
    if let Some(why) = &t.not_authorised {
        let _ = write!(out, ", not authorised: {why}");
    }
    let _ = write!(
        out,
        ", {} of {} requests left this minute, looked at every {:.1} s, {} actions in the last hour",
        t.budget_available, t.budget_limit_per_minute, t.effective_interval_seconds, t.actions_last_hour
    );
    out
}

fn row(c: &ChannelLine) -> [String; 5] {
    let mut health = c.health.name().to_owned();
    let signs = [
        (c.missing, "missing"),
        (c.no_candidate, "no candidate is fit"),
        (c.in_flight.is_some(), "changing"),
        (c.maintenance.is_some(), "in maintenance"),
    ];
    for (_, word) in signs.iter().filter(|(is, _)| *is) {
        let _ = write!(health, ", {word}");
    }
    if let Some(why) = &c.held {
        let _ = write!(health, ", held ({})", why.replace('_', " "));
    }
    if let Some(left) = c.proposal_left_seconds {
        let _ = write!(health, ", approve within {left:.0} s");
    }
    let route = match &c.route {
        None => "not known yet".to_owned(),
        Some(to) if *to == c.id => "itself".to_owned(),
        Some(to) => format!("-> {to}"),
    };
    let score = c.quality.map_or_else(|| "-".to_owned(), |q| format!("{:.1}", q.score));
    [format!("{}/{}", c.tenant, c.id), health, score, route, c.reason.clone()]
}

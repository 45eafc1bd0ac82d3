//! What people type: one file a subcommand, each turning arguments into an exit code.
//!
//! Exit codes: 0 done; 1 failed or refused; 2 usage; 3 unknown outcome; 78 (`EX_CONFIG`) a bad configuration.

mod alone;
mod audit;
mod bridge;
mod channels;
pub mod check;
pub mod config_arg;
mod demo;
mod explain;
mod journal;
mod logging;
mod orders;
mod outbox;
mod replay;
mod run;
pub mod schema;
mod score;
mod signals;
pub mod sim;
mod socket;
mod status;
mod terminal;

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
    Score(score::Score),
    Sim(sim::Sim),
    /// Run the daemon
    Run(run::Args),
    /// Watch the daemon save a channel, on the built-in simulator
    Demo(demo::Args),
    /// Show what the running daemon sees and does
    Status(status::StatusArgs),
    /// Explain a channel: what is known, what was decided and why, and what would have to change; now or at a past moment
    Explain(explain::ExplainArgs),
    Replay(replay::ReplayArgs),
    Audit(audit::AuditArgs),
    Journal(journal::JournalArgs),
    /// Change nothing from now on, for one tenant or all; watching goes on
    Pause(orders::PauseArgs),
    /// Lift a pause
    Resume(orders::ScopeArgs),
    /// Let a tenant act that is held for a mass change, or a channel do what its policy proposed
    Approve(orders::ApproveArgs),
    /// Release a channel's block, and take over a route that someone else set
    Acknowledge(orders::AcknowledgeArgs),
    /// Move a channel's traffic to another channel that is fit
    Failover(orders::FailoverArgs),
    /// Take a channel's traffic home, if home is good
    Failback(orders::FailbackArgs),
    Bridge(bridge::BridgeArgs),
    /// See, or bring about, what [channels.provision] desires
    Channels(channels::ChannelsArgs),
    /// Put a channel into maintenance for a time, or end that
    Maintenance(orders::MaintenanceArgs),
    /// Show what waits to be delivered to sinks, try it again, or give it up
    Outbox(outbox::OutboxArgs),
}

impl Cli {
    /// The threads that everything runs on could not be started.
    pub fn cannot_start(error: &std::io::Error) -> ExitCode {
        failed(&format!("cannot start its threads: {error}"))
    }

    /// Does what was asked.
    pub async fn run(self) -> ExitCode {
        match self.command {
            Command::Check(check) => check.run().await,
            Command::Schema(schema) => schema.run(),
            Command::Score(score) => score.run(),
            Command::Sim(sim) => sim.run().await,
            Command::Run(args) => args.run().await,
            Command::Demo(args) => args.run().await,
            Command::Status(args) => status::status(args).await,
            Command::Explain(args) => explain::explain(args).await,
            Command::Replay(args) => replay::replay(&args),
            Command::Audit(args) => args.run().await,
            Command::Journal(args) => args.run(),
            Command::Pause(args) => orders::pause(args).await,
            Command::Resume(args) => orders::resume(args).await,
            Command::Approve(args) => orders::approve(args).await,
            Command::Acknowledge(args) => orders::acknowledge(args).await,
            Command::Failover(args) => orders::failover(args).await,
            Command::Failback(args) => orders::failback(args).await,
            Command::Bridge(args) => bridge::bridge(args).await,
            Command::Channels(args) => channels::channels(args).await,
            Command::Maintenance(args) => orders::maintenance(args).await,
            Command::Outbox(args) => outbox::outbox(args).await,
        }
    }
}

/// One clear line, and 1.
fn failed(why: &str) -> ExitCode {
    terminal::complain(&format!("trunkwarden: {why}"));
    ExitCode::FAILURE
}

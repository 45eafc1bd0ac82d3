//! `channels plan`, `apply`, `adopt` and `list`: what `[channels.provision]` desires, through the running daemon, or by this
//! process where none runs: then with the same code and under the lock of the same journal.

mod alone;
mod daemon;
mod list;

use super::run::NotStarted;
use super::socket::{SocketArgs, SocketError};
use super::terminal::plain;
use super::{EX_CONFIG, failed};
use crate::cli::terminal;
use crate::config::{self, Config};
use crate::policy::{ChannelId, TenantId};
use crate::provision::{Came, Done, Plan, done_text, plan_text};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// `channels`.
#[derive(Debug, Args)]
pub struct ChannelsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what would be created or changed, field by field; changes nothing
    Plan {
        #[command(flatten)]
        scope: Scope,
    },
    /// Create and change what the plan says, after asking
    Apply {
        #[command(flatten)]
        scope: Scope,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say which channel of the platform a desired name means
    Adopt {
        /// The name in [[channels]]
        name: String,
        /// The channel's id on the platform
        id: String,
        #[command(flatten)]
        scope: Scope,
    },
    /// List the channels that are desired by name, with the ids that are known
    List {
        #[command(flatten)]
        scope: Scope,
    },
}

/// Of whom, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct Scope {
    /// One tenant; left out: all of them
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

impl Scope {
    fn tenant(&self) -> Option<TenantId> {
        self.tenant.as_deref().map(TenantId::from)
    }
}

/// Does it.
pub async fn channels(args: ChannelsArgs) -> ExitCode {
    let done = match args.what {
        What::Plan { scope } => plan(&scope).await,
        What::Apply { scope, yes } => apply(&scope, yes).await,
        What::Adopt { name, id, scope } => adopt(&scope, name, id.into()).await,
        What::List { scope } => list::list(&scope),
    };
    done.unwrap_or_else(Refused::report)
}

/// Why nothing came of it.
enum Refused {
    Socket(SocketError),
    Config(String),
    Failed(String),
}

impl Refused {
    fn report(self) -> ExitCode {
        match self {
            Self::Socket(error) => error.report(),
            Self::Config(why) => {
                terminal::complain(&why);
                ExitCode::from(EX_CONFIG)
            }
            Self::Failed(why) => failed(&plain(&why)),
        }
    }
}

impl From<SocketError> for Refused {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

impl From<NotStarted> for Refused {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Config(why) => Self::Config(why),
            NotStarted::Failed(why) => Self::Failed(why),
        }
    }
}

type Ended = Result<ExitCode, Refused>;

/// Who does it.
enum Hands {
    Daemon(daemon::Through),
    Alone(Box<alone::Ourselves>),
}

impl Hands {
    /// The running daemon's; else, unless its socket was named, our own. `changes`: under the journal's lock.
    async fn find(scope: &Scope, changes: bool) -> Result<Self, Refused> {
        match daemon::Through::find(&scope.socket).await {
            Ok(daemon) => Ok(Self::Daemon(daemon)),
            Err(SocketError::NotRunning { .. }) if !scope.socket.names_socket() => {
                let config = load(scope)?;
                Ok(Self::Alone(Box::new(alone::Ourselves::open(&config, changes)?)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn plan(&self, tenant: Option<TenantId>) -> Result<Plan, Refused> {
        match self {
            Self::Daemon(daemon) => daemon.plan(tenant).await,
            Self::Alone(alone) => Ok(alone.plan(tenant.as_ref()).await),
        }
    }

    async fn apply(&self, tenant: Option<TenantId>, expected: Option<String>) -> Result<Vec<Done>, Refused> {
        match self {
            Self::Daemon(daemon) => daemon.apply(tenant, expected).await,
            Self::Alone(alone) => alone.apply(tenant.as_ref(), expected.as_deref()).await.map_err(Refused::Failed),
        }
    }

    async fn adopt(&self, tenant: Option<TenantId>, name: String, id: ChannelId) -> Result<Vec<Done>, Refused> {
        match self {
            Self::Daemon(daemon) => daemon.adopt(tenant, name, id).await,
            Self::Alone(alone) => alone.adopt(tenant.as_ref(), &name, &id).await.map_err(Refused::Failed),
        }
    }

    async fn close(self) {
        if let Self::Alone(alone) = self {
            alone.close().await;
        }
    }
}

async fn plan(scope: &Scope) -> Ended {
    let hands = Hands::find(scope, false).await?;
    let plan = hands.plan(scope.tenant()).await?;
    hands.close().await;
    show_plan(scope, &plan);
    let unseen = plan.items.iter().any(|item| item.drifts().is_none());
    Ok(ExitCode::from(u8::from(unseen)))
}

async fn apply(scope: &Scope, yes: bool) -> Ended {
    let ask = !yes && std::io::stdin().is_terminal();
    if !yes && !ask {
        return Err(Refused::Failed("this changes the platform: read `channels plan`, then add --yes".to_owned()));
    }
    let hands = Hands::find(scope, true).await?;
    let mut expected = None;
    if ask {
        let plan = hands.plan(scope.tenant()).await?;
        terminal::out(&lines(&plan_text(&plan)));
        if plan.is_empty() || !agreed() {
            hands.close().await;
            return Ok(ExitCode::from(u8::from(!plan.is_empty())));
        }
        expected = Some(plan.fingerprint());
    }
    let done = hands.apply(scope.tenant(), expected).await;
    hands.close().await;
    Ok(show_done(scope, &done?))
}

async fn adopt(scope: &Scope, name: String, id: ChannelId) -> Ended {
    let hands = Hands::find(scope, true).await?;
    let done = hands.adopt(scope.tenant(), name, id).await;
    hands.close().await;
    Ok(show_done(scope, &done?))
}

fn agreed() -> bool {
    terminal::out("Apply this plan? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok()
        && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

fn show_plan(scope: &Scope, plan: &Plan) {
    let json = || json!({ "plan": plan, "fingerprint": plan.fingerprint() }).to_string() + "\n";
    terminal::out(&if scope.json { json() } else { lines(&plan_text(plan)) });
}

/// Shows it; 0, 1 where something was not done, 3 where that is not known of something.
fn show_done(scope: &Scope, done: &[Done]) -> ExitCode {
    let json = || json!({ "done": done }).to_string() + "\n";
    terminal::out(&if scope.json { json() } else { lines(&done_text(done)) });
    if done.iter().any(|done| done.result == Came::Unknown) {
        return ExitCode::from(3);
    }
    let undone = |done: &Done| done.waits || matches!(done.result, Came::Failed | Came::Held);
    ExitCode::from(u8::from(done.iter().any(undone)))
}

/// Nothing of the platform steers the terminal.
fn lines(text: &str) -> String {
    text.lines().map(|line| plain(line) + "\n").collect()
}

fn load(scope: &Scope) -> Result<Config, Refused> {
    let loaded = config::load(scope.socket.config()).map_err(|rejected| Refused::Config(rejected.to_string()))?;
    match &scope.tenant {
        Some(tenant) if !loaded.config.tenants.contains_key(tenant.as_str()) => {
            Err(Refused::Failed(format!("no tenant `{tenant}` is configured")))
        }
        _ => Ok(loaded.config),
    }
}

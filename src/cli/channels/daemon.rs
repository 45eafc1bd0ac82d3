//! Through the running daemon: an order starts a run there, and its result is waited for.

use super::Refused;
use crate::cli::socket::{Daemon, SocketArgs, SocketError};
use crate::policy::{ChannelId, TenantId};
use crate::provision::{Done, Plan, Run};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Pauses between two questions whether it is done.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The way to the daemon.
pub struct Through(Daemon);

#[derive(Deserialize)]
struct Started {
    run: u64,
}

impl Through {
    /// The daemon, where one answers.
    pub async fn find(args: &SocketArgs) -> Result<Self, SocketError> {
        let daemon = Daemon::find(args)?;
        daemon.get::<Value>("/api/v1/provisioning").await?;
        Ok(Self(daemon))
    }

    /// A plan made now.
    pub async fn plan(&self, tenant: Option<TenantId>) -> Result<Plan, Refused> {
        let run = self.run("plan", &json!({ "tenant": tenant })).await?;
        run.plan.ok_or_else(|| Refused::Failed(run.error.unwrap_or_else(|| "no plan was made".to_owned())))
    }

    /// Applies the plan and returns what became of each channel.
    pub async fn apply(&self, tenant: Option<TenantId>, expected: Option<String>) -> Result<Vec<Done>, Refused> {
        let run = self.run("apply", &json!({ "tenant": tenant, "fingerprint": expected })).await?;
        run.error.map_or(Ok(run.done), |why| Err(Refused::Failed(why)))
    }

    /// Records that the channel named `name` has this id.
    pub async fn adopt(&self, tenant: Option<TenantId>, name: String, id: ChannelId) -> Result<Vec<Done>, Refused> {
        let run = self.run("adopt", &json!({ "tenant": tenant, "name": name, "id": id })).await?;
        run.error.map_or(Ok(run.done), |why| Err(Refused::Failed(why)))
    }

    async fn run(&self, what: &str, body: &Value) -> Result<Run, Refused> {
        let Started { run } = self.0.ask(&format!("/api/v1/provisioning/{what}"), Some(body.clone())).await?;
        loop {
            let known = self.0.get::<Run>(&format!("/api/v1/provisioning/runs/{run}")).await;
            let known = known.map_err(|error| match (what, error) {
                ("plan", error) => Refused::Socket(error),
                // Something may have been changed by then.
                (_, error) => Refused::Socket(SocketError::Unknown(error.to_string())),
            })?;
            if known.over {
                return Ok(known);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

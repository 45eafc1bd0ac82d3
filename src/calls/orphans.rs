//! Operations that a crash left open: read back where the tenant has `paths.call`, never sent again, and closed with a reason.

use super::attempt::{self, Wanted};
use super::outcome::{Outcome, Settled};
use super::record;
use super::switchboard::Switchboard;
use crate::counters::BridgeMetrics;
use crate::journal::{KeptOperation, Operation, Reader};
use crate::policy::TenantId;
use std::time::Duration;
use tracing::Instrument;

/// Ended operations that are looked at for the share of successes.
const MOST_REMEMBERED: usize = 10_000;
const INTERRUPTED: &str = "trunkwarden ended before the outcome was known";

/// Whether an operation is the switchboard's: a bridge or a rescue.
pub fn is_a_bridge(operation: &Operation) -> bool {
    matches!(operation.kind.as_str(), "bridge" | "rescue")
}

impl Switchboard {
    /// Finds out, one after the other, what became of the operations that are open at a start; those of other kinds are
    /// left alone.
    pub async fn resolve(&self, open: Vec<KeptOperation>) {
        for kept in open.into_iter().filter(|kept| is_a_bridge(&kept.operation)) {
            let span = kept.operation.span();
            self.resolve_one(kept).instrument(span).await;
        }
    }

    async fn resolve_one(&self, KeptOperation { operation, opened_at, .. }: KeptOperation) {
        tracing::warn!("a bridge was interrupted; reading the call back");
        let outcome = self.outcome_of(&operation).await;
        let took = self.clock().wall().since(opened_at);
        let settled = Settled::of(&operation, outcome, took);
        self.counters().bridges().ended(self.clock().now(), &operation.tenant, settled.outcome.label(), took);
        let channel = record::channel_of(&operation);
        let entry = record::ended(self.clock().wall(), &operation, &settled, channel.as_ref());
        if let Err((_, error)) = self.write_down(&settled, entry).await {
            tracing::error!(%error, "could not record the outcome of an interrupted bridge; the next start tries again");
        }
    }

    /// Takes the bridges of the last hour into the share of successes, so that a restart does not forget them.
    pub fn remember(&self, reader: &Reader) {
        let (now, wall) = (self.clock().now(), self.clock().wall());
        let since = wall.back(BridgeMetrics::WINDOW);
        let ended = match reader.operations_ended(since, MOST_REMEMBERED) {
            Ok(ended) => ended,
            Err(error) => return tracing::warn!(%error, "cannot read which bridges were made in the last hour"),
        };
        for KeptOperation { operation, ended, .. } in ended.into_iter().filter(|kept| is_a_bridge(&kept.operation)) {
            let Some((at, ended)) = ended else { continue };
            let made = ended.outcome == "completed";
            self.counters().bridges().remember(now, wall.since(at), &operation.tenant, made);
        }
    }

    /// Says once, for each of `tenants`, where its token lacks what bridging needs; everything else works.
    pub async fn try_scopes(&self, tenants: Vec<TenantId>, within: Duration) {
        for tenant in tenants {
            let Ok(line) = self.line(&tenant) else { continue };
            match line.control.lacking_scopes(within).await {
                Ok(lacking) if lacking.is_empty() => {}
                Ok(lacking) => tracing::warn!(
                    %tenant, lacking = lacking.join(" "),
                    "the token for bridging lacks scopes: have the role granted; until then bridges are refused and everything else works"
                ),
                Err(error) => tracing::warn!(
                    %tenant, %error, "no token for bridging: bridges fail until there is one, everything else works"
                ),
            }
        }
    }

    async fn outcome_of(&self, operation: &Operation) -> Outcome {
        let Ok(line) = self.line(&TenantId::from(operation.tenant.as_str())) else {
            return Outcome::Unknown { why: format!("{INTERRUPTED}; its tenant no longer has bridging") };
        };
        let wanted = Wanted { call: &operation.subject, targets: &[], id: operation.id };
        attempt::find_out(&line, self.clock(), &wanted, None, INTERRUPTED).await
    }
}

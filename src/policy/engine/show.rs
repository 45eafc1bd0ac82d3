//! The reports of channels and tenants. Reads only.

use super::super::channel::Event;
use super::super::explanation::{Block, BlockKind, Explanation, HoldDownReport};
use super::super::hold::Hold;
use super::super::ids::{SlotId, TenantIx};
use super::super::key::{ChannelKey, TenantId};
use super::super::params::{TenantParams, Windows};
use super::super::reason::{Ineligible, Reason};
use super::super::report::{CandidateReport, ChannelReport, MaintenanceReport, TenantReport};
use super::super::score;
use super::super::time::Time;
use super::super::words::TenantState;
use super::{Engine, Slot};

impl Engine {
    pub(super) fn channel_report(&self, now: Time, i: SlotId) -> ChannelReport {
        let slot = &self.slots[i];
        ChannelReport {
            key: slot.key.clone(),
            as_of: now,
            configured: slot.configured,
            policy: slot.policy.name.clone(),
            mode: self.mode(slot),
            health: slot.health(),
            status: slot.evidence.status.clone(),
            missing: slot.gone(),
            bad_looks: slot.evidence.machine.bads(),
            good_looks: slot.evidence.machine.goods(),
            evidence_age: slot.evidence.at.map(|at| now.since(at)),
            health_for: now.since(slot.evidence.machine.since()),
            route: slot.route.read.clone(),
            failed_over: slot.away(),
            route_foreign: slot.route.foreign,
            quality: slot.quality_now(now).copied(),
            samples_rejected: slot.telemetry.window.rejected(),
            codecs: slot.evidence.codecs.clone(),
            in_flight: slot.action.flight.as_ref().map(|flight| flight.action.kind.name()),
            blocked_for: slot.action.blocked_until.filter(|until| *until > now).map(|until| until.since(now)),
            maintenance: maintenance(now, slot),
            proposal_left: slot.proposal_until().map(|until| until.since(now)),
            held: slot.action.held.as_ref().map(Hold::label),
            no_candidate: slot.action.no_candidate,
            reason: slot.reason.clone(),
            reason_text: slot.reason.to_string(),
            candidates: self.ranked(now, i).into_iter().map(|c| self.candidate_report(now, i, c)).collect(),
            explanation: self.explanation(now, i),
        }
    }

    fn explanation(&self, now: Time, i: SlotId) -> Explanation {
        let slot = &self.slots[i];
        let (health, latency) = (&slot.policy.health, self.tenants[slot.tenant].params.latency);
        let measured = slot.telemetry.summary.as_ref().filter(|_| slot.quality_now(now).is_some());
        let block = |kind, until: Option<Time>| {
            until.filter(|until| *until > now).map(|until| Block { kind, left: until.since(now) })
        };
        let blocks = [
            block(BlockKind::Move, slot.action.blocked_until),
            block(BlockKind::RetryFailover, slot.action.retries.rescue.at),
            block(BlockKind::RetryFailback, slot.action.retries.failback.at),
            block(BlockKind::RetryCodec, slot.action.retries.codec.at),
            block(BlockKind::Codec, slot.codec.until),
        ];
        Explanation {
            fresh: slot.evidence.fresh,
            stale_after: self.stale_limit(i),
            single_look_age: slot.evidence.single.map(|single| now.since(single.asked)),
            telemetry_age: slot.telemetry.quality.is_some().then(|| now.since(slot.telemetry.at)),
            telemetry_stale_after: slot.telemetry_limit(),
            rise: health.rise,
            fall: health.fall,
            failover_enabled: slot.policy.failover.enabled,
            carries: slot.route.carries,
            score_parts: measured
                .map(|summary| score::parts(&slot.policy.quality, latency, summary, slot.codec_in_use())),
            quality: self.quality_watch(now, i),
            blocks: blocks.into_iter().flatten().collect(),
            hold_down: hold_down(now, slot),
            last_change: None,
        }
    }

    /// How far the tenant's reads may be behind its writes.
    pub fn read_lag(&self, tenant: &TenantId) -> std::time::Duration {
        let of = |t: TenantIx| self.tenants[t].params.read_lag;
        self.find_tenant(tenant).map_or_else(|_| TenantParams::default().read_lag, of)
    }

    /// Which windows of each policy's calendar are open, by the policy's name; policies never named are left out.
    pub fn windows(&self) -> impl Iterator<Item = (&str, Windows)> {
        self.windows.iter().map(|(policy, windows)| (policy.as_str(), *windows))
    }

    /// The last evaluation of a channel.
    pub fn reason(&self, key: &ChannelKey) -> Option<&Reason> {
        self.slots.find(key).map(|i| &self.slots[i].reason)
    }

    fn candidate_report(&self, now: Time, i: SlotId, c: SlotId) -> CandidateReport {
        let (slot, candidate) = (&self.slots[i], &self.slots[c]);
        let needed = slot.action.wish.as_ref().and_then(|wish| self.needed_score(now, i, &wish.want));
        let against = self.against(now, i, c, needed).or_else(|| {
            let wish = slot.action.wish.as_ref().filter(|wish| wish.asked.is_some())?;
            let confirmed = candidate.confirms(now, wish, slot.last_look_for());
            confirmed.is_none_or(|single| single.verdict != Some(Event::Good)).then_some(Ineligible::Unconfirmed)
        });
        let against = against.or_else(|| self.comes_after(now, i, c, needed));
        CandidateReport {
            channel: candidate.id().clone(),
            eligible: against.is_none(),
            against_text: against.as_ref().map(ToString::to_string),
            against,
            score: candidate.quality_now(now).map(|quality| quality.score),
        }
    }

    pub(super) fn tenant_report(&self, now: Time, t: TenantIx) -> TenantReport {
        let tenant = &self.tenants[t];
        TenantReport {
            state: if self.is_blind(t) { TenantState::Blind } else { TenantState::Seen },
            paused: self.paused || tenant.paused,
            paused_left: self.pause_left(now, [None, Some(t)]),
            mass_hold: tenant.mass.held() && !tenant.mass.approved,
            in_flight: tenant.in_flight,
            actions_last_hour: tenant.actions_last_hour(now),
            channels: tenant.configured,
            up: tenant.up,
            credentials_lost: tenant.lost.iter().cloned().collect(),
        }
    }
}

fn hold_down(now: Time, slot: &Slot) -> Option<HoldDownReport> {
    let (held, rules) = (slot.action.hold_down.as_ref()?, &slot.policy.failover);
    let suppressed = held.suppressed && slot.action.blocked_until.is_some_and(|until| until > now);
    Some(HoldDownReport {
        penalty: held.penalty(rules, now)?,
        half_life: rules.hold_down_half_life,
        ceiling: rules.hold_down_max.as_secs_f64() / rules.block_period.as_secs_f64(),
        reuse: rules.damping.filter(|_| suppressed).map(|limits| limits.reuse),
    })
}

fn maintenance(now: Time, slot: &Slot) -> Option<MaintenanceReport> {
    let window = || format!("a maintenance window of policy {}", slot.policy.name);
    match &slot.action.maintenance {
        Some((until, reason)) => Some(MaintenanceReport { left: Some(until.since(now)), reason: reason.clone() }),
        None => slot.in_maintenance().then(|| MaintenanceReport { left: None, reason: window() }),
    }
}

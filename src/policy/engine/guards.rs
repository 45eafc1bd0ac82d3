//! What forbids an action: the guards, top to bottom. Each says whether its hold applies; the first hold that does not yield holds
//! the action. [`Hold::row`] says what each hold yields to.
//!
//! They are asked three times: for what is wanted, before its last looks; for the action about to be made, its target known; and for
//! the decided action right before it is sent, since its grounds may be gone.
//!
//! Must never: change anything, or let anything pass that the hold's row does not list.

use super::super::cause::{Cause, Ineligible};
use super::super::channel::Event;
use super::super::clearance::Writer;
use super::super::command::{Action, ActionKind};
use super::super::hold::{Hold, Yields};
use super::super::ids::SlotId;
use super::super::key::ChannelId;
use super::super::params::{Failback, Mode, Patch};
use super::super::reason::Reason;
use super::super::tenant::Tenant;
use super::super::time::Time;
use super::super::words::{Health, OpId};
use super::failover::home_against;
use super::{Engine, Slot, Want};
use asked::{Asked, What};

mod asked;

type Guard = fn(&Asked<'_>) -> Option<Hold>;

/// Asked of whatever is wanted, its target left aside, after what holds back others too (`may_change`).
const WANTED: &[Guard] = &[
    carries,
    credentials,
    codec_verdict,
    backoff,
    foreign_route,
    ordered_route,
    failback_manual,
    failback_window,
    failback_margin,
    blocked,
    cooldown,
    max_concurrent,
    max_per_hour,
    keep_fit,
    global_keep_fit,
    mode_again,
    place,
];

/// Asked of what is about to be done.
const ABOUT_TO_BE_DONE: &[Guard] = &[keep_fit, global_keep_fit, mode];

/// Asked of what was decided and is not sent yet, after what holds back others too (`may_change`).
const DECIDED: &[Guard] = &[unwatched, mode, carries, credentials, outdated, unfit];

impl Engine {
    /// What forbids an action of this kind now, its target left aside.
    pub(super) fn guards(&self, now: Time, i: SlotId, want: &Want) -> Result<(), Hold> {
        Asked::wanted(self, now, i, want, None).ask_all(WANTED)
    }

    /// What forbids doing it now. Asked last, when everything else is decided.
    pub(super) fn may_be_done(&self, now: Time, i: SlotId, want: &Want, target: Option<SlotId>) -> Result<(), Hold> {
        Asked::wanted(self, now, i, want, target).ask(ABOUT_TO_BE_DONE)
    }

    /// What forbids sending a change that is in flight and was not sent yet.
    pub(super) fn may_still_send(&self, op: OpId) -> Result<(), Reason> {
        let flight = self.ops.get(&op).and_then(|i| Some((*i, self.slots[*i].action.flight.as_ref()?)));
        let stands = match flight {
            Some((i, flight)) => Asked::decided(self, flight.started, i, &flight.action).ask_all(DECIDED),
            None => Err(Hold::Unwatched),
        };
        stands.map_err(|hold| Reason::CalledBack { hold })
    }

    /// Whether it takes a place under the limits over all tenants: what passes over them takes none, and neither does what is not
    /// going to be done now.
    pub(super) fn needs_place(&self, now: Time, i: SlotId, want: &Want) -> bool {
        Asked::wanted(self, now, i, want, None).needs_place()
    }

    pub(super) fn mode(&self, slot: &Slot) -> Mode {
        self.params.mode.min(slot.policy.mode.0)
    }
}

impl Asked<'_> {
    /// What holds back others too, who change the platform, and then the guards.
    fn ask_all(&self, guards: &[Guard]) -> Result<(), Hold> {
        self.first(self.engine.holds(Writer::Action, Some(self.tenant), Some(self.slot)))?;
        self.ask(guards)
    }

    fn ask(&self, guards: &[Guard]) -> Result<(), Hold> {
        self.first(guards.iter().filter_map(|guard| guard(self)))
    }

    /// The first hold that does not yield.
    fn first(&self, mut holds: impl Iterator<Item = Hold>) -> Result<(), Hold> {
        holds.find(|hold| !self.passes.over(hold.row().yields)).map_or(Ok(()), Err)
    }

    fn needs_place(&self) -> bool {
        self.engine.places.limited() && !self.passes.over(Yields::LIMIT) && self.ask(&[mode]).is_ok()
    }
}

fn carries(asked: &Asked<'_>) -> Option<Hold> {
    carries_others(asked.slot, asked.what.leaves()?)
}

/// Those it carries are asked first: what leaves for quality alone is no fit backup any more.
pub(super) fn carries_others(slot: &Slot, cause: &Cause) -> Option<Hold> {
    (slot.route.carries > 0 && cause.is_quality()).then_some(Hold::Carries { others: slot.route.carries })
}

fn credentials(asked: &Asked<'_>) -> Option<Hold> {
    if asked.what.is_codec() { codecs_ended(asked.tenant) } else { None }
}

/// What ends codec changes of a tenant: its platform loses credentials, or has.
pub(super) fn codecs_ended(tenant: &Tenant) -> Option<Hold> {
    let lost = tenant.lost.first().map(|channel| Hold::CredentialsLost { channel: channel.clone() });
    lost.or_else(|| (tenant.params.patch == Some(Patch::Replaces)).then_some(Hold::PatchReplaces))
}

/// Until it is known whether the platform keeps credentials, one codec change of the tenant is under way at a time.
fn codec_verdict(asked: &Asked<'_>) -> Option<Hold> {
    let Asked { engine, tenant, .. } = asked;
    if !asked.what.is_codec() || tenant.proven || tenant.params.patch == Some(Patch::Merges) {
        return None;
    }
    let open = tenant.codecs_open.iter().find(|other| **other != asked.i).map(|other| engine.slots[*other].id());
    let stray =
        |action: &&Action| action.channel.tenant == tenant.id && matches!(action.kind, ActionKind::Codec { .. });
    let open = open.or_else(|| engine.strays.values().find(stray).map(|action| &action.channel.channel))?;
    Some(Hold::CodecVerdict { channel: open.clone() })
}

fn backoff(asked: &Asked<'_>) -> Option<Hold> {
    let What::Wanted(want, _) = asked.what else { return None };
    let retry = asked.slot.action.retries.of(want.purpose());
    let left = asked.left(retry.at)?;
    Some(Hold::Backoff { failures: retry.failures_at(asked.now, asked.slot.policy.failover.block_period), left })
}

fn foreign_route(asked: &Asked<'_>) -> Option<Hold> {
    (asked.what.comes_home() && asked.slot.route.foreign).then_some(Hold::ForeignRoute)
}

fn ordered_route(asked: &Asked<'_>) -> Option<Hold> {
    let ordered = matches!(asked.slot.route.moved_for, Some(Cause::Ordered { .. }));
    (asked.what.comes_home() && ordered).then_some(Hold::OrderedRoute)
}

fn failback_manual(asked: &Asked<'_>) -> Option<Hold> {
    let manual = asked.slot.policy.failover.failback == Failback::Manual;
    (asked.what.comes_home() && manual).then_some(Hold::FailbackManual)
}

fn failback_window(asked: &Asked<'_>) -> Option<Hold> {
    let shut = asked.slot.policy.failover.failback == Failback::Window && !asked.slot.windows.failback;
    (asked.what.comes_home() && shut).then_some(Hold::FailbackWindow)
}

/// Whether home scores better than the backup by the policy's margin, as of now: scores are those of a whole window, and for how
/// long home has been good was asked before. A side that is not measured holds nothing: a line without calls has no telemetry,
/// and traffic would never come home.
fn failback_margin(asked: &Asked<'_>) -> Option<Hold> {
    let Asked { engine, now, slot, .. } = *asked;
    let better_by = slot.policy.failover.failback_better_by.filter(|_| asked.what.comes_home())?;
    let backup = &engine.slots[engine.sibling(slot, slot.route.read.as_ref()?)?];
    let (home_score, backup_score) = (slot.quality_now(now)?.score, backup.quality_now(now)?.score);
    let (home, backup) = (slot.id().clone(), backup.id().clone());
    (home_score < backup_score + better_by).then_some(Hold::FailbackMargin {
        home,
        home_score,
        backup,
        backup_score,
        better_by,
    })
}

fn blocked(asked: &Asked<'_>) -> Option<Hold> {
    asked.left(asked.slot.action.blocked_until).map(|left| Hold::Blocked { left })
}

fn cooldown(asked: &Asked<'_>) -> Option<Hold> {
    asked.left(asked.slot.codec.until).filter(|_| asked.what.is_codec()).map(|left| Hold::Cooldown { left })
}

fn max_concurrent(asked: &Asked<'_>) -> Option<Hold> {
    let max = asked.tenant.params.limits.max_concurrent;
    (asked.tenant.in_flight >= max).then_some(Hold::MaxConcurrent { max })
}

fn max_per_hour(asked: &Asked<'_>) -> Option<Hold> {
    let max = asked.tenant.params.limits.max_per_hour;
    (asked.tenant.actions_last_hour(asked.now) >= max).then_some(Hold::MaxPerHour { max })
}

fn keep_fit(asked: &Asked<'_>) -> Option<Hold> {
    let (up, keep_fit) = (up_afterwards(asked, asked.tenant.up)?, asked.tenant.params.limits.keep_fit);
    (up < keep_fit).then_some(Hold::KeepFit { up, keep_fit })
}

fn global_keep_fit(asked: &Asked<'_>) -> Option<Hold> {
    let keep_fit = asked.engine.params.global.keep_fit?;
    let up = up_afterwards(asked, asked.engine.tenants.iter().map(|tenant| tenant.up).sum())?;
    (up < keep_fit).then_some(Hold::GlobalKeepFit { up, keep_fit })
}

/// How many of the `up` that are up would be after the traffic has left. Without a target: as if any that could do took it. Where
/// nobody at all is up, that is the candidates' to say.
fn up_afterwards(asked: &Asked<'_>, up: u32) -> Option<u32> {
    let (What::Wanted(_, target), Some(_)) = (asked.what, asked.what.leaves()) else { return None };
    if target.is_none() && asked.tenant.up == 0 {
        return None;
    }
    let is_up = |slot: &Slot| slot.health() == Health::Up;
    let extra = |c: &SlotId| !asked.engine.slots[*c].configured && is_up(&asked.engine.slots[*c]);
    let extra = target.map_or_else(|| asked.slot.candidates.iter().any(extra), |target| extra(&target));
    Some(up.saturating_add(u32::from(extra)).saturating_sub(u32::from(is_up(asked.slot))))
}

fn mode(asked: &Asked<'_>) -> Option<Hold> {
    match asked.engine.mode(asked.slot) {
        Mode::Enforce => None,
        Mode::Propose => Some(proposal(asked)),
        Mode::Observe => Some(Hold::Observe),
    }
}

/// Whether an action that nobody approved still waits for approval, or its proposal has lapsed.
fn proposal(asked: &Asked<'_>) -> Hold {
    let after = asked.slot.policy.propose_for.0;
    let proposed = asked.slot.action.wish.as_ref().and_then(|wish| wish.proposed).filter(|_| !asked.passes.approved);
    if proposed.is_some_and(|at| asked.now.since(at) >= after) { Hold::Lapsed { after } } else { Hold::Propose }
}

/// A decision that was made and may not be carried out is not made again until something else changes.
fn mode_again(asked: &Asked<'_>) -> Option<Hold> {
    match asked.slot.action.held {
        Some(Hold::Observe | Hold::Propose | Hold::Lapsed { .. }) => mode(asked),
        _ => None,
    }
}

/// Whether the limits over all tenants leave it a place, by who is next in the line.
fn place(asked: &Asked<'_>) -> Option<Hold> {
    let Asked { engine, now, i, .. } = *asked;
    if !asked.needs_place() || engine.places.holds(now, i) {
        return None;
    }
    let (free, hold) = engine.places.free(now);
    let hold = hold?;
    let ahead = if free == 0 { 0 } else { engine.line(now, Some(i)).iter().position(|j| *j == i).unwrap_or(0) };
    (ahead >= free as usize).then_some(hold)
}

fn unwatched(asked: &Asked<'_>) -> Option<Hold> {
    (!asked.slot.configured).then_some(Hold::Unwatched)
}

/// The channel, or the backup that it was to leave, recovered; or it is too bad by now for what was to be done for its sound.
fn outdated(asked: &Asked<'_>) -> Option<Hold> {
    let What::Decided(action) = asked.what else { return None };
    let Asked { engine, slot, .. } = asked;
    let well_again = |id: &ChannelId| {
        engine
            .lookup(slot, id)
            .map(|c| &engine.slots[c])
            .is_some_and(|c| !c.evidence.missing && c.evidence.verdict == Some(Event::Good))
    };
    let outdated = match &action.reason {
        Reason::Failover { cause: Cause::Down { .. }, .. } => !slot.last_bad(),
        Reason::Failover { cause: Cause::BackupDown { backup } | Cause::BackupMissing { backup }, .. }
        | Reason::Failback { from: backup, backup_failed: true, .. } => well_again(backup),
        Reason::Codec { .. } | Reason::CodecUndone { .. } | Reason::CodecRestored { .. } => slot.last_bad(),
        _ => false,
    };
    outdated.then_some(Hold::Outdated)
}

fn unfit(asked: &Asked<'_>) -> Option<Hold> {
    let What::Decided(action) = asked.what else { return None };
    let Asked { engine, slot, .. } = asked;
    let (target, against) = match &action.kind {
        ActionKind::Failover { to, .. } => {
            (to, engine.lookup(slot, to).map_or(Some(Ineligible::NotSeen), |c| engine.unfit(c)))
        }
        ActionKind::Failback { .. } => (slot.id(), home_against(slot)),
        ActionKind::Codec { .. } => return None,
    };
    against.map(|against| Hold::Unfit { target: target.clone(), against })
}

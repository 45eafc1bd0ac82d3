//! Telemetry in, and what follows from it: scores, conditions that last, the codec order that would sound better, and
//! whether a codec order keeps what it promised.
//!
//! Must never: act by itself, or judge an order by telemetry from before it showed.

use super::super::codec::{self, CodecHold, Proposal, same_names};
use super::super::command::{Command, EventType};
use super::super::ids::SlotId;
use super::super::observation::{Codec, TelemetryReading, same_order};
use super::super::reason::{Cause, Reason};
use super::super::score::{self, Conditions, Quality, predict};
use super::super::time::Time;
use super::super::trial::{CodecTrial, Promise, Refuted, Timed, Verdict};
use super::super::words::Actor;
use super::want::CodecWant;
use super::{Engine, Slot, Want, channel_record};

impl Engine {
    pub(super) fn on_telemetry(&mut self, now: Time, i: SlotId, reading: &TelemetryReading, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        slot.forget_stale_telemetry(now);
        let usual = slot.telemetry.window.last_half_hour();
        slot.telemetry.window.insert(reading);
        let usual_changed = slot.telemetry.window.last_half_hour() != usual;
        slot.telemetry.summary = slot.telemetry.window.summary();
        slot.telemetry.at = now;
        if usual_changed && slot.configured {
            self.mark_unsaved(i);
        }
        self.score(i);
        self.judge_trial(now, i, out);
        self.ask_for_codecs(now, i, out);
        self.touch(i);
        self.follow_up(now, i, false);
        self.touch_on_probation(i);
    }

    /// Scores what was measured by the codec in use, and what lasts by it, as of the last telemetry.
    pub(super) fn score(&mut self, i: SlotId) {
        let latency = self.tenants[self.slots[i].tenant].params.latency;
        let slot = &mut self.slots[i];
        let policy = &slot.policy;
        let now = slot.telemetry.at;
        let of = |summary| score::quality(&policy.quality, latency, summary, slot.codec_in_use());
        slot.telemetry.quality = slot.telemetry.summary.as_ref().map(of);
        let score = slot.telemetry.quality.map(|quality| quality.score);
        let since = |holds: bool, since: Option<Time>| if holds { since.or(Some(now)) } else { None };
        let low = matches!((score, policy.failover.quality_below), (Some(score), Some(bound)) if score < bound);
        let degraded =
            slot.telemetry.quality.and_then(|quality| score::degradation(&policy.quality, &quality)).is_some();
        slot.telemetry.low_since = since(low, slot.telemetry.low_since);
        slot.telemetry.degraded_since = since(degraded, slot.telemetry.degraded_since);
        // A codec of our own choosing may sound worse than good conditions do: they are judged by the order first read too.
        let first = slot.codec.first.as_ref().and_then(|first| first.iter().min_by_key(|codec| codec.priority));
        let with = |codec: &Codec, summary| score::quality(&policy.quality, latency, summary, Some(&codec.name)).score;
        let restored = first.zip(slot.telemetry.summary.as_ref()).map(|(codec, summary)| with(codec, summary));
        let fine = score.into_iter().chain(restored).any(|score| score >= policy.quality.optimise_below);
        slot.telemetry.fine_since = since(fine, slot.telemetry.fine_since);
        self.mark_changed(i);
    }

    /// The list may leave codecs out for good: where another order may help, the channel itself is asked once.
    fn ask_for_codecs(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        let poor = slot.quality_now(now).is_some_and(|quality| quality.score < slot.policy.quality.optimise_below);
        if poor
            && slot.configured
            && slot.policy.codec.enabled
            && slot.evidence.codecs.is_empty()
            && slot.evidence.single.is_none()
        {
            self.doubt_route(now, i, out);
        }
    }

    /// Those whose route to channel `b` has to prove itself.
    fn touch_on_probation(&mut self, b: SlotId) {
        for n in 0..self.slots[b].users.len() {
            let Some(&user) = self.slots[b].users.get(n) else { break };
            if self.slots[user].route.probation.as_ref().is_some_and(|on| on.of.backup == *self.slots[b].id()) {
                self.touch(user);
            }
        }
    }

    /// Why traffic has to leave for the sake of quality: the score below `quality_below`, or `degraded_by` points below what
    /// is usual, at every reading for `quality_for`, and at two of them at the least.
    pub(super) fn bad_quality(&self, now: Time, i: SlotId, quality: &Quality) -> Option<Cause> {
        let slot = &self.slots[i];
        let rules = &slot.policy.failover;
        // One reading alone lasts for no time, however long no other comes.
        let again = |since: &Time| slot.telemetry.at > *since || rules.quality_for.is_zero();
        let lasted =
            |since: Option<Time>| Some(now.since(since.filter(again)?)).filter(|lasted| *lasted >= rules.quality_for);
        let score = quality.score;
        if let (Some(below), Some(lasted)) = (rules.quality_below, lasted(slot.telemetry.low_since)) {
            return Some(Cause::Quality { score, below, lasted });
        }
        let (by, baseline) = (slot.policy.quality.degraded_by?, quality.baseline?);
        Some(Cause::Degraded { score, baseline, by, lasted: lasted(slot.telemetry.degraded_since)? })
    }

    /// What is wanted of the codecs of a channel that is up: a better order where its score is below `optimise_below`, the
    /// order first read once conditions have been good for `restore_after`.
    pub(super) fn wanted_codec(&self, now: Time, i: SlotId, score: f64) -> Result<Want, Reason> {
        let slot = &self.slots[i];
        let policy = &slot.policy;
        if score < policy.quality.optimise_below {
            if let Some(hold) = slot.not_yet() {
                return Err(Reason::CodecKept { score, hold });
            }
            let Some(summary) = &slot.telemetry.summary else { return Err(self.quiet_reason(i)) };
            let latency = self.tenants[slot.tenant].params.latency;
            let refuted: Vec<&Refuted> = slot.codec.refuted.at(now).map(|(refuted, _)| refuted).collect();
            // What a person approved goes before what would be proposed now, as long as it is of use.
            let approved = slot.approved_at(now).and_then(|approved| approved.order.as_deref());
            let approved = approved.and_then(|order| {
                let (rules, quality) = (&policy.codec, &policy.quality);
                codec::propose_approved(rules, quality, latency, summary, &slot.evidence.codecs, &refuted, order)
            });
            if let Some(proposal) = approved {
                return Ok(Want::Codec(CodecWant::Improve(proposal)));
            }
            return match codec::propose(
                &policy.codec,
                &policy.quality,
                latency,
                summary,
                &slot.evidence.codecs,
                &refuted,
            ) {
                Ok(proposal) => Ok(Want::Codec(CodecWant::Improve(proposal))),
                Err(hold) => Err(Reason::CodecKept { score, hold }),
            };
        }
        let first = slot
            .codec
            .first
            .as_ref()
            .filter(|first| same_names(first, &slot.evidence.codecs) && **first != slot.evidence.codecs);
        match (first, slot.telemetry.fine_since) {
            (Some(first), Some(since)) if now.since(since) >= policy.codec.restore_after => {
                Ok(Want::Codec(CodecWant::Restore(first.clone())))
            }
            _ => Err(self.quiet_reason(i)),
        }
    }

    /// What the order so far scores, which another one must not be measured worse than.
    pub(super) fn score_before(&self, i: SlotId, proposal: &Proposal) -> Option<f64> {
        let slot = &self.slots[i];
        let (params, latency) = (&slot.policy.quality, self.tenants[slot.tenant].params.latency);
        let values = score::codec_values(&params.codecs, &proposal.from)?;
        let of = |measured| predict(params, &Conditions::new(params, latency, measured), &values).score;
        let newest = slot.telemetry.window.newest().as_ref().map_or(f64::INFINITY, of);
        Some((proposal.predicted - proposal.gain).min(newest))
    }

    /// A codec order of ours shows: from now on it is measured against its promise.
    pub(super) fn begin_trial(
        &mut self,
        now: Time,
        i: SlotId,
        promise: Option<&Promise>,
        order: &[Codec],
        before: &[Codec],
    ) {
        let slot = &mut self.slots[i];
        let trial = promise.map(|promise| CodecTrial {
            promise: promise.clone(),
            order: order.to_vec(),
            back: before.to_vec(),
            verdict: None,
        });
        let lasts = CodecTrial::lasts(&slot.policy.telemetry);
        slot.codec.worse_at = None;
        slot.codec.trial = trial.map(|trial| Box::new(Timed::new(trial, now, lasts, Some(&slot.telemetry.window))));
    }

    /// Holds a codec order against what it promised, as soon as there is enough telemetry of it; and one that was measured
    /// worse again by all that comes, until it is put back.
    fn judge_trial(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        let slot = &self.slots[i];
        if slot.away() || slot.action.flight.is_some() || slot.action.unsure.is_some() {
            return;
        }
        let latency = self.tenants[slot.tenant].params.latency;
        let Some(trial) = slot.open_trial() else { return };
        let Some(summary) = trial.measured(&slot.telemetry.window) else { return };
        let params = &slot.policy.quality;
        let Some(values) = score::codec_values(&params.codecs, &trial.of.promise.to) else { return };
        let measured = predict(params, &Conditions::new(params, latency, &summary.measured()), &values).score;
        let worse = measured <= trial.of.promise.worse_at(&slot.policy.codec);
        let again = trial.of.verdict.is_some();
        let Promise { from, to, before, predicted } = trial.of.promise.clone();
        let slot = &mut self.slots[i];
        slot.codec.worse_at = worse.then_some(now);
        if worse && again {
            if let Some(trial) = &mut slot.codec.trial {
                trial.of.verdict = Some(Verdict::Worse { measured });
            }
            return;
        }
        if worse {
            let refuted = Refuted { from: from.clone(), to: to.clone(), before, measured };
            let wait = slot.codec.refuted.add(now, refuted, &slot.policy.codec);
            slot.codec.until = Some(now + wait).max(slot.codec.until);
        }
        let verdict = if worse { Verdict::Worse { measured } } else { Verdict::Holds { measured } };
        self.conclude_trial(i, verdict, Reason::CodecMeasured { from, to, before, predicted, measured, worse }, out);
    }

    fn conclude_trial(&mut self, i: SlotId, verdict: Verdict, reason: Reason, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        if let Some(trial) = &mut slot.codec.trial {
            trial.of.verdict = Some(verdict);
        }
        let event = EventType::CodecMeasured;
        out.push(Command::Record(channel_record(&slot.key, event, Actor::Engine, reason, (None, None))));
        self.mark_unsaved(i);
        self.mark_changed(i);
    }

    /// Ends what can no longer be measured, or not in its time.
    pub(super) fn lapse_trials(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        self.note_probation(now, i);
        let slot = &mut self.slots[i];
        // Not ours any more: someone else chose another order, or we put another one in place.
        let ours =
            |trial: &Timed<CodecTrial>| slot.codec.set.as_ref().is_some_and(|set| same_order(set, &trial.of.order));
        if slot.codec.trial.take_if(|trial| !ours(trial)).is_some() {
            self.mark_unsaved(i);
            self.mark_changed(i);
        }
        let slot = &mut self.slots[i];
        if slot.away()
            && let Some(trial) = &mut slot.codec.trial
        {
            // Once its traffic is home again, the order is measured by that.
            trial.measure_anew(now, &slot.telemetry.window);
            slot.codec.worse_at = None;
        }
        let slot = &self.slots[i];
        let Some(trial) = slot.pending_trial() else { return };
        // Once the traffic has left, telemetry says nothing about the order.
        if now >= trial.until || slot.away() {
            let within = CodecTrial::lasts(&slot.policy.telemetry).saturating_sub(trial.until.since(now));
            let reason = Reason::CodecUnmeasured { to: trial.of.promise.to.clone(), within };
            self.conclude_trial(i, Verdict::Unmeasured, reason, out);
        }
    }
}

impl Slot {
    /// What takes a codec order back that was measured worse than the one before, by telemetry that is fresh: of its own
    /// traffic under that order, and not from before that left.
    pub(in crate::policy) fn undo(&self, now: Time) -> Option<Want> {
        self.codec.worse_at.filter(|at| now.since(*at) <= self.telemetry_limit())?;
        let trial = self.codec.trial.as_ref().filter(|_| self.policy.codec.enabled)?;
        let Some(Verdict::Worse { measured }) = trial.of.verdict else { return None };
        let (promise, back) = (trial.of.promise.clone(), trial.of.back.clone());
        let differs = same_names(&back, &self.evidence.codecs) && !same_order(&back, &self.evidence.codecs);
        differs.then_some(Want::Codec(CodecWant::Undo { promise, measured, back }))
    }

    /// What keeps another remedy for quality waiting: one that is being measured, or telemetry from before the last one.
    pub(in crate::policy) fn not_yet(&self) -> Option<CodecHold> {
        if let Some(trial) = self.pending_trial() {
            let Promise { to, predicted, before, .. } = trial.of.promise.clone();
            return Some(CodecHold::OnTrial { to, predicted, before });
        }
        (!self.measured_since_change()).then_some(CodecHold::Unmeasured)
    }
}

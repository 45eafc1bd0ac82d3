//! The report of a channel's quality: which condition is running out, and what is on trial. Reads only.

use super::super::explanation::{CodecTrialReport, LowReport, ProbationReport, QualityWatch, RefutedReport};
use super::super::ids::SlotId;
use super::super::score;
use super::super::score::Quality;
use super::super::time::Time;
use super::super::trial::{CodecTrial, Promise, Refuted, Timed, Verdict};
use super::{Engine, Slot};

impl Engine {
    /// Its report: see [`QualityWatch`].
    pub(super) fn quality_watch(&self, now: Time, i: SlotId) -> QualityWatch {
        let slot = &self.slots[i];
        let refuted = slot.codec.refuted.at(now).map(|(refuted, left)| {
            let Refuted { to, before, measured, .. } = refuted.clone();
            RefutedReport { to, before, measured, left }
        });
        let quality = slot.quality_now(now);
        QualityWatch {
            degraded: quality.and_then(|quality| score::degradation(&slot.policy.quality, quality)),
            low: quality.and_then(|quality| slot.low(now, quality)),
            trial: slot.codec.trial.as_deref().map(|trial| slot.trial_report(now, trial)),
            refuted: refuted.collect(),
            probation: slot.route.probation.as_ref().map(|on| ProbationReport {
                backup: on.of.backup.clone(),
                left_behind: on.of.left_behind,
                worse_at: on.of.worse_at(&slot.policy.failover),
                measured: self.measured_there(now, i),
                left: on.until.since(now),
                found_worse: on.of.found.is_some(),
            }),
        }
    }
}

impl Slot {
    fn low(&self, now: Time, quality: &Quality) -> Option<LowReport> {
        let rules = &self.policy.failover;
        let report = |below, of_baseline, since| {
            let (lasted, needed) = (now.since(since), rules.quality_for);
            LowReport { below, of_baseline, lasted, needed }
        };
        if let (Some(below), Some(since)) = (rules.quality_below, self.telemetry.low_since) {
            return Some(report(below, false, since));
        }
        let below = quality.baseline? - self.policy.quality.degraded_by?;
        Some(report(below, true, self.telemetry.degraded_since?))
    }

    fn trial_report(&self, now: Time, trial: &Timed<CodecTrial>) -> CodecTrialReport {
        let Promise { from, to, before, predicted } = trial.of.promise.clone();
        let worse_at = trial.of.promise.worse_at(&self.policy.codec);
        let (state, measured, left) = match trial.of.verdict {
            None => ("measuring", None, Some(trial.until.since(now))),
            Some(Verdict::Holds { measured }) => ("holds", Some(measured), None),
            Some(Verdict::Worse { measured }) => ("worse", Some(measured), None),
            Some(Verdict::Unmeasured) => ("unmeasured", None, None),
        };
        CodecTrialReport { from, to, before, predicted, worse_at, state, measured, left }
    }
}

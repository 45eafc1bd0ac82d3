//! Policies: inheritance, the engine's parameters, and what their values must be to each other.

use super::{Compiler, mode};
use crate::config::keys::policy::{self, codec, health, provisioning, telemetry};
use crate::config::keys::quality::{self, codec as codec_values, tier};
use crate::config::keys::{calendar, failover, root};
use crate::config::loc::Loc;
use crate::config::model::{Calendar, Provisioning, ProvisioningMode};
use crate::config::section::{Got, Section};
use crate::config::syntax::spell;
use crate::policy::score::G711_BPL_CONCEALED;
use crate::policy::{
    CandidateOrder, CodecParams, CodecTable, CodecValues, Failback, FailoverParams, HealthParams, OPUS_WIDEBAND,
    Policy, PolicyMode, ProposeFor, QualityParams, Scorer, Statistic, TelemetryParams, Tier,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A policy as the engine takes it, and the rest of it.
pub(super) struct Compiled {
    pub policy: Arc<Policy>,
    pub provisioning: Provisioning,
}

impl Compiler<'_> {
    /// Every policy by name; `default` always exists.
    pub(super) fn policies(&mut self) -> BTreeMap<String, Compiled> {
        let mut raw: BTreeMap<String, Section> = BTreeMap::new();
        let documents = self.documents;
        for (_, name, at, section) in documents.named(&root::POLICIES) {
            let section = section.cloned().unwrap_or_else(|| Section::absent(&policy::TABLE, at));
            if let Some(first) = raw.get(name) {
                let first = first.at;
                self.error(at, format!("the policy `{name}` is defined in two files")).also(first, "the other one");
                continue;
            }
            raw.insert(name.to_owned(), section);
        }
        raw.entry("default".to_owned())
            .or_insert_with(|| Section::absent(&policy::TABLE, Loc { file: 0, start: 0, end: 0 }));
        raw.keys()
            .map(|name| {
                let merged = self.inherited(name, &raw);
                (name.clone(), self.policy(name, &merged))
            })
            .collect()
    }

    /// A policy over all that it inherits from.
    fn inherited(&mut self, name: &str, raw: &BTreeMap<String, Section>) -> Section {
        let mut chain: Vec<&str> = Vec::new();
        let mut next = Some(name);
        while let Some(section) = next.and_then(|n| raw.get(n)) {
            chain.push(next.unwrap_or_default());
            let Some(inherit) = section.find(&policy::INHERIT) else { break };
            let Some((parent, _)) = raw.get_key_value(&inherit.value) else {
                self.unknown(inherit.at, "policy", &inherit.value, raw.keys().map(String::as_str));
                break;
            };
            if let Some(from) = chain.iter().position(|seen| seen == parent) {
                // Said once, for the member of the ring that comes first by name.
                let ring: Vec<&str> = chain.iter().skip(from).copied().collect();
                if ring.iter().min() == Some(&name) {
                    let round = ring.iter().copied().chain([parent.as_str()]).collect::<Vec<_>>().join(" -> ");
                    self.error(inherit.at, format!("policies inherit from each other in a circle: {round}"));
                }
                break;
            }
            next = Some(parent);
        }
        let sections = chain.iter().rev().filter_map(|n| raw.get(*n));
        sections
            .fold(None, |base: Option<Section>, top| Some(base.map_or_else(|| top.clone(), |b| top.over(&b))))
            .unwrap_or_else(|| Section::absent(&policy::TABLE, Loc { file: 0, start: 0, end: 0 }))
    }

    fn policy(&mut self, name: &str, section: &Section) -> Compiled {
        let policy = Policy {
            name: name.to_owned(),
            mode: PolicyMode(mode(&section.get(&policy::MODE).value)),
            propose_for: ProposeFor(section.get(&policy::PROPOSE_FOR).value),
            health: self.health(&section.table(&policy::HEALTH)),
            telemetry: self.telemetry(&section.table(&policy::TELEMETRY), statistic(&section.table(&policy::QUALITY))),
            quality: self.quality(&section.table(&policy::QUALITY)),
            failover: self.failover(&section.table(&policy::FAILOVER)),
            codec: codec(&section.table(&policy::CODEC)),
        };
        let provisioning = self.provisioning(section);
        Compiled { policy: Arc::new(policy), provisioning }
    }

    /// An error where `small < big` does not hold (`<=` where `equal`), at the one that the file sets.
    pub(super) fn ordered(&mut self, table: &str, small: &Got<Duration>, big: &Got<Duration>, equal: bool) {
        if !small.sound || !big.sound || small.value < big.value || (equal && small.value == big.value) {
            return;
        }
        let of = |got: &Got<Duration>| format!("{}{}", spell(got.value), if got.set { "" } else { ", the default" });
        let relation = if equal { "must not be longer than" } else { "must be shorter than" };
        let message = format!("{table}: `{}` ({}) {relation} `{}` ({})", small.name, of(small), big.name, of(big));
        let (at, other) = if small.set { (small.at, big) } else { (big.at, small) };
        let found = self.error(at, message);
        if other.set && other.at != at {
            found.also(other.at, "compared with this");
        }
    }

    fn health(&mut self, health: &Section) -> HealthParams {
        let interval = health.get(&health::INTERVAL);
        let timeout = health.get(&health::TIMEOUT);
        let fast = health.get(&health::FAST_INTERVAL);
        self.ordered("health", &timeout, &interval, false);
        self.ordered("health", &fast, &interval, true);
        let (fall, fall_of) = (health.get(&health::FALL), health.find(&health::FALL_OF));
        if let Some(of) = fall_of.as_ref().filter(|of| of.sound && fall.sound && of.value < fall.value) {
            let message = format!("health: `fall_of` ({}) must not be less than `fall` ({})", of.value, fall.value);
            self.error(of.at, message);
        }
        HealthParams {
            interval: interval.value,
            timeout: timeout.value,
            fast_interval: fast.value,
            fall: fall.value,
            fall_of: fall_of.map_or(fall.value, |found| found.value),
            rise: health.get(&health::RISE).value,
        }
    }

    fn telemetry(&mut self, telemetry: &Section, summary: Statistic) -> TelemetryParams {
        let window = telemetry.get(&telemetry::WINDOW);
        let bucket = telemetry.get(&telemetry::BUCKET);
        let min_samples = telemetry.get(&telemetry::MIN_SAMPLES);
        self.ordered("telemetry", &bucket, &window, true);
        let sound = window.sound && bucket.sound && min_samples.sound && bucket.value <= window.value;
        let buckets = window.value.as_millis() / bucket.value.as_millis().max(1);
        if sound && u128::from(min_samples.value) > buckets {
            let at = [&min_samples.at].into_iter().chain([&window.at, &bucket.at]);
            let set = [min_samples.set, window.set, bucket.set];
            let at = at.zip(set).find(|(_, set)| *set).map_or(telemetry.at, |(at, _)| *at);
            self.error(
                at,
                format!(
                    "telemetry: a window of {} has {buckets} buckets of {}, fewer than `min_samples` ({}): no channel would ever have a score",
                    spell(window.value),
                    spell(bucket.value),
                    min_samples.value
                ),
            );
        }
        TelemetryParams {
            interval: telemetry.get(&telemetry::INTERVAL).value,
            window: window.value,
            bucket: bucket.value,
            min_samples: min_samples.value,
            summary,
        }
    }

    fn quality(&mut self, quality: &Section) -> QualityParams {
        let rows = self.tiers(quality);
        let otherwise = quality.get(&quality::OTHERWISE).value;
        let scorer = match quality.get(&quality::SCORER).value.as_str() {
            "tiers" => Scorer::Tiers { rows, otherwise },
            _ => Scorer::Emodel,
        };
        let degraded_by = quality.find(&quality::DEGRADED_BY);
        QualityParams {
            scorer,
            optimise_below: quality.get(&quality::OPTIMISE_BELOW).value,
            one_way_share: quality.get(&quality::ONE_WAY_SHARE).value,
            advantage: quality.get(&quality::ADVANTAGE).value,
            burst_r: quality.get(&quality::BURST_R).value,
            degraded_by: degraded_by.map(|found| found.value),
            codecs: self.codec_table(quality),
        }
    }

    fn tiers(&mut self, quality: &Section) -> Vec<Tier> {
        let mut rows: Vec<(Tier, Loc)> = Vec::new();
        for section in quality.get(&quality::TIERS).value {
            let latency = section.get(&tier::LATENCY_MS);
            let (jitter, score) = (section.get(&tier::JITTER_MS), section.get(&tier::SCORE));
            if !(latency.sound && jitter.sound && score.sound) {
                continue;
            }
            let row = Tier { latency_ms: latency.value, jitter_ms: jitter.value, score: score.value };
            let before = rows.iter().find(|(r, _)| r.latency_ms >= row.latency_ms && r.jitter_ms >= row.jitter_ms);
            if let Some((_, other)) = before {
                let other = *other;
                let message = "quality: this row of `tiers` is never reached; an earlier row has bounds as wide";
                self.error(section.at, message).also(other, "this row takes everything");
            } else if let Some((_, other)) = rows.last().filter(|(r, _)| r.score < row.score) {
                let other = *other;
                let message = "quality: rows of `tiers` must go from the best score to the worst";
                self.error(section.at, message).also(other, "this row is worse and comes earlier");
            }
            rows.push((row, section.at));
        }
        rows.into_iter().map(|(row, _)| row).collect()
    }

    fn codec_table(&mut self, quality: &Section) -> CodecTable {
        let mut table = CodecTable::default();
        for (name, entry) in quality.named(&quality::CODECS).into_iter().flatten() {
            let Some(section) = entry.section() else { continue };
            let upper = name.to_uppercase();
            let known = table.0.get(&upper).copied();
            if known.is_none() {
                for key in missing(section) {
                    let message = format!("`{name}` has no built-in values, so it needs `{key}`");
                    self.error(entry.key_at, message);
                }
            }
            // What most codecs of telephony have; only read for codecs that the file brings along.
            let blank = CodecValues { ie: 0.0, bpl: 4.3, plc: false, wideband: false, kbit_s: 64.0, frame_ms: 20.0 };
            let base = match section.find(&codec_values::WIDEBAND) {
                Some(wideband) if wideband.value && upper == "OPUS" => OPUS_WIDEBAND,
                Some(wideband) if known.is_some_and(|known| known.wideband != wideband.value) => {
                    for key in missing(section) {
                        let message = format!(
                            "the built-in `{key}` of `{name}` is on another scale than `wideband` says: set `{key}`"
                        );
                        self.error(wideband.at, message);
                    }
                    known.unwrap_or(blank)
                }
                _ => known.unwrap_or(blank),
            };
            let number = |key, default| section.find(key).map_or(default, |found: Got<f64>| found.value);
            let flag = |key, default| section.find(key).map_or(default, |found: Got<bool>| found.value);
            let plc = flag(&codec_values::PLC, base.plc);
            let g711 = matches!(upper.as_str(), "PCMU" | "PCMA");
            let bpl = number(&codec_values::BPL, if plc && g711 { G711_BPL_CONCEALED } else { base.bpl });
            let values = CodecValues {
                ie: number(&codec_values::IE, base.ie),
                bpl,
                plc,
                wideband: flag(&codec_values::WIDEBAND, base.wideband),
                kbit_s: number(&codec_values::KBIT_S, base.kbit_s),
                frame_ms: number(&codec_values::FRAME_MS, base.frame_ms),
            };
            table.0.insert(upper, values);
        }
        table
    }

    fn failover(&mut self, failover: &Section) -> FailoverParams {
        let block = failover.get(&failover::BLOCK_PERIOD);
        // The contract: 8 x and 3 x the policy's own block_period.
        let derived = |key, factor| {
            let got = failover.get(key);
            let value = if got.set { got.value } else { block.value.saturating_mul(factor) };
            Got { value, sound: got.sound || !got.set, ..got }
        };
        let (hold_down_max, half_life) =
            (derived(&failover::HOLD_DOWN_MAX, 8), derived(&failover::HOLD_DOWN_HALF_LIFE, 3));
        self.ordered("failover", &block, &hold_down_max, true);
        let damping = self.damping(failover, block.value, &hold_down_max);
        let action_timeout = failover.get(&failover::ACTION_TIMEOUT);
        let failback = failover.get(&failover::FAILBACK);
        let window = failover.has(&failover::FAILBACK_WINDOW);
        match (failback.value.as_str(), window) {
            ("window", false) => {
                self.error(failback.at, "failover: `failback = \"window\"` needs a `failback_window`");
            }
            (word, true) if failback.sound && word != "window" => {
                let at = failover.key_at(&failover::FAILBACK_WINDOW);
                self.warning(at, "failover: `failback_window` has no effect without `failback = \"window\"`");
            }
            _ => {}
        }
        if failback.value == "manual" && failover.has(&failover::FAILBACK_BETTER_BY) {
            let at = failover.key_at(&failover::FAILBACK_BETTER_BY);
            self.warning(at, "failover: `failback_better_by` has no effect with `failback = \"manual\"`");
        }
        let quality_below = failover.find(&failover::QUALITY_BELOW);
        FailoverParams {
            enabled: failover.get(&failover::ENABLED).value,
            on: failover.list(&failover::ON),
            quality_below: quality_below.map(|found| found.value),
            quality_for: failover.get(&failover::QUALITY_FOR).value,
            better_by: failover.get(&failover::BETTER_BY).value,
            min_candidate_score: failover.get(&failover::MIN_CANDIDATE_SCORE).value,
            require_score: failover.get(&failover::REQUIRE_SCORE).value,
            order: match failover.get(&failover::ORDER).value.as_str() {
                "best" => CandidateOrder::Best,
                _ => CandidateOrder::Configured,
            },
            block_period: block.value,
            hold_down_max: hold_down_max.value,
            hold_down_half_life: half_life.value,
            damping,
            action_timeout: action_timeout.value,
            verify_for: failover.get(&failover::VERIFY_FOR).value,
            max_dependents: failover.get(&failover::MAX_DEPENDENTS).value,
            failback: match failback.value.as_str() {
                "manual" => Failback::Manual,
                "window" => Failback::Window,
                _ => Failback::Auto,
            },
            failback_after: failover.get(&failover::FAILBACK_AFTER).value,
            failback_better_by: failover.find(&failover::FAILBACK_BETTER_BY).map(|found| found.value),
        }
    }

    fn provisioning(&mut self, section: &Section) -> Provisioning {
        let desired = section.table(&policy::PROVISIONING);
        let rescue = section.find_table(&policy::RESCUE).map(|rescue| self.rescue(rescue));
        Provisioning {
            mode: match desired.get(&provisioning::MODE).value.as_str() {
                "create" => ProvisioningMode::Create,
                "enforce" => ProvisioningMode::Enforce,
                _ => ProvisioningMode::Report,
            },
            interval: desired.get(&provisioning::INTERVAL).value,
            settle_for: desired.get(&provisioning::SETTLE_FOR).value,
            rescue,
            maintenance: section.get(&policy::MAINTENANCE).value.iter().map(calendar).collect(),
            failback_window: section.table(&policy::FAILOVER).find_table(&failover::FAILBACK_WINDOW).map(calendar),
        }
    }
}

/// `mean`, or `pNN`: the words that the key allows.
fn statistic(quality: &Section) -> Statistic {
    let word = quality.get(&quality::SUMMARY).value;
    word.strip_prefix('p').and_then(|percent| percent.parse().ok()).map_or(Statistic::Mean, Statistic::Percentile)
}

/// The names of the keys that a codec without built-in values on its scale needs, and does not have.
fn missing(section: &Section) -> impl Iterator<Item = &'static str> {
    [&codec_values::IE, &codec_values::BPL].into_iter().filter(|key| !section.has(key)).map(|key| key.row.name)
}

fn codec(codec: &Section) -> CodecParams {
    let text = |key| codec.find(key).map(|found| found.value);
    CodecParams {
        enabled: codec.get(&codec::ENABLED).value,
        cooldown: codec.get(&codec::COOLDOWN).value,
        min_gain: codec.get(&codec::MIN_GAIN).value,
        restore_after: codec.get(&codec::RESTORE_AFTER).value,
        max_bitrate_increase: codec.get(&codec::MAX_BITRATE_INCREASE).value,
        dtmf_mode: text(&codec::DTMF_MODE),
        rtp_payload_type: text(&codec::RTP_PAYLOAD_TYPE),
    }
}

fn calendar(section: &Section) -> Calendar {
    Calendar {
        cron: section.get(&calendar::CRON).value,
        lasts: section.get(&calendar::FOR).value,
        timezone: section.get(&calendar::TIMEZONE).value,
    }
}

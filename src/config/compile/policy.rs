//! Policies: inheritance, the engine's parameters, and what their values must be to each other.

use super::{Compiler, mode};
use crate::config::keys::POLICY;
use crate::config::model::{Calendar, Provisioning, ProvisioningMode};
use crate::config::section::{Entry, Got, Section, Value};
use crate::config::source::Loc;
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
        for (_, name, at, section) in documents.named("policies") {
            let section = section.cloned().unwrap_or_else(|| Section::absent(&POLICY, at));
            if let Some(first) = raw.get(name) {
                let first = first.at;
                self.error(at, format!("the policy `{name}` is defined in two files")).also(first, "the other one");
                continue;
            }
            raw.insert(name.to_owned(), section);
        }
        raw.entry("default".to_owned()).or_insert_with(|| Section::absent(&POLICY, Loc { file: 0, start: 0, end: 0 }));
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
            let Some(Entry { value: Value::Text(parent), at, .. }) = section.entries.get("inherit") else { break };
            if !raw.contains_key(parent) {
                self.unknown(*at, "policy", parent, raw.keys().map(String::as_str));
                break;
            }
            if let Some(from) = chain.iter().position(|seen| seen == parent) {
                // Said once, for the member of the ring that comes first by name.
                let ring: Vec<&str> = chain.iter().skip(from).copied().collect();
                if ring.iter().min() == Some(&name) {
                    let round = ring.iter().copied().chain([parent.as_str()]).collect::<Vec<_>>().join(" -> ");
                    self.error(*at, format!("policies inherit from each other in a circle: {round}"));
                }
                break;
            }
            next = Some(parent);
        }
        let sections = chain.iter().rev().filter_map(|n| raw.get(*n));
        sections
            .fold(None, |base: Option<Section>, top| Some(base.map_or_else(|| top.clone(), |b| top.over(&b))))
            .unwrap_or_else(|| Section::absent(&POLICY, Loc { file: 0, start: 0, end: 0 }))
    }

    fn policy(&mut self, name: &str, section: &Section) -> Compiled {
        let policy = Policy {
            name: name.to_owned(),
            mode: PolicyMode(mode(&section.get::<String>("mode").value)),
            propose_for: ProposeFor(section.get("propose_for").value),
            health: self.health(&section.table("health")),
            telemetry: self.telemetry(&section.table("telemetry"), statistic(&section.table("quality"))),
            quality: self.quality(&section.table("quality")),
            failover: self.failover(&section.table("failover")),
            codec: codec(&section.table("codec")),
        };
        let provisioning = self.provisioning(section);
        Compiled { policy: Arc::new(policy), provisioning }
    }

    /// An error where `small < big` does not hold (`<=` where `equal`), at the one that the file sets.
    pub(super) fn ordered(
        &mut self,
        table: &str,
        small: (&str, &Got<Duration>),
        big: (&str, &Got<Duration>),
        equal: bool,
    ) {
        let ((a, small), (b, big)) = (small, big);
        if !small.sound || !big.sound || small.value < big.value || (equal && small.value == big.value) {
            return;
        }
        let of = |got: &Got<Duration>| format!("{}{}", spell(got.value), if got.set { "" } else { ", the default" });
        let relation = if equal { "must not be longer than" } else { "must be shorter than" };
        let message = format!("{table}: `{a}` ({}) {relation} `{b}` ({})", of(small), of(big));
        let (at, other) = if small.set { (small.at, big) } else { (big.at, small) };
        let found = self.error(at, message);
        if other.set && other.at != at {
            found.also(other.at, "compared with this");
        }
    }

    fn health(&mut self, health: &Section) -> HealthParams {
        let interval = health.get::<Duration>("interval");
        let timeout = health.get::<Duration>("timeout");
        let fast = health.get::<Duration>("fast_interval");
        self.ordered("health", ("timeout", &timeout), ("interval", &interval), false);
        self.ordered("health", ("fast_interval", &fast), ("interval", &interval), true);
        let (fall, fall_of) = (health.get::<u32>("fall"), health.find::<u32>("fall_of"));
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
            rise: health.get("rise").value,
        }
    }

    fn telemetry(&mut self, telemetry: &Section, summary: Statistic) -> TelemetryParams {
        let window = telemetry.get::<Duration>("window");
        let bucket = telemetry.get::<Duration>("bucket");
        let min_samples = telemetry.get::<u32>("min_samples");
        self.ordered("telemetry", ("bucket", &bucket), ("window", &window), true);
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
            interval: telemetry.get("interval").value,
            window: window.value,
            bucket: bucket.value,
            min_samples: min_samples.value,
            summary,
        }
    }

    fn quality(&mut self, quality: &Section) -> QualityParams {
        let rows = self.tiers(quality);
        let otherwise = quality.get("otherwise").value;
        let scorer = match quality.get::<String>("scorer").value.as_str() {
            "tiers" => Scorer::Tiers { rows, otherwise },
            _ => Scorer::Emodel,
        };
        let degraded_by = quality.find::<f64>("degraded_by");
        QualityParams {
            scorer,
            optimise_below: quality.get("optimise_below").value,
            one_way_share: quality.get("one_way_share").value,
            advantage: quality.get("advantage").value,
            burst_r: quality.get("burst_r").value,
            degraded_by: degraded_by.map(|found| found.value),
            codecs: self.codec_table(quality),
        }
    }

    fn tiers(&mut self, quality: &Section) -> Vec<Tier> {
        let mut rows: Vec<(Tier, Loc)> = Vec::new();
        let list = quality.get::<Vec<Entry>>("tiers");
        if list.set && list.sound && list.value.is_empty() {
            self.error(list.at, "quality: `tiers` must have at least one row");
        }
        for section in quality.tables("tiers") {
            let number = |key| section.get::<f64>(key);
            let (latency, jitter, score) = (number("latency_ms"), number("jitter_ms"), number("score"));
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
        for (name, entry) in quality.named("codecs").into_iter().flatten() {
            let Some(section) = entry.section() else { continue };
            let upper = name.to_uppercase();
            let known = table.0.get(&upper).copied();
            if known.is_none() {
                for key in ["ie", "bpl"].into_iter().filter(|key| !section.has(key)) {
                    let message = format!("`{name}` has no built-in values, so it needs `{key}`");
                    self.error(entry.key_at, message);
                }
            }
            // What most codecs of telephony have; only read for codecs that the file brings along.
            let blank = CodecValues { ie: 0.0, bpl: 4.3, plc: false, wideband: false, kbit_s: 64.0, frame_ms: 20.0 };
            let base = match section.find::<bool>("wideband") {
                Some(wideband) if wideband.value && upper == "OPUS" => OPUS_WIDEBAND,
                Some(wideband) if known.is_some_and(|known| known.wideband != wideband.value) => {
                    for key in ["ie", "bpl"].into_iter().filter(|key| !section.has(key)) {
                        let message = format!(
                            "the built-in `{key}` of `{name}` is on another scale than `wideband` says: set `{key}`"
                        );
                        self.error(wideband.at, message);
                    }
                    known.unwrap_or(blank)
                }
                _ => known.unwrap_or(blank),
            };
            let number = |key, default| section.find::<f64>(key).map_or(default, |found| found.value);
            let flag = |key, default| section.find::<bool>(key).map_or(default, |found| found.value);
            let plc = flag("plc", base.plc);
            let g711 = matches!(upper.as_str(), "PCMU" | "PCMA");
            let bpl = number("bpl", if plc && g711 { G711_BPL_CONCEALED } else { base.bpl });
            let values = CodecValues {
                ie: number("ie", base.ie),
                bpl,
                plc,
                wideband: flag("wideband", base.wideband),
                kbit_s: number("kbit_s", base.kbit_s),
                frame_ms: number("frame_ms", base.frame_ms),
            };
            table.0.insert(upper, values);
        }
        table
    }

    fn failover(&mut self, failover: &Section) -> FailoverParams {
        let block = failover.get::<Duration>("block_period");
        // The contract: 8 x and 3 x the policy's own block_period.
        let derived = |key, factor| {
            let got = failover.get::<Duration>(key);
            let value = if got.set { got.value } else { block.value.saturating_mul(factor) };
            Got { value, sound: got.sound || !got.set, ..got }
        };
        let (hold_down_max, half_life) = (derived("hold_down_max", 8), derived("hold_down_half_life", 3));
        self.ordered("failover", ("block_period", &block), ("hold_down_max", &hold_down_max), true);
        let damping = self.damping(failover, block.value, &hold_down_max);
        let action_timeout = failover.get::<Duration>("action_timeout");
        let failback = failover.get::<String>("failback");
        let window = failover.has("failback_window");
        match (failback.value.as_str(), window) {
            ("window", false) => {
                self.error(failback.at, "failover: `failback = \"window\"` needs a `failback_window`");
            }
            (word, true) if failback.sound && word != "window" => {
                let at = failover.key_at("failback_window");
                self.warning(at, "failover: `failback_window` has no effect without `failback = \"window\"`");
            }
            _ => {}
        }
        if failback.value == "manual" && failover.has("failback_better_by") {
            let at = failover.key_at("failback_better_by");
            self.warning(at, "failover: `failback_better_by` has no effect with `failback = \"manual\"`");
        }
        let quality_below = failover.find::<f64>("quality_below");
        FailoverParams {
            enabled: failover.get("enabled").value,
            on: failover.texts("on").into_iter().map(|(word, _)| word).collect(),
            quality_below: quality_below.map(|found| found.value),
            quality_for: failover.get("quality_for").value,
            better_by: failover.get("better_by").value,
            min_candidate_score: failover.get("min_candidate_score").value,
            require_score: failover.get("require_score").value,
            order: match failover.get::<String>("order").value.as_str() {
                "best" => CandidateOrder::Best,
                _ => CandidateOrder::Configured,
            },
            block_period: block.value,
            hold_down_max: hold_down_max.value,
            hold_down_half_life: half_life.value,
            damping,
            action_timeout: action_timeout.value,
            verify_for: failover.get("verify_for").value,
            max_dependents: failover.get("max_dependents").value,
            failback: match failback.value.as_str() {
                "manual" => Failback::Manual,
                "window" => Failback::Window,
                _ => Failback::Auto,
            },
            failback_after: failover.get("failback_after").value,
            failback_better_by: failover.find::<f64>("failback_better_by").map(|found| found.value),
        }
    }

    fn provisioning(&mut self, section: &Section) -> Provisioning {
        let desired = section.table("provisioning");
        let rescue = section.find_table("rescue").map(|rescue| self.rescue(rescue));
        Provisioning {
            mode: match desired.get::<String>("mode").value.as_str() {
                "create" => ProvisioningMode::Create,
                "enforce" => ProvisioningMode::Enforce,
                _ => ProvisioningMode::Report,
            },
            interval: desired.get("interval").value,
            settle_for: desired.get("settle_for").value,
            rescue,
            maintenance: section.tables("maintenance").iter().map(calendar).collect(),
            failback_window: section.table("failover").find_table("failback_window").map(calendar),
        }
    }
}

/// `mean`, or `pNN`: the words that the key allows.
fn statistic(quality: &Section) -> Statistic {
    let word = quality.get::<String>("summary").value;
    word.strip_prefix('p').and_then(|percent| percent.parse().ok()).map_or(Statistic::Mean, Statistic::Percentile)
}

fn codec(codec: &Section) -> CodecParams {
    let text = |key| codec.find::<String>(key).map(|found| found.value);
    CodecParams {
        enabled: codec.get("enabled").value,
        cooldown: codec.get("cooldown").value,
        min_gain: codec.get("min_gain").value,
        restore_after: codec.get("restore_after").value,
        max_bitrate_increase: codec.get("max_bitrate_increase").value,
        dtmf_mode: text("dtmf_mode"),
        rtp_payload_type: text("rtp_payload_type"),
    }
}

fn calendar(section: &Section) -> Calendar {
    Calendar {
        cron: section.get::<String>("cron").value,
        lasts: section.get("for").value,
        timezone: section.get::<String>("timezone").value,
    }
}

//! `[policies.NAME.quality]`: how telemetry becomes a score.

use super::key::{Key, Named, absent, named, number, or, tables, word};
use super::kind::Table;
use crate::config::section::Section;

pub(crate) static TABLE: Table = Table {
    name: "[policies.NAME.quality]",
    doc: "How telemetry becomes a score of 0 to 100.",
    keys: &[
        &SCORER.row,
        &OPTIMISE_BELOW.row,
        &SUMMARY.row,
        &ONE_WAY_SHARE.row,
        &ADVANTAGE.row,
        &BURST_R.row,
        &DEGRADED_BY.row,
        &TIERS.row,
        &OTHERWISE.row,
        &CODECS.row,
    ],
};

pub(crate) static SCORER: Key<String> =
    or("scorer", word(&["emodel", "tiers"]), r#""emodel""#, "The E-model of ITU-T G.107, or the table of tiers.");
pub(crate) static OPTIMISE_BELOW: Key<f64> =
    or("optimise_below", number(0.0, 100.0), "80.0", "Below it, codecs are re-prioritised.");
pub(crate) static SUMMARY: Key<String> = or(
    "summary",
    word(&["mean", "p50", "p75", "p90", "p95", "p99"]),
    r#""mean""#,
    "How the window's samples become one number for each metric: the mean, or a nearest-rank percentile.",
);
pub(crate) static ONE_WAY_SHARE: Key<f64> = or(
    "one_way_share",
    number(0.0, 1.0),
    "0.5",
    "Share of the latency that is one-way delay, where the tenant's latency is round_trip.",
);
pub(crate) static ADVANTAGE: Key<f64> =
    or("advantage", number(0.0, 20.0), "0.0", "Advantage factor A (ITU-T G.107), added to R.");
pub(crate) static BURST_R: Key<f64> =
    or("burst_r", number(1.0, 8.0), "1.0", "Burst ratio BurstR (ITU-T G.107); 1: losses are random.");
pub(crate) static DEGRADED_BY: Key<f64> = absent(
    "degraded_by",
    number(0.1, 100.0),
    "A score so many points below the channel's own baseline of 24 h, for quality_for, is a reason too; left out: off.",
);
pub(crate) static TIERS: Key<Vec<Section>> = or(
    "tiers",
    tables(&tier::TABLE, 1),
    "[{ latency_ms = 150, jitter_ms = 30, score = 100 }, { latency_ms = 250, jitter_ms = 50, score = 85 }, \
             { latency_ms = 400, jitter_ms = 80, score = 60 }]",
    "The first row whose bounds both hold (<) gives the score.",
);
pub(crate) static OTHERWISE: Key<f64> =
    or("otherwise", number(0.0, 100.0), "40.0", "The score where no row of tiers holds.");
pub(crate) static CODECS: Key<Named> = absent("codecs", named(&codec::TABLE), "E-model values by codec name.");

/// A row of `tiers`.
pub(crate) mod tier {
    use super::super::key::{Key, number, required};
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "a row of tiers",
        doc: "Holds where latency and jitter are both below its bounds.",
        keys: &[&LATENCY_MS.row, &JITTER_MS.row, &SCORE.row],
    };

    pub(crate) static LATENCY_MS: Key<f64> =
        required("latency_ms", number(0.001, 1e6), "Upper bound of one-way latency, exclusive.");
    pub(crate) static JITTER_MS: Key<f64> =
        required("jitter_ms", number(0.001, 1e6), "Upper bound of jitter, exclusive.");
    pub(crate) static SCORE: Key<f64> = required("score", number(0.0, 100.0), "The score, 0 to 100.");
}

/// `[policies.NAME.quality.codecs.NAME]`: the E-model's values of one codec.
pub(crate) mod codec {
    use super::super::key::{Key, absent, flag, number};
    use super::super::kind::Table;

    pub(crate) static TABLE: Table = Table {
        name: "[policies.NAME.quality.codecs.NAME]",
        doc: "What the E-model needs to know of a codec; what is left out stays as built in.",
        keys: &[&IE.row, &BPL.row, &PLC.row, &WIDEBAND.row, &KBIT_S.row, &FRAME_MS.row],
    };

    pub(crate) static IE: Key<f64> = absent("ie", number(0.0, 95.0), "Equipment impairment factor Ie (ITU-T G.113).");
    pub(crate) static BPL: Key<f64> =
        absent("bpl", number(0.1, 1000.0), "Packet-loss robustness factor Bpl (ITU-T G.113).");
    pub(crate) static PLC: Key<bool> =
        absent("plc", flag(), "Whether lost packets are concealed; selects Bpl 25.1 for PCMU and PCMA.");
    pub(crate) static WIDEBAND: Key<bool> =
        absent("wideband", flag(), "Whether Ie and Bpl are on the wideband scale of ITU-T G.107.1.");
    pub(crate) static KBIT_S: Key<f64> =
        absent("kbit_s", number(0.1, 10_000.0), "Bit rate without headers, in kbit/s.");
    pub(crate) static FRAME_MS: Key<f64> =
        absent("frame_ms", number(0.0, 1000.0), "Frame and look-ahead, in milliseconds.");
}

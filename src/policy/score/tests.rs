//! From telemetry to a score: what counts, in which direction, and on which scale.

#![allow(clippy::float_cmp, reason = "values that are set, not computed, compare exactly")]

use super::*;
use crate::policy::params::Tier;
use proptest::prelude::*;

fn summary(latency_ms: f64, jitter_ms: f64, packet_loss_pct: f64) -> Summary {
    Summary { latency_ms, jitter_ms, packet_loss_pct, samples: 5 }
}

fn tiered() -> QualityParams {
    QualityParams { scorer: Scorer::default_tiers(), ..QualityParams::default() }
}

fn score_of(params: &QualityParams, summary: &Summary) -> f64 {
    quality(params, Latency::OneWay, summary, Some("OPUS")).score
}

#[test]
fn the_tiers_are_the_contracts_with_bounds_outside() {
    for (latency, jitter, want) in [
        (0.0, 0.0, 100.0),
        (149.9, 29.9, 100.0),
        (150.0, 29.9, 85.0),
        (149.9, 30.0, 85.0),
        (249.9, 49.9, 85.0),
        (250.0, 0.0, 60.0),
        (0.0, 50.0, 60.0),
        (399.9, 79.9, 60.0),
        (400.0, 0.0, 40.0),
        (0.0, 80.0, 40.0),
    ] {
        let got = score_of(&tiered(), &summary(latency, jitter, 0.0));
        assert!((got - want).abs() < 1e-12, "{latency} ms and {jitter} ms give {got}, not {want}");
    }
}

#[test]
fn a_table_is_read_from_the_top() {
    let row = |latency_ms, score| Tier { latency_ms, jitter_ms: 50.0, score };
    let rows = [row(300.0, 70.0), row(100.0, 90.0)];
    assert!((tiers::score(&rows, 10.0, 50.0, 0.0) - 70.0).abs() < 1e-12);
    assert!((tiers::score(&[], 10.0, 50.0, 0.0) - 10.0).abs() < 1e-12);
}

#[test]
fn the_tiers_scorer_still_tells_r_and_mos() {
    let conditions = summary(40.0, 5.0, 6.0);
    let (plain, modelled) = (
        quality(&tiered(), Latency::OneWay, &conditions, Some("PCMU")),
        quality(&QualityParams::default(), Latency::OneWay, &conditions, Some("PCMU")),
    );
    assert_eq!((plain.r_factor, plain.mos), (modelled.r_factor, modelled.mos));
    assert!(plain.score > 99.0 && modelled.score < 50.0, "only the E-model sees loss");
}

#[test]
fn half_of_a_round_trip_is_one_way() {
    let params = QualityParams::default();
    let there_and_back = quality(&params, Latency::RoundTrip, &summary(300.0, 5.0, 0.0), Some("PCMU"));
    let there = quality(&params, Latency::OneWay, &summary(150.0, 5.0, 0.0), Some("PCMU"));
    assert_eq!(there_and_back, there);
    assert!((there.latency_ms - 150.0).abs() < 1e-12);
}

#[test]
fn a_good_trunk_scores_well_and_a_bad_one_does_not() {
    let params = QualityParams::default();
    assert!(score_of(&params, &summary(41.0, 4.8, 0.2)) > 85.0);
    assert!(score_of(&params, &summary(41.0, 4.8, 6.0)) < 70.0);
    assert!(score_of(&params, &summary(350.0, 4.8, 0.2)) < 70.0);
    assert!(score_of(&params, &summary(41.0, 90.0, 0.2)) < 75.0);
}

#[test]
fn an_unnamed_or_unknown_codec_is_rated_by_the_recommendations_defaults() {
    let params = QualityParams::default();
    let conditions = summary(60.0, 8.0, 1.0);
    let of = |codec| quality(&params, Latency::OneWay, &conditions, codec);
    assert_eq!(of(None), of(Some("AMR")));
    assert_eq!(of(None), of(Some("PCMU")), "G.107 defaults: Ie 0, Bpl 4.3");
}

#[test]
fn codec_names_are_known_in_any_case() {
    let table = CodecTable::default();
    assert_eq!(codec_values(&table, "opus"), codec_values(&table, "OPUS"));
    assert!(codec_values(&table, "Opus").is_some());
    assert!(codec_values(&table, "AMR").is_none());
}

#[test]
fn concealment_selects_the_g711_appendix_i_value_unless_another_is_set() {
    let mut table = CodecTable::default();
    for name in ["PCMU", "G729"] {
        table.0.entry(name.to_owned()).and_modify(|values| values.plc = true);
    }
    table.0.entry("PCMA".to_owned()).and_modify(|values| {
        values.plc = true;
        values.bpl = 34.0;
    });
    let bpl = |name: &str| codec_values(&table, name).unwrap().bpl;
    assert_eq!((bpl("PCMU"), bpl("PCMA"), bpl("G729")), (25.1, 34.0, 19.0));
    assert_eq!(codec_values(&CodecTable::default(), "PCMU").unwrap().bpl, 4.3);
}

#[test]
fn wideband_is_told_on_the_narrowband_scale() {
    let clean = Conditions { one_way_ms: 10.0, jitter_ms: 0.0, packet_loss_pct: 0.0 };
    let g722 = predict(&clean, &codec_values(&CodecTable::default(), "G722").unwrap());
    let pcmu = predict(&clean, &codec_values(&CodecTable::default(), "PCMU").unwrap());
    assert!((g722.r_factor - (116.0 / 1.29 - g722.delay_cost)).abs() < 1e-9);
    assert!(g722.r_factor < pcmu.r_factor && g722.mos < pcmu.mos, "116 / 1.29 is 89.9: R is never held against R");
}

#[test]
fn the_buffer_follows_jitter_between_its_bounds() {
    let buffer = |jitter| playout::Playout::for_jitter(jitter).buffer_ms;
    assert_eq!([0.0, 5.0, 10.0, 50.0, 500.0].map(buffer), [20.0, 20.0, 40.0, 200.0, 200.0]);
    let late = |jitter| playout::Playout::for_jitter(jitter).late_pct;
    assert!(late(0.0).abs() < 1e-12);
    assert!((late(10.0) - 50.0 * (-6.0_f64).exp()).abs() < 1e-12);
    assert!(late(500.0) > 25.0 && late(1e9) < 50.0);
}

#[test]
fn late_packets_add_to_lost_ones_without_counting_twice() {
    let playout = playout::Playout { buffer_ms: 20.0, late_pct: 10.0 };
    assert!((playout.unplayed_pct(50.0) - 55.0).abs() < 1e-12);
    assert!((playout.unplayed_pct(100.0) - 100.0).abs() < 1e-12);
}

proptest! {
    #[test]
    fn no_impairment_ever_raises_r(
        latency in 0.0..1000.0_f64, jitter in 0.0..500.0_f64, loss in 0.0..100.0_f64, more in 0.0..500.0_f64,
        codec in prop::sample::select(vec!["PCMU", "PCMA", "G729", "G722", "OPUS"]),
    ) {
        let params = QualityParams::default();
        let r = |latency, jitter, loss| {
            quality(&params, Latency::OneWay, &summary(latency, jitter, loss), Some(codec)).r_factor
        };
        let now = r(latency, jitter, loss);
        prop_assert!(r(latency + more, jitter, loss) <= now + 1e-9);
        prop_assert!(r(latency, jitter + more, loss) <= now + 1e-9);
        prop_assert!(r(latency, jitter, (loss + more).min(100.0)) <= now + 1e-9);
    }

    #[test]
    fn every_number_stays_in_its_range(
        latency in 0.0..60_000.0_f64, jitter in 0.0..60_000.0_f64, loss in 0.0..=100.0_f64, tiers in any::<bool>(),
    ) {
        let params = if tiers { tiered() } else { QualityParams::default() };
        let q = quality(&params, Latency::RoundTrip, &summary(latency, jitter, loss), Some("G722"));
        prop_assert!((0.0..=100.0).contains(&q.score) && (1.0..=4.5).contains(&q.mos) && q.r_factor.is_finite());
    }
}

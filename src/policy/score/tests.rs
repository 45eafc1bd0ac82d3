//! From telemetry to a score: what counts, in which direction, and on which scale.

#![allow(clippy::float_cmp, reason = "values that are set, not computed, compare exactly")]

use super::*;
use crate::policy::params::Tier;
use proptest::prelude::*;

fn summary(latency_ms: f64, jitter_ms: f64, packet_loss_pct: f64) -> Summary {
    Summary { latency_ms, jitter_ms, packet_loss_pct, samples: 5, usual: None }
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
fn a_lopsided_path_has_its_own_share_of_a_round_trip() {
    let params = QualityParams { one_way_share: 0.75, ..QualityParams::default() };
    let of = |latency| quality(&params, latency, &summary(200.0, 5.0, 0.0), Some("PCMU")).latency_ms;
    assert_eq!((of(Latency::RoundTrip), of(Latency::OneWay)), (150.0, 200.0));
}

#[test]
fn the_advantage_is_added_to_r_as_it_stands() {
    let granted = QualityParams { advantage: 7.5, ..QualityParams::default() };
    for codec in ["PCMU", "G729", "G722", "OPUS"] {
        let of = |params| quality(params, Latency::OneWay, &summary(150.0, 20.0, 2.0), Some(codec)).r_factor;
        let gained = of(&granted) - of(&QualityParams::default());
        assert!((gained - 7.5).abs() < 1e-9, "{codec} gains {gained}");
    }
    let best = quality(&granted, Latency::OneWay, &summary(0.0, 0.0, 0.0), Some("PCMU"));
    assert!(best.r_factor < 100.0 && best.score < 100.0);
}

#[test]
fn bursts_make_loss_worse_and_nothing_else() {
    let (random, bursty) = (QualityParams::default(), QualityParams { burst_r: 2.0, ..QualityParams::default() });
    let r = |params, loss| quality(params, Latency::OneWay, &summary(40.0, 0.0, loss), Some("PCMU")).r_factor;
    assert_eq!(r(&bursty, 0.0), r(&random, 0.0));
    assert!(r(&bursty, 5.0) < r(&random, 5.0) - 5.0);
}

#[test]
fn a_prediction_is_the_sum_of_its_parts() {
    let params = QualityParams { advantage: 3.0, burst_r: 1.5, ..QualityParams::default() };
    let conditions = Conditions { one_way_ms: 120.0, jitter_ms: 15.0, packet_loss_pct: 2.0 };
    for codec in ["PCMU", "G722"] {
        let prediction = predict(&params, &conditions, &codec_values(&params.codecs, codec).unwrap());
        let (path, parts) = (prediction.path, prediction.rating);
        assert_eq!((path.network_ms, path.playout.buffer_ms, path.codec_ms), (120.0, 60.0, 20.0));
        assert_eq!(path.delay_ms(), 200.0);
        let scale = if codec == "G722" { emodel::WIDEBAND_SCALE } else { 1.0 };
        assert!((parts.r() / scale - prediction.r_factor).abs() < 1e-9);
        assert!((parts.id / scale - 7.5505).abs() < 5e-5, "the full Id at 200 ms");
        let lost = (parts.ie_eff - codec_values(&params.codecs, codec).unwrap().ie) / scale;
        assert!((prediction.loss_cost - lost).abs() < 1e-9 && (prediction.delay_cost - 7.5505).abs() < 5e-5);
        assert!((prediction.unplayed_pct - (2.0 + 98.0 * path.playout.late_pct / 100.0)).abs() < 1e-12);
    }
}

#[test]
fn the_whole_delay_may_be_given_instead() {
    let params = QualityParams::default();
    let pcmu = codec_values(&params.codecs, "PCMU").unwrap();
    let prediction = rate(&params, &Path::mouth_to_ear(300.0, 0.0), &pcmu);
    assert!((prediction.r_factor - 72.666).abs() < 1e-3);
}

mod baseline {
    use super::*;

    const USUAL: Measured = Measured { latency_ms: 41.0, jitter_ms: 4.8, packet_loss_pct: 0.2 };

    fn now(latency_ms: f64, usual: Option<Measured>, params: &QualityParams) -> Quality {
        let summary = Summary { latency_ms, jitter_ms: 4.8, packet_loss_pct: 0.2, samples: 5, usual };
        quality(params, Latency::OneWay, &summary, Some("PCMU"))
    }

    fn asking(degraded_by: f64) -> QualityParams {
        QualityParams { degraded_by: Some(degraded_by), ..QualityParams::default() }
    }

    #[test]
    fn usual_conditions_score_the_baseline() {
        let params = asking(5.0);
        let as_usual = now(41.0, Some(USUAL), &params);
        assert_eq!(as_usual.baseline, Some(as_usual.score));
        assert_eq!(degradation(&params, &as_usual), None);
        assert_eq!(now(41.0, None, &params).baseline, None);
    }

    #[test]
    fn worse_than_usual_is_told_in_points_from_the_bound_on() {
        let params = asking(5.0);
        let worse = now(300.0, Some(USUAL), &params);
        let points = worse.baseline.unwrap() - worse.score;
        assert!(points > 10.0);
        assert_eq!(degradation(&params, &worse), Some(points));
        assert_eq!(degradation(&asking(points), &worse), Some(points));
        assert_eq!(degradation(&asking(points + 0.01), &worse), None);
        assert_eq!(degradation(&QualityParams::default(), &worse), None, "off by default");
        assert_eq!(degradation(&params, &now(300.0, None, &params)), None, "no baseline, no degradation");
        assert_eq!(degradation(&params, &now(0.0, Some(USUAL), &params)), None, "better is not worse");
    }

    #[test]
    fn it_is_scored_by_the_policys_scorer_and_the_codec_in_use() {
        let usual = Measured { latency_ms: 200.0, jitter_ms: 10.0, packet_loss_pct: 5.0 };
        assert_eq!(now(41.0, Some(usual), &tiered()).baseline, Some(85.0));
        let params = QualityParams::default();
        let summary = Summary { usual: Some(usual), ..summary(41.0, 4.8, 0.2) };
        let of = |codec| quality(&params, Latency::OneWay, &summary, Some(codec)).baseline.unwrap();
        assert!(of("OPUS") > of("PCMU") + 5.0, "what is usual is a matter of the path, not of the codec it had");
    }
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
    let g722 = predict(&QualityParams::default(), &clean, &codec_values(&CodecTable::default(), "G722").unwrap());
    let pcmu = predict(&QualityParams::default(), &clean, &codec_values(&CodecTable::default(), "PCMU").unwrap());
    assert!((g722.r_factor - (116.0 / 1.29 - g722.delay_cost)).abs() < 1e-9);
    assert!(g722.r_factor < pcmu.r_factor && g722.mos < pcmu.mos, "116 / 1.29 is 89.9: R is never held against R");
}

/// Ie of the published estimate; Id is the narrowband one times 1.29.
#[test]
fn opus_in_wideband_is_rated_on_the_wideband_scale() {
    use crate::policy::params::OPUS_WIDEBAND;
    let of = |packet_loss_pct| {
        let conditions = Conditions { one_way_ms: 10.0, jitter_ms: 0.0, packet_loss_pct };
        predict(&QualityParams::default(), &conditions, &OPUS_WIDEBAND)
    };
    let clean = of(0.0);
    assert!((clean.rating.r() - (129.0 - 19.96 - 1.29 * clean.delay_cost)).abs() < 1e-9, "{clean:?}");
    assert!((clean.r_factor * 1.29 - clean.rating.r()).abs() < 1e-9);
    // Equation 7-29 with the constant 95 of both scales.
    let lossy = of(5.0);
    let ie_eff = 19.96 + (95.0 - 19.96) * 5.0 / (5.0 + 19.5);
    assert!((lossy.rating.ie_eff - ie_eff).abs() < 1e-9 && (lossy.loss_cost * 1.29 - (ie_eff - 19.96)).abs() < 1e-9);
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
        burst_r in 1.0..=8.0_f64, burstier in 0.0..8.0_f64, advantage in 0.0..=20.0_f64,
        codec in prop::sample::select(vec!["PCMU", "PCMA", "G729", "G722", "OPUS"]),
    ) {
        let r_of = |burst_r, advantage, latency, jitter, loss| {
            let params = QualityParams { advantage, burst_r, ..QualityParams::default() };
            quality(&params, Latency::OneWay, &summary(latency, jitter, loss), Some(codec)).r_factor
        };
        let r = |latency, jitter, loss| r_of(burst_r, advantage, latency, jitter, loss);
        let now = r(latency, jitter, loss);
        prop_assert!(r(latency + more, jitter, loss) <= now + 1e-9);
        prop_assert!(r(latency, jitter + more, loss) <= now + 1e-9);
        prop_assert!(r(latency, jitter, (loss + more).min(100.0)) <= now + 1e-9);
        prop_assert!(r_of(burst_r + burstier, advantage, latency, jitter, loss) <= now + 1e-9);
        prop_assert!(r_of(burst_r, advantage + 1.0, latency, jitter, loss) > now, "an advantage is none");
    }

    #[test]
    fn whatever_a_codecs_values_no_impairment_raises_its_score_on_either_scale(
        latency in 0.0..1000.0_f64, jitter in 0.0..500.0_f64, loss in 0.0..100.0_f64, more in 0.0..500.0_f64,
        burst_r in 1.0..=8.0_f64, ie in 0.0..=95.0_f64, bpl in 0.1..1000.0_f64, wideband in any::<bool>(),
        frame_ms in 0.0..200.0_f64,
    ) {
        let params = QualityParams { burst_r, ..QualityParams::default() };
        let values = CodecValues { ie, bpl, wideband, frame_ms, ..UNNAMED };
        let of = |one_way_ms, jitter_ms, packet_loss_pct, values: &CodecValues| {
            let conditions = Conditions { one_way_ms, jitter_ms, packet_loss_pct };
            predict(&params, &conditions, values)
        };
        let now = of(latency, jitter, loss, &values);
        let worse = [
            of(latency + more, jitter, loss, &values),
            of(latency, jitter + more, loss, &values),
            of(latency, jitter, (loss + more).min(100.0), &values),
            of(latency, jitter, loss, &CodecValues { frame_ms: frame_ms + more, ..values }),
        ];
        for worse in worse {
            prop_assert!(worse.r_factor <= now.r_factor + 1e-9 && worse.score <= now.score + 1e-9);
            prop_assert!(worse.mos <= now.mos + 1e-9, "codecs are compared by MOS");
        }
        prop_assert!((1.0..=4.5).contains(&now.mos) && (0.0..=100.0).contains(&now.score));
    }

    #[test]
    fn r_never_rises_with_the_share_of_a_round_trip(
        latency in 0.0..2000.0_f64, share in 0.0..=1.0_f64, more in 0.0..=1.0_f64,
    ) {
        let r = |one_way_share| {
            let params = QualityParams { one_way_share, ..QualityParams::default() };
            quality(&params, Latency::RoundTrip, &summary(latency, 5.0, 1.0), Some("OPUS")).r_factor
        };
        prop_assert!(r((share + more).min(1.0)) <= r(share) + 1e-9);
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

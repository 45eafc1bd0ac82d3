//! The model against published values, and its direction: no impairment ever helps.

use super::*;
use proptest::prelude::*;

const CLEAN: Call = Call { one_way_ms: 0.0, loss_pct: 0.0, burst_r: 1.0, ie: 0.0, bpl: 25.1 };

#[track_caller]
fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "got {got}, want {want} within {tolerance}");
}

#[test]
fn a_clean_call_has_the_default_rating_of_the_recommendation() {
    let line = Line::default();
    near(line.ro(), 94.7688, 5e-5);
    near(line.is(0.0), 1.4136, 5e-5);
    near(line.rating(&CLEAN).r(), 93.2062, 5e-5);
    near(mos(line.rating(&CLEAN).r()), 4.4094, 5e-5);
}

#[test]
fn mos_follows_annex_b() {
    for (r, want) in [(50.0, 2.575), (60.0, 3.1), (70.0, 3.597), (80.0, 4.024), (90.0, 4.339), (100.0, 4.5)] {
        near(mos(r), want, 5e-4);
    }
    near(mos(93.2), 4.4093, 5e-5);
}

#[test]
fn mos_never_leaves_its_range() {
    for (r, want) in [(-50.0, 1.0), (0.0, 1.0), (6.5, 1.0), (129.0, 4.5)] {
        near(mos(r), want, 1e-12);
    }
}

#[test]
fn delay_costs_what_the_full_model_says() {
    let line = Line::default();
    for (ta, idd, id, r) in [
        (100.0, 0.0, 2.6915, 90.664),
        (150.0, 0.1635, 3.8161, 89.539),
        (200.0, 3.0444, 7.5505, 85.805),
        (300.0, 14.7607, 20.6889, 72.666),
        (400.0, 24.0701, 31.1084, 62.247),
    ] {
        near(line.idd(ta), idd, 5e-5);
        near(line.id(ta), id, 5e-5);
        near(line.rating(&Call { one_way_ms: ta, ..CLEAN }).r(), r, 1e-3);
    }
}

#[test]
fn loss_costs_what_equation_7_29_says() {
    let line = Line::default();
    for (ie, bpl, loss_pct, ie_eff, score) in [
        (0.0, 25.1, 1.0, 3.640, 4.328),
        (0.0, 25.1, 5.0, 15.781, 3.923),
        (0.0, 4.3, 1.0, 17.925, 3.834),
        (11.0, 19.0, 2.0, 19.0, 3.788),
    ] {
        let call = Call { loss_pct, ie, bpl, ..CLEAN };
        near(call.ie_eff(), ie_eff, 5e-4);
        near(mos(line.rating(&call).r()), score, 5e-4);
    }
    near(Call { loss_pct: 5.0, burst_r: 2.0, ..CLEAN }.ie_eff(), 17.210, 5e-4);
}

#[test]
fn loss_fits_the_published_tables_of_g113() {
    let g729 = [
        (0.0, 11.0),
        (0.5, 13.0),
        (1.0, 15.0),
        (1.5, 17.0),
        (2.0, 19.0),
        (3.0, 23.0),
        (4.0, 26.0),
        (8.0, 36.0),
        (16.0, 49.0),
    ];
    for (loss_pct, ie) in g729 {
        near(Call { loss_pct, ie: 11.0, bpl: 19.0, ..CLEAN }.ie_eff(), ie, 0.55);
    }
    let g711 =
        [(1.0, 5.0), (2.0, 7.0), (3.0, 10.0), (5.0, 15.0), (7.0, 20.0), (10.0, 25.0), (15.0, 35.0), (20.0, 45.0)];
    for (loss_pct, ie) in g711 {
        near(Call { loss_pct, ..CLEAN }.ie_eff(), ie, 2.9);
    }
}

#[test]
fn wideband_is_compared_by_mos_on_its_own_scale() {
    for (r, want) in [(128.0, 4.4940), (116.0, 4.3371), (88.0, 3.5123), (73.0, 2.9220)] {
        near(mos(r / WIDEBAND_SCALE), want, 5e-5);
    }
    // G.722: 129 - 13, and nothing else but the listener echo of a connection without delay.
    let line = Line::default();
    near(line.rating_wideband(&Call { ie: 13.0, bpl: 10.0, ..CLEAN }).r(), 116.0 - WIDEBAND_SCALE * line.id(0.0), 1e-9);
}

#[test]
fn sidetone_and_quantizing_count() {
    let planned = Line::default().rating(&CLEAN).r();
    for worse in [
        Line { stmr: 5.0, lstr: 8.0, ..Line::default() },
        Line { stmr: 25.0, lstr: 28.0, ..Line::default() },
        Line { qdu: 14.0, ..Line::default() },
        Line { nc: -50.0, ..Line::default() },
        Line { slr: 18.0, ..Line::default() },
    ] {
        assert!(worse.rating(&CLEAN).r() < planned - 1.0, "{worse:?}");
    }
    near(Line { advantage: 10.0, ..Line::default() }.rating(&CLEAN).r(), planned + 10.0, 1e-9);
}

#[test]
fn echo_counts_where_it_is_loud() {
    let delayed = Call { one_way_ms: 150.0, ..CLEAN };
    let planned = Line::default().rating(&delayed).r();
    assert!(Line { telr: 40.0, ..Line::default() }.rating(&delayed).r() < planned - 10.0);
    assert!(Line { wepl: 10.0, ..Line::default() }.rating(&delayed).r() < planned - 10.0);
    let id = |stmr| Line { stmr, ..Line::default() }.id(150.0);
    assert!(id(5.0) < id(15.0), "a loud sidetone masks the talker's echo");
    assert!(id(25.0) > id(15.0), "a faint one adds to it");
}

#[test]
fn less_sensitive_talk_bears_more_delay() {
    let patient = Line { delay_sensitivity: 0.55, perceivable_delay_ms: 120.0, ..Line::default() };
    assert!(patient.idd(300.0) < Line::default().idd(300.0) - 4.0);
    near(patient.idd(120.0), 0.0, 1e-12);
}

proptest! {
    #[test]
    fn r_never_rises_with_delay(ta in 0.0..2000.0_f64, more in 0.0..500.0_f64) {
        let line = Line::default();
        let (near, far) = (Call { one_way_ms: ta, ..CLEAN }, Call { one_way_ms: ta + more, ..CLEAN });
        prop_assert!(line.rating(&far).r() <= line.rating(&near).r() + 1e-9);
        prop_assert!(line.rating_wideband(&far).r() <= line.rating_wideband(&near).r() + 1e-9);
    }

    #[test]
    fn r_never_rises_with_loss_or_bursts(
        loss in 0.0..100.0_f64, more in 0.0..100.0_f64, burst in 1.0..8.0_f64, burstier in 0.0..8.0_f64,
        ie in 0.0..60.0_f64, bpl in 0.1..60.0_f64,
    ) {
        let line = Line::default();
        let call = Call { loss_pct: loss, burst_r: burst, ie, bpl, ..CLEAN };
        let lossier = Call { loss_pct: loss + more, ..call };
        let in_bursts = Call { burst_r: burst + burstier, ..call };
        prop_assert!(line.rating(&lossier).r() <= line.rating(&call).r() + 1e-9);
        prop_assert!(line.rating(&in_bursts).r() <= line.rating(&call).r() + 1e-9);
    }

    #[test]
    fn mos_rises_with_r_and_stays_in_range(r in -100.0..200.0_f64, more in 0.0..50.0_f64) {
        prop_assert!((1.0..=4.5).contains(&mos(r)));
        prop_assert!(mos(r + more) >= mos(r) - 1e-12);
    }
}

/// Lines that are not the default one, against values of another implementation that was written from clause 7 of the
/// Recommendation: every branch of it (STMR below 9 dB and above 20 dB), and each parameter somewhere.
#[test]
fn other_lines_are_rated_as_another_implementation_rates_them() {
    let line = Line::default();
    for (line, t, ro, is, id) in [
        (Line { stmr: 8.0, ..line }, 50.0, 94.7688, 1.7321, 1.5836),
        (Line { stmr: 8.9, telr: 45.0, ..line }, 50.0, 94.7688, 1.4842, 10.9055),
        (Line { stmr: 25.0, ..line }, 50.0, 94.7688, 3.8950, 3.2595),
        (Line { stmr: 30.0, telr: 45.0, ..line }, 50.0, 94.7688, 6.6018, 12.1789),
        (Line { stmr: 20.0, ..line }, 150.0, 94.7688, 1.5070, 3.8161),
        (Line { stmr: 45.0, ..line }, 0.0, 94.7688, 11.4151, 10.1499),
        (Line { stmr: 12.0, telr: 20.0, ..line }, 2.0, 94.7688, 1.4143, 9.2082),
        (Line { telr: 12.0, ..line }, 0.0, 94.7688, 1.4173, 0.1490),
        (Line { telr: 30.0, ..line }, 3.0, 94.7688, 1.4136, 3.9256),
        (Line { telr: 40.0, ..line }, 0.5, 94.7688, 1.4136, 0.4039),
        (Line { qdu: 4.0, ..line }, 0.0, 94.7688, 6.4166, 0.1490),
        (Line { slr: 2.0, rlr: -3.0, ..line }, 20.0, 107.3418, 21.7542, 0.7673),
        (Line { slr: 20.0, rlr: 5.0, ..line }, 0.0, 72.9502, 0.9742, 0.1462),
        (Line { ds: -3.0, lstr: 10.0, ps: 60.0, pr: 50.0, ..line }, 0.0, 61.3140, 1.0099, 0.1448),
        (Line { perceivable_delay_ms: 120.0, delay_sensitivity: 0.7, ..line }, 250.0, 94.7688, 1.4136, 10.4313),
    ] {
        near(line.ro(), ro, 1e-4);
        near(line.is(t), is, 1e-4);
        near(line.id(t), id, 1e-4);
    }
    near(Line { perceivable_delay_ms: 120.0, delay_sensitivity: 0.7, ..line }.idd(250.0), 5.1698, 1e-4);
}

//! A proposal is a permutation that suits the impairment; otherwise there is a reason in words.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 7] = ["PCMU", "PCMA", "G729", "G722", "OPUS", "opus", "AMR-WB"];

fn codecs(names: &[&str]) -> Vec<Codec> {
    (1..).zip(names).map(|(priority, name)| Codec { name: (*name).to_owned(), priority }).collect()
}

fn summary(latency_ms: f64, jitter_ms: f64, packet_loss_pct: f64) -> Summary {
    Summary { latency_ms, jitter_ms, packet_loss_pct, samples: 5, usual: None }
}

const LOSSY: (f64, f64, f64) = (41.0, 4.8, 6.0);
const CLEAN: (f64, f64, f64) = (41.0, 4.8, 0.0);

fn propose_under(
    (latency, jitter, loss): (f64, f64, f64),
    params: &CodecParams,
    codecs: &[Codec],
) -> Result<Proposal, CodecHold> {
    propose(params, &QualityParams::default(), Latency::OneWay, &summary(latency, jitter, loss), codecs, &[])
}

fn concealed_pcmu() -> QualityParams {
    let mut quality = QualityParams::default();
    quality.codecs.0.entry("PCMU".to_owned()).and_modify(|values| values.plc = true);
    quality
}

fn names(proposal: &Proposal) -> Vec<&str> {
    proposal.order.iter().map(|codec| codec.name.as_str()).collect()
}

fn free() -> CodecParams {
    CodecParams { max_bitrate_increase: 1e6, ..CodecParams::default() }
}

#[test]
fn under_loss_the_robust_codec_comes_first_and_none_is_lost() {
    let read = codecs(&["PCMU", "PCMA", "G729", "OPUS"]);
    let proposal = propose_under(LOSSY, &CodecParams::default(), &read).unwrap();
    assert_eq!(names(&proposal), ["OPUS", "G729", "PCMU", "PCMA"]);
    assert_eq!(proposal.order.iter().map(|c| c.priority).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((proposal.from.as_str(), proposal.to.as_str()), ("PCMU", "OPUS"));
    assert!(proposal.gain > 20.0);
}

#[test]
fn priorities_decide_what_is_first_whatever_the_list_says() {
    let mut read = codecs(&["PCMU", "OPUS"]);
    read.reverse();
    assert_eq!(propose_under(LOSSY, &CodecParams::default(), &read).unwrap().from, "PCMU");
}

#[test]
fn the_best_codec_is_left_where_it_is() {
    let read = codecs(&["OPUS", "G729", "PCMU"]);
    let hold = propose_under(LOSSY, &CodecParams::default(), &read).unwrap_err();
    assert_eq!(hold, CodecHold::AlreadyBest { top: "OPUS".to_owned() });
}

#[test]
fn places_below_the_first_are_no_reason_to_act() {
    let read = codecs(&["OPUS", "PCMU", "G729"]);
    let hold = propose_under(LOSSY, &CodecParams::default(), &read).unwrap_err();
    assert_eq!(hold, CodecHold::AlreadyBest { top: "OPUS".to_owned() });
}

#[test]
fn a_small_gain_is_not_worth_a_change() {
    let read = codecs(&["G729", "OPUS"]);
    let params = CodecParams { min_gain: 50.0, ..free() };
    let hold = propose_under(LOSSY, &params, &read).unwrap_err();
    assert!(matches!(&hold, CodecHold::GainTooSmall { to, gain, .. } if to == "OPUS" && *gain < 50.0), "{hold:?}");
}

#[test]
fn under_loss_no_codec_with_more_bits_comes_first() {
    let quality = concealed_pcmu();
    let read = codecs(&["G729", "PCMU"]);
    let lossy = summary(41.0, 4.8, 2.0);
    let hold = propose(&CodecParams::default(), &quality, Latency::OneWay, &lossy, &read, &[]).unwrap_err();
    assert_eq!(hold, CodecHold::BitrateWouldRise { to: "PCMU".to_owned(), kbit_s: 56.0 });
    let proposal = propose(&free(), &quality, Latency::OneWay, &lossy, &read, &[]).unwrap();
    assert_eq!(proposal.to, "PCMU", "unless the policy allows it");
}

#[test]
fn the_next_best_comes_first_where_the_best_has_too_many_bits() {
    let mut quality = concealed_pcmu();
    quality.codecs.0.entry("OPUS".to_owned()).and_modify(|values| values.kbit_s = 8.0);
    let read = codecs(&["G729", "PCMU", "OPUS"]);
    let params = CodecParams { min_gain: 1.0, ..CodecParams::default() };
    let proposal = propose(&params, &quality, Latency::OneWay, &summary(41.0, 4.8, 2.0), &read, &[]).unwrap();
    assert_eq!(names(&proposal), ["OPUS", "G729", "PCMU"]);
}

#[test]
fn jitter_beyond_the_buffer_counts_as_loss() {
    let read = codecs(&["G729", "PCMU"]);
    let of = |jitter| {
        propose(&CodecParams::default(), &concealed_pcmu(), Latency::OneWay, &summary(20.0, jitter, 0.0), &read, &[])
    };
    assert_eq!(of(5.0).unwrap().to, "PCMU");
    assert!(matches!(of(90.0), Err(CodecHold::BitrateWouldRise { .. })));
}

#[test]
fn loss_that_costs_more_than_delay_is_the_impairment_however_little_it_is() {
    let read = codecs(&["G729", "PCMU"]);
    let under = |latency, params: &CodecParams| {
        propose(params, &concealed_pcmu(), Latency::OneWay, &summary(latency, 1.0, 0.4), &read, &[])
    };
    assert!(matches!(under(0.0, &CodecParams::default()), Err(CodecHold::BitrateWouldRise { .. })));
    assert_eq!(under(150.0, &CodecParams::default()).unwrap().to, "PCMU");
    // What promises too little is not waited for.
    let dear = CodecParams { min_gain: 50.0, ..CodecParams::default() };
    assert_eq!(under(0.0, &dear), Err(CodecHold::AlreadyBest { top: "G729".to_owned() }));
}

#[test]
fn a_refuted_codec_is_the_reason_only_where_it_would_have_been_put_first() {
    let read = codecs(&["PCMU", "OPUS"]);
    let refuted = Refuted { from: "PCMU".to_owned(), to: "OPUS".to_owned(), before: 0.0, measured: 10.0 };
    let under = |min_gain: f64| {
        let params = CodecParams { min_gain, ..CodecParams::default() };
        let conditions = summary(41.0, 4.8, 6.0);
        let before = propose(&params, &QualityParams::default(), Latency::OneWay, &conditions, &read, &[])
            .map_or(0.0, |proposal| proposal.predicted - proposal.gain);
        let refuted = Refuted { before, ..refuted.clone() };
        propose(&params, &QualityParams::default(), Latency::OneWay, &conditions, &read, &[&refuted])
    };
    assert!(matches!(under(5.0), Err(CodecHold::Refuted { .. })), "{:?}", under(5.0));
    assert!(!matches!(under(90.0), Err(CodecHold::Refuted { .. })), "{:?}", under(90.0));
}

#[test]
fn without_loss_more_bits_are_welcome() {
    let quality = concealed_pcmu();
    let read = codecs(&["G729", "PCMU"]);
    let slow = summary(150.0, 3.0, 0.0);
    let proposal = propose(&CodecParams::default(), &quality, Latency::OneWay, &slow, &read, &[]).unwrap();
    assert_eq!(proposal.to, "PCMU");
}

#[test]
fn a_codec_without_values_is_kept_behind_and_never_put_first() {
    let read = codecs(&["PCMU", "AMR-WB", "OPUS", "iLBC"]);
    let proposal = propose_under(LOSSY, &CodecParams::default(), &read).unwrap();
    assert_eq!(names(&proposal), ["OPUS", "PCMU", "AMR-WB", "iLBC"]);
}

#[test]
fn nothing_is_promised_over_a_codec_without_values() {
    let read = codecs(&["AMR-WB", "OPUS"]);
    let hold = propose_under(LOSSY, &CodecParams::default(), &read).unwrap_err();
    assert_eq!(hold, CodecHold::UnknownCodec { name: "AMR-WB".to_owned() });
}

#[test]
fn no_codecs_no_order() {
    assert_eq!(propose_under(LOSSY, &CodecParams::default(), &[]), Err(CodecHold::NoCodecs));
}

#[test]
fn names_are_sent_back_to_the_letter() {
    let read = codecs(&["pcmu", "Opus"]);
    assert_eq!(names(&propose_under(LOSSY, &CodecParams::default(), &read).unwrap()), ["Opus", "pcmu"]);
}

#[test]
fn the_tiers_scorer_does_not_change_the_promise() {
    let read = codecs(&["PCMU", "OPUS"]);
    let tiers = QualityParams { scorer: crate::policy::Scorer::default_tiers(), ..QualityParams::default() };
    let of = |quality: &QualityParams| {
        propose(&CodecParams::default(), quality, Latency::OneWay, &summary(41.0, 4.8, 6.0), &read, &[]).unwrap()
    };
    assert_eq!(of(&tiers), of(&QualityParams::default()));
}

#[test]
fn every_hold_is_a_sentence_with_names_and_numbers() {
    let told = |hold: CodecHold| hold.to_string();
    assert_eq!(
        told(CodecHold::GainTooSmall { to: "OPUS".to_owned(), gain: 3.21, min_gain: 5.0 }),
        "OPUS first would gain 3.2 points, less than min_gain 5.0"
    );
    assert_eq!(
        told(CodecHold::BitrateWouldRise { to: "PCMU".to_owned(), kbit_s: 56.0 }),
        "PCMU first would send 56 kbit/s more while packets are being lost"
    );
    assert!(told(CodecHold::UnknownCodec { name: "AMR".to_owned() }).contains("AMR"));
    assert!(told(CodecHold::AlreadyBest { top: "OPUS".to_owned() }).contains("OPUS"));
    assert!(told(CodecHold::NoCodecs).contains("no codecs"));
}

#[test]
fn a_hold_survives_the_journal() {
    let hold = propose_under(CLEAN, &CodecParams::default(), &codecs(&["OPUS", "AMR-WB"])).unwrap_err();
    let kept = serde_json::to_string(&hold).unwrap();
    assert_eq!(serde_json::from_str::<CodecHold>(&kept).unwrap(), hold);
}

fn any_codecs() -> impl Strategy<Value = Vec<Codec>> {
    let codec = (prop::sample::select(&NAMES[..]), 1..=10_u32)
        .prop_map(|(name, priority)| Codec { name: name.to_owned(), priority });
    prop::collection::vec(codec, 0..10)
}

fn any_conditions() -> impl Strategy<Value = (f64, f64, f64)> {
    (0.0..500.0_f64, 0.0..150.0_f64, prop_oneof![Just(0.0), 0.0..1.0_f64, 0.0..30.0_f64])
}

proptest! {
    #[test]
    fn a_proposal_is_a_permutation_with_priorities_from_one(read in any_codecs(), conditions in any_conditions(), free_bits in any::<bool>()) {
        let params = if free_bits { free() } else { CodecParams::default() };
        let Ok(proposal) = propose_under(conditions, &params, &read) else { return Ok(()) };
        let sorted = |codecs: &[Codec]| {
            let mut names: Vec<String> = codecs.iter().map(|c| c.name.clone()).collect();
            names.sort();
            names
        };
        prop_assert_eq!(sorted(&proposal.order), sorted(&read));
        prop_assert!(proposal.order.iter().map(|c| c.priority).eq(1..=u32::try_from(read.len()).unwrap()));
        prop_assert_eq!(&proposal.order[0].name, &proposal.to);
        prop_assert!(proposal.gain >= params.min_gain);
        prop_assert!(codec_values(&QualityParams::default().codecs, &proposal.to).is_some());
    }

    #[test]
    fn under_loss_the_bit_rate_never_rises(read in any_codecs(), latency in 0.0..500.0_f64, jitter in 0.0..150.0_f64, loss in 0.5..30.0_f64, allowed in 0.0..60.0_f64) {
        let params = CodecParams { max_bitrate_increase: allowed, min_gain: 0.01, ..CodecParams::default() };
        let Ok(proposal) = propose_under((latency, jitter, loss), &params, &read) else { return Ok(()) };
        let rate = |name: &str| codec_values(&QualityParams::default().codecs, name).unwrap().kbit_s;
        prop_assert!(rate(&proposal.to) <= rate(&proposal.from) + allowed);
    }

    #[test]
    fn a_proposal_once_taken_is_not_proposed_again(read in any_codecs(), conditions in any_conditions()) {
        let Ok(proposal) = propose_under(conditions, &CodecParams::default(), &read) else { return Ok(()) };
        let again = propose_under(conditions, &CodecParams::default(), &proposal.order);
        prop_assert!(again.is_err(), "{:?} and then {:?}", proposal, again);
    }

    #[test]
    fn equals_keep_their_places(priority in 1..=10_u32, conditions in any_conditions()) {
        let read: Vec<Codec> = ["PCMA", "PCMU", "OPUS"].map(|name| Codec { name: name.to_owned(), priority }).to_vec();
        let Ok(proposal) = propose_under(conditions, &CodecParams::default(), &read) else { return Ok(()) };
        prop_assert_eq!(names(&proposal), ["OPUS", "PCMA", "PCMU"]);
    }
}

#[test]
fn a_gain_of_just_min_gain_is_enough() {
    let read = codecs(&["PCMU", "OPUS"]);
    let gain = propose_under(LOSSY, &CodecParams::default(), &read).unwrap().gain;
    assert!(propose_under(LOSSY, &CodecParams { min_gain: gain, ..CodecParams::default() }, &read).is_ok());
}

#[test]
fn what_would_gain_nothing_is_not_waited_for_even_where_no_gain_is_asked_for() {
    let params = CodecParams { min_gain: 0.0, ..CodecParams::default() };
    let read = codecs(&["PCMU", "OPUS"]);
    let mut quality = QualityParams::default();
    let mut same = codec_values(&quality.codecs, "PCMU").unwrap();
    same.kbit_s *= 2.0;
    quality.codecs.0.insert("OPUS".to_owned(), same);
    let (latency, jitter, loss) = LOSSY;
    let measured = summary(latency, jitter, loss);
    let best = CodecHold::AlreadyBest { top: "PCMU".to_owned() };
    let propose = |quality: &QualityParams, refuted: &[&Refuted]| {
        propose(&params, quality, Latency::OneWay, &measured, &read, refuted).unwrap_err()
    };
    assert_eq!(propose(&quality, &[]), best, "its bit rate would rise");
    same.kbit_s /= 2.0;
    quality.codecs.0.insert("OPUS".to_owned(), same);
    let before = predict(&quality, &Conditions::new(&quality, Latency::OneWay, &measured.measured()), &same).score;
    let (from, to) = ("PCMU".to_owned(), "OPUS".to_owned());
    let refuted = Refuted { from, to, before, measured: before - 9.0 };
    assert_eq!(propose(&quality, &[&refuted]), best, "it was refuted");
}

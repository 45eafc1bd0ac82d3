//! The check of a request: everything wrong at once, each by its field, and the same verdict as a reference written another
//! way.

use super::reference;
use super::world::request;
use proptest::prelude::*;
use serde_json::json;
use trunkwarden::calls::{GivenPair, GivenTarget, Kind, Request, Rules, check, check_target};

const CALL: &str = "12345678-1234-1234-1234-123456789012";

fn rules() -> Rules {
    Rules { max_legs: 8, kinds: Kind::ALL.to_vec() }
}

fn fields(call: &str, request: &Request) -> Vec<String> {
    check(call, request, &rules()).err().unwrap_or_default().into_iter().map(|fault| fault.field).collect()
}

fn pairs(pairs: &[(i64, i64)]) -> Vec<GivenPair> {
    pairs.iter().map(|(source, target)| GivenPair { source: *source, target: *target }).collect()
}

#[test]
fn a_request_becomes_the_contracts_body() {
    let asked = Request {
        matrix: Some(pairs(&[(0, 1), (1, 2)])),
        ..request(&[("phone", "+12025550100"), ("sip", "sip:a@pbx.example")])
    };
    let (bridge, warnings) = check(CALL, &asked, &rules()).unwrap();
    assert_eq!(
        bridge.body(),
        json!({"callId": CALL, "targets": [{"type": "phone", "value": "+12025550100"}, {"type": "sip", "value": "sip:a@pbx.example"}],
            "direction": "transfer", "bridgeMatrix": [{"source": 0, "target": 1}, {"source": 1, "target": 2}], "dtmf": "RFC2833"})
    );
    assert!(warnings.len() <= 1, "{warnings:?}");
}

#[test]
fn without_a_matrix_each_target_is_bridged_to_the_call() {
    let (bridge, _) =
        check(CALL, &request(&[("agent", "a"), ("agent", "b"), ("extension", "4711")]), &rules()).unwrap();
    assert_eq!(
        bridge.body()["bridgeMatrix"],
        json!([{"source": 0, "target": 1}, {"source": 0, "target": 2}, {"source": 0, "target": 3}])
    );
}

#[test]
fn everything_wrong_is_told_at_once_each_with_its_field() {
    let given = |kind: &str, value: &str| GivenTarget { kind: kind.to_owned(), value: value.to_owned() };
    let asked = Request {
        targets: vec![
            given("phone", "+12025550100"),
            given("phone", "12025550100"),
            given("fax", "+12025550100"),
            given("phone", "+12025550100"),
            given("sip", "sip:nobody"),
        ],
        direction: "sideways".to_owned(),
        matrix: Some(pairs(&[(0, 1), (1, 0), (2, 2), (0, 6), (-1, 1)])),
        dtmf: Some("rfc2833".to_owned()),
    };
    assert_eq!(
        fields("../x", &asked),
        [
            "callId",
            "targets[1].value",
            "targets[2].type",
            "targets[3]",
            "targets[4].value",
            "direction",
            "bridgeMatrix[1]",
            "bridgeMatrix[2]",
            "bridgeMatrix[3].target",
            "bridgeMatrix[4].source",
            "dtmf"
        ]
    );
}

#[test]
fn legs_are_counted_with_the_calls_own() {
    let values: Vec<String> = (0..9).map(|n| format!("agent-{n}")).collect();
    let agents = |n: usize| request(&values.iter().take(n).map(|v| ("agent", v.as_str())).collect::<Vec<_>>());
    assert_eq!(fields(CALL, &agents(7)), Vec::<String>::new());
    assert_eq!(fields(CALL, &agents(8)), ["targets"]);
    assert_eq!(fields(CALL, &agents(0)), ["targets"]);
}

#[test]
fn a_type_that_the_tenant_does_not_allow_is_refused_by_name() {
    let phone_only = Rules { max_legs: 8, kinds: vec![Kind::Phone] };
    let faults = check(CALL, &request(&[("sip", "sip:a@pbx.example")]), &phone_only).unwrap_err();
    assert_eq!(faults[0].to_string(), "targets[0].type: this tenant allows phone");
}

#[test]
fn a_national_prefix_that_was_left_in_is_refused_with_the_number_that_was_meant() {
    for (typed, meant) in [
        ("+490301234567", "+49301234567"),
        ("+610291234567", "+61291234567"),
        ("+43015350000", "+4315350000"),
        ("+460812345678", "+46812345678"),
        ("+310201234567", "+31201234567"),
        ("+810312345678", "+81312345678"),
        ("+4402079460018", "+442079460018"),
        ("+330142685300", "+33142685300"),
        // The prefix is 06 here, 8 and 1 there.
        ("+360612345678", "+3612345678"),
        ("+784957556983", "+74957556983"),
        ("+112025550100", "+12025550100"),
    ] {
        let why = check_target(Kind::Phone, typed).unwrap_err();
        assert!(why.contains(&format!("give {meant}, if")), "{typed}: {why}");
        assert!(check_target(Kind::Phone, meant).is_ok(), "{meant}");
    }
    for (whole, why) in [
        ("+390236618300", "the 0 belongs to an Italian number"),
        ("+80012345678", "no plan, no prefix"),
        ("+870773111632", ""),
        ("+881612345678", ""),
        ("+882161234567", ""),
        ("+883510012345", ""),
        ("+979123456789", ""),
        ("+48221234567", "Poland has none"),
        ("+74957556983", "a number may begin with what is no prefix of it"),
        ("+78001234567", "and with the prefix, where it is valid so"),
        ("+4930123456", ""),
    ] {
        assert!(check_target(Kind::Phone, whole).is_ok(), "{whole} {why}: {:?}", check_target(Kind::Phone, whole));
    }
}

#[test]
fn phone_numbers_are_judged_whole() {
    for good in ["+12025550100", "+4930123456", "+442079460000", "+390612345678", "+8613812345678", "+3545551234"] {
        assert!(check_target(Kind::Phone, good).is_ok(), "{good}: {:?}", check_target(Kind::Phone, good));
    }
    for bad in [
        "",
        "+",
        "12025550100",
        "+1202555010",
        "+120255501000",
        "+02025550100",
        "+12025550100\n",
        " +12025550100",
        "+1 202 555 0100",
        "+1-202-555-0100",
        "+1202555010०",
        "＋12025550100",
        "tel:+12025550100",
        "+12025550100;ext=1",
        "+12025550100x12",
        "+999123456789",
        "+1",
        "+1234567890123456",
    ] {
        assert!(check_target(Kind::Phone, bad).is_err(), "{bad:?}");
    }
    // North American, of the right length, in a range that no plan assigns.
    let (_, warning) = check_target(Kind::Phone, "+15550000000").unwrap();
    assert!(warning.unwrap().contains("+15550000000"));
    assert_eq!(check_target(Kind::Phone, "+12024561111").unwrap().1, None);
}

#[test]
fn sip_uris_have_a_user_and_a_host() {
    for good in [
        "sip:a@b",
        "sips:desk@pbx.example:5061",
        "SIP:d%20k@10.0.0.1",
        "sip:a@[2001:db8::1]:5060",
        "sip:+1@pbx-1.example",
    ] {
        assert!(check_target(Kind::Sip, good).is_ok(), "{good}");
    }
    for bad in [
        "sip:b",
        "sip:@b",
        "sip:a@",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:+5",
        "sip:a b@c",
        "sip:a@b;x=y",
        "sip:a@b?h=v",
        "sip:a@-b",
        "sip:a@..",
        "sip:a@b\r\n",
        "http:a@b",
        "sip:a%2@b",
        "sip:a:pw@b",
        "sip:a@b@c",
        "sip:é@b",
        "sip:a@[::1",
    ] {
        assert!(check_target(Kind::Sip, bad).is_err(), "{bad:?}");
    }
    let same = request(&[("sip", "sip:a@PBX.example"), ("sip", "SIP:a@pbx.example")]);
    assert_eq!(fields(CALL, &same), ["targets[1]"]);
    let different = request(&[("sip", "sip:A@pbx.example"), ("sip", "sip:a@pbx.example")]);
    assert_eq!(fields(CALL, &different), Vec::<String>::new());
}

#[test]
fn call_ids_cannot_leave_their_place_in_the_path() {
    for bad in ["", ".", "..", "a/b", "a%2fb", "a?b", "a#b", "a b", "é", "a\n", &"x".repeat(129)] {
        assert_eq!(fields(bad, &request(&[("agent", "a")])), ["callId"], "{bad:?}");
    }
    for good in [CALL, "call-1", "a.b~c:d@e", &"x".repeat(128)] {
        assert_eq!(fields(good, &request(&[("agent", "a")])), Vec::<String>::new(), "{good:?}");
    }
}

fn near_numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        r"\+[0-9]{5,17}",
        r"\+1202[0-9]{6,8}",
        r"[+]?[0-9 ()\-\n०+]{0,18}",
        r"\+[1-9][0-9]{6,14}[\n\r x;]?",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn no_number_passes_that_the_automaton_refuses(text in near_numbers()) {
        let passes = check_target(Kind::Phone, &text).is_ok();
        prop_assert!(!passes || reference::spells_e164(&text), "{text:?}");
    }

    #[test]
    fn every_north_american_number_of_ten_digits_passes(national in "[2-9][0-9]{9}") {
        let text = format!("+1{national}");
        prop_assert!(reference::spells_e164(&text));
        prop_assert!(check_target(Kind::Phone, &text).is_ok(), "{text}");
    }

    #[test]
    fn a_matrix_passes_exactly_where_the_reference_lets_it(
        targets in 1_usize..7,
        given in proptest::collection::vec((-1_i64..8, -1_i64..8), 0..12),
    ) {
        let values: Vec<String> = (0..targets).map(|n| format!("agent-{n}")).collect();
        let agents: Vec<(&str, &str)> = values.iter().map(|v| ("agent", v.as_str())).collect();
        let asked = Request { matrix: Some(pairs(&given)), ..request(&agents) };
        let legs = i64::try_from(targets).unwrap() + 1;
        prop_assert_eq!(check(CALL, &asked, &rules()).is_ok(), reference::is_sound(&given, legs), "{:?}", given);
    }

    #[test]
    fn trees_of_legs_pass_and_lose_a_leg_with_any_pair(targets in 2_usize..8, seed in any::<u64>()) {
        let parent = |leg: usize| i64::try_from(usize::try_from(seed >> (leg * 3)).unwrap_or(usize::MAX) % leg).unwrap();
        let tree: Vec<(i64, i64)> = (1..=targets).map(|leg| (parent(leg), i64::try_from(leg).unwrap())).collect();
        let values: Vec<String> = (0..targets).map(|n| format!("agent-{n}")).collect();
        let agents: Vec<(&str, &str)> = values.iter().map(|v| ("agent", v.as_str())).collect();
        let asked = |tree: &[(i64, i64)]| Request { matrix: Some(pairs(tree)), ..request(&agents) };
        prop_assert!(check(CALL, &asked(&tree), &rules()).is_ok());
        for cut in 0..tree.len() {
            let mut less = tree.clone();
            less.remove(cut);
            prop_assert!(check(CALL, &asked(&less), &rules()).is_err(), "{less:?}");
        }
    }
}

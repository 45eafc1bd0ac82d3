//! `docs/policy.md`'s table of every hold is what the code says of each: its label, its words, what ends it, and what passes over it.

use super::page::table;
use super::world::{World, key, secs};
use std::collections::BTreeSet;
use trunkwarden::policy::{
    Block, BlockKind, ByApproval, ByOrder, ByRescue, ChannelId, ChannelReport, Hold, HoldRow, Ineligible, Reason,
    TenantId, Yields,
};

/// Every hold as the page shows it: what is wanted, and the hold with the page's values.
fn examples() -> Vec<(&'static str, Hold)> {
    let other = || ChannelId::from("ch-0002");
    let margin = Hold::FailbackMargin {
        home: "ch-0001".into(),
        home_score: 81.4,
        backup: other(),
        backup_score: 91.3,
        better_by: 3.0,
    };
    vec![
        ("failover", Hold::Journal),
        ("failover", Hold::Paused { tenant: Some(TenantId::from("acme")) }),
        ("failover", Hold::Paused { tenant: None }),
        ("failover", Hold::Network),
        ("failover", Hold::Blind),
        ("failover", Hold::Maintenance),
        ("failover", Hold::MassChange { bad: 4, of: 6 }),
        ("failover", Hold::Carries { others: 1 }),
        ("codec", Hold::CredentialsLost { channel: other() }),
        ("codec", Hold::PatchReplaces),
        ("codec", Hold::CodecVerdict { channel: other() }),
        ("failover", Hold::Backoff { failures: 3, left: secs(8) }),
        ("failover", Hold::Backoff { failures: 0, left: secs(8) }),
        ("failback", Hold::ForeignRoute),
        ("failback", Hold::OrderedRoute),
        ("failback", Hold::FailbackManual),
        ("failback", Hold::FailbackWindow),
        ("failback", margin),
        ("failover", Hold::Blocked { left: secs(420) }),
        ("codec", Hold::Cooldown { left: secs(240) }),
        ("failover", Hold::MaxConcurrent { max: 3 }),
        ("failover", Hold::MaxPerHour { max: 30 }),
        ("failover", Hold::KeepFit { up: 0, keep_fit: 1 }),
        ("failover", Hold::GlobalKeepFit { up: 18, keep_fit: 20 }),
        ("failover", Hold::GlobalMaxConcurrent { max: 10 }),
        ("failover", Hold::GlobalMaxPerHour { max: 100 }),
        ("failover", Hold::Observe),
        ("failover", Hold::Propose),
        ("failover", Hold::Lapsed { after: secs(900) }),
        ("failover", Hold::Unwatched),
        ("failover", Hold::Outdated),
        ("failover", Hold::Unfit { target: other(), against: Ineligible::InMaintenance }),
    ]
}

/// What would have to change, as a person is told of it.
fn remedy(world: &World, wanted: &str, hold: &Hold) -> String {
    let (key, policy, reason) = (key("ch-0001"), "default".to_owned(), held(wanted, hold.clone()));
    let mut report = ChannelReport { key, policy, reason, ..world.report("a") };
    let left = match hold {
        Hold::Blocked { left } | Hold::Cooldown { left } | Hold::Backoff { left, .. } => Some(*left),
        _ => None,
    };
    let kinds =
        [BlockKind::Move, BlockKind::RetryFailover, BlockKind::RetryFailback, BlockKind::RetryCodec, BlockKind::Codec];
    report.explanation.blocks = left.map_or_else(Vec::new, |left| kinds.map(|kind| Block { kind, left }).into());
    report.outlook_at(world.now)
}

fn held(wanted: &str, hold: Hold) -> Reason {
    Reason::Held { wanted: wanted.to_owned(), to: None, order: None, hold }
}

/// What passes over it: a rescue, an order, an approval, and taking back a mistake of ours.
fn yields(yields: Yields) -> [&'static str; 4] {
    [
        match yields.rescue {
            ByRescue::Never => "—",
            ByRescue::OffDown => "off a backup that is down",
            ByRescue::Always => "yes",
        },
        match yields.order {
            ByOrder::Never => "—",
            ByOrder::Forced => "forced",
            ByOrder::Always => "yes",
        },
        match yields.approval {
            ByApproval::Never => "—",
            ByApproval::OfTenant => "of the tenant",
            ByApproval::OfChannel => "yes",
        },
        if yields.taking_back { "yes" } else { "—" },
    ]
}

/// The rows of the page as the code has them; a hold with several sentences has them all.
fn rows() -> Vec<Vec<String>> {
    let world = World::three_up();
    let mut rows: Vec<(HoldRow, Vec<String>, Vec<String>)> = Vec::new();
    for (wanted, hold) in examples() {
        if rows.last().is_none_or(|(row, ..)| row.label != hold.label()) {
            rows.push((hold.row(), Vec::new(), Vec::new()));
        }
        let (row, words, remedies) = rows.last_mut().unwrap();
        assert_eq!(*row, hold.row());
        words.push(hold.to_string());
        remedies.push(remedy(&world, wanted, &hold));
        remedies.dedup();
    }
    let row = |(row, words, remedies): (HoldRow, Vec<String>, Vec<String>)| {
        let said = [format!("`{}`", row.label), words.join("; "), remedies.join("; ")];
        said.into_iter().chain(yields(row.yields).map(str::to_owned)).collect()
    };
    rows.into_iter().map(row).collect()
}

#[test]
fn every_hold_stands_in_the_page_as_the_code_has_it() {
    for (code, page) in rows().iter().zip(table("holds")) {
        assert_eq!(*code, page, "docs/policy.md would have to say\n| {} |\n", code.join(" | "));
    }
    assert_eq!(rows().len(), table("holds").len());
}

#[test]
fn every_hold_there_is_has_its_row() {
    let unknown = serde_json::from_str::<Hold>(r#"{"why":""}"#).unwrap_err().to_string();
    let (_, known) = unknown.split_once("expected one of ").unwrap();
    let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(known, examples().iter().map(|(_, hold)| hold.label()).collect());
    assert_eq!(known.len(), rows().len(), "each has one row");
}

#[test]
fn a_hold_drifts_where_a_value_of_it_may_change_and_it_is_the_same() {
    for (wanted, hold) in examples() {
        let written = serde_json::to_value(&hold).unwrap();
        let with = |name: &String, value: serde_json::Value| {
            let mut other = written.clone();
            other[name] = value;
            serde_json::from_value::<Hold>(other).ok().filter(|other| *other != hold)
        };
        let numbers = [serde_json::json!(7), serde_json::json!(7.5), serde_json::json!({"secs": 7, "nanos": 0})];
        let others = written.as_object().unwrap().keys().flat_map(|name| numbers.clone().map(|n| with(name, n)));
        let drifts = others.flatten().any(|other| !held(wanted, other).differs(&held(wanted, hold.clone())));
        assert_eq!(drifts, hold.row().drifts, "{hold:?}");
    }
}

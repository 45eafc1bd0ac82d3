//! Counters count, stay bounded, and forget.

use super::Counters;
use crate::platform::{Malformed, RequestEvent};
use crate::policy::{Outcome, WallMs};
use prometheus::proto::Metric;
use std::time::Duration;

fn series(counters: &Counters, family: &str) -> Vec<(Vec<String>, f64)> {
    let value = |m: &Metric| {
        m.get_counter().get_value() + m.get_gauge().get_value() + m.get_histogram().get_sample_count() as f64
    };
    counters
        .gather()
        .iter()
        .filter(|f| f.name() == family)
        .flat_map(|f| f.get_metric().iter())
        .map(|m| (m.get_label().iter().map(|l| format!("{}={}", l.name(), l.value())).collect(), value(m)))
        .collect()
}

fn event(code: &str) -> RequestEvent {
    RequestEvent { endpoint: "channel", code: code.to_owned(), took: Duration::from_millis(3) }
}

#[test]
fn codes_that_a_platform_makes_up_share_one_series() {
    let counters = Counters::new();
    for code in ["200", "timeout", "999", "2000", "x1", "hello"] {
        counters.request("acme", &event(code));
    }
    let codes: Vec<_> = series(&counters, "trunkwarden_platform_requests_total").into_iter().collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert!(codes.iter().any(|(labels, n)| labels.contains(&"code=other".to_owned()) && (*n - 4.0).abs() < 0.1));
}

#[test]
fn a_total_only_rises_and_is_not_added_up() {
    let counters = Counters::new();
    for total in [5, 9, 7, 9] {
        counters.journal_entries(total);
    }
    let entries = series(&counters, "trunkwarden_journal_entries_total");
    assert_eq!(entries.len(), 1);
    assert!((entries[0].1 - 9.0).abs() < 0.1, "{entries:?}");
}

#[test]
fn a_forgotten_tenant_leaves_no_series_and_its_neighbour_stays() {
    let counters = Counters::new();
    for tenant in ["acme", "other"] {
        counters.poll(tenant, "ok", Duration::from_millis(20));
        counters.poll(tenant, "timeout", Duration::from_secs(10));
        counters.request(tenant, &event("200"));
        counters.action(tenant, "failover", "applied");
        counters.action_latency(tenant, Duration::from_millis(4));
        counters.malformed(tenant, Malformed::Codec, 2);
    }
    counters.forget_tenant("acme");
    let text = prometheus::TextEncoder::new().encode_to_string(&counters.gather()).unwrap();
    assert!(!text.contains("acme"), "{text}");
    assert_eq!(series(&counters, "trunkwarden_polls_total").len(), 2);
}

#[test]
fn a_configured_tenant_is_counted_from_0_and_leaves_nothing_behind() {
    let counters = Counters::new();
    counters.tenant("acme");
    let actions = series(&counters, "trunkwarden_actions_total");
    assert_eq!(actions.len(), 3 * 7);
    assert!(actions.iter().all(|(_, n)| n.abs() < 1e-9));
    for family in ["bridges", "rescues", "rescued_calls", "malformed", "siblings_lost", "other_controllers", "polls"] {
        assert!(!series(&counters, &format!("trunkwarden_{family}_total")).is_empty(), "{family}");
    }
    // What is counted later is one of these: a label that is missing above would be born with its first event.
    let before = counters.gather().iter().map(|f| f.get_metric().len()).sum::<usize>();
    for outcome in [
        Outcome::Applied { siblings_lost: Vec::new() },
        Outcome::NotApplied,
        Outcome::Refused { why: String::new() },
        Outcome::NotSent { why: String::new() },
        Outcome::Conflict,
        Outcome::Withdrawn { why: String::new() },
        Outcome::Unknown { why: String::new() },
    ] {
        counters.action("acme", "failback", outcome.name());
    }
    counters.request("acme", &RequestEvent { code: "429".to_owned(), ..event("429") });
    counters.malformed("acme", Malformed::Age, 1);
    counters.other_controller("acme");
    counters.siblings_lost("acme", "codec");
    assert_eq!(counters.gather().iter().map(|f| f.get_metric().len()).sum::<usize>(), before);
    // Again, as at a reload: nothing is reset.
    counters.tenant("acme");
    assert!(series(&counters, "trunkwarden_actions_total").iter().map(|(_, n)| n).sum::<f64>() > 6.0);
    counters.forget_tenant("acme");
    let text = prometheus::TextEncoder::new().encode_to_string(&counters.gather()).unwrap();
    assert!(!text.contains("acme"), "{text}");
}

#[test]
fn a_failed_reload_keeps_the_time_of_the_last_good_one() {
    let counters = Counters::new();
    counters.config_reload(true, WallMs(5_000));
    counters.config_reload(false, WallMs(9_000));
    let at = series(&counters, "trunkwarden_config_last_reload_success_timestamp_seconds");
    let ok = series(&counters, "trunkwarden_config_last_reload_successful");
    assert!((at[0].1 - 5.0).abs() < 1e-9 && ok[0].1.abs() < 1e-9);
}

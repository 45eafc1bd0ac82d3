//! What a tenant remembers of its own actions, and how many of its channels are a mass change.

use super::*;
use crate::policy::hour::MAX_PER_HOUR;

const fn secs(s: u64) -> Time {
    Time::new(Duration::from_secs(s))
}

fn tenant() -> Tenant {
    Tenant::new(TenantId::from("acme"), TenantParams::default())
}

#[test]
fn an_action_counts_for_an_hour_and_is_forgotten_at_the_next() {
    let mut tenant = tenant();
    tenant.count_action(secs(0));
    tenant.count_action(secs(3599));
    assert_eq!([secs(3599), secs(3600), secs(7199)].map(|now| tenant.actions_last_hour(now)), [2, 1, 0]);
    tenant.count_action(secs(7198));
    assert_eq!(tenant.actions.ends().count(), 2, "the first counts no more, the second for another second");
}

#[test]
fn as_many_actions_are_remembered_as_the_greatest_limit_needs() {
    let mut tenant = tenant();
    for _ in 0..=MAX_PER_HOUR {
        tenant.count_action(secs(1));
    }
    assert_eq!(tenant.actions_last_hour(secs(2)), MAX_PER_HOUR);
    assert_eq!(tenant.actions.ends().count(), MAX_PER_HOUR as usize);
}

#[test]
fn half_of_a_tenant_and_three_at_the_least_are_a_mass_change() {
    let of = |configured| Tenant { configured, ..tenant() }.mass_threshold();
    assert_eq!([1, 3, 4, 5, 6, 7, 8, 100, 101].map(of), [3, 3, 3, 3, 3, 4, 4, 50, 51]);
}

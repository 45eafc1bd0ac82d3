//! Counts what a tenant's client reports about its requests and about what it could not read; logs the latter now and then.
//!
//! Must never: block, log more than one line an hour for each kind, or hold more than one count for each kind.

use crate::clock::Clock;
use crate::counters::Counters;
use crate::platform::{ClientEvent, Lapse, Malformed, Observer};
use crate::policy::{TenantId, Time};
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What could not be read is said so often at most, for each tenant and kind.
const SAID_EVERY: Duration = Duration::from_hours(1);

/// The observer of a tenant's client.
pub fn observer(counters: Counters, tenant: TenantId, clock: Clock) -> Observer {
    let said = Mutex::new(Said::default());
    Arc::new(move |event: ClientEvent<'_>| match event {
        ClientEvent::Request(event) => counters.request(tenant.as_str(), event),
        ClientEvent::Unread(unread) => {
            let mut said = lock(&said);
            for lapse in unread.lapses() {
                counters.malformed(tenant.as_str(), lapse.what, lapse.count);
                if let Some(count) = said.due(clock.now(), lapse) {
                    let (what, place) = (lapse.what.name(), lapse.place.as_str());
                    tracing::warn!(%tenant, what, count, place, "cannot read part of the platform's answers");
                }
            }
        }
    })
}

/// What was said when, and how much has come up since.
#[derive(Default)]
struct Said(BTreeMap<Malformed, (Time, u64)>);

impl Said {
    /// How much to say of, where it is time to say it.
    fn due(&mut self, now: Time, lapse: &Lapse) -> Option<u64> {
        let count = u64::from(lapse.count);
        match self.0.get_mut(&lapse.what) {
            Some((at, unsaid)) if now.since(*at) < SAID_EVERY => {
                *unsaid = unsaid.saturating_add(count);
                None
            }
            Some((at, unsaid)) => {
                *at = now;
                Some(std::mem::take(unsaid).saturating_add(count))
            }
            None => {
                self.0.insert(lapse.what, (now, 0));
                Some(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_once_an_hour_with_all_that_came_since() {
        let mut said = Said::default();
        let at = |s| Time::new(Duration::from_secs(s));
        let lapse = |what, count| Lapse { what, count, place: String::new() };
        assert_eq!(said.due(at(10), &lapse(Malformed::Codec, 2)), Some(2));
        assert_eq!(said.due(at(11), &lapse(Malformed::Codec, 3)), None);
        assert_eq!(said.due(at(12), &lapse(Malformed::Time, 1)), Some(1));
        assert_eq!(said.due(at(3609), &lapse(Malformed::Codec, 4)), None);
        assert_eq!(said.due(at(3610), &lapse(Malformed::Codec, 5)), Some(12));
        assert_eq!(said.due(at(3611), &lapse(Malformed::Codec, 1)), None);
    }
}

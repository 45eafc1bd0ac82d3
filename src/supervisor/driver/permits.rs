//! Permits: which other writer may change the platform, and when it may not.

use super::super::fact::{Fact, Place};
use super::Driver;
use crate::journal::Gate;
use crate::policy::{Action, ActionKind, ChannelKey, Health, TenantId, TenantState};
use crate::provision::{Grant, MAY_SHOW_FOR, Permit, PermitRequest};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A permit that is out.
pub struct Granted {
    tenant: TenantId,
    channel: Option<ChannelKey>,
    grant: Grant,
}

impl Driver {
    /// Gives leave, or says why not.
    pub(super) fn permit(&mut self, PermitRequest { tenant, channel, reply }: PermitRequest) {
        self.see_permits_end();
        let channel = channel.map(|id| ChannelKey::new(tenant.clone(), id));
        let answer = if let Some(why) = self.forbids(&tenant, channel.as_ref()) {
            Err(why)
        } else {
            let route = channel.as_ref().and_then(|key| self.holds_route(key));
            let (permit, grant) = Permit::new(Gate::open(), route);
            self.permits.push(Granted { tenant, channel, grant });
            Ok(permit)
        };
        // Whoever asked may have gone; the permit then ends with its answer.
        let _ = reply.send(answer);
    }

    /// Calls every permit back: what they rest on has changed.
    pub(super) fn call_back_permits(&self, why: &str) {
        for granted in &self.permits {
            granted.grant.call_back(why, false);
        }
    }

    /// Calls back what people, or the state of a channel, no longer allow.
    pub(super) fn call_back_forbidden(&mut self) {
        self.see_permits_end();
        for granted in &self.permits {
            if let Some(why) = self.held(&granted.tenant) {
                granted.grant.call_back(&why, false);
            }
            if let Some(why) = granted.channel.as_ref().and_then(|key| self.holds_route(key)) {
                granted.grant.hold_route(why);
            }
        }
    }

    /// Before the engine acts: whoever else holds a permit for the channel is called back, and what that has sent already is
    /// waited for.
    pub(super) fn makes_way(&self, action: &Action) -> Vec<CancellationToken> {
        let theirs = self.permits.iter().filter(|granted| granted.channel.as_ref() == Some(&action.channel));
        let moves_route = !matches!(action.kind, ActionKind::Codec { .. });
        theirs
            .filter_map(|granted| {
                granted.grant.call_back("the engine acts on the channel, which comes first", moves_route)
            })
            .collect()
    }

    fn see_permits_end(&mut self) {
        let (over, out): (Vec<_>, _) =
            std::mem::take(&mut self.permits).into_iter().partition(|granted: &Granted| granted.grant.is_over());
        self.permits = out;
        for channel in over.into_iter().filter(|g| g.grant.may_show_late()).filter_map(|g| g.channel) {
            self.may_show(&channel, MAY_SHOW_FOR);
        }
    }

    /// A route that others sent as it was read, which is the channel's own, may still show: then it is nobody else's.
    pub(super) fn may_show(&mut self, channel: &ChannelKey, lasts: Duration) {
        let (now, primary) = (self.clock.now(), channel.channel.clone());
        self.ledger.fact(now, Place::Channel(channel), &Fact::OwnChange { primary: primary.clone(), lasts });
        self.engine.note_own_change(now, channel, &primary, now + lasts);
    }

    fn forbids(&self, tenant: &TenantId, channel: Option<&ChannelKey>) -> Option<String> {
        let taken = |key: &ChannelKey| self.permits.iter().any(|granted| granted.channel.as_ref() == Some(key));
        match channel {
            Some(key) if self.acts(key) => Some(format!("an action on {key} is under way, which comes first")),
            Some(key) if taken(key) => Some(format!("{key} is already being changed")),
            _ => self.held(tenant),
        }
    }

    fn acts(&self, key: &ChannelKey) -> bool {
        self.in_flight.values().any(|flight| flight.action.channel == *key)
    }

    /// Why nobody else may send the channel's route, not even as it was read: it may have to be another one at any moment.
    fn holds_route(&self, key: &ChannelKey) -> Option<String> {
        let acts = self.acts(key);
        if !acts && self.engine.is_settled_at_home(key) {
            return None;
        }
        let Some(report) = self.engine.channel(self.clock.now(), key) else {
            return Some(format!("{key} is not watched yet, so nobody knows whether it is up"));
        };
        Some(match (report.route, report.health) {
            _ if acts => format!("an action on {key} is under way, which comes first"),
            (Some(route), _) if route != key.channel => format!("its traffic goes to {route}"),
            (Some(_), Health::Up) => "its traffic may have to move".to_owned(),
            (_, health) => format!("it is {health}, and its traffic may have to move"),
        })
    }

    fn held(&self, tenant: &TenantId) -> Option<String> {
        let Some(report) = self.engine.tenant(self.clock.now(), tenant) else {
            return Some(format!("no tenant `{tenant}` is configured any more"));
        };
        if report.paused {
            return Some(format!("{tenant} is paused until `trunkwarden resume`"));
        }
        (report.state == TenantState::Blind)
            .then(|| format!("the tenant {tenant} is blind: its platform does not answer"))
    }
}

//! Permits: which other writer may change the platform, and when it may not.

use super::super::fact::{Fact, Place};
use super::Driver;
use crate::clearance::{Change, Denied, Grant, MAY_SHOW_FOR, Permit, PermitRequest};
use crate::journal::Gate;
use crate::policy::{Action, ActionKind, ChannelId, ChannelKey, Health, TenantId, TenantState};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A permit that is out.
pub struct Granted {
    tenant: TenantId,
    change: Change,
    grant: Grant,
}

impl Granted {
    /// The channel that is put right under it.
    fn provisioned(&self) -> Option<ChannelKey> {
        provisioned(&self.tenant, &self.change)
    }
}

fn provisioned(tenant: &TenantId, change: &Change) -> Option<ChannelKey> {
    let Change::Provision { channel: Some(channel), .. } = change else { return None };
    Some(ChannelKey::new(tenant.clone(), channel.clone()))
}

impl Driver {
    /// Gives leave, or says why not.
    pub(super) fn permit(&mut self, PermitRequest { tenant, change, reply }: PermitRequest) {
        self.see_permits_end();
        let answer = if let Some(denied) = self.forbids(&tenant, &change) {
            Err(denied)
        } else {
            let route = provisioned(&tenant, &change).and_then(|key| self.holds_route(&key));
            let (permit, grant) = Permit::new(Gate::open(), route);
            self.permits.push(Granted { tenant, change, grant });
            Ok(permit)
        };
        // Whoever asked may have gone; the permit then ends with its answer.
        let _ = reply.send(answer);
    }

    /// Calls back whoever brings about what is desired: that has become another.
    pub(super) fn call_back_provisioning(&self, why: &str) {
        for granted in self.permits.iter().filter(|granted| matches!(granted.change, Change::Provision { .. })) {
            granted.grant.call_back(why, false);
        }
    }

    /// Calls back what people, or the state of a channel, no longer allow.
    pub(super) fn call_back_forbidden(&mut self) {
        self.see_permits_end();
        for granted in &self.permits {
            if let Some(denied) = self.held(&granted.tenant, &granted.change) {
                granted.grant.call_back(&denied.why, false);
            }
            if let Some(why) = granted.provisioned().and_then(|key| self.holds_route(&key)) {
                granted.grant.hold_route(why);
            }
        }
    }

    /// Before the engine acts: whoever else holds a permit for the channel is called back, and what that has sent already is
    /// waited for.
    pub(super) fn makes_way(&self, action: &Action) -> Vec<CancellationToken> {
        let theirs = self.permits.iter().filter(|granted| granted.provisioned().as_ref() == Some(&action.channel));
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
        for channel in over.iter().filter(|g| g.grant.may_show_late()).filter_map(Granted::provisioned) {
            self.may_show(&channel, MAY_SHOW_FOR);
        }
    }

    /// A route that others sent as it was read, which is the channel's own, may still show: then it is nobody else's.
    pub(super) fn may_show(&mut self, channel: &ChannelKey, lasts: Duration) {
        let (now, primary) = (self.clock.now(), channel.channel.clone());
        self.ledger.fact(now, Place::Channel(channel), &Fact::OwnChange { primary: primary.clone(), lasts });
        self.engine.note_own_change(now, channel, &primary, now + lasts);
    }

    fn forbids(&self, tenant: &TenantId, change: &Change) -> Option<Denied> {
        let taken = |key: &ChannelKey| self.permits.iter().any(|granted| granted.provisioned().as_ref() == Some(key));
        match provisioned(tenant, change) {
            Some(key) if self.acts(&key) => {
                Some(Denied::since(format!("an action on {key} is under way, which comes first")))
            }
            Some(key) if taken(&key) => Some(Denied::since(format!("{key} is already being changed"))),
            _ => self.held(tenant, change),
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

    /// What holds it now: the table, or what it is for being no longer so.
    fn held(&self, tenant: &TenantId, change: &Change) -> Option<Denied> {
        let desires = matches!(change, Change::Provision { .. });
        if desires && !self.platforms.contains_key(tenant) {
            return Some(Denied::since(format!("no tenant `{tenant}` is configured any more")));
        }
        if let Err(hold) = self.engine.may_change(tenant, change.channel(), change.writer()) {
            return Some(Denied::by(hold, tenant));
        }
        let Change::Rescue { channel, backup } = change else { return None };
        let why = self.need_no_rescue(&ChannelKey::new(tenant.clone(), channel.clone()), backup)?;
        Some(Denied::since(why))
    }

    /// Why the calls of `channel`, which failed over to `backup`, are better left alone by now: what a rescue is for is to be
    /// seen.
    fn need_no_rescue(&self, channel: &ChannelKey, backup: &ChannelId) -> Option<String> {
        let (now, tenant) = (self.clock.now(), &channel.tenant);
        let Some(report) = self.engine.channel(now, channel) else {
            return Some("the channel is no longer watched".to_owned());
        };
        if self.engine.tenant(now, tenant).is_some_and(|tenant| tenant.state == TenantState::Blind) {
            return Some(format!("the tenant {tenant} is blind: its platform does not answer"));
        }
        match (&report.route, report.health) {
            (Some(route), _) if route != backup => Some(format!("its traffic now goes to {route}")),
            (_, Health::Down) => None,
            (_, Health::Unknown) => Some("not known whether the channel is still down".to_owned()),
            _ => Some("the channel is no longer down: its calls can be heard".to_owned()),
        }
    }
}

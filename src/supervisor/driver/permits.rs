//! Permits: who else may change the platform, and when not.

use super::super::permits::{Permit, PermitRequest};
use super::Driver;
use crate::platform::Gate;
use crate::policy::{ChannelKey, TenantId, TenantState};
use tokio_util::sync::CancellationToken;

/// A permit that is out.
pub struct Granted {
    tenant: TenantId,
    channel: Option<ChannelKey>,
    gate: Gate,
    over: CancellationToken,
}

impl Driver {
    /// Gives leave, or says why not.
    pub(super) fn permit(&mut self, PermitRequest { tenant, channel, reply }: PermitRequest) {
        self.permits.retain(|granted| !granted.over.is_cancelled());
        let channel = channel.map(|id| ChannelKey::new(tenant.clone(), id));
        let answer = if let Some(why) = self.forbids(&tenant, channel.as_ref()) {
            Err(why)
        } else {
            let gate = Gate::open();
            let (permit, over) = Permit::new(gate.clone());
            self.permits.push(Granted { tenant, channel, gate, over });
            Ok(permit)
        };
        // Whoever asked may have gone; the permit then ends with its answer.
        let _ = reply.send(answer);
    }

    /// Calls every permit back: what they rest on has changed.
    pub(super) fn call_back_permits(&self, why: &str) {
        for granted in &self.permits {
            granted.gate.close(why.to_owned());
        }
    }

    /// Calls back what people no longer allow.
    pub(super) fn call_back_forbidden(&mut self) {
        self.permits.retain(|granted| !granted.over.is_cancelled());
        for granted in &self.permits {
            if let Some(why) = self.held(&granted.tenant) {
                granted.gate.close(why);
            }
        }
    }

    /// Before the engine acts on `channel`: whoever else holds a permit for it is called back, and what it has sent
    /// already is waited for.
    pub(super) fn makes_way(&mut self, channel: &ChannelKey) -> Vec<CancellationToken> {
        let theirs = self.permits.iter().filter(|granted| granted.channel.as_ref() == Some(channel));
        theirs
            .map(|granted| {
                granted.gate.close("the engine acts on the channel, which comes first".to_owned());
                granted.over.clone()
            })
            .collect()
    }

    fn forbids(&self, tenant: &TenantId, channel: Option<&ChannelKey>) -> Option<String> {
        let acts = |key: &ChannelKey| self.in_flight.values().any(|flight| flight.action.channel == *key);
        let taken = |key: &ChannelKey| self.permits.iter().any(|granted| granted.channel.as_ref() == Some(key));
        match channel {
            Some(key) if acts(key) => Some(format!("an action on {key} is under way, which comes first")),
            Some(key) if taken(key) => Some(format!("{key} is being changed already")),
            _ => self.held(tenant),
        }
    }

    fn held(&self, tenant: &TenantId) -> Option<String> {
        let Some(report) = self.engine.tenant(self.clock.now(), tenant) else {
            return Some(format!("no tenant `{tenant}` is configured any more"));
        };
        if report.paused {
            return Some(format!("{tenant} is paused: `trunkwarden resume` lifts that"));
        }
        (report.state == TenantState::Blind)
            .then(|| format!("the platform of {tenant} cannot be seen, and nothing is changed blindly"))
    }
}

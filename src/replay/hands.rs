//! Rebuilding: holds what the rebuilt engine wants done against what the real one did, and keeps their numbers apart.

use crate::policy::{Action, ActionKind, OpId};
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug, Default)]
pub struct Hands {
    /// What the rebuilt engine wanted since the last fact.
    wanted: Vec<Action>,
    /// The rebuilt engine's number of each real action in flight.
    ops: BTreeMap<OpId, OpId>,
}

impl Hands {
    /// The rebuilt engine wants this.
    pub fn wants(&mut self, action: Action) {
        self.wanted.push(action);
    }

    /// The real daemon did this. Where the rebuilt engine did not want it: the action to impose on it.
    pub fn really_acted(&mut self, real: &Action, last_op: &mut OpId) -> Option<Action> {
        let wanted = self.wanted.iter().position(|own| own.channel == real.channel && same(&own.kind, &real.kind));
        if let Some(at) = wanted {
            let own = self.wanted.swap_remove(at);
            self.done(real.op, own.op);
            return None;
        }
        *last_op = OpId(last_op.0 + 1);
        self.done(real.op, *last_op);
        Some(Action { op: *last_op, ..real.clone() })
    }

    /// The rebuilt engine's number of a real action.
    pub fn done(&mut self, real: OpId, own: OpId) {
        self.ops.insert(real, own);
    }

    /// A real action is over: the rebuilt engine's number of it.
    pub fn over(&mut self, real: OpId) -> Option<OpId> {
        self.ops.remove(&real)
    }

    /// What the rebuilt engine wanted and the real one did not do.
    pub fn unconfirmed(&mut self) -> Vec<OpId> {
        self.wanted.drain(..).map(|action| action.op).collect()
    }
}

fn same(a: &ActionKind, b: &ActionKind) -> bool {
    match (a, b) {
        (ActionKind::Failover { to: a, .. }, ActionKind::Failover { to: b, .. }) => a == b,
        (ActionKind::Codec { order: a, .. }, ActionKind::Codec { order: b, .. }) => a == b,
        (ActionKind::Failback { .. }, ActionKind::Failback { .. }) => true,
        _ => false,
    }
}

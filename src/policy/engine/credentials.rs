//! Whether a platform keeps a channel's credentials when its codecs are changed.
//!
//! A codec change leaves `authentication` out: it is never sent. A platform that merges keeps it; one that replaces loses it, and
//! trunkwarden cannot restore it. So until a read-back has shown it as before, the tenant has one codec change under way at a time;
//! the first loss ends codec changes, until a person acknowledges that the credentials were entered again. The configuration may say
//! in advance what the platform does (`patch`).
//!
//! Must never: hold back a move of traffic, or forget a loss that nobody acknowledged.

use super::super::command::{ActionKind, Command, EventType};
use super::super::ids::SlotId;
use super::super::key::ChannelKey;
use super::super::observation::AuthenticationSeen;
use super::super::reason::Reason;
use super::super::words::Actor;
use super::{Engine, channel_record, person};

/// Channels of a tenant whose loss is remembered; codec changes have ended long before.
pub(super) const MAX_LOST: usize = 1024;

impl Engine {
    /// Counts a codec change that is under way, or may have been made.
    pub(super) fn sync_codecs_open(&mut self, i: SlotId) {
        let slot = &self.slots[i];
        let kinds =
            [slot.action.flight.as_ref().map(|f| &f.action.kind), slot.action.unsure.as_ref().map(|u| &u.kept.kind)];
        let open = kinds.into_iter().flatten().any(|kind| matches!(kind, ActionKind::Codec { .. }));
        let all = &mut self.tenants[slot.tenant].codecs_open;
        let _ = if open { all.insert(i) } else { all.remove(&i) };
    }

    /// A person acknowledges the loss of a channel's credentials. Returns whether there was one.
    pub(super) fn credentials_entered(&mut self, key: &ChannelKey, who: &str, out: &mut Vec<Command>) -> bool {
        let Ok(t) = self.find_tenant(&key.tenant) else { return false };
        if !self.tenants[t].lost.remove(&key.channel) {
            return false;
        }
        self.mark_tenant_unsaved(t);
        let reason = Reason::Ordered { order: format!("acknowledged the lost credentials of {key}") };
        let (event, nothing) = (EventType::OperatorOrdered, (None, None));
        out.push(Command::Record(channel_record(key, event, person(who), reason, nothing)));
        self.touch_wanting(t);
        true
    }

    /// A codec change was not made: credentials missing at the next one were not lost by it.
    pub(super) fn forget_credentials(&mut self, i: SlotId, kind: &ActionKind) {
        if matches!(kind, ActionKind::Codec { .. }) {
            self.slots[i].codec.credentials_before = None;
        }
    }

    /// A codec order of ours shows: the answer that shows it also shows whether the credentials survived.
    pub(super) fn judge_credentials(&mut self, i: SlotId, out: &mut Vec<Command>) {
        let slot = &mut self.slots[i];
        let Some(before) = slot.codec.credentials_before.take() else { return };
        let kept = before.is_kept_by(slot.codec.credentials);
        let tenant = &mut self.tenants[slot.tenant];
        if kept {
            if !std::mem::replace(&mut tenant.proven, true) {
                tenant.unsaved = true;
            }
            return;
        }
        tenant.proven = false;
        tenant.unsaved = true;
        if tenant.lost.len() < MAX_LOST {
            tenant.lost.insert(slot.key.channel.clone());
        }
        let reason = Reason::CredentialsLost { channel: slot.key.channel.clone() };
        let event = EventType::CredentialsLost;
        out.push(Command::Record(channel_record(&slot.key, event, Actor::Outside, reason, (None, None))));
        self.mark_changed(i);
    }
}

impl AuthenticationSeen {
    /// Whether `after` shows all of it.
    fn is_kept_by(self, after: Option<Self>) -> bool {
        after
            .is_some_and(|after| (self.user.is_none() || after.user == self.user) && (after.password || !self.password))
    }

    /// Whether there is anything that could be lost.
    pub(super) const fn shows_any(self) -> bool {
        self.user.is_some() || self.password
    }
}

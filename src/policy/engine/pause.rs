//! The kill switch: pausing one tenant or everything, for a time or until resumed. Watching goes on.
//!
//! Must never: let a pause lapse before its time, or one that another controller caused.

use super::super::command::{Command, EventType, Fact, Refusal};
use super::super::ids::TenantIx;
use super::super::key::TenantId;
use super::super::reason::Reason;
use super::super::time::{Span, Time};
use super::super::words::Actor;
use super::{Engine, person, record};
use std::time::Duration;

impl Engine {
    /// Pauses a scope, or changes for how long it is paused.
    pub(super) fn pause(
        &mut self,
        now: Time,
        tenant: Option<&TenantId>,
        lasts: Option<Duration>,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let t = tenant.map(|id| self.find_tenant(id)).transpose()?;
        let (was, until) = self.pause_of(t);
        if was && until.is_none() && lasts.is_none() {
            return Err(Refusal::NothingToDo(format!("{} is already paused", scope(tenant))));
        }
        if t.is_some_and(|t| was && until.is_none() && self.tenants[t].other_controller) {
            let why = format!(
                "{} is paused because another controller undid our routes: only `resume` ends that",
                scope(tenant)
            );
            return Err(Refusal::NothingToDo(why));
        }
        let until = lasts.map(|lasts| now + lasts);
        self.set_pause(t, true, until);
        let span = lasts.map_or_else(|| "until resumed".to_owned(), |lasts| format!("for {}", Span(lasts)));
        let order = format!("paused {} {span}", scope(tenant));
        self.record_pause(t, tenant, (was, true), person(who), Reason::Ordered { order }, out);
        Ok(())
    }

    pub(super) fn resume(
        &mut self,
        tenant: Option<&TenantId>,
        who: &str,
        out: &mut Vec<Command>,
    ) -> Result<(), Refusal> {
        let t = tenant.map(|id| self.find_tenant(id)).transpose()?;
        let others = if t.is_none() { self.paused_tenants() } else { String::new() };
        if !self.pause_of(t).0 {
            return Err(Refusal::NothingToDo(match tenant {
                Some(_) => format!("{} is not paused", scope(tenant)),
                None if others.is_empty() => "nothing is paused".to_owned(),
                None => format!("not everything is paused, only {others}: resume each by name"),
            }));
        }
        self.set_pause(t, false, None);
        if let Some(t) = t {
            self.tenants[t].reversals.clear();
            self.tenants[t].other_controller = false;
        }
        let still = if others.is_empty() { others } else { format!("; {others} stays paused") };
        let order = format!("resumed {}{still}", scope(tenant));
        self.record_pause(t, tenant, (true, false), person(who), Reason::Ordered { order }, out);
        Ok(())
    }

    /// The tenants that are paused by themselves, in words; empty: none.
    fn paused_tenants(&self) -> String {
        let paused = self.tenants.iter().filter(|tenant| tenant.live && tenant.paused);
        paused.map(|tenant| format!("tenant {}", tenant.id)).collect::<Vec<_>>().join(", ")
    }

    /// Ends the pauses whose time is over.
    pub(super) fn lapse_pauses(&mut self, now: Time, out: &mut Vec<Command>) {
        while let Some(&(until, t)) = self.pauses.first().filter(|(until, _)| *until <= now) {
            self.pauses.pop_first();
            if self.pause_of(t) != (true, Some(until)) {
                continue;
            }
            self.set_pause(t, false, None);
            let tenant = t.map(|t| self.tenants[t].id.clone());
            let what = format!("the pause of {} lapsed", scope(tenant.as_ref()));
            self.record_pause(t, tenant.as_ref(), (true, false), Actor::System, Reason::Lapsed { what }, out);
        }
    }

    pub(super) fn restore_pause(
        &mut self,
        now: Time,
        t: Option<TenantIx>,
        paused: bool,
        paused_for: Option<Duration>,
        elapsed: Duration,
    ) {
        match paused_for.map(|left| left.saturating_sub(elapsed)) {
            // Told of by the first tick: what lapsed while nobody watched is in the audit all the same.
            Some(left) if paused => self.set_pause(t, true, Some(now + left)),
            _ => self.set_pause(t, paused, None),
        }
    }

    /// Time left until none of these scopes is paused any more; `None`: one has no end, or none is.
    pub(super) fn pause_left<const N: usize>(&self, now: Time, scopes: [Option<TenantIx>; N]) -> Option<Duration> {
        let pauses = scopes.into_iter().map(|t| self.pause_of(t)).filter(|(paused, _)| *paused);
        let ends: Option<Vec<Time>> = pauses.map(|(_, until)| until).collect();
        Some(ends?.into_iter().max()?.since(now))
    }

    fn pause_of(&self, t: Option<TenantIx>) -> (bool, Option<Time>) {
        match t {
            Some(t) => (self.tenants[t].paused, self.tenants[t].paused_until),
            None => (self.paused, self.paused_until),
        }
    }

    fn set_pause(&mut self, t: Option<TenantIx>, paused: bool, until: Option<Time>) {
        if let (_, Some(before)) = self.pause_of(t) {
            self.pauses.remove(&(before, t));
        }
        self.pauses.extend(until.map(|until| (until, t)));
        if let Some(t) = t {
            (self.tenants[t].paused, self.tenants[t].paused_until) = (paused, until);
        } else {
            (self.paused, self.paused_until) = (paused, until);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one record of a change, its parts side by side")]
    fn record_pause(
        &mut self,
        t: Option<TenantIx>,
        tenant: Option<&TenantId>,
        change: (bool, bool),
        actor: Actor,
        reason: Reason,
        out: &mut Vec<Command>,
    ) {
        let event = if actor == Actor::System { EventType::Lapsed } else { EventType::OperatorOrdered };
        let mut record = record(event, tenant.cloned(), None, actor, reason);
        (record.before, record.after) = (Some(Fact::Paused(change.0)), Some(Fact::Paused(change.1)));
        out.push(Command::Record(record));
        if let Some(t) = t {
            self.mark_tenant_unsaved(t);
            self.touch_wanting(t);
        } else {
            self.own_unsaved = true;
            self.touch_all_wanting();
        }
    }
}

fn scope(tenant: Option<&TenantId>) -> String {
    tenant.map_or_else(|| "everything".to_owned(), |tenant| format!("tenant {tenant}"))
}

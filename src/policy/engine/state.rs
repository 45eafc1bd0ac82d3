//! What survives a restart: routes that we set, blocks, pauses, orders, and what was counted.

use super::super::hour::{HOUR, MAX_PER_HOUR};
use super::super::tenant::{LEFT_FOR, REVERSALS_WITHIN};
use super::super::time::Time;
use super::Engine;
use super::credentials::MAX_LOST;
use super::saved::{Part, Saved, restore_channel, save_channel};
use std::time::Duration;

/// Of what was counted, no more than this is taken back.
const RESTORED: usize = MAX_PER_HOUR as usize;

impl Engine {
    pub(super) fn unsaved_parts(&mut self) -> Vec<Part> {
        let mut parts = std::mem::take(&mut self.forgotten);
        if std::mem::take(&mut self.own_unsaved) {
            parts.push(Part::Engine);
        }
        for tenant in self.tenants.iter_mut() {
            if std::mem::take(&mut tenant.unsaved) {
                parts.push(Part::Tenant(tenant.id.clone()));
            }
        }
        for i in std::mem::take(&mut self.unsaved) {
            let slot = &mut self.slots[i];
            if std::mem::take(&mut slot.unsaved) && slot.live {
                parts.push(Part::Channel(slot.key.clone()));
            }
        }
        parts
    }

    pub(super) fn save_part(&self, now: Time, part: &Part) -> Option<Saved> {
        match part {
            Part::Engine => {
                let paused_for = self.paused_until.map(|until| until.since(now));
                Some(Saved::Engine { paused: self.paused, paused_for })
            }
            Part::Tenant(id) => {
                let tenant = &self.tenants[self.tenants.find(id)?];
                let ages = |ends: &mut dyn Iterator<Item = Time>, span: Duration| {
                    ends.map(|until| span.saturating_sub(until.since(now))).collect()
                };
                let (actions, reversals) = (
                    ages(&mut tenant.actions.ends(), HOUR),
                    ages(&mut tenant.reversals.iter().copied(), REVERSALS_WITHIN),
                );
                let paused_for = tenant.paused_until.map(|until| until.since(now));
                let (paused, other_controller) = (tenant.paused, tenant.other_controller);
                let left_for = tenant.out_for(now);
                let known = tenant.live || left_for.is_some() || !tenant.lost.is_empty();
                known.then(|| Saved::Tenant {
                    paused,
                    paused_for,
                    other_controller,
                    left_for,
                    actions,
                    reversals,
                    keeps_credentials: tenant.proven,
                    credentials_lost: tenant.lost.iter().cloned().collect(),
                })
            }
            Part::Channel(key) => {
                if let Some(left) = self.save_left(now, key) {
                    return Some(left);
                }
                let slot = &self.slots[self.slots.find(key)?];
                let saved = save_channel(now, slot);
                (!saved.is_plain(slot.id())).then(|| Saved::Channel(Box::new(saved)))
            }
        }
    }

    pub(super) fn restore_part(&mut self, now: Time, part: &Part, saved: Saved, elapsed: Duration) {
        match (part, saved) {
            (Part::Engine, Saved::Engine { paused, paused_for }) => {
                self.restore_pause(now, None, paused, paused_for, elapsed);
            }
            (
                Part::Tenant(id),
                Saved::Tenant {
                    paused,
                    paused_for,
                    other_controller,
                    left_for,
                    actions,
                    reversals,
                    keeps_credentials,
                    credentials_lost,
                },
            ) => {
                let out_for = left_for.map_or(Duration::ZERO, |left_for| left_for + elapsed);
                let known = self.tenants.find(id);
                let t = known.unwrap_or_else(|| self.stray_tenant(now, id, out_for));
                self.restore_pause(now, Some(t), paused, paused_for, elapsed);
                let tenant = &mut self.tenants[t];
                tenant.other_controller = other_controller;
                let ends = |ages: Vec<Duration>, span: Duration| {
                    let left = ages.into_iter().filter_map(move |age| span.checked_sub(age + elapsed));
                    left.filter(|left| !left.is_zero()).map(|left| now + left).take(RESTORED)
                };
                tenant.actions = ends(actions, HOUR).collect();
                self.places.restore(tenant.actions.ends());
                tenant.reversals = ends(reversals, REVERSALS_WITHIN).collect();
                tenant.proven = keeps_credentials;
                tenant.lost = credentials_lost.into_iter().take(MAX_LOST).collect();
            }
            (Part::Channel(key), Saved::Channel(saved)) => {
                let configured = self.slots.find(key).filter(|i| self.slots[*i].configured);
                let Some(i) = configured else { return self.restore_left(now, key, *saved, elapsed) };
                let mut saved = *saved;
                let (out_for, older) = saved.take_left();
                if out_for.is_some_and(|out_for| out_for + elapsed >= LEFT_FOR) {
                    saved = saved.ordered_only();
                }
                restore_channel(now, &mut self.slots[i], saved, elapsed + older);
                self.sync_codecs_open(i);
                let slot = &self.slots[i];
                self.tenants[slot.tenant].mass.regroup(i, slot.group(i), slot.evidence.bad_since);
                self.refresh_needs(now, i, &mut Vec::new());
                self.arm(now, i);
            }
            _ => {}
        }
    }
}

//! Facts in: looks and errors become evidence and routes. What follows from them is decided elsewhere.

use super::super::channel::Event;
use super::super::command::{Command, EventType};
use super::super::ids::SlotId;
use super::super::mass;
use super::super::observation::{ChannelView, Source};
use super::super::time::Time;
use super::super::words::Actor;
use super::doubt::Word;
use super::evidence::judge;
use super::slot::Single;
use super::weigh::listed;
use super::{Engine, Slot, channel_record};

/// Candidates that the platform names beyond this are left out.
const MAX_BACKUPS: usize = 32;

impl Engine {
    pub(super) fn on_look(
        &mut self,
        now: Time,
        i: SlotId,
        asked: Time,
        source: Source,
        view: &ChannelView,
        out: &mut Vec<Command>,
    ) {
        if now.since(asked) >= self.stale_limit(i) {
            // A cache's word of long ago, or one that was long on its way: we do not see the channel by it.
            return self.on_failed(now, i, out);
        }
        self.mark_changed(i);
        self.note_sight(now, i, true, out);
        if self.is_outdated(now, i, asked) {
            return;
        }
        let single = source == Source::Single;
        let seq = self.seq;
        self.slots[i].evidence.asked = Some(asked);
        if single && let Some(flight) = &mut self.slots[i].action.flight {
            flight.note_look(asked, view);
        }
        let unsure = self.slots[i].action.unsure.is_some();
        if single && asked >= self.slots[i].route.from {
            self.settle_unsure(now, i, asked, view, out);
        }
        let settled = unsure && self.slots[i].action.unsure.is_none();
        let doubted = self.slots[i].route.doubts.route.as_ref().map(|doubt| doubt.since);
        let weighed = self.slots[i].weigh(now, asked, single, view);
        let doubted = doubted != self.slots[i].route.doubts.route.as_ref().map(|doubt| doubt.since);
        if weighed.has(Word::Older) {
            if settled || doubted {
                self.refresh_needs(now, i, out);
            }
            self.follow_up(now, i, settled);
            if settled {
                self.drop_if_unneeded(now, i, out);
            }
            return;
        }
        let slot = &mut self.slots[i];
        let back = std::mem::replace(&mut slot.evidence.missing, false);
        slot.evidence.missing_looks = 0;
        let (echo, set) = (slot.route.echo, slot.codec.set.is_some());
        let verdict = judge(slot, view);
        if single {
            // An answer that shows a route we do not believe yet supports no change.
            slot.evidence.single = (!weighed.has(Word::Doubtful)).then_some(Single { asked, seq, verdict });
        }
        if slot.evidence.status != view.status {
            slot.evidence.status.clone_from(&view.status);
        }
        self.note_server(i, view, single);
        if single {
            self.slots[i].codec.credentials = view.authentication;
        }
        self.codecs_show_late(now, i, asked, single, view, out);
        let slot = &mut self.slots[i];
        let unscored = slot.evidence.codecs.is_empty() && slot.telemetry.summary.is_some();
        let needs_changed = note_view(slot, asked, view, single, weighed.codecs);
        // Telemetry that came before the first look was scored without knowing the codec.
        let scored = unscored && !slot.evidence.codecs.is_empty();
        if (echo, set) != (slot.route.echo, slot.codec.set.is_some()) {
            self.mark_unsaved(i);
        }
        if scored {
            self.score(i);
        }
        let route_changed = self.note_route(now, i, (asked, single), view, weighed.route, out);
        if back {
            self.sync_load(i);
        }
        if needs_changed || route_changed || settled || doubted {
            self.refresh_needs(now, i, out);
        }
        let mut health_changed = false;
        if let Some(verdict) = verdict {
            let slot = &mut self.slots[i];
            slot.evidence.at = Some(asked);
            slot.evidence.fresh = true;
            slot.evidence.verdict = Some(verdict);
            self.note_bad(now, i, verdict == Event::Bad, out);
            health_changed = self.step(now, i, verdict, out);
        }
        self.follow_up(now, i, health_changed || route_changed || scored);
        if settled {
            self.drop_if_unneeded(now, i, out);
        }
    }

    /// Whether an answer was overtaken by one to a later question, or is too old to be evidence when it comes.
    fn is_outdated(&self, now: Time, i: SlotId, asked: Time) -> bool {
        self.slots[i].evidence.asked.is_some_and(|last| asked < last) || now.since(asked) >= self.stale_limit(i)
    }

    pub(super) fn on_missing(&mut self, now: Time, i: SlotId, asked: Time, out: &mut Vec<Command>) {
        self.mark_changed(i);
        self.note_sight(now, i, true, out);
        if self.is_outdated(now, i, asked) {
            return;
        }
        let seq = self.seq;
        let slot = &mut self.slots[i];
        let before = slot.gone();
        slot.evidence.asked = Some(asked);
        slot.evidence.single = Some(Single { asked, seq, verdict: Some(Event::Missing) });
        slot.evidence.missing_looks = slot.evidence.missing_looks.saturating_add(1);
        slot.evidence.missing = true;
        if !slot.gone() {
            // It is no target any more, and what is known of its own traffic stays.
            return self.follow_up(now, i, true);
        }
        slot.evidence.at = Some(asked);
        slot.evidence.verdict = None;
        if !before {
            let reason = slot.missing_reason();
            let event = EventType::ChannelMissing;
            let record = channel_record(&slot.key, event, Actor::Outside, reason, (None, None));
            out.push(Command::Record(record));
            self.sync_load(i);
        }
        self.slots[i].evidence.fresh = false;
        self.note_bad(now, i, true, out);
        self.step(now, i, Event::Missing, out);
        self.follow_up(now, i, true);
    }

    pub(super) fn on_failed(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        self.note_sight(now, i, false, out);
        self.step(now, i, Event::Failed, out);
        self.stale_check(now, i, out);
        self.arm(now, i);
    }

    /// What time alone does to one channel.
    pub(super) fn on_due(&mut self, now: Time, i: SlotId, out: &mut Vec<Command>) {
        self.stale_check(now, i, out);
        self.release_orphan(now, i);
        self.look_after_doubts(now, i, out);
        self.touch(i);
    }

    /// What the channel fails together with. A page may leave the server out or be old: where the channel itself told, only
    /// that counts.
    fn note_server(&mut self, i: SlotId, view: &ChannelView, single: bool) {
        let slot = &mut self.slots[i];
        let Some(read) = view.sip_server.as_deref().and_then(mass::server) else { return };
        let known = slot.evidence.server.as_ref();
        if known.is_some_and(|(server, alone)| (*alone && !single) || (*server == read && *alone >= single)) {
            return;
        }
        slot.evidence.server = Some((read, single));
        if slot.carrier.is_none() && slot.configured {
            let (group, bad_since) = (slot.group(i), slot.evidence.bad_since);
            self.tenants[slot.tenant].mass.regroup(i, group, bad_since);
        }
        if single {
            self.mark_unsaved(i);
        }
    }
}

/// Takes over what the decision needs of the rest. Whether the platform names other backups than before, where they count.
fn note_view(slot: &mut Slot, asked: Time, view: &ChannelView, single: bool, codecs: Word) -> bool {
    if codecs == Word::Another {
        // Someone else chose another order: it stays, and there is no order of ours to take back.
        (slot.codec.set, slot.codec.first, slot.codec.trial, slot.route.doubts.codecs) = (None, None, None, None);
        slot.route.doubts.forget_replaced(false);
    }
    // An order that was asked for before our last action ended may be the one that it replaced.
    if let Some(codecs) = listed(view.codecs.as_ref(), single)
        && slot.evidence.codecs != codecs
        && asked >= slot.route.from
    {
        slot.evidence.codecs = codecs.to_vec();
    }
    let Some(backups) = listed(view.failover.as_ref(), single) else { return false };
    let backups = backups.get(..MAX_BACKUPS).unwrap_or(backups);
    if slot.listed.is_some() || !slot.configured || slot.evidence.backups == backups {
        return false;
    }
    slot.evidence.backups = backups.to_vec();
    true
}

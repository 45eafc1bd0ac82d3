//! What must be true of a PATCH at the moment at which it leaves.

use crate::desk::Asked;
use crate::oracle::{BEAT_EVERY, Oracle};
use crate::plain::{codecs, lost};
use crate::rules::{Mode, Rules, WayHome};
use crate::schedule::secs;
use crate::trunk::{Change, Fate, Trunk, View, Word};
use serde_json::Value;
use std::time::Duration;
use trunkwarden::policy::{Action, ActionKind, Actor, Cause, Reason};

/// A last look is so old at most when the change that it allows leaves.
fn fresh(rules: &Rules) -> Duration {
    rules.interval.max(secs(22)) + rules.action_timeout + secs(1)
}
/// Moves of one channel within an hour, rescues included, that no trouble explains.
const MOST_MOVES: usize = 20;
/// Channels that turn bad within a minute do so at once; a little less leaves no doubt.
const AT_ONCE: Duration = secs(55);
/// The daemon looks at the calendar whenever its loop goes round.
const BEATS: Duration = secs(2 + BEAT_EVERY.as_secs());

/// How a PATCH is meant.
struct Move<'a> {
    id: &'a str,
    own: &'a Trunk,
    now: View<'a>,
    /// Since when its backup has been down or gone, where its traffic is at one.
    stranded_since: Option<Duration>,
    asked: Asked,
}

impl Oracle {
    /// Whether this PATCH may leave at `now`, by what was answered until `by`.
    pub fn judge(
        &mut self,
        now: Duration,
        by: Duration,
        id: &str,
        action: &Action,
        change: &Change,
        body: &Value,
    ) -> Result<(), String> {
        let own = self.trunks.get(id).ok_or("it was never seen")?;
        let view = own.view(by)?;
        let away = view.single.route != id;
        let backup = self.trunks.get(&view.single.route).filter(|_| away);
        let seen = backup.and_then(|backup| backup.view(by).ok());
        // Off a backup that is down, and not home: that leaves whoever works on the channel alone.
        let down = seen.is_some_and(|seen| seen.last.bad_since.is_some());
        let rescue = down && matches!(change, Change::Route(to) if to != id);
        self.nothing_forbids(now, id, by, rescue)?;
        self.once(now, own, action.op.0, change)?;
        self.still_stands(view, action, by)?;
        let asked = self.asked_for(id, action, now);
        self.somebody_decided(action, asked)?;
        if own.moves_within_hour(now) >= MOST_MOVES && asked == Asked::Nothing {
            return Err(format!("its traffic was moved {MOST_MOVES} times within the hour"));
        }
        let stranded_since = seen.and_then(|backup| backup.last.bad_since.or(backup.last.missing_from));
        let case = Move { id, own, now: view, stranded_since, asked };
        let forced = matches!(asked, Asked::Ordered { force: true, .. });
        let rollback = Self::rollback(&case, action)?;
        let undo = matches!(action.reason, Reason::CodecUndone { .. });
        if stranded_since.is_none() && !forced && !rollback && !undo && now < own.blocked_until {
            return Err(format!("it is blocked until {:?}", own.blocked_until));
        }
        if now.saturating_sub(view.single.asked) > fresh(&self.rules) {
            return Err(format!("it was last asked for alone at {:?}", view.single.asked));
        }
        let counted = match (&action.kind, change) {
            (ActionKind::Failover { to, .. }, Change::Route(sent)) if to.as_str() == sent => {
                self.failover(&case, action, now, by, sent)?;
                if body["status"] != "active" {
                    return Err("a failover carries the status active".to_owned());
                }
                if stranded_since.is_some() { &mut self.tally.cascades } else { &mut self.tally.failovers }
            }
            (ActionKind::Failback { .. }, Change::Route(sent)) if sent == id => {
                self.failback(&case, now, rollback)?;
                if !body["status"].is_null() {
                    return Err("a failback carries no status".to_owned());
                }
                if rollback { &mut self.tally.rollbacks } else { &mut self.tally.failbacks }
            }
            (ActionKind::Codec { .. }, Change::Codecs(order)) => {
                Self::codec_order(&case, now, order, body, undo)?;
                if undo { &mut self.tally.undone } else { &mut self.tally.codecs }
            }
            _ => return Err("it is not what its intent says".to_owned()),
        };
        let read = &view.single.document["routing"];
        if let (Change::Route(to), Value::Object(sent)) = (change, &body["routing"]) {
            let mut expected = read.as_object().cloned().unwrap_or_default();
            expected.insert("primary_channel_id".to_owned(), Value::from(to.as_str()));
            if *sent != expected {
                return Err(format!("its routing was read as {read}"));
            }
        }
        *counted += 1;
        self.tally.ordered += u64::from(asked != Asked::Nothing);
        Ok(())
    }

    /// What a person asked for, of what the intent says a person did.
    pub fn asked_for(&self, id: &str, action: &Action, now: Duration) -> Asked {
        if action.actor == Actor::Engine {
            return Asked::Nothing;
        }
        let to = match &action.kind {
            ActionKind::Failover { to, .. } => Some(to.as_str()),
            ActionKind::Failback { .. } => Some(id),
            ActionKind::Codec { .. } => None,
        };
        self.desk.asked(id, to, now)
    }

    /// What forbids every change of this channel: people, the calendar (a rescue left aside), and what is known of the tenant as a
    /// whole.
    fn nothing_forbids(&self, now: Duration, id: &str, by: Duration, rescue: bool) -> Result<(), String> {
        if self.rules.mode == Mode::Observe {
            return Err("it only observes".to_owned());
        }
        if self.desk.paused(now) {
            return Err("it is paused".to_owned());
        }
        if self.maintains(id, now) && !rescue {
            return Err("it is in maintenance".to_owned());
        }
        if self.is_fought() {
            return Err("another controller undid two routes, and nobody has resumed since".to_owned());
        }
        self.no_mass_change(by)
    }

    fn maintains(&self, id: &str, now: Duration) -> bool {
        self.desk.maintains(id, now) || self.rules.in_maintenance(now, BEATS)
    }

    /// Half of the tenant turned bad within a minute and is bad still, and nobody approved: data are likelier bad than trunks.
    fn no_mass_change(&self, by: Duration) -> Result<(), String> {
        let bad = |trunk: &Trunk| trunk.view(by).ok().and_then(|view| view.last.bad_from);
        let mut turned: Vec<Duration> = self.trunks.values().filter_map(bad).collect();
        turned.sort_unstable();
        let n = self.channels;
        let many = 3.max(if n < 6 { n / 2 + 1 } else { n.div_ceil(2) });
        let at_once = turned.windows(many).find(|turned| turned[many - 1].saturating_sub(turned[0]) < AT_ONCE);
        match at_once {
            Some(at_once) if self.desk.mass_approved.is_none_or(|at| at < turned[0]) => {
                let (from, to) = (at_once[0], at_once[many - 1]);
                Err(format!("{many} of {n} channels turned bad between {from:?} and {to:?}"))
            }
            _ => Ok(()),
        }
    }

    /// What the intent says a person did, a person did; and what needs a person had one.
    fn somebody_decided(&self, action: &Action, asked: Asked) -> Result<(), String> {
        let ordered = matches!(action.reason, Reason::Failover { cause: Cause::Ordered { .. }, .. });
        match (&action.actor, asked) {
            (Actor::Engine, _) if ordered => Err("it is an order without a person".to_owned()),
            (Actor::Engine, _) if self.rules.mode == Mode::Propose => Err("nobody approved it".to_owned()),
            (Actor::Engine, _) => Ok(()),
            (_, Asked::Nothing) => Err(format!("{} asked for no such thing", action.actor)),
            (_, Asked::Approved) if ordered => Err("it was approved, and not ordered".to_owned()),
            _ => Ok(()),
        }
    }

    /// Nothing is done twice, and what may have been done is not repeated before it has had its time to show.
    fn once(&self, now: Duration, own: &Trunk, op: u64, change: &Change) -> Result<(), String> {
        match self.ops.get(&op) {
            None | Some(Fate::Again) => {}
            Some(fate) => return Err(format!("its intent was sent before ({fate:?})")),
        }
        let Some(before) = own.patches.back().filter(|p| matches!(p.fate, Fate::UnderWay | Fate::Maybe)) else {
            return Ok(());
        };
        let due = before.sent + self.rules.verify_for;
        if before.shown || now >= due {
            return Ok(());
        }
        let again = if before.change == *change { "the same change" } else { "another change" };
        Err(format!("{again} went out at {:?} and has not shown; it has until {due:?}", before.sent))
    }

    fn failover(&self, case: &Move<'_>, action: &Action, now: Duration, by: Duration, to: &str) -> Result<(), String> {
        let Move { id, now: own, stranded_since, asked, .. } = case;
        let target = self.trunks.get(to).ok_or("its target was never seen")?;
        let it = target.view(by).map_err(|why| format!("its target {why}"))?;
        let ordered = match (&action.reason, asked) {
            (Reason::Failover { cause: Cause::Ordered { .. }, .. }, Asked::Ordered { at, force }) => {
                Some((*at, *force))
            }
            _ => None,
        };
        if to == *id || (ordered.is_none() && !own.single.backups().contains(&to)) {
            return Err("its target is none of its backups".to_owned());
        }
        if self.maintains(to, now) {
            return Err("its target is in maintenance".to_owned());
        }
        let home = own.single.route == *id;
        let quality = matches!(&action.reason, Reason::Failover { cause, .. } if cause.is_quality());
        let since = match (home, stranded_since, ordered) {
            (_, _, Some((at, _))) => at,
            (true, ..) if quality => Duration::ZERO,
            (true, ..) if own.single.word == Word::Bad => own.last.bad_since.ok_or("the channel is not down")?,
            (true, ..) => return Err(format!("its last single answer is {:?}", own.single.word)),
            (false, Some(since), _) => *since,
            (false, None, _) => return Err(format!("its traffic is at {}, which has not failed", own.single.route)),
        };
        if own.single.asked < since {
            return Err(format!("it was last asked for alone at {:?}, before {since:?}", own.single.asked));
        }
        if it.single.asked < since {
            return Err(format!("its target was last asked for alone at {:?}, before {since:?}", it.single.asked));
        }
        self.fit(to, it, now)?;
        let others = self.trunks.iter().filter(|(other, _)| *other != id && *other != to);
        let there = |other: View<'_>| other.single.route == to && other.last.word != Word::Missing;
        let carried = others.filter(|(_, other)| other.is_at(to, by) && other.view(by).is_ok_and(there)).count();
        if carried >= self.rules.max_dependents && ordered.is_none_or(|(_, force)| !force) {
            return Err(format!("its target carries {carried} already"));
        }
        Ok(())
    }

    fn fit(&self, to: &str, it: View<'_>, now: Duration) -> Result<(), String> {
        if it.last.word != Word::Good || it.single.word != Word::Good || !it.last.up {
            return Err(format!("its target is not up: {:?}, {:?}", it.single.word, it.last.word));
        }
        if it.single.route != to {
            return Err(format!("its target is itself routed to {}", it.single.route));
        }
        if now.saturating_sub(it.single.asked) > fresh(&self.rules) {
            return Err(format!("its target was last asked for alone at {:?}", it.single.asked));
        }
        Ok(())
    }

    /// Whether a failed probation brings it home: after a move of ours to where its traffic is, and nothing that showed since.
    /// Whether it was found in the probation's time is the audit log's to tell: what holds it may last.
    fn rollback(case: &Move<'_>, action: &Action) -> Result<bool, String> {
        if !matches!(action.reason, Reason::Failback { cause: Some(Cause::Rollback { .. }), .. }) {
            return Ok(false);
        }
        let there = Change::Route(case.now.single.route.clone());
        let moves =
            case.own.patches.iter().rev().filter(|p| matches!(p.change, Change::Route(_)) && p.op != action.op.0);
        match moves.into_iter().find(|p| p.shown || p.change == there) {
            Some(moved) if moved.change == there => Ok(true),
            moved => Err(format!("it is on no probation: {moved:?}")),
        }
    }

    fn failback(&self, case: &Move<'_>, now: Duration, rollback: bool) -> Result<(), String> {
        let Move { id, own, now: view, stranded_since, asked } = case;
        if view.single.route == *id {
            return Err("it is home already".to_owned());
        }
        if view.last.word != Word::Good || view.single.word != Word::Good {
            return Err(format!("home is not good: {:?}, {:?}", view.single.word, view.last.word));
        }
        let since = view.last.good_since.ok_or("home is not up")?;
        match (*asked, *stranded_since) {
            (Asked::Ordered { at: from, .. }, _) | (_, Some(from)) if view.single.asked >= from => return Ok(()),
            (Asked::Ordered { .. }, _) => return Err("home was not asked since".to_owned()),
            // It may be coming home for its own sake, and its backup has failed only since.
            _ => {}
        }
        if rollback {
            return Ok(());
        }
        if now.saturating_sub(since) < self.rules.failback_after {
            return Err(format!("it has been good only since {since:?}"));
        }
        if *asked == Asked::Approved {
            return Ok(());
        }
        if !own.sent_to(&view.single.route) && !own.acknowledged {
            return Err("somebody else set its route".to_owned());
        }
        if own.ordered_away {
            return Err("a person ordered its route, and nobody the way back".to_owned());
        }
        match self.rules.failback {
            WayHome::Auto => Ok(()),
            WayHome::Window if Rules::way_home_is_open(now, fresh(&self.rules)) => Ok(()),
            WayHome::Window => Err("the window for the way home is not open".to_owned()),
            WayHome::Manual => Err("the way home is a person's".to_owned()),
        }
    }

    fn codec_order(case: &Move<'_>, now: Duration, order: &[String], body: &Value, undo: bool) -> Result<(), String> {
        let Move { id, own, now: view, .. } = case;
        if view.single.route != *id {
            return Err("its traffic is elsewhere".to_owned());
        }
        if view.last.word == Word::Bad {
            return Err("its last answer is bad".to_owned());
        }
        let read = codecs(&view.single.document);
        let last = own.patches.iter().rev().find(|p| p.shown && matches!(p.change, Change::Codecs(_)));
        if undo && last.is_none_or(|last| last.change != Change::Codecs(read.clone())) {
            return Err(format!("its codecs, {read:?}, are not of our making"));
        }
        if now < own.codecs_until && !undo {
            return Err(format!("its codecs are in cooldown until {:?}", own.codecs_until));
        }
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let listed = body["configuration"]["codecs"].as_array().map_or(0, Vec::len);
        if sorted(order) != sorted(&read) || order.len() != listed {
            return Err(format!("its codecs were read as {read:?}"));
        }
        let read_beside = without(&view.single.document["configuration"], "codecs");
        if let Some(name) = lost(&read_beside, &body["configuration"]) {
            return Err(format!("it sends back less than was read: configuration.{name} is missing or another"));
        }
        let kept = ["dtmf_mode", "rtp_payload_type"]
            .iter()
            .all(|name| body["configuration"][name] == view.single.document["configuration"][name]);
        if kept { Ok(()) } else { Err("it sets what nobody asked for".to_owned()) }
    }
}

/// An object without one of its fields.
fn without(object: &Value, name: &str) -> Value {
    let mut object = object.as_object().cloned().unwrap_or_default();
    object.remove(name);
    Value::Object(object)
}

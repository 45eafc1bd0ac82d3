//! What the wire has shown of one channel: every answer that spoke of it, and every PATCH of it. Knows HTTP bodies and the
//! rules' numbers, and nothing of how the product decides.

use crate::lag::Replaced;
use crate::plain::{codecs, has_order, route};
use crate::rules::Rules;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What an answer says of a channel's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Good,
    Bad,
    Neither,
    /// `active`: what our own PATCH put there.
    Echo,
    Missing,
}

/// One answer, and what follows from it and from all before it.
#[derive(Clone, Debug)]
pub struct Look {
    pub asked: Duration,
    pub answered: Duration,
    pub single: bool,
    pub word: Word,
    pub route: String,
    pub document: Arc<Value>,
    goods: u32,
    bads: u32,
    down: bool,
    /// Good for `rise` answers, and not bad or anything else since.
    pub up: bool,
    /// Since when it has been down, its last answer being bad.
    pub bad_since: Option<Duration>,
    /// Since when it has been up, its last answer being good.
    pub good_since: Option<Duration>,
    /// Since when its answers have been bad.
    pub bad_from: Option<Duration>,
    /// Since when it has not been there.
    pub missing_from: Option<Duration>,
    /// How often that was said in a row.
    missings: u32,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Route(String),
    Codecs(Vec<String>),
}

impl Change {
    /// Whether both are about the same thing.
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// How a PATCH ended, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    UnderWay,
    /// 401 and 429: nothing was changed, and it may be sent once more.
    Again,
    /// Nothing was changed.
    Refused,
    /// 200, or no answer, or 5xx: it may have been made.
    Maybe,
}

#[derive(Clone, Debug)]
pub struct Patch {
    pub op: u64,
    pub sent: Duration,
    /// Whether a person ordered this very move away.
    pub ordered: bool,
    /// What was there before, as last read.
    pub was: Change,
    pub change: Change,
    pub fate: Fate,
    pub shown: bool,
    /// Since when an answer has shown, its time to show being over, that it was not made. It may still show for an hour.
    pub lost: Option<Duration>,
}

impl Patch {
    fn shows_in(&self, id: &str, document: &Value) -> bool {
        match &self.change {
            Change::Route(to) => route(id, document) == to,
            Change::Codecs(order) => has_order(document, order),
        }
    }

    const fn may_still_show(&self) -> bool {
        !self.shown && matches!(self.fate, Fate::UnderWay | Fate::Maybe)
    }

    fn may_show_at(&self, now: Duration) -> bool {
        self.may_still_show() && self.lost.is_none_or(|lost| now < lost + HOUR)
    }
}

/// One channel.
#[derive(Clone, Debug, Default)]
pub struct Trunk {
    pub looks: VecDeque<Look>,
    pub patches: VecDeque<Patch>,
    pub blocked_until: Duration,
    /// Where traffic went, and until when it was blocked, before the last answer, where that was the first to show another route.
    once: Option<(String, Duration)>,
    pub codecs_until: Duration,
    pub acknowledged: bool,
    /// Whether a person ordered its traffic to where it goes, and nobody the way back.
    pub ordered_away: bool,
    /// The last block: how long it was, and when the move before it was sent.
    hold_down: Option<(Duration, Duration)>,
    /// When its route was changed, by us, within the last hour.
    pub moves: VecDeque<Duration>,
    /// Whether its traffic goes where our last change sent it.
    ours: bool,
    /// Where its traffic went by the last answer to a single GET, and when that was.
    shown_at: Option<String>,
    shown_when: Duration,
    /// Since when all of those have agreed.
    shown_from: Duration,
    /// A route of ours was undone, as one answer showed, and when: what lags behind may show that once.
    doubted: Option<(String, Duration)>,
    /// When somebody else undid a route of ours.
    pub undone: Option<Duration>,
    replaced: Replaced,
    /// When the last answer was asked for, what was too old to be one included.
    last_asked: Option<Duration>,
}

/// What was known of a channel at a moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub last: &'a Look,
    pub single: &'a Look,
}

/// Answers that agree on a route are so far apart at least.
const BELIEVED_AFTER: Duration = Duration::from_secs(3);
/// How much older an answer may say that it is than it is: ages are told in whole seconds.
const A_SECOND: Duration = Duration::from_secs(1);
const TWICE: Duration = Duration::from_secs(1);
/// A change happened at a known time where the route before it was seen so shortly before.
const KNOWN_WITHIN: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const LOOKS: usize = 64;
const PATCHES: usize = 64;

impl Trunk {
    /// A new process knows nothing of what an old one saw.
    pub fn forget_looks(&mut self) {
        self.looks.clear();
        self.last_asked = None;
        (self.shown_at, self.ours, self.doubted, self.once) = (None, false, None, None);
    }

    /// The last answer of all and the last to a single GET, of those complete by `by`.
    pub fn view(&self, by: Duration) -> Result<View<'_>, String> {
        let mut known = self.looks.iter().rev().skip_while(|look| look.answered > by).peekable();
        let last = *known.peek().ok_or("was never seen")?;
        let single = known.find(|look| look.single).ok_or("was never asked for alone")?;
        Ok(View { last, single })
    }

    /// Whether its traffic goes to `to`, as answers to a single GET have agreed for a while; the first alone is not believed yet.
    pub fn is_at(&self, to: &str, by: Duration) -> bool {
        let mut singles = self.looks.iter().rev().filter(|look| look.single && look.answered <= by);
        let agreed = singles.by_ref().take_while(|look| look.route == to).last();
        agreed.is_some_and(|first| first.answered + BELIEVED_AFTER <= by)
    }

    /// Its document, as last seen.
    pub fn document(&self) -> Option<Arc<Value>> {
        self.looks.back().map(|look| Arc::clone(&look.document))
    }

    /// Takes an answer, unless a later question has been answered before.
    pub fn look(
        &mut self,
        id: &str,
        rules: &Rules,
        asked: Duration,
        answered: Duration,
        single: bool,
        document: Arc<Value>,
    ) {
        let missing = document.is_null();
        if self.last_asked.is_some_and(|last| last > asked) {
            if single && !missing {
                self.overtaken(id, rules, (asked, answered), document);
            }
            return;
        }
        self.last_asked = Some(asked);
        if !missing && self.is_older(id, rules, (asked, answered), single, &document) {
            return;
        }
        let before = self.looks.back();
        let word = word(rules, &document);
        let route = route(id, &document).to_owned();
        let mut look = match before {
            Some(before) => before.clone(),
            None => Look {
                asked,
                answered,
                single,
                word,
                route: route.clone(),
                document: Arc::default(),
                goods: 0,
                bads: 0,
                down: false,
                up: false,
                bad_since: None,
                good_since: None,
                bad_from: None,
                missing_from: None,
                missings: 0,
            },
        };
        (look.asked, look.answered, look.single, look.word) = (asked, answered, single, word);
        // A row of the list may leave out what a channel alone shows.
        let tells = single || document["routing"].is_object();
        if !missing && (tells || before.is_none()) {
            (look.route, look.document) = (route, document);
        }
        look.follow(rules, answered);
        if single && !missing {
            self.route_and_codecs_shown(id, rules, &look);
        }
        if self.looks.len() == LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// An answer to a question before the last one is no evidence, but a change of ours that it shows was made.
    fn overtaken(&mut self, id: &str, rules: &Rules, (asked, answered): (Duration, Duration), document: Arc<Value>) {
        let shows = |p: &Patch| p.may_still_show() && asked + A_SECOND >= p.sent && p.shows_in(id, &document);
        if !self.patches.back().is_some_and(shows) {
            return;
        }
        let Some(last) = self.looks.iter_mut().rev().find(|look| look.single) else { return };
        (last.route, last.answered, last.document) = (route(id, &document).to_owned(), answered, document);
        let look = Look { asked: asked + A_SECOND, ..last.clone() };
        self.route_and_codecs_shown(id, rules, &look);
    }

    /// Whether an answer shows what a change of ours replaced, and that change was seen already.
    fn is_older(
        &mut self,
        id: &str,
        rules: &Rules,
        (asked, answered): (Duration, Duration),
        single: bool,
        document: &Value,
    ) -> bool {
        let tells = single || document["routing"].is_object();
        let routed = tells.then(|| Change::Route(route(id, document).to_owned()));
        let ordered = document["configuration"]["codecs"].is_array().then(|| Change::Codecs(codecs(document)));
        let time_to_show = rules.action_timeout + rules.verify_for;
        let mut older = false;
        for read in [routed, ordered].into_iter().flatten() {
            let last = self.patches.iter().rev().find(|p| p.change.is_like(&read)).filter(|p| p.may_still_show());
            if last.is_some_and(|p| p.change == read || answered < p.sent + time_to_show) {
                continue;
            }
            // A change of ours may show late.
            let ours = |p: &Patch| p.change == read && p.may_show_at(answered);
            let late = self.patches.iter().any(ours);
            older |= self.replaced.is_older(&read, asked, answered, single, late);
        }
        older
    }

    fn route_and_codecs_shown(&mut self, id: &str, rules: &Rules, look: &Look) {
        let lately = rules.action_timeout + rules.verify_for + Duration::from_mins(1);
        let moved = |p: &&Patch| matches!(p.change, Change::Route(_));
        let quiet = self.patches.iter().rev().find(moved).is_none_or(|p| look.asked > p.sent + lately);
        let ours = self.sent_to(&look.route);
        let read = Change::Route(look.route.clone());
        let explained = self.patches.back().is_some_and(|p| p.may_still_show() && p.change == read);
        let late = !explained && self.shows_late(rules, look, &read);
        let seen = std::mem::replace(&mut self.shown_when, look.asked);
        let was = self.shown_at.replace(look.route.clone());
        let was = was.as_ref();
        if was != Some(&look.route) {
            self.shown_from = look.asked;
        }
        let moved = self.patches.iter().rev().find(|p| p.shown && matches!(p.change, Change::Route(_)));
        if look.asked >= self.shown_from + TWICE && moved.is_some_and(|p| p.change != read) {
            // Somebody else's, seen twice: what ours replaced is told apart from it no more.
            self.replaced.forget(&read);
        }
        // A reversal is believed by the second answer that shows it, and counts where it is known when it happened.
        if let Some((_, since)) =
            self.doubted.take_if(|(route, since)| *route != look.route || look.asked >= *since + TWICE)
            && was == Some(&look.route)
        {
            self.undone = Some(since);
        }
        if let Some(was) = was.filter(|was| **was != look.route && !explained && !late) {
            if self.ours && quiet && was != id && look.asked.saturating_sub(seen) < KNOWN_WITHIN {
                self.doubted = Some((look.route.clone(), look.asked));
            }
            self.ours = false;
        }
        self.ours |= late;
        // What one answer showed and the next one does not was never anybody's: it came from a node that lags.
        let flipped = self.once.take_if(|(route, _)| *route == look.route).map(|(_, blocked_until)| blocked_until);
        self.blocked_until = flipped.unwrap_or(self.blocked_until);
        let changed = was.filter(|was| **was != look.route);
        self.once = changed.map(|was| (was.clone(), self.blocked_until));
        if quiet && changed.is_some() && flipped.is_none() && !ours && look.route != id {
            // Somebody else's: left alone for a while.
            self.blocked_until = self.blocked_until.max(look.answered + rules.block_period);
            self.acknowledged = false;
            self.ordered_away = false;
        }
        let Some(patch) = self.patches.back_mut() else { return };
        if !patch.shows_in(id, &look.document) {
            if look.asked >= patch.sent + rules.verify_for {
                patch.lost.get_or_insert(look.answered);
            }
            return;
        }
        if look.asked + A_SECOND < patch.sent || !patch.may_still_show() {
            return;
        }
        patch.shown = true;
        self.replaced.note(patch.was.clone(), &patch.change, look.answered + rules.read_lag);
        match patch.change {
            Change::Route(_) => {
                self.ours = true;
                let before = self.hold_down.map(|(length, sent)| (length, look.answered.saturating_sub(sent)));
                let length = rules.block_after(before);
                self.hold_down = Some((length, patch.sent));
                self.blocked_until = self.blocked_until.max(patch.sent + length);
                self.ordered_away = patch.ordered;
                while self.moves.front().is_some_and(|at| patch.sent.saturating_sub(*at) >= HOUR) {
                    self.moves.pop_front();
                }
                self.moves.push_back(patch.sent);
            }
            Change::Codecs(_) => self.codecs_until = self.codecs_until.max(patch.sent + rules.cooldown),
        }
    }

    /// Whether an earlier change of ours shows, which was called lost within the hour before: then it is ours all the same.
    fn shows_late(&mut self, rules: &Rules, look: &Look, read: &Change) -> bool {
        if self.shown_at.as_ref() == Some(&look.route) {
            return false;
        }
        let is_it = |p: &&mut Patch| p.change == *read && p.may_show_at(look.answered);
        let Some(patch) = self.patches.iter_mut().rev().find(is_it) else { return false };
        patch.shown = true;
        self.replaced.note(patch.was.clone(), read, look.answered + rules.read_lag);
        true
    }

    /// A person took its route over: its blocks are lifted, what had grown is forgotten, and its route is ours.
    pub fn acknowledge(&mut self) {
        (self.blocked_until, self.codecs_until, self.hold_down) = (Duration::ZERO, Duration::ZERO, None);
        (self.acknowledged, self.ordered_away) = (true, false);
    }

    /// How often its traffic was moved by us within the hour before.
    pub fn moves_within_hour(&self, now: Duration) -> usize {
        self.moves.iter().filter(|at| now.saturating_sub(**at) < HOUR).count()
    }

    pub fn patched(&mut self, patch: Patch) {
        if self.patches.len() == PATCHES {
            self.patches.pop_front();
        }
        self.patches.push_back(patch);
    }

    /// Whether a PATCH of ours ever asked for `route`.
    pub fn sent_to(&self, route: &str) -> bool {
        self.patches.iter().any(|p| p.change == Change::Route(route.to_owned()))
    }
}

impl Look {
    fn follow(&mut self, rules: &Rules, now: Duration) {
        let since = |holds: bool, since: Option<Duration>| holds.then(|| since.unwrap_or(now));
        self.missings = if self.word == Word::Missing { self.missings + 1 } else { 0 };
        self.missing_from = since(self.word == Word::Missing, self.missing_from);
        if self.missings > 0 && self.missings < rules.fall && self.bad_from.is_some() {
            // Between bad answers, one of several nodes may not know it: what is known of its own traffic stays.
            return;
        }
        match self.word {
            Word::Echo => return,
            Word::Good => {
                (self.goods, self.bads) = (self.goods + 1, 0);
                if self.goods >= rules.rise {
                    (self.up, self.down) = (true, false);
                }
            }
            Word::Bad => {
                (self.goods, self.bads) = (0, self.bads + 1);
                if self.bads >= rules.fall {
                    (self.up, self.down) = (false, true);
                }
            }
            Word::Neither => (self.goods, self.up) = (0, false),
            Word::Missing => (self.goods, self.bads, self.up, self.down) = (0, 0, false, false),
        }
        self.bad_from = since(self.word == Word::Bad, self.bad_from);
        self.bad_since = since(self.down && self.word == Word::Bad, self.bad_since);
        self.good_since = since(self.up && self.word == Word::Good, self.good_since);
    }

    /// The channels that the platform names as its backups.
    pub fn backups(&self) -> Vec<&str> {
        let named = self.document["routing"]["failover_channels"].as_array();
        named.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

fn word(rules: &Rules, document: &Value) -> Word {
    match document["status"].as_str() {
        _ if document.is_null() => Word::Missing,
        Some("active") => Word::Echo,
        Some("healthy") => Word::Good,
        Some(status) if rules.on.iter().any(|on| on == status) => Word::Bad,
        _ => Word::Neither,
    }
}

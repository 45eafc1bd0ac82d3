//! What the product never does, held against every request and every answer at the moment it passes on the wire.
//!
//! It knows what any bystander on the wire could know, and the intents in the journal. It is written from DESIGN.md and
//! semantics.md and shares no code with the engine. Each rule errs to the lenient side: what it objects to is wrong.

use crate::trunk::{Change, Fate, Patch, Rules, Trunk, View, Word, codecs};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::journal::Reader;
use trunkwarden::platform::{Request, Response, TransportError};
use trunkwarden::policy::{Action, ActionKind, Cause, Reason};
use trunkwarden::sim::CANARY;

pub const BASE: &str = "https://platform.example";
pub const SECRET: &str = "canary-client-secret";
const TOKEN_PATH: &str = "/api/v2/oauth/token";
const MINUTE: Duration = Duration::from_mins(1);
/// A probation lasts 8 min under the worlds' policies, and its last looks and the change itself take a while.
const PROBATION: Duration = Duration::from_mins(10);
/// The driver's loop goes round at least once a second.
const LATE: Duration = Duration::from_secs(5);

/// How often each thing was seen: a world in which nothing happens proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub requests: u64,
    pub failovers: u64,
    pub cascades: u64,
    pub failbacks: u64,
    pub rollbacks: u64,
    pub codecs: u64,
    pub undone: u64,
    pub patches_in_doubt: u64,
}

pub struct Oracle {
    pub rules: Rules,
    pub tally: Tally,
    pub violations: Vec<String>,
    reader: Option<Reader>,
    trunks: BTreeMap<String, Trunk>,
    sent: VecDeque<Duration>,
    last_beat: Duration,
    ops: BTreeMap<u64, Fate>,
}

/// A request on its way.
pub struct Ticket {
    asked: Duration,
    what: What,
}

enum What {
    Single(String),
    List,
    Patch(String, u64),
    Other,
}

/// How a PATCH is meant.
struct Move<'a> {
    id: &'a str,
    own: &'a Trunk,
    now: View<'a>,
    /// Since when its backup has been down or gone, where its traffic is at one.
    stranded_since: Option<Duration>,
}

impl Oracle {
    pub fn shared(rules: Rules) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            rules,
            tally: Tally::default(),
            violations: Vec::new(),
            reader: None,
            trunks: BTreeMap::new(),
            sent: VecDeque::new(),
            last_beat: Duration::ZERO,
            ops: BTreeMap::new(),
        }))
    }

    /// A process starts at `now`. After a crash the budget knows nothing of the minute before, so that minute is left out.
    pub fn process_starts(&mut self, now: Duration, reader: Reader, after_crash: bool) {
        self.reader = Some(reader);
        self.last_beat = now;
        self.trunks.values_mut().for_each(Trunk::forget_looks);
        if after_crash {
            self.sent.clear();
        }
    }

    /// The driver's loop went round.
    pub fn beat(&mut self, now: Duration) {
        if now > self.last_beat + LATE {
            self.object(now, &format!("the loop stood still for {:?}", now.saturating_sub(self.last_beat)));
        }
        self.last_beat = now;
    }

    /// A person acknowledged the channel: its block is lifted and its route is ours.
    pub fn acknowledged(&mut self, id: &str) {
        let trunk = self.trunks.entry(id.to_owned()).or_default();
        trunk.blocked_until = Duration::ZERO;
        trunk.acknowledged = true;
    }

    /// A request leaves.
    pub fn asked(&mut self, now: Duration, request: &Request) -> Ticket {
        self.tally.requests += 1;
        self.within_budget(now);
        if let Err(why) = keeps_secrets(request) {
            self.object(now, &why);
        }
        let path = request.url.strip_prefix(BASE).unwrap_or_default();
        let id = path.strip_prefix("/api/v2/channels/").map(str::to_owned);
        let what = match (request.method.as_str(), id) {
            ("GET", Some(id)) => What::Single(id),
            ("GET", None) if path.starts_with("/api/v2/channels") => What::List,
            ("PATCH", Some(id)) => self.patch_sent(now, id, request.body.as_deref().unwrap_or_default()),
            _ => What::Other,
        };
        Ticket { asked: now, what }
    }

    /// Its answer arrives; `None`: it is no longer waited for.
    pub fn answered(&mut self, now: Duration, ticket: Ticket, answer: Option<&Result<Response, TransportError>>) {
        let status = answer.and_then(|a| a.as_ref().ok()).map(|r| r.status.as_u16());
        let body = || answer.and_then(|a| a.as_ref().ok()).and_then(|r| serde_json::from_slice::<Value>(&r.body).ok());
        let Ticket { asked, what } = ticket;
        match what {
            What::Single(id) if status == Some(404) => self.look(&id, asked, now, true, Value::Null),
            What::Single(id) if status == Some(200) => {
                if let Some(document) = body().filter(|d| d["id"].as_str() == Some(id.as_str())) {
                    self.look(&id, asked, now, true, document);
                }
            }
            What::List if status == Some(200) => {
                let listed = body().map(|mut body| body["channels"].take());
                let Some(Value::Array(listed)) = listed else { return };
                for document in listed {
                    if let Some(id) = document["id"].as_str().map(str::to_owned) {
                        self.look(&id, asked, now, false, document);
                    }
                }
            }
            What::Patch(id, op) => self.patch_over(&id, op, status),
            _ => {}
        }
    }

    fn look(&mut self, id: &str, asked: Duration, now: Duration, single: bool, document: Value) {
        self.trunks.entry(id.to_owned()).or_default().look(id, &self.rules, asked, now, single, document);
    }

    fn object(&mut self, now: Duration, why: &str) {
        if self.violations.len() < 20 {
            self.violations.push(format!("at {:.3} s: {why}", now.as_secs_f64()));
        }
    }

    /// No more than our share of requests in any minute.
    fn within_budget(&mut self, now: Duration) {
        while self.sent.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        if self.sent.len() > self.rules.requests_per_minute {
            self.object(now, &format!("{} requests within a minute", self.sent.len()));
        }
    }

    fn patch_sent(&mut self, now: Duration, id: String, body: &[u8]) -> What {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let action = match self.intent(&id) {
            Ok(action) => action,
            Err(why) => {
                self.object(now, &format!("PATCH of {id}: {why}"));
                return What::Other;
            }
        };
        let op = action.op.0;
        let change = match &body["routing"]["primary_channel_id"] {
            Value::String(to) => Change::Route(to.clone()),
            _ => Change::Codecs(codecs(&body)),
        };
        // What is answered at this very moment may or may not have been heard.
        let strictly = now.saturating_sub(Duration::from_nanos(1));
        let judged = self.judge(now, now, &id, &action, &change, &body);
        let judged = judged.or_else(|_| self.judge(now, strictly, &id, &action, &change, &body));
        if let Err(why) = judged {
            self.object(now, &format!("PATCH of {id} ({body}), intent {op}, {:?}: {why}", action.reason));
        }
        self.ops.insert(op, Fate::UnderWay);
        let trunk = self.trunks.entry(id.clone()).or_default();
        trunk.patched(Patch { op, sent: now, change, fate: Fate::UnderWay, shown: false });
        What::Patch(id, op)
    }

    fn patch_over(&mut self, id: &str, op: u64, status: Option<u16>) {
        let fate = match status {
            Some(401 | 429) => Fate::Again,
            Some(408) => Fate::Maybe,
            Some(400..=499) => Fate::Refused,
            _ => Fate::Maybe,
        };
        self.tally.patches_in_doubt += u64::from(fate == Fate::Maybe && status != Some(200));
        self.ops.insert(op, fate);
        let trunk = self.trunks.entry(id.to_owned()).or_default();
        if let Some(patch) = trunk.patches.iter_mut().rev().find(|p| p.op == op && p.fate == Fate::UnderWay) {
            patch.fate = fate;
        }
    }

    /// The intent of a PATCH, which has to be on disk and open, and the only one of its channel.
    fn intent(&self, id: &str) -> Result<Action, String> {
        let reader = self.reader.as_ref().ok_or("there is no journal")?;
        let open = reader.open_intents().map_err(|e| e.to_string())?;
        let mut own = open.iter().filter(|open| open.intent.channel == id);
        let intent = &own.next().ok_or("no intent of it is on disk")?.intent;
        if own.next().is_some() {
            return Err("two intents of its channel are open".to_owned());
        }
        let action: Action = serde_json::from_value(intent.action.clone()).map_err(|e| e.to_string())?;
        let earlier = open.iter().filter(|other| other.intent.op < intent.op).count();
        let rescue = matches!(
            action.reason,
            Reason::Failover { cause: Cause::BackupDown { .. } | Cause::BackupMissing { .. }, .. }
                | Reason::Failback { backup_failed: true, .. }
        );
        if earlier >= self.rules.max_concurrent && !rescue {
            return Err(format!("{earlier} actions are in flight already"));
        }
        Ok(action)
    }

    fn judge(
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
        self.once(now, own, action.op.0, change)?;
        let away = view.single.route != id;
        let backup = self.trunks.get(&view.single.route).filter(|_| away);
        let stranded_since = backup.and_then(|b| b.view(by).ok()).and_then(|backup| match backup.last.word {
            Word::Missing => Some(backup.last.answered),
            _ => backup.last.bad_since,
        });
        let case = Move { id, own, now: view, stranded_since };
        let rollback = Self::rollback(&case, now, action)?;
        if stranded_since.is_none() && now < own.blocked_until && !rollback {
            return Err(format!("it is blocked until {:?}", own.blocked_until));
        }
        let counted = match (&action.kind, change) {
            (ActionKind::Failover { to, .. }, Change::Route(sent)) if to.as_str() == sent => {
                self.failover(&case, action, by, sent)?;
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
                let undo = matches!(action.reason, Reason::CodecUndone { .. });
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
        Ok(())
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

    fn failover(&self, case: &Move<'_>, action: &Action, by: Duration, to: &str) -> Result<(), String> {
        let Move { id, now: own, stranded_since, .. } = case;
        let target = self.trunks.get(to).ok_or("its target was never seen")?;
        let it = target.view(by).map_err(|why| format!("its target {why}"))?;
        if to == *id || !own.single.backups().contains(&to) {
            return Err("its target is none of its backups".to_owned());
        }
        let home = own.single.route == *id;
        let quality = matches!(&action.reason, Reason::Failover { cause, .. } if cause.is_quality());
        let since = match (home, stranded_since) {
            (true, _) if quality => Duration::ZERO,
            (true, _) if own.single.word == Word::Bad => own.last.bad_since.ok_or("the channel is not down")?,
            (true, _) => return Err(format!("its last single answer is {:?}", own.single.word)),
            (false, Some(since)) => *since,
            (false, None) => return Err(format!("its traffic is at {}, which has not failed", own.single.route)),
        };
        if own.single.asked < since {
            return Err(format!("it was last asked for alone at {:?}, before {since:?}", own.single.asked));
        }
        if it.single.asked < since {
            return Err(format!("its target was last asked for alone at {:?}, before {since:?}", it.single.asked));
        }
        self.fit(to, it, by)?;
        let others = self.trunks.iter().filter(|(other, _)| *other != id && *other != to);
        let carried = others.filter(|(_, other)| other.view(by).is_ok_and(|other| other.single.route == to)).count();
        if carried >= self.rules.max_dependents {
            return Err(format!("its target carries {carried} already"));
        }
        Ok(())
    }

    fn fit(&self, to: &str, it: View<'_>, by: Duration) -> Result<(), String> {
        if it.last.word != Word::Good || it.single.word != Word::Good || !it.last.up {
            return Err(format!("its target is not up: {:?}, {:?}", it.single.word, it.last.word));
        }
        if it.single.route != to {
            return Err(format!("its target is itself routed to {}", it.single.route));
        }
        if by.saturating_sub(it.single.asked) >= 3 * self.rules.interval {
            return Err("what is known of its target is stale".to_owned());
        }
        Ok(())
    }

    /// Whether a failed probation brings it home: soon after a move of ours to where its traffic is, and nothing since.
    fn rollback(case: &Move<'_>, now: Duration, action: &Action) -> Result<bool, String> {
        if !matches!(action.reason, Reason::Failback { cause: Some(Cause::Rollback { .. }), .. }) {
            return Ok(false);
        }
        let moved = case.own.patches.iter().rev().find(|p| matches!(p.change, Change::Route(_)) && p.op != action.op.0);
        let there = Change::Route(case.now.single.route.clone());
        match moved {
            Some(moved) if moved.change == there && now.saturating_sub(moved.sent) <= PROBATION => Ok(true),
            moved => Err(format!("it is on no probation: {moved:?}")),
        }
    }

    fn failback(&self, case: &Move<'_>, now: Duration, rollback: bool) -> Result<(), String> {
        let Move { id, own, now: view, stranded_since } = case;
        if view.single.route == *id {
            return Err("it is home already".to_owned());
        }
        if view.last.word != Word::Good || view.single.word != Word::Good {
            return Err(format!("home is not good: {:?}, {:?}", view.single.word, view.last.word));
        }
        let since = view.last.good_since.ok_or("home is not up")?;
        if let Some(stranded_since) = stranded_since {
            return if view.single.asked >= *stranded_since {
                Ok(())
            } else {
                Err("home was not asked since".to_owned())
            };
        }
        if !own.sent_to(&view.single.route) && !own.acknowledged {
            return Err("somebody else set its route".to_owned());
        }
        if now.saturating_sub(since) < self.rules.failback_after && !rollback {
            return Err(format!("it has been good only since {since:?}"));
        }
        Ok(())
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
        let kept = ["dtmf_mode", "rtp_payload_type"]
            .iter()
            .all(|name| body["configuration"][name] == view.single.document["configuration"][name]);
        if kept { Ok(()) } else { Err("it sets what nobody asked for".to_owned()) }
    }
}

/// Our token and our secret go to the tenant's own host, each only where it belongs; SIP credentials go nowhere.
fn keeps_secrets(request: &Request) -> Result<(), String> {
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
    let Some(path) = request.url.strip_prefix(BASE).filter(|path| path.starts_with('/')) else {
        return Err("a request left for another host".to_owned());
    };
    let token = request.headers.get("authorization").is_some();
    if path == TOKEN_PATH && token {
        return Err("a token went along with a request for one".to_owned());
    }
    if path != TOKEN_PATH && (body.contains(SECRET) || request.url.contains(SECRET)) {
        return Err(format!("the client secret went to {path}"));
    }
    if body.contains("authentication") || body.contains(CANARY) {
        return Err(format!("SIP credentials went to {path}"));
    }
    Ok(())
}

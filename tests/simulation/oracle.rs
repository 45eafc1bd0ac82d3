//! What the product never does, held against every request and every answer at the moment it passes on the wire.
//!
//! It knows what any bystander on the wire could know, and the intents in the journal. It is written from DESIGN.md and
//! semantics.md and shares no code with the engine. Each rule errs to the lenient side: what it objects to is wrong.

use crate::desk::{Asked, Desk};
use crate::plain::codecs;
use crate::rules::{BASE, Rules, SECRET};
use crate::share::Share;
pub use crate::tally::Tally;
use crate::trunk::{Change, Fate, Patch, Trunk};
use crate::truth::Register;
use axum::body::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::journal::Reader;
use trunkwarden::platform::{Request, Response, TransportError};
use trunkwarden::policy::{Action, Cause, Order, Reason};
use trunkwarden::sim::CANARY;

const TOKEN_PATH: &str = "/api/v2/oauth/token";
/// Bodies that are kept.
const READ: usize = 64;
/// Two routes undone within ten minutes are another controller; a little less leaves no doubt.
const FOUGHT_WITHIN: Duration = Duration::from_mins(9);
/// The driver's loop goes round at least so often in these worlds: a day has 86,400 seconds, and nobody's watchdog waits.
pub const BEAT_EVERY: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(25);

pub struct Oracle {
    pub rules: Rules,
    pub tally: Tally,
    pub violations: Vec<String>,
    pub desk: Desk,
    pub channels: usize,
    pub trunks: BTreeMap<String, Trunk>,
    pub ops: BTreeMap<u64, Fate>,
    pub register: Register,
    /// When somebody else set a route.
    pub meddled: Vec<Duration>,
    /// When somebody else undid a route of ours.
    undone: VecDeque<Duration>,
    /// What was read lately, by its text: most answers say what the one before said.
    read: HashMap<Bytes, Arc<Value>>,
    reader: Option<Reader>,
    share: Share,
    last_beat: Duration,
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

impl Oracle {
    pub fn shared(rules: Rules, channels: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            rules,
            tally: Tally::default(),
            violations: Vec::new(),
            desk: Desk::default(),
            channels,
            trunks: BTreeMap::new(),
            ops: BTreeMap::new(),
            register: Register::default(),
            meddled: Vec::new(),
            undone: VecDeque::new(),
            read: HashMap::new(),
            reader: None,
            share: Share::default(),
            last_beat: Duration::ZERO,
        }))
    }

    /// A process starts at `now`. After a crash the budget knows nothing of the minute before, so that minute is left out.
    pub fn process_starts(&mut self, now: Duration, reader: Reader, after_crash: bool) {
        self.reader = Some(reader);
        self.last_beat = now;
        self.trunks.values_mut().for_each(Trunk::forget_looks);
        if after_crash {
            self.share = Share::default();
        }
    }

    /// The driver's loop went round.
    pub fn beat(&mut self, now: Duration) {
        if now > self.last_beat + LATE {
            self.object(now, &format!("the loop stood still for {:?}", now.saturating_sub(self.last_beat)));
        }
        self.last_beat = now;
    }

    /// A person gives an order.
    pub fn given(&mut self, now: Duration, order: &Order) {
        self.desk.give(now, order);
        if let Order::Acknowledge { channel } = order {
            self.trunks.entry(channel.channel.as_str().to_owned()).or_default().acknowledge();
        }
    }

    /// How many entries the log has.
    pub fn entries_on_disk(&self) -> u64 {
        self.reader.as_ref().and_then(|reader| reader.head().ok().flatten()).map_or(0, |(seq, _)| seq)
    }

    /// An order that was answered as taken is in the log by then.
    pub fn taken_means_on_disk(&mut self, now: Duration, order: &Order, taken: bool, before: u64) {
        if taken && self.entries_on_disk() == before {
            self.object(now, &format!("{order:?} was taken, and nothing of it is on disk"));
        }
    }

    /// Whether two routes of ours were undone within a short time, and nobody has resumed since.
    pub fn is_fought(&self) -> bool {
        let since: Vec<Duration> = self.undone.iter().copied().filter(|at| *at >= self.desk.resumed).collect();
        since.windows(2).any(|pair| pair[1].saturating_sub(pair[0]) < FOUGHT_WITHIN)
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
        let text = answer.and_then(|a| a.as_ref().ok()).map(|r| &r.body);
        let Ticket { asked, what } = ticket;
        let age = answer.and_then(|a| a.as_ref().ok()).map_or(Duration::ZERO, crate::plain::age);
        let (sent, asked) = (asked, asked.saturating_sub(age));
        self.share.ends(now);
        match what {
            What::Single(id) if answer.and_then(|a| a.as_ref().ok()).is_some_and(crate::plain::is_missing) => {
                self.look(&id, asked, now, true, Arc::default());
            }
            What::Single(id) if status == Some(200) => {
                if let Some(document) = self.read(text).filter(|d| d["id"].as_str() == Some(id.as_str())) {
                    self.register.shows(&id, (sent, asked), now, self.rules.verify_for, &document);
                    self.look(&id, asked, now, true, document);
                }
            }
            What::List if status == Some(200) => {
                let page = self.read(text);
                // A row that stands there twice is one answer.
                let mut told = BTreeSet::new();
                for document in page.iter().filter_map(|page| page["channels"].as_array()).flatten() {
                    if let Some(id) = document["id"].as_str().filter(|id| told.insert(*id)) {
                        let known = self.trunks.get(id).and_then(Trunk::document);
                        let known = known.filter(|known| **known == *document);
                        let document = known.unwrap_or_else(|| Arc::new(document.clone()));
                        self.look(id, asked, now, false, document);
                    }
                }
            }
            What::Patch(id, op) => self.patch_over(&id, op, status),
            _ => {}
        }
    }

    /// A body as JSON.
    fn read(&mut self, text: Option<&Bytes>) -> Option<Arc<Value>> {
        let text = text?;
        if let Some(read) = self.read.get(text) {
            return Some(Arc::clone(read));
        }
        let read: Arc<Value> = Arc::new(crate::plain::json(text)?);
        if self.read.len() == READ {
            self.read.clear();
        }
        self.read.insert(text.clone(), Arc::clone(&read));
        Some(read)
    }

    /// All that the audit log says.
    pub fn journal(&self) -> Vec<String> {
        self.reader.as_ref().map(crate::audit::entries).unwrap_or_default()
    }

    /// How many changes were sent in the last hour.
    pub fn sent_last_hour(&self, now: Duration) -> usize {
        let lately = |sent: Duration| now.saturating_sub(sent) < Duration::from_hours(1);
        let patches = self.trunks.values().flat_map(|trunk| trunk.patches.iter().rev());
        patches.filter(|patch| lately(patch.sent)).count()
    }

    fn look(&mut self, id: &str, asked: Duration, now: Duration, single: bool, document: Arc<Value>) {
        let trunk = self.trunks.entry(id.to_owned()).or_default();
        let undone = trunk.undone;
        trunk.look(id, &self.rules, asked, now, single, document);
        self.tally.busiest = self.tally.busiest.max(trunk.moves.len());
        if trunk.undone != undone {
            self.undone.extend(trunk.undone);
        }
    }

    fn object(&mut self, now: Duration, why: &str) {
        if self.violations.len() < 20 {
            self.violations.push(format!("at {:.3} s: {why}", now.as_secs_f64()));
        }
    }

    /// No more than our share of requests in any minute, answers awaited included.
    fn within_budget(&mut self, now: Duration) {
        let held = self.share.leaves(now);
        self.tally.fullest_minute = self.tally.fullest_minute.max(held);
        if held > self.rules.requests_per_minute {
            self.object(now, &format!("{held} requests within a minute"));
        }
    }

    fn patch_sent(&mut self, now: Duration, id: String, body: &[u8]) -> What {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let action = match self.intent(now, &id) {
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
        let judged = judged.or_else(|why| self.judge(now, strictly, &id, &action, &change, &body).map_err(|_| why));
        if let Err(why) = judged {
            self.object(now, &format!("PATCH of {id} ({body}), intent {op}, {:?}: {why}", action.reason));
        }
        let was = self.trunks.get(&id).and_then(|trunk| trunk.view(now).ok()).map_or_else(
            || Change::Route(id.clone()),
            |view| match change {
                Change::Route(_) => Change::Route(view.single.route.clone()),
                Change::Codecs(_) => Change::Codecs(codecs(&view.single.document)),
            },
        );
        self.register.leaves(now, op, &id, was.clone(), change.clone());
        self.ops.insert(op, Fate::UnderWay);
        let trunk = self.trunks.entry(id.clone()).or_default();
        let ordered = matches!(action.reason, Reason::Failover { cause: Cause::Ordered { .. }, .. });
        trunk.patched(Patch { op, sent: now, ordered, was, change, fate: Fate::UnderWay, shown: false, lost: None });
        What::Patch(id, op)
    }

    fn patch_over(&mut self, id: &str, op: u64, status: Option<u16>) {
        let fate = match status {
            // A gateway says 403 of an expired token, and another is tried.
            Some(401 | 403 | 429) => Fate::Again,
            Some(408) => Fate::Maybe,
            Some(400..=499) => Fate::Refused,
            _ => Fate::Maybe,
        };
        self.tally.patches_in_doubt += u64::from(fate == Fate::Maybe && status != Some(200));
        self.register.over(op, fate);
        self.ops.insert(op, fate);
        let trunk = self.trunks.entry(id.to_owned()).or_default();
        if let Some(patch) = trunk.patches.iter_mut().rev().find(|p| p.op == op && p.fate == Fate::UnderWay) {
            patch.fate = fate;
        }
    }

    /// The intent of a PATCH, which has to be on disk and open, and the only one of its channel.
    fn intent(&self, now: Duration, id: &str) -> Result<Action, String> {
        let reader = self.reader.as_ref().ok_or("there is no journal")?;
        let open = reader.open_operations().map_err(|e| e.to_string())?;
        let open: Vec<_> = open.into_iter().map(|open| open.operation).filter(|open| open.op.is_some()).collect();
        let mut own = open.iter().filter(|open| open.subject == id);
        let intent = own.next().ok_or("no intent of it is on disk")?;
        if own.next().is_some() {
            return Err("two intents of its channel are open".to_owned());
        }
        let action: Action = serde_json::from_value(intent.request.clone()).map_err(|e| e.to_string())?;
        let earlier = open.iter().filter(|other| other.op < intent.op).count();
        let rescue = matches!(
            action.reason,
            Reason::Failover { cause: Cause::BackupDown { .. } | Cause::BackupMissing { .. }, .. }
                | Reason::Failback { backup_failed: true, .. }
        );
        let forced = matches!(self.asked_for(id, &action, now), Asked::Ordered { force: true, .. });
        if earlier >= self.rules.max_concurrent && !rescue && !forced {
            return Err(format!("{earlier} actions are in flight already"));
        }
        Ok(action)
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

//! The platform of one tenant: what it is asked, in; what it answers, out. Time comes in with every call.
//!
//! Each request passes, in this order: incidents that are due, faults, the path and the method, the request limit, the
//! headers, the token and its scope, and then the endpoint with its schema. Must never wait, read a clock, or touch a socket.

use bridge::{Bridges, Bridging};
mod bridge;
mod create;
mod endpoint;

use super::calls::{CallState, Calls};
use super::channel::{ChannelState, Spell};
use super::fault::{self, Faults};
use super::incident::{Incident, IncidentError, PatchMode, TargetMode};
use super::ledger::{Ledger, News, PatchRecord, RequestRecord};
use super::limit::RequestLimit;
use super::noise;
use super::oddity::{Odd, Oddities, Oddity};
use super::options::{Options, TelemetryForm};
use super::patch::{self, Change};
use super::reply::{Answer, Draft, Reply};
use super::scenario::Scenario;
use super::store::Store;
use super::token::Tokens;
use crate::platform::{Request, Response};
use crate::policy::WallMs;
use create::Creating;
use endpoint::Done;
use http::Uri;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// The platform of one tenant.
#[derive(Debug)]
pub struct Model {
    pub(super) options: Options,
    pub(super) store: Store,
    pub(super) tokens: Tokens,
    bridges: Bridges,
    pub(super) calls: Calls,
    bridging: Option<Bridging>,
    pub(super) faults: Faults,
    pub(super) ledger: Ledger,
    agenda: BTreeMap<(Duration, u64), Due>,
    pub(super) serial: u64,
    pub(super) limit: RequestLimit,
    pub(super) patching: Option<Patching>,
    creating: Option<Creating>,
    /// How long answers take, and until when.
    pub(super) slow: Option<(Duration, Duration)>,
    pub(super) list_absent: bool,
    pub(super) list_lag: Duration,
    pub(super) form: TelemetryForm,
    pub(super) odd: Oddities,
    /// How PATCHes to a target are treated, and until when.
    pub(super) targets: BTreeMap<String, (TargetMode, Duration)>,
}

/// Something that is going to happen.
#[derive(Debug)]
enum Due {
    Incident(Incident),
    Change(Change),
    Creation(Map<String, Value>),
    Bridge(bridge::Made),
}

/// How PATCHes are treated for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patching {
    pub(super) mode: PatchMode,
    pub(super) until: Duration,
    pub(super) delay: Duration,
}

impl Model {
    /// The platform of a scenario, at its start.
    pub fn new(scenario: Scenario) -> Self {
        let Scenario { options, channels, events } = scenario;
        let mut model = Self {
            store: Store::new(options.seed, &channels),
            tokens: Tokens::default(),
            bridges: Bridges::default(),
            calls: Calls::default(),
            bridging: None,
            faults: Faults::default(),
            ledger: Ledger::default(),
            agenda: BTreeMap::new(),
            serial: 0,
            limit: RequestLimit::new(&options),
            patching: None,
            creating: None,
            slow: None,
            list_absent: options.list_absent,
            list_lag: options.list_lag,
            form: options.telemetry,
            odd: Oddities::new(options.seed, &options.odd),
            targets: BTreeMap::new(),
            options,
        };
        for event in events {
            model.schedule(event.after, Due::Incident(event.incident));
        }
        model
    }

    /// Answers a request that comes at `now` (since the start; never earlier than before) and `wall`.
    pub fn handle(&mut self, now: Duration, wall: WallMs, request: &Request) -> Reply {
        self.advance(now);
        let wall = WallMs(wall.0.saturating_add(self.options.clock_skew_seconds.saturating_mul(1000)));
        self.ledger.arrive(now);
        self.odd.arrive(now, self.ledger.total);
        let uri = request.url.parse::<Uri>().unwrap_or_default();
        let path = uri.path().to_owned();
        let is_token = path.ends_with("/oauth/token");
        let mut slow = Duration::ZERO;
        let answer = match self.faults.met(now, &path, is_token) {
            Some(kind) => match fault::answer(kind, wall) {
                Some(answer) => answer,
                None => Answer::Response(self.limit.refuse(now, wall).finish(wall)),
            },
            None => match self.endpoint(now, wall, &uri, request) {
                Ok(Done::Answer(draft)) | Err(draft) => Answer::Response(self.finish(draft, wall)),
                Ok(Done::Lost) => Answer::Close,
                Ok(Done::Slow(draft, delay)) => {
                    slow = delay;
                    Answer::Response(self.finish(draft, wall))
                }
            },
        };
        self.ledger.answer(RequestRecord {
            at: now,
            method: request.method.to_string(),
            path,
            status: match &answer {
                Answer::Response(response) => Some(response.status.as_u16()),
                Answer::Close | Answer::Hang => None,
            },
        });
        let vary = noise::unit(&[self.options.seed, noise::text("latency"), self.ledger.total]);
        let latency = self.slow.filter(|(_, until)| now < *until).map_or(self.options.latency, |(latency, _)| latency);
        let bad_headers = self.odd.is(Oddity::BadHeaders, None);
        Reply { after: latency.mul_f64(0.5 + vary) + slow, answer, bad_headers }
    }

    /// What every answer of the platform itself goes through on its way out.
    fn finish(&self, mut draft: Draft, wall: WallMs) -> Response {
        if self.odd.is(Oddity::Bom, None) && !draft.body.is_empty() {
            draft.body = [b"\xef\xbb\xbf", draft.body.as_ref()].concat().into();
        }
        let ahead = self.odd.met(Oddity::NodeClock, None).map_or(Duration::ZERO, Odd::by);
        // A cached answer bears the date at which it was made.
        let past = draft.age.unwrap_or_default();
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        draft.finish(WallMs(wall.0.saturating_add(ms(ahead)).saturating_sub(ms(past))))
    }

    /// Lets everything happen that is due by `now`, without a request.
    pub fn advance(&mut self, now: Duration) {
        while let Some(entry) = self.agenda.first_entry().filter(|e| e.key().0 <= now) {
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Incident(incident) => {
                    // A scripted incident was checked, but its channel may have been removed since.
                    if let Err(error) = self.apply(at, incident) {
                        self.ledger.tell(at, format!("an incident could not be: {error}"));
                    }
                }
                Due::Change(change) => self.make(at, &change),
                Due::Creation(body) => _ = self.add(at, body),
                Due::Bridge(made) => _ = self.bridges.make(&mut self.calls, made),
            }
        }
    }

    /// When the next thing is going to happen by itself.
    pub fn next_event(&self) -> Option<Duration> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets `incident` happen now. Nothing is changed where it is an error.
    pub fn apply(&mut self, now: Duration, incident: Incident) -> Result<(), IncidentError> {
        incident.check(|id| self.store.contains(id))?;
        self.ledger.tell(now, incident.to_string());
        match incident {
            Incident::Status { channel, is } => self.each(&channel, |c| c.set_status(now, &is)),
            Incident::Telemetry { channel, latency_ms, jitter_ms, loss_pct, lasts } => {
                let spell = Spell { from: now, to: lasts.map(|d| now + d), latency_ms, jitter_ms, loss_pct };
                self.each(&channel, |c| c.begin_spell(spell));
            }
            Incident::Fault { kind, lasts, paths } => self.faults.begin(kind, now + lasts, paths),
            Incident::Slow { latency, lasts } => self.slow = Some((latency, now + lasts)),
            Incident::Patch { mode, lasts, delay } => {
                let delay = delay.unwrap_or(Duration::from_secs(10));
                self.patching = Some(Patching { mode, until: now + lasts, delay });
            }
            Incident::Create { mode, lasts, delay } => {
                let delay = delay.unwrap_or(Duration::from_secs(10));
                self.creating = Some(Creating { mode, until: now + lasts, delay });
            }
            Incident::Edit { channel, set } => {
                self.make(now, &Change { channel, body: set, merge: super::options::Merge::Merge });
            }
            Incident::Route { channel, to } => self.each(&channel, |c| c.set_primary(now, &to)),
            Incident::Remove { channel } => self.store.remove(&channel),
            Incident::List { absent, lag } => {
                self.list_absent = absent.unwrap_or(self.list_absent);
                self.list_lag = lag.unwrap_or(self.list_lag);
            }
            Incident::TelemetryForm { is } => self.form = is,
            Incident::Limit { requests_per_minute } => self.limit.per_minute = requests_per_minute,
            Incident::Call { call, channel, direction, legs } => self.calls.begin(&call, &channel, &direction, legs),
            Incident::HangUp { call } => self.calls.end(&call),
            Incident::Bridge { mode, lasts, delay } => {
                let delay = delay.unwrap_or(Duration::from_secs(10));
                self.bridging = Some(Bridging { mode, until: now + lasts, delay });
            }
            Incident::Odd(odd) => self.odd.begin(now, odd),
            Incident::Target { channel, mode, lasts } => _ = self.targets.insert(channel, (mode, now + lasts)),
            Incident::RevokeTokens {} => self.tokens.revoke(),
        }
        Ok(())
    }

    /// Quiet again: every channel healthy and at home, with its own media; faults, modes, tokens and all that was still to
    /// come end. Removed channels stay away, and the books stay.
    pub fn reset(&mut self, now: Duration) {
        self.advance(now);
        self.agenda.clear();
        self.faults = Faults::default();
        self.patching = None;
        self.creating = None;
        self.bridging = None;
        self.slow = None;
        self.limit.per_minute = self.options.requests_per_minute;
        self.list_absent = self.options.list_absent;
        self.list_lag = self.options.list_lag;
        self.form = self.options.telemetry;
        self.odd = self.odd.reset(&self.options.odd);
        self.targets.clear();
        self.tokens.revoke();
        for channel in self.store.iter_mut() {
            let home = channel.id.clone();
            channel.set_status(now, "healthy");
            channel.set_primary(now, &home);
            channel.echo = None;
            channel.spells.clear();
        }
        self.ledger.tell(now, "everything is quiet again");
    }

    /// How the platform behaves.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// One channel, as it truly is.
    pub fn channel(&self, id: &str) -> Option<&ChannelState> {
        self.store.get(id)
    }

    /// Every channel, by id.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelState> {
        self.store.iter()
    }

    /// The latest PATCHes, the refused ones included, oldest first.
    pub fn patches(&self) -> impl DoubleEndedIterator<Item = &PatchRecord> {
        self.ledger.patches.iter()
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &RequestRecord> {
        self.ledger.requests.iter()
    }

    /// How many requests came since the start.
    pub fn requests_total(&self) -> u64 {
        self.ledger.total
    }

    /// How many answers had `status`.
    pub fn answers(&self, status: u16) -> u64 {
        self.ledger.by_status.get(&status).copied().unwrap_or(0)
    }

    /// How many requests got no answer.
    pub fn unanswered(&self) -> u64 {
        self.ledger.unanswered
    }

    /// The most requests that came in any 60 s, the refused ones included.
    pub fn requests_in_last_minute_max(&self) -> usize {
        self.ledger.busiest_minute()
    }

    /// How many tokens were given out.
    pub fn tokens_issued(&self) -> u64 {
        self.tokens.issued()
    }

    /// How many bridges were made.
    pub fn bridges_made(&self) -> u64 {
        self.bridges.made()
    }

    /// The calls, by id.
    pub fn calls(&self) -> impl Iterator<Item = &CallState> {
        self.calls.iter()
    }

    /// What happened since this was last asked, in words.
    pub fn take_news(&mut self) -> Vec<News> {
        self.ledger.news.drain(..).collect()
    }

    fn each(&mut self, channel: &str, mut change: impl FnMut(&mut ChannelState)) {
        if channel == "*" {
            self.store.iter_mut().for_each(change);
        } else if let Some(channel) = self.store.get_mut(channel) {
            change(channel);
        }
    }

    fn schedule(&mut self, at: Duration, due: Due) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), due);
    }

    /// Makes a change, and says so.
    pub(super) fn make(&mut self, at: Duration, change: &Change) {
        let echo = self.options.echo_status.then(|| patch::next_tick(at, self.options.health_tick));
        if let Some(channel) = self.store.get_mut(&change.channel) {
            let before = channel.primary().to_owned();
            patch::make(channel, at, change, echo);
            let after = channel.primary();
            let text = if before == after {
                format!("{} is changed", change.channel)
            } else {
                format!("{} is routed to {after}", change.channel)
            };
            self.ledger.tell(at, text);
        }
    }
}

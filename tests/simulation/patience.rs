//! What must happen in the end, held against the platform as it truly is: traffic at a channel that has failed is moved where
//! somebody is fit and nothing forbids it, and traffic that is away comes home.
//!
//! Waits from the moment at which the last obstacle was gone, and errs to the patient side.

use crate::oracle::Oracle;
use crate::rules::{Mode, Rules, WayHome};
use crate::schedule::secs;
use crate::trunk::{Change, Fate};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use trunkwarden::sim::{ChannelState, FaultKind, Incident, Model, Odd};

/// From the last obstacle to the rescue: a look within two minutes at most, two soon after it, last looks, and the change.
const RESCUED_WITHIN: Duration = secs(4 * 60);
/// From the last obstacle to the way home; a person may have to take over the route first, and makes rounds.
const HOME_WITHIN: Duration = secs(25 * 60);
/// How long the daemon is careful after the platform, or the path to it, was not itself.
const SETTLES: Duration = secs(10 * 60);
/// Changes under way at once, by the tenant's limit: what a process that died had decided and not sent counts for its hour too.
const AT_ONCE: usize = 3;
/// Telemetry of before counts for so long.
const FORGETS: Duration = secs(15 * 60);

/// See the module.
pub struct Patience {
    rules: Rules,
    /// When the platform or the path to it was not itself, the time to settle included.
    rough: Vec<(Duration, Duration)>,
    /// When whose media was poor.
    poor: Vec<(String, Duration, Duration)>,
    waits: BTreeMap<String, Waits>,
    /// Since when nothing forbids every action.
    free_since: Duration,
    /// When the platform last took back a token that it had just given.
    pub disturbed: Option<Duration>,
    /// When processes began after others had died.
    restarts: Vec<Duration>,
    /// How often traffic was waited for that had to move, and that had to come home.
    pub rescues: u64,
    pub homecomings: u64,
}

/// What is waited for at one channel.
#[derive(Clone, Debug, Default)]
struct Waits {
    route: String,
    /// How often it had changed: whatever changed meanwhile, the wait begins anew.
    version: u64,
    /// When its route changed, whoever changed it.
    moved: VecDeque<Duration>,
    /// Since when its traffic is at a channel that has failed.
    stranded: Option<Duration>,
    /// Since when it is up and sounds good.
    well: Option<Duration>,
    /// Since when it could take more traffic.
    fit: Option<Duration>,
    /// Whether nothing stands in the way of its rescue any more.
    due: bool,
}

impl Patience {
    pub fn new(rules: Rules, incidents: &[(Duration, Incident)]) -> Self {
        let rough = incidents.iter().filter_map(|(at, incident)| rough(*at, incident)).collect();
        let poor = incidents
            .iter()
            .filter_map(|(at, incident)| match incident {
                Incident::Telemetry { channel, lasts, .. } => {
                    let lasts = lasts.unwrap_or(secs(500));
                    Some((channel.clone(), *at, *at + lasts + FORGETS))
                }
                _ => None,
            })
            .collect();
        Self {
            rules,
            rough,
            poor,
            waits: BTreeMap::new(),
            free_since: Duration::ZERO,
            disturbed: None,
            restarts: Vec::new(),
            rescues: 0,
            homecomings: 0,
        }
    }

    /// A process starts, and has to see everything anew.
    pub fn restarts(&mut self, now: Duration) {
        // What the last minute has spent is not known; then two good looks at everybody.
        self.free_since = now + secs(60) + self.rules.interval * 2;
        self.restarts.push(now);
        for waits in self.waits.values_mut() {
            (waits.stranded, waits.well, waits.fit) = (None, None, None);
        }
    }

    /// Looks at the world; what is overdue is an error: the channel, and why.
    pub fn look(
        &mut self,
        now: Duration,
        model: &Model,
        oracle: &Oracle,
        paused: bool,
    ) -> Result<(), (String, String)> {
        let bad = |c: &ChannelState| self.rules.on.iter().any(|on| on == c.status());
        let many = 3.max(oracle.channels.div_ceil(2));
        let rough = self.rough.iter().any(|(from, to)| (*from..*to).contains(&now));
        let disturbed = self.disturbed.is_some_and(|at| now < at + SETTLES);
        let calendar = self.rules.in_maintenance(now, Duration::ZERO);
        let fought = oracle.is_fought() || oracle.desk.paused(now) || paused;
        let lately = self.restarts.iter().filter(|at| now.saturating_sub(**at) < Duration::from_hours(1)).count();
        let busy = oracle.sent_last_hour(now) + AT_ONCE * lately >= self.rules.max_per_hour;
        // What the platform suddenly does not have counts as bad.
        let there = model.channels().count();
        let failed = model.channels().filter(|c| bad(c)).count() + oracle.channels.saturating_sub(there);
        if rough || disturbed || calendar || fought || busy || failed >= many {
            self.free_since = now;
        }
        self.waits.retain(|id, _| model.channel(id).is_some());
        for channel in model.channels() {
            self.note(now, channel, model, oracle);
        }
        if self.rules.mode != Mode::Enforce {
            return Ok(());
        }
        for channel in model.channels() {
            let overdue = self.rescued(now, channel, oracle).and_then(|()| self.home_again(now, channel, oracle));
            overdue.map_err(|why| (channel.id().to_owned(), why))?;
        }
        Ok(())
    }

    fn note(&mut self, now: Duration, channel: &ChannelState, model: &Model, oracle: &Oracle) {
        let id = channel.id();
        let maintained = oracle.desk.maintains(id, now);
        let poor = self.poor.iter().any(|(of, from, to)| (of == "*" || of == id) && (*from..*to).contains(&now));
        let well = channel.status() == "healthy" && !poor && !maintained;
        let carried = model.channels().filter(|other| other.id() != id && other.primary() == id).count();
        let fit = well && channel.primary() == id && carried < self.rules.max_dependents;
        let failed = |c: Option<&ChannelState>| c.is_none_or(|c| self.rules.on.iter().any(|on| on == c.status()));
        // In maintenance only off a backup that is down: neither home nor for what is missing.
        let down = channel.primary() != id && model.channel(channel.primary()).is_some();
        let stranded = failed(model.channel(channel.primary())) && (!maintained || down);
        let waits =
            self.waits.entry(id.to_owned()).or_insert_with(|| Waits { route: id.to_owned(), ..Waits::default() });
        if waits.route != channel.primary() {
            channel.primary().clone_into(&mut waits.route);
            waits.moved.push_back(now);
            if waits.moved.len() > 16 {
                waits.moved.pop_front();
            }
        }
        if std::mem::replace(&mut waits.version, channel.version()) != channel.version() {
            (waits.stranded, waits.well, waits.fit) = (None, None, None);
        }
        let since = |holds: bool, since: Option<Duration>| holds.then(|| since.unwrap_or(now));
        waits.stranded = since(stranded, waits.stranded);
        waits.well = since(well, waits.well);
        waits.fit = since(fit, waits.fit);
    }

    fn rescued(&mut self, now: Duration, channel: &ChannelState, oracle: &Oracle) -> Result<(), String> {
        let id = channel.id();
        let Some(waits) = self.waits.get(id) else { return Ok(()) };
        let away = channel.primary() != id;
        let home = waits.well.filter(|_| away);
        let others = channel.backups().filter(|b| *b != channel.primary()).filter_map(|b| self.waits.get(b)?.fit);
        let (Some(stranded), Some(fit)) = (waits.stranded, others.chain(home).min()) else { return Ok(()) };
        let untried = channel.backups().filter(|b| *b != channel.primary() && Self::untried(id, b, stranded, oracle));
        let untried = untried.filter_map(|b| self.waits.get(b)?.fit).min();
        let mut since = stranded.max(fit).max(self.free_since).max(self.after_a_failure(id, oracle));
        // Whoever was refused goes on to the next without waiting long, however often it tries the same again.
        if let Some(from) = untried.map(|fit| stranded.max(fit).max(self.free_since))
            && let Some(tried) = Self::first_try(id, oracle, from)
        {
            since = since.min(tried + self.rules.verify_for + RESCUED_WITHIN);
        }
        if !away {
            since = since.max(self.block_ends(waits));
        }
        let (at, due) = (channel.primary(), now > since);
        self.rescues += u64::from(due && !waits.due);
        if let Some(waits) = self.waits.get_mut(id) {
            waits.due = due;
        }
        let overdue = now > since + RESCUED_WITHIN;
        let why = format!("the traffic of {id} is at {at}, which has failed, and should have left since {since:?}");
        if overdue { Err(why) } else { Ok(()) }
    }

    fn home_again(&mut self, now: Duration, channel: &ChannelState, oracle: &Oracle) -> Result<(), String> {
        let (id, at) = (channel.id(), channel.primary());
        let ours = oracle.trunks.get(id).and_then(|trunk| trunk.patches.back());
        let ours = ours.is_some_and(|patch| patch.shown && patch.change == Change::Route(at.to_owned()));
        let Some(waits) = self.waits.get(id).filter(|_| at != id && ours && self.rules.failback == WayHome::Auto)
        else {
            return Ok(());
        };
        let Some(well) = waits.well else { return Ok(()) };
        // What was not seen does not count as good.
        let since = (well.max(self.free_since) + self.rules.failback_after)
            .max(self.block_ends(waits))
            .max(self.after_a_failure(id, oracle));
        self.homecomings += u64::from(now > since && now <= since + secs(30));
        if now > since + HOME_WITHIN {
            return Err(format!("{id} is well and its traffic is still at {at}; it should be home since {since:?}"));
        }
        Ok(())
    }

    /// When the block after its moves is over, however it has grown.
    fn block_ends(&self, waits: &Waits) -> Duration {
        let Some(last) = waits.moved.back() else { return Duration::ZERO };
        let lately = self.rules.half_life() * 6;
        let moves = waits.moved.iter().filter(|at| last.saturating_sub(**at) < lately).count();
        let doubled = self.rules.block_period * (1 << moves.saturating_sub(1).min(4));
        *last + doubled.min(self.rules.hold_down_max()) + self.rules.verify_for
    }

    /// When the first change of its route since `from` was sent.
    fn first_try(id: &str, oracle: &Oracle, from: Duration) -> Option<Duration> {
        let mut patches = oracle.trunks.get(id)?.patches.iter();
        patches.find(|patch| patch.sent >= from && matches!(patch.change, Change::Route(_))).map(|patch| patch.sent)
    }

    /// Whether no change to `to` has failed since the channel was stranded.
    fn untried(id: &str, to: &str, since: Duration, oracle: &Oracle) -> bool {
        let to = Change::Route(to.to_owned());
        oracle.trunks.get(id).is_none_or(|trunk| !trunk.patches.iter().any(|p| p.sent >= since && p.change == to))
    }

    /// When the next attempt may be made after one that failed.
    fn after_a_failure(&self, id: &str, oracle: &Oracle) -> Duration {
        let last = oracle.trunks.get(id).and_then(|trunk| trunk.patches.back());
        let failed = last.filter(|patch| !patch.shown || patch.fate == Fate::Again);
        failed.map_or(Duration::ZERO, |patch| patch.sent + self.rules.verify_for + self.rules.block_period)
    }
}

/// From when to when an incident keeps the daemon from seeing or acting as it should.
fn rough(at: Duration, incident: &Incident) -> Option<(Duration, Duration)> {
    let until = match incident {
        Incident::Odd(Odd { lasts, .. }) => lasts.unwrap_or_default() + SETTLES,
        Incident::Fault { kind: FaultKind::TooMany, lasts, .. } => *lasts + 2 * SETTLES,
        Incident::Fault { lasts, .. } | Incident::Slow { lasts, .. } => *lasts + SETTLES,
        Incident::Patch { lasts, delay, .. } => *lasts + delay.unwrap_or_default() + SETTLES,
        Incident::Limit { requests_per_minute } if *requests_per_minute >= 100 => 2 * SETTLES,
        // What begins here ends with another incident of its kind, 2000 s later at most.
        Incident::Limit { .. } | Incident::List { .. } | Incident::TelemetryForm { .. } => secs(2000) + SETTLES,
        Incident::RevokeTokens {} => secs(60),
        _ => return None,
    };
    Some((at, at + until))
}

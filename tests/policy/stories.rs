//! Random stories against a small model of a platform. After every step the engine's commands are held against what it must
//! never do, by a bookkeeping of the test's own.

use super::remedies::Remedies;
use super::world::{World, key, params, secs, view};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::policy::{
    Action, ActionKind, Actor, Cause, ChannelId, Command, EventType, Fact, GlobalLimits, Health, Mode, OpId, Order,
    Outcome, Params, Policy, Reason, Source, TenantId, TenantState, Time, Windows,
};

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const STATUSES: [&str; 4] = ["healthy", "unhealthy", "degraded", "active"];
const MAX_DEPENDENTS: usize = 2;
const MAX_CONCURRENT: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Status(usize, usize),
    Route(usize, usize),
    Look(usize, bool),
    Late(usize),
    Fail(usize),
    FailAll,
    Missing(usize),
    Telemetry(usize),
    Sound(usize, usize),
    /// So many minutes, with looks and telemetry of everything.
    Minutes(u8),
    /// Every look that the engine asked for is answered.
    Answer,
    /// A round of looks at everything.
    Round(u8),
    Outcome(usize, u8),
    Pause(bool),
    Approve(usize),
    ApproveMass,
    Acknowledge(usize),
    PauseFor(u64),
    Failover(usize, usize, bool),
    Failback(usize, bool),
    Maintain(usize, u64),
    Windows(bool),
    Journal(bool),
    Jump,
    Mode(u8),
    Drop(usize),
    Interval(u64),
    /// How many of two reference targets answer.
    References(u32),
    /// Limits over all tenants: none, in flight, or within the hour.
    Global(u8, u32),
    /// By how much home has to be better, if at all; and how soon it may be.
    Margin(Option<u8>, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let c = 0..IDS.len();
    prop_oneof![
        4 => (1_u64..40).prop_map(Step::Pass),
        1 => (400_u64..1200).prop_map(Step::Pass),
        6 => (c.clone(), prop_oneof![5 => Just(0_usize), 5 => Just(1), 1 => Just(2), 1 => Just(3)]).prop_map(|(c, s)| Step::Status(c, s)),
        1 => (c.clone(), c.clone()).prop_map(|(c, r)| Step::Route(c, r)),
        6 => (c.clone(), any::<bool>()).prop_map(|(c, s)| Step::Look(c, s)),
        1 => c.clone().prop_map(Step::Late),
        1 => c.clone().prop_map(Step::Fail),
        1 => Just(Step::FailAll),
        1 => c.clone().prop_map(Step::Missing),
        1 => c.clone().prop_map(Step::Telemetry),
        3 => (c.clone(), 0_usize..5).prop_map(|(c, like)| Step::Sound(c, like)),
        2 => (1_u8..5).prop_map(Step::Minutes),
        12 => Just(Step::Answer),
        12 => (1_u8..6).prop_map(Step::Round),
        6 => (0_usize..3, 0_u8..9).prop_map(|(n, o)| Step::Outcome(n, o)),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => c.clone().prop_map(Step::Approve),
        1 => Just(Step::ApproveMass),
        1 => c.clone().prop_map(Step::Acknowledge),
        1 => (1_u64..60).prop_map(Step::PauseFor),
        3 => (c.clone(), c.clone(), any::<bool>()).prop_map(|(c, to, f)| Step::Failover(c, to, f)),
        2 => (c.clone(), any::<bool>()).prop_map(|(c, f)| Step::Failback(c, f)),
        1 => (c.clone(), 1_u64..90).prop_map(|(c, s)| Step::Maintain(c, s)),
        1 => any::<bool>().prop_map(Step::Windows),
        1 => any::<bool>().prop_map(Step::Journal),
        1 => Just(Step::Jump),
        1 => (0_u8..6).prop_map(Step::Mode),
        1 => c.prop_map(Step::Drop),
        1 => (1_u64..60).prop_map(Step::Interval),
        1 => (0_u32..3).prop_map(Step::References),
        2 => (0_u8..4, 1_u32..4).prop_map(|(kind, max)| Step::Global(kind, max)),
        1 => (prop::option::of(0_u8..30), 0_u64..900).prop_map(|(margin, after)| Step::Margin(margin, after)),
    ]
}

#[derive(Clone, Copy, Default)]
struct Seen {
    asked: Time,
    good: bool,
    bad: bool,
}

/// The test's own bookkeeping: the platform, and what the engine was told of it.
struct Story {
    w: World,
    params: Params,
    status: [usize; 5],
    route: [usize; 5],
    single: BTreeMap<String, Seen>,
    down_since: BTreeMap<String, Time>,
    flying: Vec<Action>,
    to_answer: BTreeSet<String>,
    last_op: OpId,
    journal: bool,
    network: bool,
    /// Actions that count for an hour.
    counted: Vec<(OpId, Time)>,
    acts: usize,
    remedies: Remedies,
}

impl Story {
    fn new() -> Self {
        let all: &[(&str, Option<&[&str]>)] = &[
            ("a", Some(&["b", "c"])),
            ("b", Some(&["a", "d"])),
            ("c", Some(&["d", "b"])),
            ("d", Some(&["e"])),
            ("e", Some(&["a", "b", "c", "d"])),
        ];
        let mut policy = Policy::default();
        policy.failover.quality_below = Some(60.0);
        policy.failover.quality_for = secs(120);
        policy.quality.degraded_by = Some(12.0);
        let params = params(&policy, all);
        let mut w = World::new(params.clone());
        w.out.clear();
        Self {
            w,
            params,
            status: [0; 5],
            route: [0, 1, 2, 3, 4],
            single: BTreeMap::new(),
            down_since: BTreeMap::new(),
            flying: Vec::new(),
            to_answer: BTreeSet::new(),
            last_op: OpId(0),
            journal: true,
            network: true,
            counted: Vec::new(),
            acts: 0,
            remedies: Remedies::default(),
        }
    }

    fn look(&mut self, c: usize, source: Source) {
        let (id, status, now) = (IDS[c], STATUSES[self.status[c]], self.w.now);
        if source == Source::Single {
            let seen = Seen { asked: now, good: status == "healthy", bad: status == "unhealthy" };
            self.single.insert(id.to_owned(), seen);
        }
        let view = self.remedies.view(id, status, IDS[self.route[c]]);
        self.w.look_from(id, now, source, view);
    }

    fn telemetry(&mut self, c: usize) {
        let reading = self.remedies.telemetry(IDS[c], self.w.now);
        self.w.tell(IDS[c], &reading);
        self.check();
    }

    fn answer(&mut self) {
        for id in std::mem::take(&mut self.to_answer) {
            let c = IDS.iter().position(|other| *other == id).unwrap();
            self.look(c, Source::Single);
            self.check();
        }
    }

    fn minutes(&mut self, n: u8) {
        for half in 0..2 * n {
            self.pass(30);
            for c in 0..IDS.len() {
                self.look(c, Source::Single);
                self.check();
            }
            if half % 2 == 1 {
                (0..IDS.len()).for_each(|c| self.telemetry(c));
            }
            self.answer();
            self.end_one(0, 8);
            self.check();
        }
    }

    fn take(&mut self, step: &Step) {
        let acme = TenantId::from("acme");
        match *step {
            Step::Pass(s) => self.pass(s),
            Step::Status(c, s) => self.status[c] = s,
            Step::Route(c, r) => self.route[c] = r,
            Step::Look(c, true) => self.look(c, Source::Single),
            Step::Look(c, false) => self.look(c, Source::List),
            Step::Late(c) => {
                let asked = self.w.now.back(secs(20));
                self.w.look_from(IDS[c], asked, Source::Single, view("unhealthy", IDS[c]));
            }
            Step::Fail(c) => drop(self.w.fail(IDS[c])),
            Step::FailAll => {
                for _ in 0..12 {
                    for id in IDS {
                        self.w.fail(id);
                    }
                }
            }
            Step::Missing(c) => {
                self.single.insert(IDS[c].to_owned(), Seen { asked: self.w.now, ..Seen::default() });
                self.w.missing(IDS[c]);
            }
            Step::Telemetry(c) => self.telemetry(c),
            Step::Sound(c, like) => self.remedies.sounds(IDS[c], like),
            Step::Minutes(n) => self.minutes(n),
            Step::Answer => {
                self.pass(1);
                self.answer();
            }
            Step::Round(n) => {
                for _ in 0..n {
                    self.pass(2);
                    for c in 0..IDS.len() {
                        self.look(c, Source::Single);
                        self.check();
                    }
                }
            }
            Step::Outcome(n, outcome) => self.end_one(n, outcome),
            Step::Pause(true) => self.order(&Order::Pause { tenant: Some(acme) }),
            Step::Pause(false) => self.order(&Order::Resume { tenant: Some(acme) }),
            Step::Approve(c) => self.order(&Order::Approve { channel: key(IDS[c]) }),
            Step::ApproveMass => self.order(&Order::ApproveMass { tenant: acme }),
            Step::Acknowledge(c) => {
                self.remedies.acknowledged(IDS[c]);
                self.order(&Order::Acknowledge { channel: key(IDS[c]) });
            }
            Step::PauseFor(s) => self.order(&Order::PauseFor { tenant: Some(acme), lasts: secs(s) }),
            Step::Failover(c, to, force) => {
                self.order(&Order::Failover { channel: key(IDS[c]), to: ChannelId::from(IDS[to]), force });
            }
            Step::Failback(c, force) => self.order(&Order::Failback { channel: key(IDS[c]), force }),
            Step::Maintain(c, s) => {
                let reason = "why".to_owned();
                self.order(&Order::StartMaintenance { channel: key(IDS[c]), lasts: secs(s), reason });
            }
            Step::Windows(maintenance) => {
                let windows = Windows { maintenance, failback: false };
                self.w.engine.set_windows(self.w.now, "", windows, &mut self.w.out);
            }
            Step::Journal(writable) => {
                self.journal = writable;
                self.w.engine.set_journal_writable(self.w.now, writable, &mut self.w.out);
            }
            Step::Jump => self.w.engine.clock_jumped(self.w.now, &mut self.w.out),
            Step::Mode(m) => {
                let mut params = self.params.clone();
                params.mode = [Mode::Observe, Mode::Propose, Mode::Enforce][usize::from(m.min(2))];
                self.params = params.clone();
                self.w.engine.reconfigure(self.w.now, params, &mut self.w.out);
            }
            Step::Drop(c) => {
                let mut params = self.params.clone();
                params.channels.retain(|channel| channel.key != key(IDS[c]));
                self.w.engine.reconfigure(self.w.now, params, &mut self.w.out);
                self.check();
                self.w.engine.reconfigure(self.w.now, self.params.clone(), &mut self.w.out);
            }
            Step::References(answered) => {
                self.network = answered > 0;
                self.w.engine.set_references(self.w.now, answered, 2, &mut self.w.out);
            }
            Step::Global(kind, max) => {
                let limit = |wanted| (kind == wanted).then_some(max);
                self.params.global =
                    GlobalLimits { max_concurrent: limit(1), max_per_hour: limit(2), keep_fit: limit(3) };
                self.w.engine.reconfigure(self.w.now, self.params.clone(), &mut self.w.out);
            }
            Step::Margin(margin, after) => self.margin(margin.map(f64::from), secs(after)),
            Step::Interval(s) => {
                self.w.engine.set_effective_interval(self.w.now, &acme, secs(s), &mut self.w.out);
            }
        }
        self.check();
    }

    /// Time passes, and what each deadline brings is held against the moment at which it came.
    fn pass(&mut self, s: u64) {
        let end = self.w.now + secs(s);
        while let Some(at) = self.w.engine.next_deadline().filter(|at| *at <= end) {
            self.w.now = at.max(self.w.now);
            self.w.engine.tick(self.w.now, &mut self.w.out);
            self.check();
        }
        self.w.now = end;
    }

    fn margin(&mut self, margin: Option<f64>, after: Duration) {
        let mut policy = self.policy().clone();
        policy.failover.failback_better_by = margin;
        policy.failover.failback_after = after;
        let policy = Arc::new(policy);
        self.params.channels.iter_mut().for_each(|channel| channel.policy = policy.clone());
        self.w.engine.reconfigure(self.w.now, self.params.clone(), &mut self.w.out);
    }

    fn order(&mut self, order: &Order) {
        let _refused = self.w.engine.operator(self.w.now, order, "alice", &mut self.w.out);
    }

    fn end_one(&mut self, n: usize, outcome: u8) {
        if n >= self.flying.len() {
            return;
        }
        let action = self.flying.remove(n);
        if matches!(outcome, 2 | 3) {
            self.counted.retain(|(op, _)| *op != action.op);
        }
        let c = IDS.iter().position(|id| *id == action.channel.channel.as_str()).unwrap();
        let why = || "why".to_owned();
        let (made, outcome) = match outcome {
            0 => (false, Outcome::NotApplied),
            1 => (false, Outcome::Refused { why: why() }),
            2 => (false, Outcome::NotSent { why: why() }),
            3 => (false, Outcome::Conflict),
            4 => (true, Outcome::Unknown { why: why() }),
            5 => (false, Outcome::Unknown { why: why() }),
            _ => (true, Outcome::Applied { siblings_lost: Vec::new() }),
        };
        if made {
            self.remedies.made(&action);
            match &action.kind {
                ActionKind::Failover { to, .. } => {
                    self.route[c] = IDS.iter().position(|id| *id == to.as_str()).unwrap();
                }
                ActionKind::Failback { .. } => self.route[c] = c,
                ActionKind::Codec { .. } => {}
            }
        }
        self.w.outcome(action.op, outcome);
    }

    /// Holds the commands given since the last step against what must never be.
    fn check(&mut self) {
        for command in std::mem::take(&mut self.w.out) {
            if let Command::Record(record) = &command {
                self.remedies.note(self.w.now, record);
            }
            match command {
                Command::LookNow { channel } => drop(self.to_answer.insert(channel.channel.to_string())),
                Command::Record(record) if record.event == EventType::HealthChanged => {
                    let id = record.channel.unwrap().to_string();
                    match record.after {
                        Some(Fact::Health(Health::Down)) => drop(self.down_since.insert(id, self.w.now)),
                        _ => drop(self.down_since.remove(&id)),
                    }
                }
                Command::Act(action) => self.check_act(action),
                _ => {}
            }
        }
        let tenant = self.w.engine.tenant(self.w.now, &TenantId::from("acme")).unwrap();
        assert_eq!(tenant.in_flight as usize, self.flying.len());
        let up = IDS.iter().filter(|id| {
            self.w.engine.channel(self.w.now, &key(id)).is_some_and(|r| r.configured && r.health == Health::Up)
        });
        assert_eq!(tenant.up as usize, up.count());
        for id in IDS {
            let report = self.w.engine.channel(self.w.now, &key(id));
            self.remedies.on_probation(id, report.and_then(|r| r.explanation.quality.probation).as_ref());
        }
        self.check_line();
        if let Some(at) = self.w.engine.next_deadline() {
            assert!(at > self.w.now.back(secs(1)), "a deadline in the past is never left behind");
        }
    }

    /// Nobody waits for a place while one is free.
    fn check_line(&self) {
        let reports: Vec<_> = IDS.iter().filter_map(|id| self.w.engine.channel(self.w.now, &key(id))).collect();
        let waits = |why| reports.iter().any(|report| report.held == Some(why));
        let confirming = reports.iter().filter(|r| matches!(r.reason, Reason::Confirming { .. })).count();
        if let Some(max) = self.params.global.max_concurrent.filter(|_| waits("global_max_concurrent")) {
            assert!(self.flying.len() + confirming >= max as usize, "a place is free and somebody waits");
        }
        if let Some(max) = self.params.global.max_per_hour.filter(|_| waits("global_max_per_hour")) {
            assert!(self.within_the_hour() + confirming >= max as usize, "an action is left and somebody waits");
        }
    }

    fn within_the_hour(&self) -> usize {
        self.counted.iter().filter(|(_, at)| self.w.now.since(*at) < secs(3600)).count()
    }

    fn check_act(&mut self, action: Action) {
        self.acts += 1;
        let id = action.channel.channel.to_string();
        let tenant = self.w.engine.tenant(self.w.now, &TenantId::from("acme")).unwrap();
        assert!(action.op > self.last_op, "operations rise");
        self.last_op = action.op;
        assert!(self.network, "our own network is down");
        assert!(self.journal && !tenant.paused && tenant.state == TenantState::Seen && !tenant.mass_hold);
        assert!(self.params.mode != Mode::Observe);
        // But for the rescue from a backup that is down, to another one: what else holds of it is asked below.
        let rescue = matches!(&action.reason, Reason::Failover { cause: Cause::BackupDown { .. }, .. });
        assert!(rescue || self.w.report(&id).maintenance.is_none());
        assert!(self.flying.iter().all(|other| other.channel != action.channel), "two actions on one channel");
        let mover = self.single.get(&id).copied().expect("the mover was looked at alone");
        match &action.kind {
            ActionKind::Failover { to, from } => {
                let own = *from == action.channel.channel;
                let failed = if own { id.clone() } else { from.to_string() };
                let cause = match &action.reason {
                    Reason::Failover { cause, .. } => cause.clone(),
                    other => panic!("{other:?}"),
                };
                let since = match cause {
                    Cause::BackupMissing { .. }
                    | Cause::Ordered { .. }
                    | Cause::Quality { .. }
                    | Cause::Degraded { .. } => Time::ZERO,
                    _ => self.down_since.get(&failed).copied().expect("what failed is down"),
                };
                assert!(mover.asked >= since, "last look at the mover");
                if matches!(cause, Cause::Down { .. }) {
                    assert!(mover.bad, "the mover's last look was bad");
                }
                let target = self.single.get(to.as_str()).expect("the target was looked at alone");
                assert!(target.good && target.asked >= since, "last look at the target");
                // A passing of time ends later than what it brought about.
                let then = action.evidence_at;
                assert!(then.since(target.asked) <= secs(30), "the last look is fresh");
                let report = self.w.report(to.as_str());
                assert!(report.maintenance.is_none());
                assert!(report.health == Health::Up && !report.failed_over && report.in_flight.is_none());
                assert!(*to != action.channel.channel && *to != *from);
                let forced = matches!(cause, Cause::Ordered { force: true, .. });
                assert!(forced || self.dependents(to, &id) < MAX_DEPENDENTS, "{to} carries too many");
                assert!(forced || !own || self.flying.len() < MAX_CONCURRENT);
                assert!(then.since(mover.asked) <= secs(30), "the mover was looked at");
                assert!(tenant.up >= 1);
            }
            ActionKind::Failback { from } => {
                assert!(mover.good && *from != action.channel.channel);
                assert_eq!(self.w.report(&id).health, Health::Up);
                self.check_margin(&action, from);
            }
            ActionKind::Codec { order, before, .. } => {
                assert!(!self.w.report(&id).failed_over);
                let names = |codecs: &[trunkwarden::policy::Codec]| {
                    codecs.iter().map(|codec| codec.name.clone()).collect::<BTreeSet<_>>()
                };
                assert_eq!(names(order), names(before));
                assert_eq!(order.iter().map(|codec| codec.priority).collect::<Vec<_>>(), [1, 2, 3]);
            }
        }
        self.remedies.check(self.w.now, &action);
        self.check_limits(&action);
        self.counted.push((action.op, action.evidence_at));
        self.flying.push(action);
    }

    /// What comes home by itself is better there by the margin, where both are measured.
    fn check_margin(&self, action: &Action, from: &ChannelId) {
        let by_itself = action.actor == Actor::Engine
            && matches!(action.reason, Reason::Failback { backup_failed: false, cause: None, .. });
        let score = |id: &ChannelId| self.w.report(id.as_str()).quality.map(|quality| quality.score);
        if let (true, Some(margin), Some(home), Some(there)) =
            (by_itself, self.policy().failover.failback_better_by, score(&action.channel.channel), score(from))
        {
            assert!(home >= there + margin, "{home} at home and {there} at {from}");
        }
    }

    /// All channels have the same.
    fn policy(&self) -> &Policy {
        &self.params.channels[0].policy
    }

    /// The limits over all tenants hold everything but rescues and what a person forced.
    fn check_limits(&self, action: &Action) {
        let free = match &action.reason {
            Reason::Failover { cause, .. } => {
                matches!(
                    cause,
                    Cause::BackupDown { .. } | Cause::BackupMissing { .. } | Cause::Ordered { force: true, .. }
                )
            }
            Reason::Failback { backup_failed, .. } => *backup_failed || action.actor != Actor::Engine,
            _ => false,
        };
        let GlobalLimits { max_concurrent, max_per_hour, keep_fit } = self.params.global;
        assert!(free || max_concurrent.is_none_or(|max| self.flying.len() < max as usize), "too many at once");
        assert!(free || max_per_hour.is_none_or(|max| self.within_the_hour() < max as usize), "too many in an hour");
        if let (ActionKind::Failover { to, .. }, false, Some(keep_fit)) = (&action.kind, free, keep_fit) {
            let reports = IDS.iter().filter_map(|id| self.w.engine.channel(self.w.now, &key(id)));
            let counts = reports.filter(|r| r.health == Health::Up && r.key.channel != action.channel.channel);
            let up = counts.filter(|r| r.configured || r.key.channel == *to).count();
            assert!(up >= keep_fit as usize, "{up} would be up, and {keep_fit} have to be");
        }
    }

    /// Others whose traffic goes to `to`, or is about to, as far as the engine was told.
    fn dependents(&self, to: &ChannelId, mover: &str) -> usize {
        let others = IDS.iter().filter(|id| **id != mover && **id != to.as_str());
        others
            .filter(|id| {
                let route = self.w.report(id).route;
                let flying = self.flying.iter().any(|action| {
                    action.channel.channel.as_str() == **id
                        && matches!(&action.kind, ActionKind::Failover { to: other, .. } if other == to)
                });
                route.as_ref() == Some(to) || flying
            })
            .count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_must_never_be_never_is(steps in prop::collection::vec(step(), 1..120)) {
        let mut story = Story::new();
        story.take(&Step::Round(3));
        for step in &steps {
            story.take(step);
        }
    }

    #[test]
    fn errors_alone_never_act(steps in prop::collection::vec((0_usize..5, 1_u64..30), 1..200)) {
        let mut story = Story::new();
        story.take(&Step::Round(3));
        for (c, s) in steps {
            story.take(&Step::Pass(s));
            story.take(&Step::Fail(c));
        }
        prop_assert_eq!(story.acts, 0);
    }

    #[test]
    fn the_same_inputs_give_the_same_commands(steps in prop::collection::vec(step(), 1..60)) {
        let tell = || {
            let mut story = Story::new();
            let mut said = Vec::new();
            for step in &steps {
                story.take(step);
                said.extend(story.flying.iter().map(|action| format!("{action:?}")));
            }
            said
        };
        prop_assert_eq!(tell(), tell());
    }
}

#[test]
fn stories_take_codec_orders_and_moves_back() {
    use Step::{Minutes, Sound};
    let told = |steps: &[Step]| {
        let mut story = Story::new();
        story.take(&Step::Round(3));
        for step in steps {
            story.take(step);
        }
        (story.remedies.undone("a"), story.remedies.rolled_back("a"))
    };
    assert_eq!(told(&[Minutes(6), Sound(0, 1), Minutes(3), Sound(0, 4), Minutes(4)]), (true, false));
    assert_eq!(told(&[Minutes(6), Sound(0, 3), Minutes(6), Sound(1, 4), Minutes(8)]), (false, true));
}

#[test]
fn stories_do_act() {
    let mut story = Story::new();
    story.take(&Step::Round(3));
    story.take(&Step::Status(0, 1));
    story.take(&Step::Round(5));
    assert_eq!(story.acts, 1);
}

/// A story that a random run once found: an action that time alone brings about rests on last looks of that moment, not of
/// the moment at which the passing of time ends.
#[test]
fn a_last_look_does_not_outlive_its_freshness() {
    use Step::{Answer, FailAll, Look, Missing, Pass, Round, Status};
    let mut story = Story::new();
    story.take(&Round(3));
    for step in [
        Look(0, false),
        Status(4, 1),
        Look(0, false),
        Missing(0),
        Round(3),
        Status(0, 0),
        FailAll,
        Answer,
        Round(5),
        Pass(31),
    ] {
        story.take(&step);
    }
}

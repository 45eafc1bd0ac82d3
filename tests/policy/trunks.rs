//! Trunks with telemetry by the minute, answered to a driver in miniature: every action is applied at once, every last look
//! answered, and what was done and written down is kept in order.

use super::world::{World, key, params, secs};
use std::collections::BTreeMap;
use trunkwarden::policy::{
    Action, ActionKind, Actor, ChannelId, ChannelView, Codec, Command, Engine, Observation, Outcome, Part, Policy,
    Reason, Sample, Saved, Source, TelemetryReading, Time, WallMs,
};

/// The platform's clock at the engine's origin.
const EPOCH_MS: i64 = 1_763_683_200_000;
pub const IDS: [&str; 3] = ["a", "b", "c"];

/// Latency in milliseconds and packet loss in percent.
pub type Conditions = (f64, f64);

pub struct Trunks {
    pub w: World,
    pub policy: Policy,
    pub status: BTreeMap<&'static str, &'static str>,
    pub route: BTreeMap<&'static str, String>,
    pub codecs: BTreeMap<&'static str, Vec<Codec>>,
    /// What each trunk measures now; `None`: nothing.
    pub now: BTreeMap<&'static str, Option<Conditions>>,
    history: BTreeMap<&'static str, BTreeMap<i64, Conditions>>,
    /// The actions so far, and what was written down of `a`, in words.
    pub told: Vec<String>,
    pub acts: Vec<(Time, Action)>,
    /// Whether what comes of an action is not told.
    pub unanswered: bool,
}

impl Trunks {
    /// `a` with backups `b` and `c`, all of them up and measuring 30 ms without loss.
    pub fn new(policy: Policy) -> Self {
        let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
        let mut w = World::new(params(&policy, all));
        w.up(&IDS);
        w.now = Time::new(secs(1200));
        let codec = |name: &str, priority| Codec { name: name.to_owned(), priority };
        let codecs = vec![codec("PCMU", 1), codec("OPUS", 2), codec("G729", 3)];
        Self {
            w,
            policy,
            status: IDS.map(|id| (id, "healthy")).into(),
            route: IDS.map(|id| (id, id.to_owned())).into(),
            codecs: IDS.map(|id| (id, codecs.clone())).into(),
            now: IDS.map(|id| (id, Some((30.0, 0.0)))).into(),
            history: IDS.map(|id| (id, BTreeMap::new())).into(),
            told: Vec::new(),
            acts: Vec::new(),
            unanswered: false,
        }
    }

    pub fn set(&mut self, id: &'static str, conditions: Conditions) -> &mut Self {
        self.now.insert(id, Some(conditions));
        self
    }

    pub fn silent(&mut self, id: &'static str) -> &mut Self {
        self.now.insert(id, None);
        self
    }

    /// So many minutes: looks each half of them, telemetry at the end of each.
    pub fn minutes(&mut self, n: u64) -> &mut Self {
        for _ in 0..n {
            for _ in 0..2 {
                self.w.pass(30);
                self.work();
                for id in IDS {
                    self.look(id);
                }
            }
            let minute = self.minute();
            for id in IDS {
                if let Some(conditions) = self.now[id] {
                    self.history.get_mut(id).unwrap().insert(minute - 1, conditions);
                }
            }
            for id in IDS {
                self.telemetry(id);
            }
        }
        self
    }

    /// What was told since the last call.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// The process ends, and another one goes on with what was saved, so many seconds later.
    pub fn restart(&mut self, after: u64) -> &mut Self {
        let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
        let (then, now) = (self.w.now, self.w.now + secs(after));
        let mut engine = Engine::new(params(&self.policy, all), now);
        for part in self.w.engine.channels().cloned().map(Part::Channel).collect::<Vec<_>>() {
            if let Some(saved) = self.w.engine.save(then, &part) {
                let saved: Saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
                engine.restore(now, &part, saved, secs(after));
            }
        }
        engine.set_next_op(trunkwarden::policy::OpId(1000));
        self.w.engine = engine;
        self.w.now = now;
        self.w.out.clear();
        self.w.engine.start(&mut self.w.out);
        self
    }

    fn minute(&self) -> i64 {
        (EPOCH_MS + i64::try_from(self.w.now.since_origin().as_millis()).unwrap()) / 60_000
    }

    fn look(&mut self, id: &'static str) {
        let view = ChannelView {
            status: Some(self.status[id].to_owned()),
            primary: Some(ChannelId::from(self.route[id].as_str())),
            codecs: Some(self.codecs[id].clone()),
            ..ChannelView::default()
        };
        self.w.look_from(id, self.w.now, Source::Single, view);
        self.work();
    }

    /// One answer with every whole minute of the window.
    fn telemetry(&mut self, id: &'static str) {
        let to = self.minute();
        let span = i64::try_from(self.policy.telemetry.window.as_secs() / 60).unwrap();
        let sample = |(minute, (latency, loss)): (&i64, &Conditions)| Sample {
            at: Some(WallMs(minute * 60_000)),
            latency_ms: Some(*latency),
            jitter_ms: Some(2.0),
            packet_loss_pct: Some(*loss),
        };
        let samples = self.history[id].range(to - span..to).map(sample).collect();
        let (from, to) = (WallMs((to - span) * 60_000), WallMs(to * 60_000));
        let reading = TelemetryReading { asked_at: self.w.now, from, to, samples };
        self.w.tell(id, &Observation::Telemetry(reading));
        self.work();
    }

    /// Does what the engine ordered.
    fn work(&mut self) {
        for command in std::mem::take(&mut self.w.out) {
            match &command {
                Command::Watch { .. } | Command::Unwatch { .. } => {}
                Command::LookNow { channel } => {
                    let id = IDS.into_iter().find(|id| key(id) == *channel).unwrap();
                    self.look(id);
                }
                Command::Act(action) => {
                    self.told.push(super::world::word(&command));
                    self.check_margin(action);
                    self.acts.push((self.w.now, action.clone()));
                    if !self.unanswered {
                        self.apply(action);
                    }
                }
                Command::Record(record) => {
                    let event = serde_json::to_value(record.event).unwrap();
                    let event = event.as_str().unwrap();
                    let of_a = record.channel.as_ref().is_some_and(|id| id.as_str() == "a");
                    if of_a && !event.ends_with(".completed") && event != "health.changed" {
                        self.told.push(format!("{event}: {}", record.reason));
                    }
                }
            }
        }
    }

    /// Whatever the test: what comes home by itself is better there by the margin, where both are measured.
    fn check_margin(&self, action: &Action) {
        let (Some(margin), Reason::Failback { from, backup_failed: false, cause: None, .. }) =
            (self.policy.failover.failback_better_by, &action.reason)
        else {
            return;
        };
        let score = |id: &str| self.w.report(id).quality.map(|quality| quality.score);
        if let (Actor::Engine, Some(home), Some(there)) = (&action.actor, score("a"), score(from.as_str())) {
            assert!(home >= there + margin, "{home} at home and {there} at {from}");
        }
    }

    fn apply(&mut self, action: &Action) {
        let id = IDS.into_iter().find(|id| key(id) == action.channel).unwrap();
        match &action.kind {
            ActionKind::Failover { to, .. } => drop(self.route.insert(id, to.to_string())),
            ActionKind::Failback { .. } => drop(self.route.insert(id, id.to_owned())),
            ActionKind::Codec { order, .. } => drop(self.codecs.insert(id, order.clone())),
        }
        self.w.outcome(action.op, Outcome::Applied { siblings_lost: Vec::new() });
        self.work();
    }
}

//! A driver in miniature: it hands the engine facts and reads its commands, at a time that the test sets.

use std::sync::Arc;
use std::time::Duration;
use trunkwarden::policy::{
    Action, ActionKind, ChannelId, ChannelKey, ChannelParams, ChannelReport, ChannelView, Codec, Command, Engine,
    EventType, GlobalLimits, LookError, Mode, Observation, OpId, Order, Outcome, Params, Policy, Sample, Source,
    TelemetryReading, TenantParams, Time, WallMs,
};

pub const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A channel of `acme`, or of the tenant before the slash.
pub fn key(id: &str) -> ChannelKey {
    let (tenant, id) = id.split_once('/').unwrap_or(("acme", id));
    ChannelKey::new(tenant, id)
}

pub struct World {
    pub engine: Engine,
    pub now: Time,
    pub out: Vec<Command>,
}

/// Channels as asked for, each with the backups given, and their tenants.
pub fn params(policy: &Policy, channels: &[(&str, Option<&[&str]>)]) -> Params {
    let policy = Arc::new(policy.clone());
    let channel = |(id, failover): &(&str, Option<&[&str]>)| ChannelParams {
        key: key(id),
        policy: policy.clone(),
        failover: failover.map(|ids| ids.iter().map(|id| ChannelId::from(*id)).collect()),
        carrier: None,
    };
    Params {
        mode: Mode::Enforce,
        global: GlobalLimits::default(),
        tenants: channels.iter().map(|(id, _)| (key(id).tenant, TenantParams::default())).collect(),
        channels: channels.iter().map(channel).collect(),
    }
}

pub fn view(status: &str, route: &str) -> ChannelView {
    let codec = |name: &str, priority| Codec { name: name.to_owned(), priority };
    ChannelView {
        status: Some(status.to_owned()),
        primary: Some(ChannelId::from(route)),
        codecs: Some(vec![codec("PCMU", 1), codec("OPUS", 2), codec("G729", 3)]),
        ..ChannelView::default()
    }
}

impl World {
    pub fn new(params: Params) -> Self {
        let now = Time::new(secs(1000));
        let mut world = Self { engine: Engine::new(params, now), now, out: Vec::new() };
        world.engine.start(&mut world.out);
        world
    }

    /// The default policy and mode, `a` with backups `b` and `c`, all of them configured and up.
    pub fn three_up() -> Self {
        let all: &[(&str, Option<&[&str]>)] = &[("a", Some(&["b", "c"])), ("b", Some(&[])), ("c", Some(&[]))];
        let mut world = Self::new(params(&Policy::default(), all));
        world.up(&["a", "b", "c"]);
        world
    }

    pub fn up(&mut self, ids: &[&str]) {
        for _ in 0..2 {
            for id in ids {
                self.look(id, "healthy", key(id).channel.as_str());
            }
            self.pass(1);
        }
        self.out.clear();
    }

    /// Time passes, second by second, with every deadline met.
    pub fn pass(&mut self, s: u64) {
        let end = self.now + secs(s);
        let mut ticks = 0;
        while self.engine.next_deadline().is_some_and(|at| at <= end) {
            ticks += 1;
            assert!(ticks < 100_000, "a deadline that was met stays due");
            let at = self.engine.next_deadline().unwrap();
            self.now = at.max(self.now);
            self.engine.tick(self.now, &mut self.out);
        }
        self.now = end;
    }

    /// A single look, asked for now and answered now.
    pub fn look(&mut self, id: &str, status: &str, route: &str) -> &mut Self {
        self.look_from(id, self.now, Source::Single, view(status, route))
    }

    /// Two looks that show the same route, as far apart as it takes to believe it.
    pub fn moved(&mut self, id: &str, status: &str, route: &str) -> &mut Self {
        self.look(id, status, route);
        self.pass(2);
        self.look(id, status, route)
    }

    pub fn listed(&mut self, id: &str, status: &str, route: &str) -> &mut Self {
        self.look_from(id, self.now, Source::List, view(status, route))
    }

    pub fn look_from(&mut self, id: &str, asked_at: Time, source: Source, view: ChannelView) -> &mut Self {
        self.tell(id, &Observation::Look { asked_at, source, view })
    }

    pub fn fail(&mut self, id: &str) -> &mut Self {
        self.tell(id, &Observation::Failed { asked_at: self.now, error: LookError::Timeout })
    }

    pub fn missing(&mut self, id: &str) -> &mut Self {
        self.tell(id, &Observation::Missing { asked_at: self.now })
    }

    /// A window full of telemetry.
    pub fn telemetry(&mut self, id: &str, latency_ms: f64, packet_loss_pct: f64) -> &mut Self {
        let sample = Sample {
            at: None,
            latency_ms: Some(latency_ms),
            jitter_ms: Some(2.0),
            packet_loss_pct: Some(packet_loss_pct),
        };
        let samples = vec![sample; 3];
        let (from, to) = (WallMs(0), WallMs(300_000));
        self.tell(id, &Observation::Telemetry(TelemetryReading { asked_at: self.now, from, to, samples }))
    }

    pub fn tell(&mut self, id: &str, observation: &Observation) -> &mut Self {
        self.engine.observe(self.now, &key(id), observation, &mut self.out);
        self
    }

    pub fn outcome(&mut self, op: OpId, outcome: Outcome) {
        self.engine.outcome(self.now, op, outcome, &mut self.out);
    }

    pub fn applied(&mut self, op: OpId) {
        self.outcome(op, Outcome::Applied { siblings_lost: Vec::new() });
    }

    pub fn order(&mut self, order: &Order) {
        self.engine.operator(self.now, order, "alice", &mut self.out).unwrap();
    }

    /// Three bad looks at `id`, 2 s apart, that leave it down and wanting.
    pub fn down(&mut self, id: &str) {
        for _ in 0..3 {
            self.pass(2);
            self.look(id, "unhealthy", key(id).channel.as_str());
        }
    }

    /// `a` down, confirmed, and `b` confirmed: the action that follows.
    pub fn fail_over(&mut self) -> Action {
        self.down("a");
        self.pass(1);
        self.look("a", "unhealthy", "a").look("b", "healthy", "b");
        self.act().expect("a failover")
    }

    /// Each of these goes down and its traffic to `backup`, one after the other.
    pub fn all_over_to(&mut self, backup: &str, ids: &[&str]) {
        for id in ids {
            self.down(id);
            self.pass(1);
            self.look(id, "unhealthy", id).look(backup, "healthy", backup);
            let action = self.act().expect("a failover");
            self.applied(action.op);
        }
    }

    /// The commands so far, as short words; clears them.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out).iter().map(word).collect()
    }

    /// The one action among the commands so far; clears them.
    pub fn act(&mut self) -> Option<Action> {
        let mut acts = std::mem::take(&mut self.out).into_iter().filter_map(|command| match command {
            Command::Act(action) => Some(action),
            _ => None,
        });
        let first = acts.next();
        assert!(acts.next().is_none(), "more than one action");
        first
    }

    pub fn records(&self, event: EventType) -> usize {
        self.out.iter().filter(|c| matches!(c, Command::Record(r) if r.event == event)).count()
    }

    pub fn report(&self, id: &str) -> ChannelReport {
        self.engine.channel(self.now, &key(id)).unwrap()
    }

    pub fn text(&self, id: &str) -> String {
        self.report(id).reason_text
    }
}

pub fn word(command: &Command) -> String {
    match command {
        Command::Watch { channel, cadence } => {
            let suspect = if cadence.suspect { " suspect" } else { "" };
            format!("watch {} every {:?}{suspect}", channel.channel, cadence.interval)
        }
        Command::Unwatch { channel } => format!("unwatch {}", channel.channel),
        Command::LookNow { channel } => format!("look {}", channel.channel),
        Command::Act(action) => match &action.kind {
            ActionKind::Failover { from, to } => format!("act {} {from} to {to}", action.channel.channel),
            ActionKind::Failback { from } => format!("act {} home from {from}", action.channel.channel),
            ActionKind::Codec { order, .. } => {
                format!(
                    "act {} codecs {}",
                    action.channel.channel,
                    order.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" ")
                )
            }
        },
        Command::Record(record) => {
            let of = record.channel.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
            format!("record {}{of}: {}", serde_json::to_value(record.event).unwrap().as_str().unwrap(), record.reason)
        }
    }
}

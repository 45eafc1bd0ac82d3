//! Remedies for bad sound in random stories: what a platform of the test's own measures and shows, and the bookkeeping that
//! holds codec orders, moves for quality and what takes them back against what must never be.

use super::world::{secs, view};
use std::collections::BTreeMap;
use trunkwarden::policy::{
    Action, ActionKind, Cause, ChannelView, Codec, EventType, Observation, ProbationReport, Reason, Record, Sample,
    TelemetryReading, Time, WallMs,
};

/// Packet loss in percent, by what a channel sounds like.
const LOSS: [f64; 5] = [0.0, 1.0, 5.0, 16.0, 40.0];
const BUCKET: u64 = 60;
const WINDOW: u64 = 5;

/// What a channel measures, and what was done to it for that.
#[derive(Default)]
struct Trunk {
    sound: usize,
    codecs: Vec<Codec>,
    buckets: BTreeMap<u64, f64>,
    asked: Time,
    /// The last change that showed, a codec order (with the one before) or a move.
    shown: Option<(Time, Action)>,
    /// The last of each that showed.
    codec: Option<(Time, Action)>,
    moved: Option<(Time, Action)>,
    flying: Option<Action>,
    acknowledged: bool,
    codecs_acknowledged: bool,
    /// Its route was found worse within its time.
    found_worse: bool,
}

#[derive(Default)]
pub struct Remedies(BTreeMap<String, Trunk>);

impl Remedies {
    fn trunk(&mut self, id: &str) -> &mut Trunk {
        self.0
            .entry(id.to_owned())
            .or_insert_with(|| Trunk { codecs: view("healthy", id).codecs.unwrap(), ..Trunk::default() })
    }

    pub fn sounds(&mut self, id: &str, like: usize) {
        self.trunk(id).sound = like;
    }

    /// What the platform shows of it.
    pub fn view(&mut self, id: &str, status: &str, route: &str) -> ChannelView {
        ChannelView { codecs: Some(self.trunk(id).codecs.clone()), ..view(status, route) }
    }

    /// One more bucket, and an answer with all of the window's.
    pub fn telemetry(&mut self, id: &str, now: Time) -> Observation {
        let trunk = self.trunk(id);
        let minute = now.since_origin().as_secs() / BUCKET;
        trunk.buckets.insert(minute - 1, LOSS[trunk.sound]);
        trunk.asked = now;
        let wall = |minute: u64| WallMs(i64::try_from(minute * BUCKET * 1000).unwrap());
        let sample = |(minute, loss): (&u64, &f64)| Sample {
            at: Some(wall(*minute)),
            latency_ms: Some(30.0),
            jitter_ms: Some(2.0),
            packet_loss_pct: Some(*loss),
        };
        let samples = trunk.buckets.range(minute - WINDOW..minute).map(sample).collect();
        let to = WallMs(i64::try_from(now.since_origin().as_millis()).unwrap());
        let from = WallMs(to.0 - 300_000);
        Observation::Telemetry(TelemetryReading { asked_at: now, from, to, samples })
    }

    /// The platform made a change.
    pub fn made(&mut self, action: &Action) {
        if let ActionKind::Codec { order, .. } = &action.kind {
            self.trunk(action.channel.channel.as_str()).codecs.clone_from(order);
        }
    }

    /// What is told of its probation: found worse in its time, or not any more.
    pub fn on_probation(&mut self, id: &str, on: Option<&ProbationReport>) {
        let trunk = self.trunk(id);
        trunk.found_worse = on.is_some_and(|on| on.found_worse && (trunk.found_worse || !on.left.is_zero()));
    }

    pub fn acknowledged(&mut self, id: &str) {
        let trunk = self.trunk(id);
        (trunk.acknowledged, trunk.codecs_acknowledged) = (true, true);
    }

    /// What the engine wrote down: a change showed, or the platform has another order than ours.
    pub fn note(&mut self, now: Time, record: &Record) {
        let Some(id) = &record.channel else { return };
        let trunk = self.trunk(id.as_str());
        match record.event {
            EventType::FailoverCompleted | EventType::FailbackCompleted | EventType::CodecCompleted => {
                let Some(action) = trunk.flying.clone() else { return };
                trunk.shown = Some((now, action.clone()));
                if record.event == EventType::CodecCompleted {
                    trunk.codec = Some((now, action));
                    trunk.codecs_acknowledged = false;
                } else {
                    trunk.moved = Some((now, action));
                    (trunk.acknowledged, trunk.found_worse) = (false, false);
                }
            }
            EventType::RouteChanged => trunk.moved = None,
            _ => {}
        }
    }

    /// Whether its last codec order took one back.
    pub fn undone(&mut self, id: &str) -> bool {
        let last = self.trunk(id).codec.as_ref();
        last.is_some_and(|(_, action)| matches!(action.reason, Reason::CodecUndone { .. }))
    }

    /// Whether its last move took one back.
    pub fn rolled_back(&mut self, id: &str) -> bool {
        let last = self.trunk(id).moved.as_ref();
        last.is_some_and(|(_, action)| matches!(action.reason, Reason::Failback { cause: Some(_), .. }))
    }

    /// Holds an action against what was done before it.
    pub fn check(&mut self, now: Time, action: &Action) {
        let trunk = self.trunk(action.channel.channel.as_str());
        match (&action.kind, &action.reason) {
            (ActionKind::Codec { order, .. }, Reason::CodecUndone { measured, before, .. }) => {
                assert!(measured < before, "what is undone is worse");
                let (_, undone) = trunk.codec.as_ref().expect("what is undone was done");
                assert!(matches!(undone.reason, Reason::Codec { .. }), "an undoing is not undone");
                let ActionKind::Codec { before, .. } = &undone.kind else { unreachable!() };
                assert_eq!(names(order), names(before), "back to the order before");
            }
            (ActionKind::Codec { .. }, _) => {
                if let Some((at, _)) = trunk.codec.as_ref().filter(|_| !trunk.codecs_acknowledged) {
                    assert!(now.since(*at) >= secs(600), "cooldown");
                }
                trunk.measured_since(|shown| !matches!(shown.kind, ActionKind::Codec { .. }));
            }
            (ActionKind::Failover { .. }, Reason::Failover { cause, .. }) if cause.is_quality() => {
                if let Some((at, _)) = trunk.moved.as_ref().filter(|_| !trunk.acknowledged) {
                    assert!(now.since(*at) >= secs(600), "a block");
                }
                trunk.measured_since(|_| true);
            }
            (ActionKind::Failback { from }, Reason::Failback { cause: Some(cause @ Cause::Rollback { .. }), .. }) => {
                let (at, moved) = trunk.moved.as_ref().expect("what is rolled back was moved");
                assert!(matches!(&moved.kind, ActionKind::Failover { to, .. } if to == from), "{moved:?}");
                let quality = matches!(&moved.reason, Reason::Failover { cause, .. } if cause.is_quality());
                assert!(quality && (trunk.found_worse || now.since(*at) <= secs(480)), "on probation");
                let Cause::Rollback { measured, left_behind, home, .. } = cause else { unreachable!() };
                assert!(measured.is_none_or(|there| there <= left_behind - 10.0 && *home >= there + 10.0), "{cause:?}");
            }
            _ => {}
        }
        trunk.flying = Some(action.clone());
    }
}

impl Trunk {
    /// No remedy for sound follows another change before telemetry was asked for again.
    fn measured_since(&self, other: impl Fn(&Action) -> bool) {
        if let Some((at, _)) = self.shown.as_ref().filter(|(_, shown)| other(shown)) {
            assert!(self.asked >= *at, "two remedies in one cycle");
        }
    }
}

fn names(codecs: &[Codec]) -> Vec<&str> {
    let mut codecs: Vec<&Codec> = codecs.iter().collect();
    codecs.sort_by_key(|codec| codec.priority);
    codecs.into_iter().map(|codec| codec.name.as_str()).collect()
}

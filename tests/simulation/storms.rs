//! What takes several incidents to go wrong: brown-outs that swell and ebb, backups that die one after the other, times in
//! which nothing can be seen, and somebody else who steers.

use crate::schedule::{Draw, Rival, id, secs};
use rand::Rng;
use rand::seq::IndexedRandom;
use std::time::Duration;
use trunkwarden::sim::{FaultKind, Incident};

impl Draw {
    /// A channel is down, and its backups die after it, in order, each soon after it may have taken the traffic.
    pub fn dead_backups(&mut self, at: Duration) {
        let n = self.rng.random_range(0..self.channels);
        let dying = if self.rng.random_bool(0.5) { 3 } else { 2 };
        let lasts = self.span(600.0, 5000.0);
        let mut after = Duration::ZERO;
        for k in 0..dying {
            let channel = id((n + k) % self.channels);
            self.status(at + after, &channel, "unhealthy");
            // Sometimes a backup is the first to be well again.
            let until = if self.rng.random_bool(0.5) { lasts } else { lasts.mul_f64(self.rng.random_range(0.4..1.0)) };
            self.status(at + after + until, &channel, "healthy");
            after += self.span(5.0, 600.0);
        }
    }

    /// Latency, jitter and loss swell in steps and ebb again, of one channel or of all.
    pub fn brown_out_of_media(&mut self, mut at: Duration) {
        let channel = if self.rng.random_bool(0.2) { "*".to_owned() } else { self.channel() };
        let steps = self.rng.random_range(3..8);
        let (latency, jitter, loss) =
            (self.rng.random_range(0.0..400.0), self.rng.random_range(0.0..90.0), self.rng.random_range(0.0..12.0));
        let step = self.span(30.0, 400.0);
        for k in 1..=2 * steps {
            let share = f64::from(k.min(2 * steps - k)) / f64::from(steps);
            let swollen = |least: f64, most: f64| (share > 0.0).then_some(least + share * most);
            let incident = Incident::Telemetry {
                channel: channel.clone(),
                latency_ms: swollen(40.0, latency),
                jitter_ms: swollen(5.0, jitter),
                loss_pct: swollen(0.1, loss),
                lasts: None,
            };
            // The last step ends it: it has to come whatever the end.
            if share > 0.0 {
                self.add(at, incident);
            } else {
                self.events.push((at.min(self.end), incident));
            }
            at += step;
        }
    }

    /// Answers come slowly, then hardly, then as errors, in waves.
    pub fn brown_out_of_the_platform(&mut self, mut at: Duration) {
        use FaultKind::{Close, Hang, Internal, TooMany, Unavailable};
        for _ in 0..self.rng.random_range(2..7) {
            let (slow, wave, pause) = (self.span(10.0, 120.0), self.span(2.0, 60.0), self.span(10.0, 200.0));
            let latency = self.span(0.5, 14.0);
            self.add(at, Incident::Slow { latency, lasts: slow });
            let kind = *[Internal, Unavailable, Hang, Close, TooMany].choose(&mut self.rng).unwrap();
            self.add(at + slow.mul_f64(0.7), Incident::Fault { kind, lasts: wave, paths: Vec::new() });
            at += slow + wave + pause;
        }
    }

    /// Nothing can be seen for some minutes, and meanwhile a channel fails, or is well again.
    pub fn blind_period(&mut self, at: Duration) {
        use FaultKind::{Close, Forbidden, Garbage, Hang, Internal, Unauthorised};
        let kind = *[Internal, Hang, Close, Garbage, Unauthorised, Forbidden].choose(&mut self.rng).unwrap();
        let lasts = self.span(100.0, 1500.0);
        let paths = if self.rng.random_bool(0.3) { vec!["/api/v2/channels".to_owned()] } else { Vec::new() };
        self.add(at, Incident::Fault { kind, lasts, paths });
        let share = self.rng.random_range(0.0..1.0);
        self.outage(at.saturating_sub(secs(20)));
        self.outage(at + lasts.mul_f64(share));
    }

    /// Somebody else wants traffic where it cannot stay: the two of us undo each other's routes.
    pub fn rival(&mut self, at: Duration) {
        let n = self.rng.random_range(0..self.channels);
        let to = if self.rng.random_bool(0.5) { n } else { (n + 1) % self.channels };
        let (lasts, after) = (self.span(900.0, 4000.0), self.span(120.0, 250.0));
        let until = (at + lasts).min(self.end);
        self.rivals.push(Rival { channel: id(n), to: id(to), from: at, until, after });
        self.status(at + secs(60), &id(to), "unhealthy");
        self.status(at + lasts, &id(to), "healthy");
    }
}

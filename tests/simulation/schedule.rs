//! What goes wrong in a world, drawn from its seed: every kind of incident that the simulator knows, at random, with a quiet
//! end in which all that can be put right is put right. What takes several incidents is in `storms`.

use crate::wire::Death;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use trunkwarden::sim::{FaultKind, Incident, PatchMode, TelemetryForm};

pub const fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub fn id(n: usize) -> String {
    format!("ch-{:04}", n + 1)
}

/// What happens within `lasts`, in no order; after `lasts` less `quiet` nothing new goes wrong.
pub fn schedule(seed: u64, channels: usize, lasts: Duration, quiet: Duration) -> Schedule {
    let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let mut draw = Draw { rng, channels, end: lasts.saturating_sub(quiet), events: Vec::new(), rivals: Vec::new() };
    let per_channel = 0.25 * channels as f64;
    draw.each(per_channel.min(20.0), Draw::outage);
    draw.each((per_channel * 0.3).min(4.0), Draw::flapping);
    draw.each((per_channel * 0.3).min(4.0), Draw::odd_status);
    draw.each((per_channel * 0.5).min(6.0), Draw::poor_media);
    draw.each((per_channel * 0.15).min(2.0), Draw::dead_backups);
    draw.each(0.15, Draw::mass_change);
    draw.each(0.1, Draw::rival);
    // Some platforms are worse than others: where there is never an hour of calm, nothing is ever overdue.
    let weather = [1.0, 0.4, 0.1][usize::try_from(seed % 3).unwrap()];
    draw.each(2.0 * weather, Draw::fault);
    draw.each(0.5 * weather, Draw::brown_out_of_the_platform);
    draw.each(0.3, Draw::brown_out_of_media);
    draw.each(0.3 * weather, Draw::blind_period);
    draw.each(1.5 * weather, Draw::patches_go_wrong);
    draw.each(0.4, Draw::route_by_others);
    draw.each(0.5 * weather, Draw::list);
    draw.each(0.3 * weather, Draw::telemetry_form);
    draw.each(0.3 * weather, Draw::limit);
    draw.each(0.3 * weather, Draw::odd_list);
    draw.each(0.5 * weather, Draw::pages);
    draw.each(0.15, Draw::target_refuses);
    draw.each(0.2 * weather, Draw::odd_node);
    draw.each(0.5, |draw, at| draw.add(at, Incident::RevokeTokens {}));
    draw.each(0.05, |draw, at| {
        let channel = draw.channel();
        draw.add(at, Incident::Remove { channel });
    });
    let end = draw.end;
    draw.all_well(end);
    draw.events.sort_by_key(|(at, _)| *at);
    Schedule { incidents: draw.events, rivals: draw.rivals }
}

/// Trunks that die for good, a few soon after each start of a process.
pub fn starts(seed: u64, channels: usize, deaths: &[Death]) -> Schedule {
    let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x57a7);
    let mut draw = Draw { rng, channels, end: Duration::MAX, events: Vec::new(), rivals: Vec::new() };
    let mut start = Duration::ZERO;
    for death in deaths.iter().map(Some).chain([None]) {
        for _ in 0..3 {
            // Where backups do not die with whom they are for, somebody is always fit.
            let (n, after) = (draw.rng.random_range(0..channels / 10) * 10, draw.span(1.0, 60.0));
            draw.status(start + secs(60) + after, &id(n), "unhealthy");
        }
        if let Some(Death::After(lives_for)) = death {
            start += *lives_for;
        }
    }
    draw.events.sort_by_key(|(at, _)| *at);
    Schedule { incidents: draw.events, rivals: draw.rivals }
}

/// All that goes wrong, in order of time.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub incidents: Vec<(Duration, Incident)>,
    pub rivals: Vec<Rival>,
}

/// Somebody else who wants a channel's traffic elsewhere, and sees to it again and again.
#[derive(Clone, Debug)]
pub struct Rival {
    pub channel: String,
    pub to: String,
    pub from: Duration,
    pub until: Duration,
    /// How long after it saw another route it sets its own.
    pub after: Duration,
}

pub struct Draw {
    pub rng: ChaCha8Rng,
    pub channels: usize,
    pub end: Duration,
    pub events: Vec<(Duration, Incident)>,
    pub rivals: Vec<Rival>,
}

impl Draw {
    /// `what` happens `per_hour` times an hour on the average, at random times.
    pub fn each(&mut self, per_hour: f64, what: impl Fn(&mut Self, Duration)) {
        // Everything is found well first.
        let mut at = secs(120);
        loop {
            let gap = -self.rng.random_range(f64::EPSILON..1.0_f64).ln() / per_hour;
            at += Duration::from_secs_f64((gap * 3600.0).min(1e6));
            if at >= self.end {
                return;
            }
            what(self, Duration::from_millis(u64::try_from(at.as_millis()).unwrap()));
        }
    }

    pub fn add(&mut self, at: Duration, incident: Incident) {
        if at < self.end {
            self.events.push((at, incident));
        }
    }

    pub fn channel(&mut self) -> String {
        id(self.rng.random_range(0..self.channels))
    }

    /// Seconds, small ones as likely as great ones.
    pub fn span(&mut self, least: f64, most: f64) -> Duration {
        let ms = (self.rng.random_range(least.ln()..most.ln()).exp() * 1000.0).round();
        Duration::from_millis(ms as u64)
    }

    pub fn status(&mut self, at: Duration, channel: &str, is: &str) {
        self.add(at, Incident::Status { channel: channel.to_owned(), is: is.to_owned() });
    }

    pub fn outage(&mut self, at: Duration) {
        let n = self.rng.random_range(0..self.channels);
        let lasts = self.span(3.0, 4000.0);
        self.status(at, &id(n), "unhealthy");
        self.status(at + lasts, &id(n), "healthy");
        if self.rng.random_bool(0.3) {
            // Its first backup fails too, a little later.
            let next = id((n + 1) % self.channels);
            let (after, lasts) = (self.span(1.0, 600.0), self.span(10.0, 2000.0));
            self.status(at + after, &next, "unhealthy");
            self.status(at + after + lasts, &next, "healthy");
        }
    }

    fn flapping(&mut self, mut at: Duration) {
        let channel = self.channel();
        for _ in 0..self.rng.random_range(3..20) {
            let (bad, good) = (self.span(1.0, 30.0), self.span(1.0, 60.0));
            self.status(at, &channel, "unhealthy");
            self.status(at + bad, &channel, "healthy");
            at += bad + good;
        }
    }

    fn odd_status(&mut self, at: Duration) {
        let channel = self.channel();
        let is = *["degraded", "degraded", "maintenance", "", "UNHEALTHY"].choose(&mut self.rng).unwrap();
        let lasts = self.span(10.0, 1500.0);
        self.status(at, &channel, is);
        self.status(at + lasts, &channel, "healthy");
    }

    fn poor_media(&mut self, at: Duration) {
        let channel = if self.rng.random_bool(0.05) { "*".to_owned() } else { self.channel() };
        let mut some = |p: f64, low: f64, high: f64| {
            let value = self.rng.random_range(low..high);
            self.rng.random_bool(p).then_some(value)
        };
        let (latency_ms, jitter_ms) = (some(0.3, 150.0, 500.0), some(0.3, 20.0, 120.0));
        let loss_pct = Some(some(1.0, 2.0, 18.0).unwrap_or(5.0));
        let lasts = Some(self.span(120.0, 5000.0));
        self.add(at, Incident::Telemetry { channel, latency_ms, jitter_ms, loss_pct, lasts });
    }

    fn mass_change(&mut self, at: Duration) {
        let lasts = self.span(20.0, 1200.0);
        self.status(at, "*", "unhealthy");
        self.status(at + lasts, "*", "healthy");
    }

    fn fault(&mut self, at: Duration) {
        use FaultKind::{Close, Empty, Forbidden, Garbage, Hang, Huge, Internal, TooMany, Unauthorised, Unavailable};
        let kinds = [
            Internal,
            Unavailable,
            Unavailable,
            TooMany,
            Unauthorised,
            Forbidden,
            Hang,
            Hang,
            Close,
            Garbage,
            Empty,
            Huge,
        ];
        let kind = *kinds.choose(&mut self.rng).unwrap();
        let lasts = self.span(2.0, 600.0);
        let paths = match self.rng.random_range(0..6) {
            0 => vec![format!("/api/v2/channels/{}", self.channel())],
            1 => vec!["/api/v2/channels/".to_owned()],
            2 => vec!["/api/v2/telemetry".to_owned()],
            3 => vec!["/api/v2/oauth".to_owned()],
            _ => Vec::new(),
        };
        self.add(at, Incident::Fault { kind, lasts, paths });
    }

    /// Where nothing is PATCHed, nothing can go wrong with it: a trunk fails at the same time.
    fn patches_go_wrong(&mut self, at: Duration) {
        use PatchMode::{Delay, Drop, Lose, LoseAnswer, Replace};
        let modes = [Drop, Delay, Delay, LoseAnswer, LoseAnswer, Replace, Lose];
        let mode = *modes.choose(&mut self.rng).unwrap();
        let (lasts, delay) = (self.span(20.0, 900.0), Some(self.span(0.5, 90.0)));
        self.add(at, Incident::Patch { mode, lasts, delay });
        let before = secs(self.rng.random_range(0..10));
        self.outage(at.saturating_sub(before));
    }

    fn route_by_others(&mut self, at: Duration) {
        let (channel, to, back) = (self.channel(), self.channel(), self.span(5.0, 4000.0));
        self.add(at, Incident::Route { channel: channel.clone(), to });
        if self.rng.random_bool(0.7) {
            self.add(at + back, Incident::Route { channel: channel.clone(), to: channel });
        }
    }

    fn list(&mut self, at: Duration) {
        let lasts = self.span(30.0, 2000.0);
        if self.rng.random_bool(0.4) {
            self.add(at, Incident::List { absent: Some(true), lag: None });
            self.add(at + lasts, Incident::List { absent: Some(false), lag: None });
        } else {
            let lag = self.span(1.0, 180.0);
            self.add(at, Incident::List { absent: None, lag: Some(lag) });
            self.add(at + lasts, Incident::List { absent: None, lag: Some(Duration::ZERO) });
        }
    }

    fn telemetry_form(&mut self, at: Duration) {
        use TelemetryForm::{Empty, Hostile, Unattributed, Undated};
        let is = *[Undated, Unattributed, Empty, Hostile].choose(&mut self.rng).unwrap();
        let lasts = self.span(60.0, 2000.0);
        self.add(at, Incident::TelemetryForm { is });
        self.add(at + lasts, Incident::TelemetryForm { is: TelemetryForm::Dated });
    }

    fn limit(&mut self, at: Duration) {
        let (requests_per_minute, lasts) = (self.rng.random_range(15..70), self.span(60.0, 2000.0));
        self.add(at, Incident::Limit { requests_per_minute });
        self.add(at + lasts, Incident::Limit { requests_per_minute: 100 });
    }

    fn all_well(&mut self, at: Duration) {
        let well = [
            Incident::Status { channel: "*".to_owned(), is: "healthy".to_owned() },
            Incident::List { absent: Some(false), lag: Some(Duration::ZERO) },
            Incident::TelemetryForm { is: TelemetryForm::Dated },
            Incident::Limit { requests_per_minute: 100 },
        ];
        self.events.extend(well.map(|incident| (at, incident)));
        let sound = Incident::Telemetry {
            channel: "*".to_owned(),
            latency_ms: None,
            jitter_ms: None,
            loss_pct: None,
            lasts: None,
        };
        self.events.push((at, sound));
    }
}

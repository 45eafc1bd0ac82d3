//! The policy of a world, which differs from seed to seed: as the rules need it, and as the configuration says it.

use crate::schedule::{id, secs};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// The platform's address.
pub const BASE: &str = "https://platform.example";
/// Our secret there.
pub const SECRET: &str = "canary-client-secret";

/// How traffic comes home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayHome {
    Auto,
    Manual,
    Window,
}

/// What the daemon may do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Observe,
    Propose,
    Enforce,
}

/// The numbers of the configuration that the rules need.
#[derive(Clone, Debug)]
pub struct Rules {
    pub mode: Mode,
    pub interval: Duration,
    pub telemetry: Duration,
    pub fall: u32,
    pub rise: u32,
    pub on: Vec<String>,
    pub action_timeout: Duration,
    pub verify_for: Duration,
    /// How long reads may lag behind writes.
    pub read_lag: Duration,
    pub block_period: Duration,
    pub failback: WayHome,
    pub failback_after: Duration,
    pub cooldown: Duration,
    pub max_dependents: usize,
    pub max_concurrent: usize,
    pub max_per_hour: usize,
    pub requests_per_minute: usize,
    /// The policy's own maintenance, from half past four for half an hour each day.
    pub maintenance: bool,
    quality: bool,
    degraded: bool,
    best_first: bool,
}

const HOUR: u64 = 3600;
/// From so many channels on, a world is one tenant that its limit would not let be asked one by one.
pub const BIG: usize = 500;

impl Rules {
    pub fn of(seed: u64, channels: usize) -> Self {
        let big = channels >= BIG;
        let of = |choices: &[u64]| secs(choices[usize::try_from(seed).unwrap() % choices.len()]);
        Self {
            mode: match seed % 32 {
                _ if big => Mode::Enforce,
                9 => Mode::Propose,
                21 => Mode::Observe,
                _ => Mode::Enforce,
            },
            interval: if big {
                secs(30)
            } else {
                secs([30, 60, 120, 60, 120, 60, 120, 60][usize::try_from(seed / 2 % 8).unwrap()])
            },
            telemetry: if big { secs(300) } else { of(&[180, 180, 300, 60, 180, 300]) },
            fall: 3,
            rise: 2,
            on: if seed % 4 == 3 { vec!["unhealthy".into(), "degraded".into()] } else { vec!["unhealthy".into()] },
            action_timeout: secs(10),
            verify_for: secs(30),
            read_lag: secs(30),
            block_period: of(&[600, 300, 120]),
            failback: match seed % 16 {
                4 => WayHome::Manual,
                14 => WayHome::Window,
                _ => WayHome::Auto,
            },
            failback_after: of(&[900, 300]),
            cooldown: secs(600),
            max_dependents: if seed.is_multiple_of(5) { 1 } else { 2 },
            max_concurrent: 3,
            max_per_hour: if seed % 4 == 2 && channels <= 20 { 10 } else { 30 },
            // Where it is tight, an outage of one of few channels uses all of it.
            requests_per_minute: match seed % 7 {
                _ if big => 60,
                3 if channels <= 20 => 30,
                5 if channels <= 20 => 45,
                _ => 80,
            },
            maintenance: seed % 8 == 5,
            quality: seed % 3 == 2,
            degraded: seed.is_multiple_of(2),
            best_first: seed % 2 == 1,
        }
    }

    /// The longest that the block after a move may grow to.
    pub fn hold_down_max(&self) -> Duration {
        self.block_period * 8
    }

    /// The time in which a grown block decays by half.
    pub fn half_life(&self) -> Duration {
        self.block_period * 3
    }

    /// The block after a move. `before`: how long the last one was, and how long ago it began.
    pub fn block_after(&self, before: Option<(Duration, Duration)>) -> Duration {
        let Some((length, age)) = before else { return self.block_period };
        let halvings = age.as_secs_f64() / self.half_life().as_secs_f64();
        (length * 2).mul_f64(0.5_f64.powf(halvings)).clamp(self.block_period, self.hold_down_max())
    }

    /// Whether the calendar's maintenance is open, and has been for `settled`.
    pub fn in_maintenance(&self, now: Duration, settled: Duration) -> bool {
        let (from, to) = (4 * HOUR + HOUR / 2, 5 * HOUR);
        self.maintenance && within(now, from, to) && within(now.saturating_sub(settled), from, to)
    }

    /// Whether the window for the way home is open, or was until `slack` ago.
    pub fn way_home_is_open(now: Duration, slack: Duration) -> bool {
        let open = |at| [2, 10, 18].iter().any(|h| within(at, h * HOUR, (h + 2) * HOUR));
        open(now) || open(now.saturating_sub(slack))
    }

    /// The whole configuration.
    pub fn toml(&self, channels: usize, folder: &Path) -> String {
        let on: Vec<String> = self.on.iter().map(|on| format!("{on:?}")).collect();
        let mode = match self.mode {
            Mode::Observe => "observe",
            Mode::Propose => "propose",
            Mode::Enforce => "enforce",
        };
        let failback = match self.failback {
            WayHome::Auto => "failback = \"auto\"",
            WayHome::Manual => "failback = \"manual\"",
            WayHome::Window => {
                "failback = \"window\"\nfailback_window = { cron = \"0 0 2,10,18 * * *\", for = \"2h\" }"
            }
        };
        let maintenance = if self.maintenance {
            "[[policies.default.maintenance]]\ncron = \"0 30 4 * * *\"\nfor = \"30m\"\n"
        } else {
            ""
        };
        let mut text = format!(
            "[daemon]\nstate_dir = \"{state}\"\nmode = \"{mode}\"\n\
             [tenants.acme]\nbase_url = \"{BASE}\"\nrequests_per_minute = {rpm}\n\
             [tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{secret}\" }}\n\
             [limits]\nmax_per_hour = {per_hour}\n\
             [policies.default.health]\ninterval = \"{interval}s\"\n\
             [policies.default.telemetry]\ninterval = \"{telemetry}s\"\n\
             [policies.default.failover]\non = [{on}]\norder = \"{order}\"\nblock_period = \"{block}s\"\n\
             failback_after = \"{back}s\"\nmax_dependents = {dependents}\n{failback}\n{quality}\n{degraded}{maintenance}",
            state = folder.join("state").display(),
            secret = folder.join("client-secret").display(),
            rpm = self.requests_per_minute,
            per_hour = self.max_per_hour,
            interval = self.interval.as_secs(),
            telemetry = self.telemetry.as_secs(),
            on = on.join(", "),
            order = if self.best_first { "best" } else { "configured" },
            block = self.block_period.as_secs(),
            back = self.failback_after.as_secs(),
            dependents = self.max_dependents,
            degraded = if self.degraded { "[policies.default.quality]\ndegraded_by = 12.0\n" } else { "" },
            quality = if self.quality { "quality_below = 50.0" } else { "" },
        );
        for n in 0..channels {
            write!(text, "[[channels]]\nid = \"{}\"\ntenant = \"acme\"\n", id(n)).unwrap();
        }
        text
    }
}

/// Whether `at` lies within these seconds of its day.
fn within(at: Duration, from: u64, to: u64) -> bool {
    let of_day = secs(at.as_secs() % (24 * HOUR)) + Duration::from_nanos(u64::from(at.subsec_nanos()));
    (secs(from)..secs(to)).contains(&of_day)
}

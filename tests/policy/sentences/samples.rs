//! A sample for every sentence: each variant, and each of its ways to say it.

use super::super::world::secs;
use super::variants;
use trunkwarden::policy::{
    Cause, ChannelId, ChannelKey, CodecHold, Health, Hold, Ineligible, Order, Outcome, Reason, Refusal, TenantId,
};

variants!(Reason:
    Fine, NotSeen, Settling, Stale, Missing, Degraded, Suspect, Recovering, RouteUnread, FailoverOff, Health, Failover, Failback, Codec,
    CodecUndone, CodecMeasured, CodecUnmeasured, CredentialsLost, CodecRestored, CodecKept, Confirming, Held, CalledBack,
    InFlight, Unsure, Outcome, ShowsLate, NoCandidate, Away, AwayUnmeasured, RouteForeign, RouteOwn, OtherController, Blind,
    NetworkLost, NetworkBack, Seen, MassChange, MassOver, Ordered, Lapsed, MaintenanceWindow, Configured, CandidateOf,
    NotNeeded, Removed, ClockJumped, JournalWritable,
);
variants!(Cause: Down, Quality, Degraded, Rollback, BackupDown, BackupMissing, Ordered);
variants!(Ineligible:
    Itself, NotSeen, Missing, NotUp, LastLookNotGood, NotSeenSinceBlind, RouteNotRead, RoutedElsewhere, InFlight, Full,
    ScoreTooLow, NoScore, NotBetter, InMaintenance, Unconfirmed, ChangeFailed,
);
variants!(Hold:
    Journal, Paused, Network, Blind, Maintenance, MassChange, Carries, CredentialsLost, PatchReplaces, CodecVerdict, Backoff,
    ForeignRoute, OrderedRoute, FailbackManual, FailbackWindow, FailbackMargin, Blocked, Cooldown, MaxConcurrent, MaxPerHour,
    KeepFit, GlobalKeepFit, GlobalMaxConcurrent, GlobalMaxPerHour, Observe, Propose, Lapsed, Unwatched, Outdated, Unfit,
);
variants!(CodecHold:
    NoCodecs, UnknownCodec, AlreadyBest, GainTooSmall, OnTrial, Unmeasured, Refuted, BitrateWouldRise,
);
variants!(Outcome: Applied, NotApplied, Refused, NotSent, Conflict, Withdrawn, Unknown);
variants!(Order:
    Pause, PauseFor, Resume, ApproveMass, Approve, Acknowledge, Failover, StartMaintenance, EndMaintenance, Failback,
);
variants!(Refusal: UnknownTenant, UnknownChannel, NothingToDo, Forbidden);

fn home() -> ChannelId {
    "ch-0001".into()
}

fn backup() -> ChannelId {
    "ch-0002".into()
}

fn third() -> ChannelId {
    "ch-0003".into()
}

fn opus() -> String {
    "OPUS".to_owned()
}

fn pcmu() -> String {
    "PCMU".to_owned()
}

fn word(text: &str) -> String {
    text.to_owned()
}

fn down() -> Cause {
    Cause::Down { looks: 3, status: word("unhealthy") }
}

pub fn reasons() -> Vec<Reason> {
    let mut all = of_health();
    all.extend(of_moves());
    all.extend(of_codecs());
    all.extend(of_actions());
    all.extend(of_tenants());
    all.extend(of_files());
    all
}

fn of_health() -> Vec<Reason> {
    let missing = |looks, carries| Reason::Missing { looks, fall: 3, carries };
    let health = |was, now, looks, status: Option<String>| Reason::Health { was, now, looks, status, missing: false };
    vec![
        Reason::Fine,
        Reason::NotSeen,
        Reason::Settling { good: 1, rise: 2 },
        Reason::Stale { limit: secs(90) },
        missing(1, 0),
        missing(1, 1),
        missing(3, 2),
        Reason::Degraded { status: Some(word("degraded")) },
        Reason::Degraded { status: None },
        Reason::Suspect { bad: 2, fall: 3, status: Some(word("unhealthy")) },
        Reason::Recovering { good: 1, rise: 2 },
        Reason::RouteUnread,
        Reason::FailoverOff,
        health(Health::Up, Health::Down, 3, Some(word("unhealthy"))),
        health(Health::Unknown, Health::Up, 1, Some(word("healthy"))),
        health(Health::Up, Health::Degraded, 1, None),
        health(Health::Up, Health::Unknown, 0, None),
        Reason::Health { was: Health::Up, now: Health::Unknown, looks: 0, status: None, missing: true },
    ]
}

fn of_moves() -> Vec<Reason> {
    let failover = |passed_over| Reason::Failover {
        channel: home(),
        to: backup(),
        cause: down(),
        carries: 1,
        max_dependents: 2,
        passed_over,
    };
    let failback = |backup_failed, cause| Reason::Failback {
        channel: home(),
        from: backup(),
        good_for: secs(900),
        backup_failed,
        cause,
    };
    let away = |home, good_for| Reason::Away { at: backup(), home, good_for, failback_after: secs(900) };
    let foreign = |was, reversal, noticed| Reason::RouteForeign { was, now: third(), reversal, noticed };
    let rollback = causes().into_iter().find(|cause| matches!(cause, Cause::Rollback { .. }));
    let against = vec![
        (backup(), Ineligible::NotUp { health: Health::Down }),
        (third(), Ineligible::Full { carries: 2, max_dependents: 2 }),
    ];
    vec![
        failover(Vec::new()),
        failover(vec![(third(), Ineligible::InMaintenance)]),
        failback(false, None),
        failback(true, None),
        failback(false, rollback),
        Reason::NoCandidate { cause: down(), against: Vec::new() },
        Reason::NoCandidate { cause: down(), against },
        away(Health::Up, Some(secs(300))),
        away(Health::Up, None),
        away(Health::Down, None),
        Reason::AwayUnmeasured { at: backup() },
        foreign(Some(home()), false, false),
        foreign(Some(backup()), true, false),
        foreign(Some(home()), false, true),
        foreign(None, false, false),
        Reason::RouteOwn { was: Some(backup()), now: home() },
        Reason::RouteOwn { was: None, now: home() },
    ]
}

fn of_codecs() -> Vec<Reason> {
    let measured = |measured, worse| Reason::CodecMeasured {
        from: pcmu(),
        to: opus(),
        before: 61.0,
        predicted: 78.5,
        measured,
        worse,
    };
    vec![
        Reason::Codec { from: pcmu(), to: opus(), gain: 17.5, score: 61.0, predicted: Some(78.5), before: Some(61.0) },
        Reason::CodecUndone { from: pcmu(), to: opus(), before: 61.0, predicted: 78.5, measured: 55.2 },
        measured(77.9, false),
        measured(55.2, true),
        Reason::CodecUnmeasured { to: opus(), within: secs(900) },
        Reason::CredentialsLost { channel: home() },
        Reason::CodecRestored { good_for: secs(7200) },
        Reason::CodecKept { score: 61.0, hold: CodecHold::AlreadyBest { top: opus() } },
        Reason::CodecKept { score: 61.0, hold: CodecHold::OnTrial { to: opus(), predicted: 78.5, before: 61.0 } },
    ]
}

fn of_actions() -> Vec<Reason> {
    let held = |wanted: &str, to, order, hold| Reason::Held { wanted: word(wanted), to, order, hold };
    let order = Some(vec![opus(), pcmu()]);
    let mut all = vec![
        Reason::Confirming { wanted: word("failover"), awaiting: vec![home()] },
        Reason::Confirming { wanted: word("failover"), awaiting: vec![home(), backup()] },
        held("failover", Some(backup()), None, Hold::Propose),
        held("failover", None, None, Hold::Blind),
        held("codec", None, order, Hold::Cooldown { left: secs(240) }),
        Reason::CalledBack { hold: Hold::Paused { tenant: None } },
        Reason::InFlight { kind: word("failover") },
        Reason::InFlight { kind: word("failback") },
        Reason::InFlight { kind: word("codec") },
        Reason::Unsure { kind: word("failover") },
        Reason::Unsure { kind: word("codec") },
    ];
    all.extend(outcomes().into_iter().map(|outcome| Reason::Outcome { kind: word("failover"), outcome }));
    all.push(Reason::Outcome { kind: word("codec"), outcome: Outcome::NotApplied });
    all.push(Reason::ShowsLate { kind: word("failover") });
    all.push(Reason::ShowsLate { kind: word("codec") });
    all
}

fn of_tenants() -> Vec<Reason> {
    vec![
        Reason::OtherController { reversals: 3, within: secs(3600) },
        Reason::Blind { failed: 8, of: 10, references: None },
        Reason::Blind { failed: 8, of: 10, references: Some((2, 2)) },
        Reason::NetworkLost { of: 2 },
        Reason::NetworkLost { of: 1 },
        Reason::NetworkBack { answered: 1, of: 2 },
        Reason::NetworkBack { answered: 0, of: 0 },
        Reason::Seen { failed: 2, of: 10 },
        Reason::MassChange { bad: 4, of: 6 },
        Reason::MassOver { bad: 1, of: 6 },
        Reason::Ordered { order: word("(see below: what a person did)") },
        Reason::Lapsed { what: word("(see below: what ended by itself)") },
        Reason::MaintenanceWindow { policy: word("default"), open: true },
        Reason::MaintenanceWindow { policy: word("default"), open: false },
    ]
}

fn of_files() -> Vec<Reason> {
    vec![
        Reason::Configured,
        Reason::CandidateOf { channel: home() },
        Reason::NotNeeded,
        Reason::Removed { left_at: None },
        Reason::Removed { left_at: Some(backup()) },
        Reason::ClockJumped,
        Reason::JournalWritable,
    ]
}

pub fn causes() -> Vec<Cause> {
    let rollback = |measured| Cause::Rollback { backup: backup(), measured, left_behind: 58.3, home: 82.0 };
    vec![
        down(),
        Cause::Down { looks: 1, status: word("unhealthy") },
        Cause::Quality { score: 48.2, below: 55.0, lasted: secs(300) },
        Cause::Degraded { score: 71.0, baseline: 88.5, by: 15.0, lasted: secs(300) },
        rollback(Some(44.1)),
        rollback(None),
        Cause::BackupDown { backup: backup() },
        Cause::BackupMissing { backup: backup() },
        Cause::Ordered { who: word("alice"), force: false },
        Cause::Ordered { who: word("alice"), force: true },
    ]
}

pub fn ineligible() -> Vec<Ineligible> {
    vec![
        Ineligible::Itself,
        Ineligible::NotSeen,
        Ineligible::Missing,
        Ineligible::NotUp { health: Health::Unknown },
        Ineligible::NotUp { health: Health::Down },
        Ineligible::LastLookNotGood { status: Some(word("unhealthy")) },
        Ineligible::LastLookNotGood { status: None },
        Ineligible::NotSeenSinceBlind,
        Ineligible::RouteNotRead,
        Ineligible::RoutedElsewhere { to: third() },
        Ineligible::InFlight { kind: word("failover") },
        Ineligible::InFlight { kind: word("codec") },
        Ineligible::Full { carries: 2, max_dependents: 2 },
        Ineligible::ScoreTooLow { score: 48.2, min: 60.0 },
        Ineligible::NoScore,
        Ineligible::NotBetter { score: Some(58.0), needed: 63.0 },
        Ineligible::NotBetter { score: None, needed: 63.0 },
        Ineligible::InMaintenance,
        Ineligible::Unconfirmed,
        Ineligible::ChangeFailed { times: 1 },
        Ineligible::ChangeFailed { times: 2 },
    ]
}

pub fn holds() -> Vec<Hold> {
    let margin =
        Hold::FailbackMargin { home: home(), home_score: 81.4, backup: backup(), backup_score: 91.3, better_by: 3.0 };
    vec![
        Hold::Journal,
        Hold::Paused { tenant: Some(TenantId::from("acme")) },
        Hold::Paused { tenant: None },
        Hold::Network,
        Hold::Blind,
        Hold::Maintenance,
        Hold::MassChange { bad: 4, of: 6 },
        Hold::Carries { others: 1 },
        Hold::Carries { others: 2 },
        Hold::CredentialsLost { channel: backup() },
        Hold::PatchReplaces,
        Hold::CodecVerdict { channel: backup() },
        Hold::Backoff { failures: 3, left: secs(8) },
        Hold::Backoff { failures: 1, left: secs(8) },
        Hold::Backoff { failures: 0, left: secs(8) },
        Hold::ForeignRoute,
        Hold::OrderedRoute,
        Hold::FailbackManual,
        Hold::FailbackWindow,
        margin,
        Hold::Blocked { left: secs(420) },
        Hold::Cooldown { left: secs(240) },
        Hold::MaxConcurrent { max: 3 },
        Hold::MaxPerHour { max: 30 },
        Hold::KeepFit { up: 0, keep_fit: 1 },
        Hold::KeepFit { up: 1, keep_fit: 3 },
        Hold::GlobalKeepFit { up: 18, keep_fit: 20 },
        Hold::GlobalMaxConcurrent { max: 10 },
        Hold::GlobalMaxPerHour { max: 100 },
        Hold::Observe,
        Hold::Propose,
        Hold::Lapsed { after: secs(900) },
        Hold::Unwatched,
        Hold::Outdated,
        Hold::Unfit { target: backup(), against: Ineligible::InMaintenance },
    ]
}

pub fn codec_holds() -> Vec<CodecHold> {
    vec![
        CodecHold::NoCodecs,
        CodecHold::UnknownCodec { name: word("EVS") },
        CodecHold::AlreadyBest { top: opus() },
        CodecHold::GainTooSmall { to: opus(), gain: 3.2, min_gain: 5.0 },
        CodecHold::OnTrial { to: opus(), predicted: 78.5, before: 61.0 },
        CodecHold::Unmeasured,
        CodecHold::Refuted { to: opus(), measured: 55.2, before: 61.0 },
        CodecHold::BitrateWouldRise { to: word("PCMA"), kbit_s: 56.0 },
    ]
}

pub fn outcomes() -> Vec<Outcome> {
    let why = || word("(why, in words)");
    let applied = |lost: &[&str]| Outcome::Applied { siblings_lost: lost.iter().map(|path| word(path)).collect() };
    vec![
        applied(&[]),
        applied(&["routing.weight", "tags"]),
        Outcome::NotApplied,
        Outcome::Refused { why: why() },
        Outcome::NotSent { why: why() },
        Outcome::Conflict,
        Outcome::Withdrawn { why: why() },
        Outcome::Unknown { why: why() },
    ]
}

pub fn outcome(outcome: &Outcome) -> String {
    Reason::Outcome { kind: word("failback"), outcome: outcome.clone() }.to_string()
}

/// As a line of the log goes on after "refused the order to".
pub fn orders() -> Vec<Order> {
    let (channel, tenant) = (|| ChannelKey::new("acme", "ch-0001"), || TenantId::from("acme"));
    let failover = |force| Order::Failover { channel: channel(), to: backup(), force };
    vec![
        Order::Pause { tenant: Some(tenant()) },
        Order::Pause { tenant: None },
        Order::PauseFor { tenant: None, lasts: secs(1800) },
        Order::Resume { tenant: Some(tenant()) },
        Order::Resume { tenant: None },
        Order::ApproveMass { tenant: tenant() },
        Order::Approve { channel: channel() },
        Order::Acknowledge { channel: channel() },
        failover(false),
        failover(true),
        Order::StartMaintenance { channel: channel(), lasts: secs(3600), reason: word("carrier works") },
        Order::EndMaintenance { channel: channel() },
        Order::Failback { channel: channel(), force: false },
        Order::Failback { channel: channel(), force: true },
    ]
}

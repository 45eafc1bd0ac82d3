//! An explanation as text: a line for each thing, what it needs last.

mod quality;

use super::{Explained, TenantLine};
use crate::cli::terminal::plain;
use crate::http::views::{ChannelView, QualityView};
use crate::policy::{ScoreParts, TenantState};
use std::fmt::Write;

/// The whole of it.
pub fn render(explained: &Explained) -> String {
    let c = &explained.channel;
    let mut lines: Vec<(&str, String)> = vec![
        ("channel", channel(c)),
        ("health", health(c)),
        ("evidence", evidence(c)),
        ("telemetry", telemetry(c)),
        ("route", route(c)),
        ("score", c.line.quality.map_or_else(|| "none: too little telemetry".to_owned(), |q| score(&q))),
    ];
    if let Some(parts) = c.explanation.score_parts.as_ref().filter(|_| c.line.quality.is_some()) {
        lines.push(("", made_of(parts)));
    }
    lines.extend(quality::lines(&c.explanation.quality));
    lines.push(("blocks", blocks(c)));
    if let Some(held) = &c.explanation.hold_down {
        lines.push(("hold-down", hold_down(held)));
    }
    let candidates: Vec<String> = c.candidates.iter().map(candidate).collect();
    if candidates.is_empty() {
        lines.push(("candidates", "none".to_owned()));
    }
    for (n, line) in candidates.into_iter().enumerate() {
        lines.push((if n == 0 { "candidates" } else { "" }, line));
    }
    lines.push(("tenant", tenant(&c.line.tenant, explained.tenant)));
    for (n, change) in explained.history.iter().enumerate() {
        lines.push((if n == 0 { "history" } else { "" }, format!("{}  {}", change.at, change.reason)));
    }
    if let Some(change) = &c.explanation.last_change {
        lines.push(("changed", format!("{}, until then: {}", change.at, change.was)));
    }
    lines.push(("reason", c.line.reason.clone()));
    lines.push(("needed", c.explanation.needed.clone()));
    for (n, rest) in explained.rests_on.iter().enumerate() {
        lines.push((if n == 0 { "rests on" } else { "" }, rest.clone()));
    }
    let mut out = String::new();
    for (label, text) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{label:<11} {}", plain(&text));
    }
    out
}

fn channel(c: &ChannelView) -> String {
    let mode = serde_json::to_value(c.line.mode).ok();
    let mode = mode.as_ref().and_then(serde_json::Value::as_str).unwrap_or("?");
    let standing = if c.line.configured { "" } else { ", watched as a candidate only" };
    format!("{}/{} at {}, policy {}, mode {mode}{standing}", c.line.tenant, c.line.id, c.taken_at, c.line.policy)
}

fn health(c: &ChannelView) -> String {
    let e = &c.explanation;
    let mut text = format!("{} for {}", c.line.health, span(c.line.health_for_seconds));
    if c.line.missing {
        text.push_str("; the platform has no such channel");
    }
    let _ =
        write!(text, "; {} bad in a row (down at {}), {} good (up at {})", c.bad_looks, e.fall, c.good_looks, e.rise);
    text
}

fn evidence(c: &ChannelView) -> String {
    let e = &c.explanation;
    let Some(age) = c.line.evidence_age_seconds else { return "none yet".to_owned() };
    let status = c.line.platform_status.as_deref().map_or_else(|| "no status".to_owned(), |s| format!("\"{s}\""));
    let fresh = if e.evidence_fresh { "fresh" } else { "stale" };
    let limit = span(e.evidence_stale_after_seconds);
    let alone = e.single_look_age_seconds.map_or_else(|| "never".to_owned(), |age| format!("{} ago", span(age)));
    format!("{status}, {} old, {fresh} (stale after {limit}); last single look {alone}", span(age))
}

fn telemetry(c: &ChannelView) -> String {
    let e = &c.explanation;
    let Some(age) = e.telemetry_age_seconds else { return "none yet".to_owned() };
    let limit = e.telemetry_stale_after_seconds;
    let fresh = if age <= limit { "fresh" } else { "stale, so there is no score" };
    format!("{} old, {fresh} (stale after {})", span(age), span(limit))
}

fn route(c: &ChannelView) -> String {
    let whose = if c.line.route_foreign { ", set by someone else" } else { "" };
    let way = c.line.in_flight.as_ref().map_or_else(String::new, |kind| format!("; a {kind} is under way"));
    let carries = match c.explanation.carries {
        0 => String::new(),
        1 => "; carries 1 other channel".to_owned(),
        n => format!("; carries {n} other channels"),
    };
    match &c.line.route {
        None => "not known yet".to_owned(),
        Some(to) if *to == c.line.id => format!("itself{way}{carries}"),
        Some(to) => format!("traffic goes to {to}{whose}{way}{carries}"),
    }
}

fn score(q: &QualityView) -> String {
    format!(
        "{:.1} (R {:.1}, MOS {:.2}){}: latency {:.1} ms, jitter {:.1} ms, loss {:.2} %; {} samples",
        q.score,
        q.r_factor,
        q.mos,
        quality::usual(q),
        q.latency_ms,
        q.jitter_ms,
        q.packet_loss_pct,
        q.samples
    )
}

fn made_of(p: &ScoreParts) -> String {
    let codec = p.codec.as_deref().unwrap_or("of unknown values");
    let mut text = format!("R {:.1} = {:.1}", p.r_factor, p.best);
    for (cost, what) in [
        (p.codec_cost, format!("codec {codec}")),
        (p.delay_cost, "delay".to_owned()),
        (p.loss_cost, "loss".to_owned()),
        (p.jitter_cost, "jitter".to_owned()),
    ] {
        let sign = if cost < 0.0 { '+' } else { '-' };
        let _ = write!(text, " {sign} {:.1} {what}", cost.abs());
    }
    text
}

fn blocks(c: &ChannelView) -> String {
    let one = |b: &crate::http::views::BlockView| {
        let what = match b.kind.as_str() {
            "move" => "no further move",
            "retry_failover" => "no further attempt at a failover",
            "retry_failback" => "no further attempt at a failback",
            "retry_codec" => "no further attempt at a codec change",
            "codec" => "no further codec order",
            other => other,
        };
        format!("{what} for another {}", span(b.left_seconds))
    };
    let mut all: Vec<String> = c.explanation.blocks.iter().map(one).collect();
    all.extend(c.line.held.as_ref().map(|why| format!("held: {}", why.replace('_', " "))));
    if all.is_empty() { "none".to_owned() } else { all.join("; ") }
}

fn hold_down(held: &crate::http::views::HoldDownView) -> String {
    let release = held.reuse.map_or_else(String::new, |reuse| format!("; suppressed until it is below {reuse}"));
    let (penalty, ceiling) = (held.penalty, held.ceiling);
    format!("penalty {penalty:.1} of at most {ceiling:.0}, halving every {}{release}", span(held.half_life_seconds))
}

fn candidate(c: &crate::http::views::CandidateView) -> String {
    let score = c.score.map_or_else(String::new, |score| format!(", score {score:.1}"));
    let against = c.against.clone().unwrap_or_else(|| "is not eligible".to_owned());
    if c.eligible { format!("{} is eligible{score}", c.id) } else { format!("{} {against}{score}", c.id) }
}

fn tenant(name: &str, t: TenantLine) -> String {
    let actions = match t.actions_last_hour {
        1 => "1 action".to_owned(),
        n => format!("{n} actions"),
    };
    let mut text = format!("{name}: {} up, {actions} in the last hour", t.channels_up);
    let signs = [
        (t.state == TenantState::Blind, ", BLIND: its platform does not answer"),
        (t.paused, ", paused"),
        (t.mass_hold, ", HELD: half of it turned bad at once"),
    ];
    signs.iter().filter(|(is, _)| *is).for_each(|(_, words)| text.push_str(words));
    text
}

/// Seconds in words: `250 ms`, `45 s`, `10 min`, `2.5 h`.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", (s / 60.0).floor()),
        s => format!("{:.1} h", s / 3600.0),
    }
}

//! Telemetry as the platform writes it, item by item.
//!
//! A field that is `null`, empty or missing is no measurement; one that is there and no number (`NaN`, a word) costs its
//! item, since it cannot be told from a measurement gone wrong. Must never: let one channel's items cost another's, or
//! take an item for one of another time than its own.

use super::body::{document, unlike};
use super::channel::{TelemetryAnswer, TelemetryQuery, whose};
use super::raw::{Raw, decode};
use super::transport::Response;
use super::unread::{Malformed, Unread};
use crate::policy::{ChannelId, Sample, WallMs};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Items of one channel in one answer at most: a day of minutes, and some more.
const MAX_ITEMS: usize = 2_000;
/// How far beyond the span that was asked for the time of an item may lie.
const SLACK: Duration = Duration::from_mins(1);

/// Telemetry from an answer to `query`.
pub fn telemetry(response: &Response, query: &TelemetryQuery, unread: &mut Unread) -> Result<TelemetryAnswer, String> {
    let (text, _) = decode(&response.body);
    let items = document(response, &text)?
        .pick(["metrics"])
        .and_then(|[items]| items)
        .filter(|items| items.is_array() || items.is_null());
    let Some(items) = items else { return Err(unlike(response, "an object with an array `metrics`")) };
    let mut answer = TelemetryAnswer::default();
    let asked: BTreeSet<&ChannelId> = query.channels.iter().collect();
    let mut kept: BTreeMap<Option<ChannelId>, usize> = BTreeMap::new();
    for (n, raw) in items.items().enumerate() {
        let what = match item(raw, query) {
            // What was not asked for is nobody's.
            Ok((Some(whose), _)) if !asked.contains(&whose) => continue,
            Ok((whose, sample)) => {
                let kept = kept.entry(whose.clone()).or_default();
                *kept += 1;
                if *kept <= MAX_ITEMS {
                    answer.items.push((whose, sample));
                    continue;
                }
                Malformed::Telemetry
            }
            Err(what) => what,
        };
        unread.note(what, || format!("metrics[{n}]"));
        answer.malformed = answer.malformed.saturating_add(1);
    }
    Ok(answer)
}

fn item(raw: Raw<'_>, query: &TelemetryQuery) -> Result<(Option<ChannelId>, Sample), Malformed> {
    let fields = ["channelId", "timestamp", "latency_ms", "jitter_ms", "packet_loss_pct"];
    let [id, at, latency, jitter, loss] = raw.pick(fields).ok_or(Malformed::Telemetry)?;
    let whose = whose(id).map_err(|()| Malformed::Telemetry)?;
    let number = |raw: Option<Raw<'_>>| match raw.filter(|raw| !is_nothing(*raw)) {
        None => Ok(None),
        Some(raw) => raw.number().map(Some).ok_or(Malformed::Telemetry),
    };
    let (latency_ms, jitter_ms, packet_loss_pct) = (number(latency)?, number(jitter)?, number(loss)?);
    let at = match at.filter(|raw| !is_nothing(*raw)) {
        None => None,
        Some(raw) => Some(time(raw, query).ok_or(Malformed::Time)?),
    };
    Ok((whose, Sample { at, latency_ms, jitter_ms, packet_loss_pct }))
}

fn is_nothing(raw: Raw<'_>) -> bool {
    raw.is_null() || raw.string().is_some_and(|text| text.trim().is_empty())
}

/// The time of an item, where it is certain: with its zone; as seconds, milliseconds or finer since 1970, which their size
/// tells apart; without a zone, where as UTC it lies within the span that was asked for. What is yet to come is no time.
fn time(raw: Raw<'_>, query: &TelemetryQuery) -> Option<WallMs> {
    let slack = i64::try_from((SLACK + query.bucket).as_millis()).ok()?;
    let latest = query.to.0.saturating_add(slack);
    let at = if let Some(number) = raw.number() {
        since_1970(number)?
    } else {
        let text = raw.string()?;
        let text = text.trim();
        let zoned =
            text.parse::<jiff::Timestamp>().or_else(|_| jiff::fmt::rfc2822::parse(text).map(|at| at.timestamp()));
        if let Ok(at) = zoned {
            at.as_millisecond()
        } else {
            let utc = text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            let at = utc.timestamp().as_millisecond();
            return (query.from.0.saturating_sub(slack)..=latest).contains(&at).then_some(WallMs(at));
        }
    };
    (at <= latest).then_some(WallMs(at))
}

/// From 1973 on each unit has magnitudes of its own.
fn since_1970(number: f64) -> Option<i64> {
    let millis = match number {
        n if (1e8..1e11).contains(&n) => n * 1e3,
        n if (1e11..1e14).contains(&n) => n,
        n if (1e14..1e17).contains(&n) => n / 1e3,
        n if (1e17..1e20).contains(&n) => n / 1e6,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, reason = "below 1e14")]
    Some(millis.round() as i64)
}

#[cfg(test)]
mod tests;

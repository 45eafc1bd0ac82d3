//! Telemetry queries: strict about what is asked, and items that vary as real trunks do.
//!
//! Each channel's latency and jitter are log-normal AR(1) processes around its quality, its loss a mostly small one with
//! bursts. A value depends on seed, channel and bucket only: asking twice, or in another order, shows the same. The bucket
//! that is not yet over is summed up from what there is of it.

use super::channel::{ChannelState, Quality};
use super::oddity::{self, Oddities, Oddity};
use super::options::{Options, TelemetryForm};
use super::reply::Draft;
use super::store::Store;
use super::{check, noise};
use crate::policy::WallMs;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::time::Duration;

const METRICS: [&str; 3] = ["latency_ms", "jitter_ms", "packet_loss_pct"];
/// Items of one answer at most: a larger query is refused.
const MAX_ITEMS: i64 = 200_000;

/// A checked query.
#[derive(Debug)]
struct Query {
    bucket_ms: i64,
    metrics: Vec<String>,
    channels: Vec<String>,
    from: i64,
    to: i64,
}

/// The present, on both of the platform's clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) now: Duration,
    pub(super) wall: WallMs,
}

/// `POST` of the telemetry endpoint.
pub(super) fn answer(
    store: &mut Store,
    options: &Options,
    odd: &Oddities,
    form: TelemetryForm,
    present: Present,
    body: &Map<String, Value>,
) -> Result<Draft, Draft> {
    let query = parse(body)?;
    if odd.is(Oddity::UnknownIdRefused, None)
        && let Some(id) = query.channels.iter().find(|id| !store.contains(id))
    {
        return Err(check::not_found(format!("there is no channel {id:?}")));
    }
    let mut items = Vec::new();
    if form != TelemetryForm::Empty {
        for id in &query.channels {
            let Some(channel) = store.get_mut(id) else { continue };
            let first = items.len();
            if !channel.idle {
                channel_items(channel, options, form, present, &query, &mut items);
            } else if odd.is(Oddity::IdleZeros, Some(id)) {
                channel_items(channel, options, form, present, &query, &mut items);
                items.iter_mut().skip(first).filter_map(Value::as_object_mut).for_each(oddity::zeros);
            }
            items.iter_mut().skip(first).for_each(|item| odd.show_item(id, item));
        }
    }
    let body = Map::from_iter([("metrics".to_owned(), Value::Array(items))]);
    Ok(Draft::raw(StatusCode::OK, oddity::written(&Value::Object(body))))
}

fn channel_items(
    channel: &mut ChannelState,
    options: &Options,
    form: TelemetryForm,
    present: Present,
    query: &Query,
    items: &mut Vec<Value>,
) {
    let end = query.to.min(present.wall.0);
    let mut start = query.from.div_euclid(query.bucket_ms) * query.bucket_ms;
    while start < end {
        let step = start.unsigned_abs();
        let missing = noise::unit(&[options.seed, channel.stream, 77, step]) < options.missing_items;
        if start >= query.from && !missing {
            let filled = (start, (start + query.bucket_ms).min(end));
            let quality = sound(channel, options.seed, present, filled, query.bucket_ms);
            items.push(item(channel, options.seed, form, quality, start, &query.metrics));
        }
        start += query.bucket_ms;
    }
}

/// The media of one bucket, over the part of it that is filled.
fn sound(channel: &mut ChannelState, seed: u64, present: Present, filled: (i64, i64), bucket_ms: i64) -> Quality {
    let (from, to) = filled;
    let step = (from.div_euclid(bucket_ms)).unsigned_abs();
    // The middle over the filled part, looked up at a few moments, so that a spell that begins inside a bucket counts for its share.
    let parts = 8;
    let mut middle = Quality { latency_ms: 0.0, jitter_ms: 0.0, loss_pct: 0.0 };
    for part in 0..parts {
        let at = from + (to - from) * (2 * part + 1) / (2 * parts);
        let q = channel.quality_at(since_start(present, at));
        middle.latency_ms += q.latency_ms / parts as f64;
        middle.jitter_ms += q.jitter_ms / parts as f64;
        middle.loss_pct += q.loss_pct / parts as f64;
    }
    // Few calls make a rough mean: a bucket that has just begun varies up to three times as much.
    let share = (to - from) as f64 / bucket_ms as f64;
    let rough = 1.0 / share.clamp(1.0 / 9.0, 1.0).sqrt();
    let [latency, jitter, loss] = channel.noise(seed, step).map(|noise| noise * rough);
    let log_normal = |mean: f64, sigma: f64, x: f64| mean * (sigma * x - sigma * sigma / 2.0).exp();
    Quality {
        latency_ms: log_normal(middle.latency_ms, 0.06, latency),
        jitter_ms: log_normal(middle.jitter_ms, 0.18, jitter),
        loss_pct: log_normal(middle.loss_pct, 0.25, loss).min(100.0),
    }
}

fn since_start(present: Present, wall: i64) -> Duration {
    present.now.saturating_sub(present.wall.since(WallMs(wall)))
}

fn item(
    channel: &ChannelState,
    seed: u64,
    form: TelemetryForm,
    quality: Quality,
    start: i64,
    metrics: &[String],
) -> Value {
    let mut item = Map::new();
    if form != TelemetryForm::Unattributed {
        item.insert("channelId".to_owned(), Value::from(channel.id.clone()));
    }
    if form != TelemetryForm::Undated {
        item.insert("timestamp".to_owned(), Value::from(timestamp(start)));
    }
    for name in metrics {
        let value = match name.as_str() {
            "latency_ms" => quality.latency_ms,
            "jitter_ms" => quality.jitter_ms,
            _ => quality.loss_pct,
        };
        item.insert(name.clone(), Value::from((value * 100.0).round() / 100.0));
    }
    if form == TelemetryForm::Hostile {
        return spoil(item, noise::hash(&[seed, channel.stream, start.unsigned_abs()]));
    }
    Value::Object(item)
}

fn spoil(mut item: Map<String, Value>, dice: u64) -> Value {
    let odd = match dice % 6 {
        0 => return json!("not an item"),
        1 => Value::Null,
        2 => json!(-5.0),
        3 => json!(1e300),
        4 => json!("41"),
        _ => return json!({ "channelId": item.remove("channelId"), "timestamp": "yesterday" }),
    };
    if let Some(value) = item.get_mut("latency_ms") {
        *value = odd;
    }
    Value::Object(item)
}

fn timestamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn parse(body: &Map<String, Value>) -> Result<Query, Draft> {
    check::only(body, "", &["interval", "metrics", "dimension", "filter", "from", "to"])?;
    let field = |name: &str| check::required(body, "", name);
    let bucket_ms = interval(check::text(field("interval")?, "interval")?)?;
    let metrics = texts(field("metrics")?, "metrics")?;
    if metrics.is_empty() || metrics.iter().any(|m| !METRICS.contains(&m.as_str())) {
        return Err(Draft::bad(format!("metrics must be some of {}", METRICS.join(", "))));
    }
    check::one_of(field("dimension")?, "dimension", &["channelId"])?;
    let channels = filter(check::object(field("filter")?, "filter")?)?;
    let from = moment(field("from")?, "from")?;
    let to = moment(field("to")?, "to")?;
    if from >= to {
        return Err(Draft::bad("from must be before to"));
    }
    let count = i64::try_from(channels.len()).unwrap_or(i64::MAX);
    if ((to - from) / bucket_ms).saturating_mul(count) > MAX_ITEMS {
        return Err(Draft::bad("the query asks for too many items: ask for a shorter span, or for fewer channels"));
    }
    Ok(Query { bucket_ms, metrics, channels, from, to })
}

/// The channels of the filter; it must also keep to voice.
fn filter(filter: &Map<String, Value>) -> Result<Vec<String>, Draft> {
    check::only(filter, "filter.", &["type", "clauses"])?;
    check::one_of(check::required(filter, "filter.", "type")?, "filter.type", &["and"])?;
    let (mut channels, mut voice) = (None, false);
    for clause in check::array(check::required(filter, "filter.", "clauses")?, "filter.clauses")? {
        let at = "filter.clauses[].";
        let clause = check::object(clause, "filter.clauses[]")?;
        check::only(clause, at, &["dimension", "selector", "values"])?;
        check::one_of(check::required(clause, at, "selector")?, "filter.clauses[].selector", &["eq"])?;
        let values = texts(check::required(clause, at, "values")?, "filter.clauses[].values")?;
        match check::text(check::required(clause, at, "dimension")?, "filter.clauses[].dimension")? {
            "channelId" if channels.is_none() && !values.is_empty() => channels = Some(values),
            "conversationType" if !voice && values == ["voice"] => voice = true,
            _ => return Err(Draft::bad("filter.clauses must be one of channelId and one of conversationType voice")),
        }
    }
    match channels {
        Some(channels) if voice => Ok(channels),
        _ => Err(Draft::bad("filter.clauses must name channelId and conversationType")),
    }
}

fn texts(value: &Value, at: &str) -> Result<Vec<String>, Draft> {
    check::array(value, at)?.iter().map(|v| check::text(v, at).map(str::to_owned)).collect()
}

fn moment(value: &Value, at: &str) -> Result<i64, Draft> {
    check::text(value, at)?
        .parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| Draft::bad(format!("{at} must be an RFC 3339 time")))
}

/// `30s`, `1m`, `1h`: a whole number and one unit.
fn interval(text: &str) -> Result<i64, Draft> {
    let fail = || Draft::bad("interval must be such as 30s, 1m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(fail()),
    };
    number.parse::<i64>().ok().filter(|n| (1..=86_400).contains(n)).map(|n| n * unit).ok_or_else(fail)
}

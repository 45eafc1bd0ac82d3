//! The journal as the source of a replay: where to begin, what to feed, and what the answer rests on.

use super::{Decision, Replay};
use crate::journal::{Filter, JournalError, Reader};
use crate::policy::{Params, WallMs};
use crate::supervisor::fact::{self, Fact, Told};
use serde::Serialize;
use std::time::Duration;

/// Rows read at once.
const PAGE: usize = 10_000;
/// Audit entries read at once.
const ENTRIES: usize = 1000;
/// Decisions read from the audit log at most.
const MAX_DECIDED: usize = 100_000;

/// Which part of a journal.
#[derive(Clone, Debug)]
pub struct Span {
    /// One tenant's alone; `None`: all.
    pub tenant: Option<String>,
    /// What is to be right from here on: feeding begins earlier.
    pub from: WallMs,
    /// Up to here.
    pub to: WallMs,
    /// How much earlier feeding begins, so that evidence and clocks have settled by `from`.
    pub warm_up: Duration,
}

/// What a replay rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rests {
    /// When the first fact was told that was fed; `None`: none is kept.
    pub first: Option<WallMs>,
    /// When the last one was told.
    pub last: Option<WallMs>,
    /// Whether it began with a whole state (a start or a checkpoint), rather than with an engine that knew nothing.
    pub whole: bool,
    /// Facts that were fed.
    pub facts: u64,
    /// Rows that were not understood and left out.
    pub not_understood: u64,
    /// When the daemon last took another configuration within what was fed.
    pub reconfigured: Option<WallMs>,
}

/// How long an engine takes to know all that its clocks measure, as far as its state is not saved.
pub fn warm_up(params: &Params) -> Duration {
    let longest = |policy: &crate::policy::Policy| {
        let telemetry = policy.telemetry.window + policy.telemetry.interval * 3;
        let failover = policy.failover.failback_after.max(policy.failover.quality_for);
        (policy.health.interval * 10).max(telemetry).max(failover).max(policy.codec.restore_after)
    };
    let all = params.channels.iter().map(|channel| longest(&channel.policy));
    all.max().unwrap_or_default() + Duration::from_mins(10)
}

/// Feeds `replay` what the journal keeps of `span`, lets time pass until its end, and hands each fact to `see` before.
///
/// # Errors
/// Where the journal cannot be read.
pub fn play(
    reader: &Reader,
    replay: &mut Replay,
    span: &Span,
    mut see: impl FnMut(&Told),
) -> Result<Rests, JournalError> {
    let mut rests = Rests::default();
    let Some(mut next) = begin(reader, span, &mut rests)? else { return Ok(rests) };
    loop {
        let rows = reader.recorded(span.tenant.as_deref(), next, span.to, PAGE)?;
        let Some(last) = rows.last() else { break };
        next = last.id + 1;
        for recorded in &rows {
            let Some(told) = fact::read(&recorded.row) else {
                rests.not_understood += 1;
                continue;
            };
            rests.facts += 1;
            rests.first = rests.first.or(Some(told.at));
            rests.last = Some(told.at);
            if told.fact == Fact::Reconfigured {
                rests.reconfigured = Some(told.at);
            }
            see(&told);
            replay.feed(told);
        }
        if rows.len() < PAGE {
            break;
        }
    }
    replay.pass_until(span.to);
    Ok(rests)
}

/// What was really decided within `span`, oldest first.
///
/// # Errors
/// Where the journal cannot be read.
pub fn decided(reader: &Reader, span: &Span) -> Result<Vec<Decision>, JournalError> {
    let mut all = Vec::new();
    for kind in ["failover.", "failback.", "codec."] {
        let mut filter = Filter {
            tenant: span.tenant.clone(),
            event_type: Some(kind.to_owned()),
            since: Some(span.from),
            until: Some(WallMs(span.to.0.saturating_add(1))),
            limit: ENTRIES,
            ..Filter::default()
        };
        while all.len() < MAX_DECIDED {
            let page = reader.entries(&filter)?;
            all.extend(page.entries.iter().filter_map(Decision::of_entry));
            filter.before_seq = page.next;
            if page.next.is_none() {
                break;
            }
        }
    }
    all.sort_by_key(|decision| decision.at);
    Ok(all)
}

/// The number of the row to begin with.
fn begin(reader: &Reader, span: &Span, rests: &mut Rests) -> Result<Option<i64>, JournalError> {
    let mark = reader.recorded_mark("", fact::BEGIN, span.from.back(span.warm_up))?;
    if let Some(mark) = mark.filter(|mark| mark.row.at <= span.from) {
        rests.whole = true;
        return Ok(Some(mark.id));
    }
    Ok(reader.first_recorded()?.filter(|first| first.row.at <= span.to).map(|first| first.id))
}

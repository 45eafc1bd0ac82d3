//! A past moment explained: the engine is rebuilt from what the journal recorded, up to that moment.

use super::{Change, Explained};
use crate::clock::rfc3339;
use crate::config::Config;
use crate::http::views::ChannelView;
use crate::journal::Reader;
use crate::policy::{ChannelKey, Reason, WallMs};
use crate::provision::watched_by;
use crate::replay::{Replay, Rests, Span, play, warm_up};
use crate::supervisor::fact::Fact;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

/// Changes of reason that are shown.
const HISTORY: usize = 10;
/// The daemon tells something at least this often while it runs and watches anything.
const QUIET: Duration = Duration::from_mins(10);

/// What was known of `channel` at `at`, by the journal at `path` and under `config`. An error is one sentence.
pub fn explain(path: &Path, config: &Config, channel: &ChannelKey, at: WallMs) -> Result<Explained, String> {
    let reader = Reader::open(path).map_err(|error| error.to_string())?;
    let params = watched_by(config, &reader).map_err(|error| error.to_string())?.params();
    let span = Span { tenant: Some(channel.tenant.to_string()), from: at, to: at, warm_up: warm_up(&params) };
    let mut replay = Replay::rebuild(params);
    let mut history: VecDeque<(WallMs, Reason)> = VecDeque::new();
    let rests = play(&reader, &mut replay, &span, |told| {
        if let (Fact::Reason(reason), true) = (&told.fact, told.channel.as_ref() == Some(channel)) {
            if history.len() == HISTORY {
                history.pop_front();
            }
            history.push_back((told.at, reason.clone()));
        }
    })
    .map_err(|error| error.to_string())?;
    let Some((engine, now)) = replay.engine() else { return Err(nothing_kept(&reader, at)) };
    let (Some(report), Some(tenant)) = (engine.channel(now, channel), engine.tenant(now, &channel.tenant)) else {
        return Err(format!("{channel} is not configured, and was no channel's candidate at {}", rfc3339(at)));
    };
    let journalled = history.back().map(|(at, reason)| (*at, reason));
    let rests_on = rests_on(path, &rests, at, journalled, &report.reason);
    Ok(Explained {
        channel: ChannelView::at(at, &report, now),
        tenant: tenant.into(),
        history: history.iter().map(|(at, reason)| Change { at: rfc3339(*at), reason: reason.to_string() }).collect(),
        rests_on,
    })
}

fn nothing_kept(reader: &Reader, at: WallMs) -> String {
    match reader.first_recorded() {
        Ok(Some(first)) => format!(
            "the journal has nothing about {}: it keeps observations for some days only, and now from {} on",
            rfc3339(at),
            rfc3339(first.row.at)
        ),
        _ => "the journal has no observations to answer from".to_owned(),
    }
}

/// What the answer rests on, and what to doubt about it.
fn rests_on(
    path: &Path,
    rests: &Rests,
    at: WallMs,
    journalled: Option<(WallMs, &Reason)>,
    rebuilt: &Reason,
) -> Vec<String> {
    let time = |at: Option<WallMs>| at.map_or_else(|| "no time".to_owned(), rfc3339);
    let mut lines = vec![format!(
        "{}: {} facts from {} to {}, replayed under the parameters configured now",
        path.display(),
        rests.facts,
        time(rests.first),
        time(rests.last)
    )];
    if !rests.whole {
        lines.push("the journal has no complete state from before: older routes and blocks are not known".to_owned());
    }
    if rests.not_understood > 0 {
        lines.push(format!("{} rows were written by another version and are left out", rests.not_understood));
    }
    if let Some(last) = rests.last.filter(|last| at.since(*last) > QUIET) {
        lines.push(format!("nothing is recorded after {}: the daemon may not have run", rfc3339(last)));
    }
    if let Some(when) = rests.reconfigured {
        lines.push(format!("the daemon took another configuration at {}", rfc3339(when)));
    }
    if let Some((when, reason)) = journalled.filter(|(_, reason)| rebuilt.differs(reason)) {
        lines.push(format!(
            "do not trust this: the daemon itself concluded otherwise at {}: \"{reason}\"; its parameters were different then, or facts are missing",
            rfc3339(when)
        ));
    }
    lines
}

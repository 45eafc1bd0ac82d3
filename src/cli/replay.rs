//! `replay`: what another configuration would have decided, beside what was really decided.

use super::config_arg::ConfigArg;
use super::terminal::plain;
use super::{EX_CONFIG, failed};
use crate::cli::terminal;
use crate::clock::{Clock, rfc3339};
use crate::config::{self, Config};
use crate::journal::Reader;
use crate::policy::WallMs;
use crate::provision::watched_by;
use crate::replay::{Decision, Line, Replay, Rests, Span, Summary, compare, decided, play, warm_up};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the answer assumes: shown with every answer.
const MODEL: &str = "actions are answered as applied at once; looks that were never made are answered by what a channel \
last showed; telemetry stays as measured under the real routes and codecs";

/// Feed recorded observations to the engine under another configuration, and compare its decisions with the real ones
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The journal to read, `{state_dir}/journal.db`; a daemon may be writing it
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    #[command(flatten)]
    config: ConfigArg,
    /// From this moment on, such as 2026-11-21T08:00:00Z; left out: from the first observation that is kept
    #[arg(long, value_name = "TIME", value_parser = super::explain::moment)]
    from: Option<WallMs>,
    /// Up to this moment; left out: to the last observation
    #[arg(long, value_name = "TIME", value_parser = super::explain::moment)]
    to: Option<WallMs>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// From this moment on, RFC 3339.
    pub from: String,
    /// Up to this one.
    pub to: String,
    /// The decisions side by side, by time.
    pub decisions: Vec<Line>,
    /// How many are the same.
    pub summary: Summary,
    /// Decisions of the replay that are too many to be shown.
    pub not_shown: usize,
    /// What the answer assumes.
    pub model: String,
    /// What it rests on.
    pub rests_on: Rests,
}

/// Replays.
pub fn replay(args: &ReplayArgs) -> ExitCode {
    let config = match config::load(&args.config.path) {
        Ok(loaded) => loaded.config,
        Err(rejected) => {
            terminal::complain(&rejected.to_string());
            return ExitCode::from(EX_CONFIG);
        }
    };
    match answer(&args.journal, &config, args.from, args.to) {
        Ok(replayed) => {
            let json = serde_json::to_string(&replayed).unwrap_or_default() + "\n";
            terminal::out(&if args.json { json } else { text(&replayed) });
            ExitCode::SUCCESS
        }
        Err(why) => failed(&why),
    }
}

/// What `config` would have decided by the journal at `path`. An error is one sentence.
fn answer(path: &Path, config: &Config, from: Option<WallMs>, to: Option<WallMs>) -> Result<Replayed, String> {
    let reader = Reader::open(path).map_err(|error| error.to_string())?;
    let params = watched_by(config, &reader).map_err(|error| error.to_string())?.params();
    let first = reader.first_recorded().map_err(|error| error.to_string())?;
    let first = first.ok_or_else(|| format!("{} has no observations to replay", path.display()))?;
    let begins = first.row.at;
    let from = from.unwrap_or(begins).max(begins);
    let to = to.unwrap_or_else(|| Clock::system().wall());
    if to < from {
        let (from, to, begins) = (rfc3339(from), rfc3339(to), rfc3339(begins));
        return Err(format!("nothing lies between --from ({from}) and --to ({to}): observations begin at {begins}"));
    }
    let mut span = Span { tenant: None, from, to, warm_up: warm_up(&params) };
    let mut replay = Replay::what_if(params);
    let rests = play(&reader, &mut replay, &span, |_| ()).map_err(|error| error.to_string())?;
    // What comes after the last fact was decided by nobody.
    span.to = rests.last.map_or(to, |last| last.min(to));
    let within = |decision: &Decision| (span.from..=span.to).contains(&decision.at);
    let (mut now, not_shown) = replay.into_decisions();
    now.retain(within);
    let then = decided(&reader, &span).map_err(|error| error.to_string())?;
    let (decisions, summary) = compare(then, now);
    let (from, to) = (rfc3339(span.from), rfc3339(span.to));
    Ok(Replayed { from, to, decisions, summary, not_shown, model: MODEL.to_owned(), rests_on: rests })
}

fn text(replayed: &Replayed) -> String {
    let mut out = format!("{} to {}: {} facts\n", replayed.from, replayed.to, replayed.rests_on.facts);
    if !replayed.rests_on.whole {
        out.push_str("the journal has no complete state from before: older routes and blocks are not known\n");
    }
    if replayed.rests_on.not_understood > 0 {
        let _ = writeln!(out, "{} rows could not be read and are left out", replayed.rests_on.not_understood);
    }
    if !replayed.decisions.is_empty() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["TIME", "CHANNEL", "THEN", "NOW", "REASON"]);
        for line in &replayed.decisions {
            table.add_row(row(line).map(|cell| plain(&cell)));
        }
        let _ = writeln!(out, "\n{table}\n");
    }
    let Summary { same, only_then, only_now } = replayed.summary;
    let _ = writeln!(out, "{same} the same, {only_then} only then, {only_now} only now");
    if replayed.not_shown > 0 {
        let _ = writeln!(out, "{} more of the new decisions are not shown", replayed.not_shown);
    }
    let _ = writeln!(out, "({})", replayed.model);
    out
}

fn row(line: &Line) -> [String; 5] {
    let name = |decision: &Decision| {
        let target = decision.target.as_ref().map_or_else(String::new, |target| format!(" {target}"));
        format!("{}{target}", decision.event)
    };
    let then = line.then.as_ref().map_or_else(|| "-".to_owned(), name);
    let now = match (&line.then, &line.now) {
        (_, None) => "-".to_owned(),
        (None, Some(now)) => name(now),
        (Some(then), Some(now)) => match now.at.0 - then.at.0 {
            ms if ms.abs() < 1000 => "the same".to_owned(),
            ms => format!("the same, {:.0} s {}", (ms as f64 / 1000.0).abs(), if ms < 0 { "earlier" } else { "later" }),
        },
    };
    let told = line.now.as_ref().or(line.then.as_ref());
    let channel = told.map_or_else(String::new, |decision| decision.channel.to_string());
    let reason = told.map_or_else(String::new, |decision| decision.reason.clone());
    [rfc3339(line.at()), channel, then, now, reason]
}

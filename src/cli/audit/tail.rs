//! `audit tail`: the newest entries, and those to come.

use super::{FilterArgs, LogArgs};
use crate::cli::failed;
use crate::cli::terminal::{self, plain};
use crate::journal::{Filter, Listed, Reader};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// How often the journal is looked at for more.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Entries that are read at once.
const PAGE: usize = 1000;

/// Which entries.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// So many of the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    lines: u16,
    /// Go on with those to come
    #[arg(short, long)]
    follow: bool,
    /// Each as the JSON that was hashed
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl TailArgs {
    /// Shows them.
    pub async fn run(self) -> ExitCode {
        match self.show().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => failed(&why),
        }
    }

    async fn show(&self) -> Result<(), String> {
        let (reader, filter) = (self.log.reader()?, self.filter.filter()?);
        // What is there now ends here, so that nothing is shown twice or passed over in between.
        let mut shown = reader.head().map_err(|e| e.to_string())?.map_or(0, |(seq, _)| seq);
        if self.lines > 0 {
            let newest = Filter { limit: usize::from(self.lines), before_seq: Some(shown + 1), ..filter.clone() };
            let first = reader.entries(&newest).map_err(|e| e.to_string())?.entries;
            let first = first.last().and_then(|entry| entry.get("seq")?.as_u64());
            if let Some(first) = first {
                let after = first - 1;
                if !self.print(&page(&reader, &filter, after)?, shown) {
                    return Ok(());
                }
            } else if !self.follow {
                terminal::complain(&format!("trunkwarden: {}", self.filter.none_matches()));
            }
        }
        if !self.follow {
            return Ok(());
        }
        loop {
            let more = page(&reader, &filter, shown)?;
            shown = more.last().map_or(shown, |last| last.seq);
            if !self.print(&more, u64::MAX) {
                return Ok(());
            }
            if more.len() < PAGE {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Those up to `last`; whether anybody still reads.
    fn print(&self, entries: &[Listed], last: u64) -> bool {
        let mut lines = entries.iter().filter(|listed| listed.seq <= last);
        lines.all(|listed| {
            let text = if self.json { listed.text.clone() } else { line(listed) };
            terminal::try_out(&(text + "\n")).is_ok()
        })
    }
}

fn page(reader: &Reader, filter: &Filter, after: u64) -> Result<Vec<Listed>, String> {
    reader.entries_after(filter, after, PAGE).map_err(|error| error.to_string())
}

/// One line for a person.
fn line(listed: &Listed) -> String {
    let entry: Value = serde_json::from_str(&listed.text).unwrap_or(Value::Null);
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("-");
    let place = match (entry.get("tenant").and_then(Value::as_str), entry.get("channel_id").and_then(Value::as_str)) {
        (Some(tenant), Some(channel)) => format!("{tenant}/{channel}"),
        (Some(tenant), None) => tenant.to_owned(),
        _ => "-".to_owned(),
    };
    plain(&format!(
        "{} {} {} {place} {}: {}",
        listed.seq,
        text("timestamp"),
        text("event_type"),
        text("actor"),
        text("reason")
    ))
}

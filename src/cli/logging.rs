//! What the daemon says while it works: to standard error, as text for people or JSON for machines.

mod lines;

use crate::counters::Counters;
use clap::ValueEnum;
use lines::Lines;
use std::io::IsTerminal;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// How to log.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "TRUNKWARDEN_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Which log lines to show: error, warn, info, debug, trace, or directives such as `trunkwarden::platform=debug`
    #[arg(long, default_value = "info", env = "TRUNKWARDEN_LOG", value_parser = directives)]
    pub log: String,
}

/// Levels and `TARGET=LEVEL`, separated by commas. A word that is neither would be taken for the name of a module, and
/// everything else would be silent.
fn directives(text: &str) -> Result<String, String> {
    for directive in text.split(',') {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
        if level.parse::<LevelFilter>().is_err() {
            return Err(format!("\"{level}\" is not a level; use error, warn, info, debug, trace, or TARGET=LEVEL"));
        }
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is being logged: kept until the end, which writes what is still queued, for a second at most.
#[must_use = "what is queued is written when this is dropped"]
pub struct Log(Option<Lines>);

impl LogArgs {
    /// Starts logging for the whole process. A later call changes nothing.
    pub fn start(&self) -> Log {
        // The calendar's library talks about its own start; what matters of it comes as warnings.
        let wanted = format!("tokio_cron_scheduler=warn,{}", self.log);
        let filter = EnvFilter::new(wanted);
        let ansi = std::io::stderr().is_terminal();
        let clean = match self.log_format {
            LogFormat::Text if ansi => lines::coloured_text,
            LogFormat::Text => lines::plain_text,
            LogFormat::Json => str::to_owned,
        };
        let Ok(queue) = Lines::to(std::io::stderr(), clean) else {
            super::terminal::complain("warning: nothing is logged: the log writer could not be started");
            return Log(None);
        };
        // Failing means that logging runs already.
        let _ = subscriber(self.log_format, ansi, filter, queue.clone()).try_init();
        // The default writes to standard error itself, and would wait there for ever with its thread.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Log(Some(queue))
    }
}

/// What makes a line of each event that passes the filter. A line bears the spans that it is in, each with its fields once.
fn subscriber(
    format: LogFormat,
    ansi: bool,
    filter: EnvFilter,
    out: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Dispatch {
    let events = fmt().with_env_filter(filter).with_writer(out).with_target(false).log_internal_errors(false);
    match format {
        LogFormat::Text => events.with_ansi(ansi).into(),
        LogFormat::Json => events.json().flatten_event(true).with_current_span(false).into(),
    }
}

impl Log {
    /// Counts the lines that are dropped among `counters`.
    pub fn counted_by(&self, counters: &Counters) {
        if let Some(lines) = &self.0 {
            lines.counted_by(counters.log_lines_dropped());
        }
    }

    /// A line for people as it is, behind what was logged.
    pub fn say(&self, line: &str) {
        match &self.0 {
            Some(lines) => lines.push(format!("{line}\n").as_bytes()),
            None => super::terminal::complain(line),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(lines) = &self.0 {
            lines.flush();
        }
    }
}

#[cfg(test)]
#[path = "logging/tests.rs"]
mod tests;

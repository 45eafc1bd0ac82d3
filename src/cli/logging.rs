//! What the daemon says while it works: to standard error, as text for people or JSON for machines.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How to log.
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "TRUNKWARDEN_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Which log lines to show: error, warn, info, debug, trace, or directives such as `trunkwarden::platform=debug`
    #[arg(long, default_value = "info", env = "TRUNKWARDEN_LOG")]
    pub log: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Starts logging for the whole process. A later call changes nothing.
    pub fn start(&self) {
        // The calendar's library talks about its own start; what matters of it comes as warnings.
        let wanted = format!("tokio_cron_scheduler=warn,{}", self.log);
        let filter = EnvFilter::try_new(wanted).unwrap_or_else(|error| {
            eprintln!("warning: `--log {}` is no log filter ({error}); using `info`", self.log);
            EnvFilter::new("info")
        });
        // A line that cannot be written, as on a full disk, is lost; to complain about it on the same stream would panic.
        let lines =
            fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
        // Failing means that logging runs already.
        let _ = match self.log_format {
            LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).try_init(),
        };
    }
}

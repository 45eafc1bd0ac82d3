//! `trunkwarden check`: is the configuration good, and what is worth knowing of it. Offline unless asked otherwise.

mod online;

use super::EX_CONFIG;
use super::config_arg::ConfigArg;
use crate::config::{self, Config, Diagnostic, Severity, count};
use crate::policy::Mode;
use clap::Args;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Checks the configuration and says everything that is wrong with it.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigArg,
    /// Also try the platform: token, scopes, list and each channel.
    #[arg(long)]
    online: bool,
}

impl Check {
    /// Prints diagnostics to stderr and a summary to stdout; 0, or 78 where the configuration must not be used.
    pub async fn run(self) -> ExitCode {
        match config::load(&self.config.path) {
            Err(rejected) => {
                print(&rejected.diagnostics);
                let errors = rejected.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
                say(&format!("not valid: {}", count(errors, "error")));
                ExitCode::from(EX_CONFIG)
            }
            Ok(loaded) => {
                let mut warnings = loaded.warnings.clone();
                warnings.extend(loaded.advice.iter().cloned());
                warnings.extend(loaded.unusable_here());
                print(&warnings);
                say(&summary(&loaded.config, warnings.len()));
                if self.online { online::run(&loaded.config).await } else { ExitCode::SUCCESS }
            }
        }
    }
}

/// One line such as `ok: 1 tenant, 5 channels, 1 policy; mode observe: nothing is changed; 2 warnings`.
fn summary(config: &Config, warnings: usize) -> String {
    let tenants = count(config.tenants.len(), "tenant");
    let channels = count(config.channels.len(), "channel");
    let policies = count(config.policies.len(), "policy");
    let mode = match config.daemon.mode {
        Mode::Observe => "mode observe: nothing is changed",
        Mode::Propose => "mode propose: changes wait for an operator",
        Mode::Enforce => "mode enforce",
    };
    format!("ok: {tenants}, {channels}, {policies}; {mode}; {}", count(warnings, "warning"))
}

/// Colours only for a terminal. What cannot be written to a closed pipe is nobody's loss.
fn print(diagnostics: &[Diagnostic]) {
    let mut stderr = std::io::stderr().lock();
    let colours = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut masked = false;
    for diagnostic in diagnostics {
        let text = if colours { diagnostic.render_styled() } else { diagnostic.render() };
        masked |= text.contains("***");
        let _ = writeln!(stderr, "{text}\n");
    }
    if masked {
        let _ = writeln!(stderr, "(*** stands for a part of a line that may hold a secret)\n");
    }
}

fn say(line: &str) {
    crate::cli::terminal::line(line);
}

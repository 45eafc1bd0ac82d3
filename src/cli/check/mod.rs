//! `trunkwarden check`: is the configuration good, and what is worth knowing of it. Offline unless asked otherwise.

mod online;

use super::EX_CONFIG;
use super::config_arg::ConfigArg;
use crate::config::{self, Config, Diagnostic, Severity};
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
                say(&format!("refused: {}", counted(errors, "error")));
                ExitCode::from(EX_CONFIG)
            }
            Ok(loaded) => {
                let mut warnings = loaded.warnings.clone();
                warnings.extend(loaded.unresolved_secrets());
                print(&warnings);
                say(&summary(&loaded.config, warnings.len()));
                if self.online { online::run(&loaded.config).await } else { ExitCode::SUCCESS }
            }
        }
    }
}

/// One line such as `ok: 1 tenant, 5 channels, 1 policy; 2 warnings`.
fn summary(config: &Config, warnings: usize) -> String {
    let tenants = counted(config.tenants.len(), "tenant");
    let channels = counted(config.channels.len(), "channel");
    let policies = match config.policies.len() {
        1 => "1 policy".to_owned(),
        n => format!("{n} policies"),
    };
    format!("ok: {tenants}, {channels}, {policies}; {}", counted(warnings, "warning"))
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Colours only for a terminal. What cannot be written to a closed pipe is nobody's loss.
fn print(diagnostics: &[Diagnostic]) {
    let mut stderr = std::io::stderr().lock();
    let colours = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        let text = if colours { diagnostic.render_styled() } else { diagnostic.render() };
        let _ = writeln!(stderr, "{text}\n");
    }
}

fn say(line: &str) {
    crate::cli::terminal::line(line);
}

//! The argument that names the configuration file, shared by every subcommand that needs one.

use clap::Args;
use std::path::PathBuf;

/// Which configuration file.
#[derive(Clone, Debug, Args)]
pub struct ConfigArg {
    /// The configuration file.
    #[arg(long = "config", value_name = "F", default_value = "/etc/trunkwarden/trunkwarden.toml")]
    pub path: PathBuf,
}

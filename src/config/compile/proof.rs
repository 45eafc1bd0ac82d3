//! What of `[audit]` proves the log: who signs, how often, and what is archived.

use super::Compiler;
use crate::config::model::Proof;
use crate::config::section::Section;
use crate::journal::note::is_name;
use std::path::Path;
use std::time::Duration;

impl Compiler<'_> {
    /// The keys about signing and retention.
    pub(super) fn proof(&mut self, audit: &Section, dir: &Path) -> Proof {
        let origin = audit.find::<String>("origin");
        if let Some(origin) = origin.as_ref().filter(|origin| !is_name(&origin.value)) {
            self.error(origin.at, "`origin` must have 1 to 200 bytes, without spaces, control characters and `+`")
                .help("it names the log on every checkpoint: a URL without its scheme, such as sip.example/audit");
        }
        Proof {
            origin: origin.map(|origin| origin.value),
            signing_key: self.secret(audit, "signing_key", "audit.signing_key", dir),
            checkpoint_entries: audit.get("checkpoint_entries").value,
            checkpoint_interval: audit.get("checkpoint_interval").value,
            retention: audit.find::<u32>("retention_days").map(|days| Duration::from_hours(24 * u64::from(days.value))),
        }
    }
}

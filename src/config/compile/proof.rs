//! What of `[audit]` proves the log: who signs, how often, and what is archived.

use super::Compiler;
use crate::config::keys::audit;
use crate::config::model::{Audit, Proof};
use crate::config::section::Section;
use crate::config::sink::Webhook;
use crate::journal::event_matches;
use crate::journal::note::is_name;
use std::path::Path;
use std::time::Duration;

impl Compiler<'_> {
    /// The keys about signing and retention.
    pub(super) fn proof(&mut self, audit: &Section, dir: &Path) -> Proof {
        let origin = audit.find(&audit::ORIGIN);
        if let Some(origin) = origin.as_ref().filter(|origin| !is_name(&origin.value)) {
            self.error(origin.at, "`origin` must have 1 to 200 bytes, and no spaces, control characters or `+`")
                .help("it names the log on every checkpoint: a URL without its scheme, such as sip.example/audit");
        }
        Proof {
            origin: origin.map(|origin| origin.value),
            signing_key: self.secret(audit, &audit::SIGNING_KEY, "audit.signing_key", dir),
            checkpoint_entries: audit.get(&audit::CHECKPOINT_ENTRIES).value,
            checkpoint_interval: audit.get(&audit::CHECKPOINT_INTERVAL).value,
            hold_for: audit.get(&audit::HOLD_FOR).value,
            witness: audit.find(&audit::WITNESS).map(|witness| witness.value),
            retention: audit.find(&audit::RETENTION_DAYS).map(|days| Duration::from_hours(24 * u64::from(days.value))),
        }
    }

    /// The witness is a sink, and is sent checkpoints.
    pub(super) fn witness(&mut self, audit: &Section, (sinks, webhooks): (&Audit, &[Webhook])) {
        let Some(witness) = audit.find(&audit::WITNESS) else { return };
        let exports = sinks.exports.iter().map(|export| (&export.sink.name, &export.sink.events));
        let files = sinks.files.iter().map(|file| (&file.name, &file.events));
        let hooks = webhooks.iter().map(|hook| (&hook.sink.name, &hook.sink.events));
        let all: Vec<_> = exports.chain(files).chain(hooks).collect();
        let Some((_, events)) = all.iter().find(|(name, _)| **name == witness.value) else {
            let names = all.iter().map(|(name, _)| name.as_str());
            self.unknown(witness.at, "sink", &witness.value, names);
            return;
        };
        if !events.iter().any(|glob| event_matches(glob, "journal.checkpoint")) {
            self.error(witness.at, "`witness` names a sink that gets no checkpoints")
                .help("add \"journal.checkpoint\" to its `events`");
        }
    }
}

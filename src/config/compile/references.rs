//! `[references]`: targets outside the platforms that tell whether our own network is there.

use super::Compiler;
use crate::config::model::References;
use crate::config::section::Section;
use std::collections::BTreeMap;
use std::time::Duration;

/// A round opens a connection to each of them.
const MAX_TARGETS: usize = 16;

impl Compiler<'_> {
    /// What is asked; nothing where the table is absent.
    pub(super) fn reference_targets(&mut self, references: &Section) -> References {
        let (interval, timeout) = (references.get::<Duration>("interval"), references.get::<Duration>("timeout"));
        self.ordered("references", ("timeout", &timeout), ("interval", &interval), false);
        let mut first = BTreeMap::new();
        for (target, at) in references.texts("targets") {
            if let Some(first) = first.insert(target, at) {
                self.error(at, "references: `targets` names this one twice").also(first, "first here");
            }
        }
        let targets: Vec<String> = references.texts("targets").into_iter().map(|(target, _)| target).collect();
        if targets.len() > MAX_TARGETS {
            let message =
                format!("references: `targets` has {} targets; at most {MAX_TARGETS} are allowed", targets.len());
            self.error(references.key_at("targets"), message);
        }
        References { targets, interval: interval.value, timeout: timeout.value }
    }
}

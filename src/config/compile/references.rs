//! `[references]`: targets outside the platforms that tell whether our own network is there.

use super::Compiler;
use crate::config::keys::references;
use crate::config::model::References;
use crate::config::section::Section;
use std::collections::BTreeMap;

/// A round opens a connection to each of them.
const MAX_TARGETS: usize = 16;

impl Compiler<'_> {
    /// What is asked; nothing where the table is absent.
    pub(super) fn reference_targets(&mut self, references: &Section) -> References {
        let (interval, timeout) = (references.get(&references::INTERVAL), references.get(&references::TIMEOUT));
        self.ordered("references", &timeout, &interval, false);
        let mut first = BTreeMap::new();
        for (target, at) in references.get(&references::TARGETS).value {
            if let Some(first) = first.insert(target, at) {
                self.error(at, "references: `targets` names this one twice").also(first, "first here");
            }
        }
        let targets: Vec<String> = references.list(&references::TARGETS);
        if targets.len() > MAX_TARGETS {
            let message =
                format!("references: `targets` has {} targets; at most {MAX_TARGETS} are allowed", targets.len());
            self.error(references.key_at(&references::TARGETS), message);
        }
        References { targets, interval: interval.value, timeout: timeout.value }
    }
}

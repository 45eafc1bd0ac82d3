//! Where things are sent: audit sinks and webhooks.

use super::Compiler;
use crate::config::model::{Audit, Export, Webhook};
use crate::config::section::Section;
use std::path::Path;

impl Compiler<'_> {
    /// `[audit]`.
    pub(super) fn audit(&mut self, audit: &Section, dir: &Path) -> Audit {
        if audit.has("export") {
            self.not_yet(audit.key_at("export"), "the export of audit entries is");
        }
        let sinks = audit.tables("export");
        let exports = sinks.iter().enumerate().map(|(index, sink)| Export {
            url: sink.get::<String>("url").value,
            token: self.secret(sink, "token", &format!("token of audit.export {}", index + 1), dir),
            bulk_interval: sink.get("bulk_interval").value,
        });
        let exports = exports.collect();
        let proof = self.proof(audit, dir);
        Audit { compliance_tag: audit.get::<String>("compliance_tag").value, proof, exports }
    }

    /// `[[webhooks]]`, which stand in the main file only.
    pub(super) fn webhooks(&mut self) -> Vec<Webhook> {
        let documents = self.documents;
        let mut out = Vec::new();
        for (index, (dir, hook)) in documents.rows("webhooks").enumerate() {
            if index == 0 {
                self.not_yet(hook.at, "webhooks are");
            }
            out.push(Webhook {
                url: hook.get::<String>("url").value,
                events: hook.texts("events").into_iter().map(|(glob, _)| glob).collect(),
                secret: self.secret(hook, "secret", &format!("secret of webhook {}", index + 1), dir),
            });
        }
        out
    }
}

//! Bridging and rescue: what of a tenant's bridging must fit together, and what a rescue needs of its channels' tenants.

use super::Compiler;
use crate::config::keys::policy::rescue;
use crate::config::keys::root;
use crate::config::keys::tenant::bridge;
use crate::config::model::{Bridge, Config, Rescue};
use crate::config::section::Section;
use crate::config::target::{Kind, check_target};
use std::collections::BTreeSet;

impl Compiler<'_> {
    /// `[tenants.NAME.bridge]`.
    pub(super) fn bridge(&mut self, bridge: &Section) -> Bridge {
        let (timeout, deadline) = (bridge.get(&bridge::TIMEOUT), bridge.get(&bridge::DEADLINE));
        if timeout.sound && deadline.sound && timeout.value > deadline.value {
            let at = if timeout.set { timeout.at } else { deadline.at };
            self.error(at, "bridge: `timeout` must not be longer than `deadline`")
                .help("`deadline` is how long a bridge may still be sent, `timeout` how long one request may take");
        }
        Bridge {
            scopes: bridge.list(&bridge::SCOPES),
            max_legs: bridge.get(&bridge::MAX_LEGS).value,
            target_types: bridge.list(&bridge::TARGET_TYPES),
            timeout: timeout.value,
            deadline: deadline.value,
            verify_for: bridge.get(&bridge::VERIFY_FOR).value,
        }
    }

    /// `[policies.NAME.rescue]`: its target is held to the same rules as any other.
    pub(super) fn rescue(&mut self, rescue: &Section) -> Rescue {
        let target = rescue.get(&rescue::TARGET);
        if let Some(number) = target.value.strip_prefix("phone:").filter(|_| target.sound) {
            match check_target(Kind::Phone, number) {
                Err(why) => _ = self.error(target.at, format!("rescue: {why}")),
                Ok((_, Some(warning))) => _ = self.warning(target.at, format!("rescue: {warning}")),
                Ok((_, None)) => {}
            }
        }
        Rescue {
            target: target.value,
            max_calls: rescue.get(&rescue::MAX_CALLS).value,
            per_minute: rescue.get(&rescue::PER_MINUTE).value,
            directions: rescue.list(&rescue::DIRECTIONS),
        }
    }

    /// A warning for each tenant some of whose channels' policies would rescue calls, where it has no way to.
    pub(super) fn rescues(&mut self, config: &Config) {
        if self.findings.errors() > 0 {
            return;
        }
        let rescues = |policy: &str| config.provisioning.get(policy).is_some_and(|p| p.rescue.is_some());
        let channels = config.channels.iter().filter(|channel| rescues(&channel.policy.name));
        let wanted: BTreeSet<&str> = channels.map(|channel| channel.key.tenant.as_str()).collect();
        let documents = self.documents;
        for (_, name, at, _) in documents.named(&root::TENANTS) {
            let Some(tenant) = config.tenants.get(name).filter(|_| wanted.contains(name)) else { continue };
            let lacking = match &tenant.bridge {
                None => "a [tenants.NAME.bridge] table",
                Some(bridge) if !bridge.target_types.iter().any(|t| t == "phone") => "\"phone\" in its target_types",
                Some(_) if tenant.paths.calls.is_none() => "`paths.calls`",
                Some(_) => continue,
            };
            self.warning(at, format!("no calls of `{name}` can be rescued: it lacks {lacking}"))
                .help("a policy of its channels has a [policies.NAME.rescue] table");
        }
    }
}

//! What would be done and what was done: the types of plan and apply. Pure.

use super::desired::Desired;
use super::difference::{Difference, EngineOrder, at_creation, differences};
use super::known::{Credentials, Known};
use crate::clock::rfc3339;
use crate::platform::ChannelDoc;
use crate::policy::{ChannelId, TenantId, WallMs};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What is to be done about a desired channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Nothing: it is as desired.
    Same,
    /// It does not exist.
    Create,
    /// It exists and differs.
    Change,
    /// A creation was sent, and whether it was made is not certain yet.
    Wait,
    /// A person has to decide.
    Problem,
    /// The platform could not be read: nothing is known.
    Unseen,
}

/// One desired channel in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its id, where it exists.
    pub id: Option<ChannelId>,
    /// What is to be done.
    pub what: What,
    /// Whether its id was not known before: from now on the channel is known by it, and watched.
    pub new: bool,
    /// Whether it once existed and was deleted by someone else: the daemon by itself does not create it again.
    pub again: bool,
    /// What differs, or what it is created with.
    pub differences: Vec<Difference>,
    /// One sentence, where there is something to say.
    pub why: Option<String>,
}

/// What would be done, for each desired channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In the order of the configuration, tenant by tenant.
    pub items: Vec<Item>,
}

/// What came of one desired channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its id, where it is known.
    pub id: Option<ChannelId>,
    /// What came of it.
    pub result: Result,
    /// One sentence, where there is something to say.
    pub why: Option<String>,
    /// Whether something of it was left for later.
    #[serde(default)]
    pub waits: bool,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// It was as desired.
    Unchanged,
    /// It exists by now, and was read back.
    Created,
    /// It is as desired by now, as was read back.
    Changed,
    /// It existed; its id is known from now on.
    Adopted,
    /// It was not sent: something else comes first.
    Held,
    /// It was not made.
    Failed,
    /// Whether it was made is not known.
    Unknown,
}

impl Result {
    /// Its name in metrics and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Adopted => "adopted",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl Item {
    /// Whether it differs from the desired channel; `None`: not known.
    pub fn drifts(&self) -> Option<bool> {
        match self.what {
            What::Same => Some(false),
            What::Create | What::Change | What::Wait | What::Problem => Some(true),
            What::Unseen => None,
        }
    }

    /// What came of it.
    pub fn done(&self, result: Result, why: Option<String>) -> Done {
        Done { tenant: self.tenant.clone(), name: self.name.clone(), id: self.id.clone(), result, why, waits: false }
    }
}

impl Plan {
    /// Whether there is nothing to do and nothing to decide.
    pub fn is_empty(&self) -> bool {
        self.items.iter().all(|item| item.what == What::Same && !item.new)
    }

    /// Identifies this plan, so that apply does exactly what was shown, or nothing.
    pub fn fingerprint(&self) -> String {
        let told: Vec<_> =
            self.items.iter().map(|i| (&i.tenant, &i.name, &i.id, i.what, i.new, &i.differences)).collect();
        digest(&serde_json::to_string(&told).unwrap_or_default())
    }
}

/// What was seen of a desired channel.
#[derive(Clone, Debug)]
pub enum Sight {
    /// It exists.
    Exists(Box<ChannelDoc>),
    /// The list was read whole, and has no such name.
    Absent,
    /// The platform no longer has the channel that was known, nor another of that name.
    Gone(ChannelId),
    /// Several have its name.
    Several(Vec<ChannelId>),
    /// The channel that has its name is known by its id as another desired one.
    Taken(ChannelId, String),
    /// The tenant has no list, and no id is known.
    NoList,
    /// It could not be read.
    Unseen(String),
}

/// Decides what has to be done about a channel, from what was seen of it.
pub fn judge(
    desired: &Desired,
    known: Option<&Known>,
    now: WallMs,
    (credentials, engine): (&Credentials, Option<&EngineOrder>),
    sight: &Sight,
) -> Item {
    let mut item = Item {
        tenant: desired.spec.tenant.clone(),
        name: desired.spec.name.clone(),
        id: None,
        what: What::Problem,
        new: false,
        again: false,
        differences: Vec::new(),
        why: None,
    };
    match sight {
        Sight::Exists(doc) => exists(&mut item, desired, known, (credentials, engine), doc),
        Sight::Absent | Sight::Gone(_) => absent(&mut item, desired, known, now, sight),
        Sight::Several(ids) => {
            let ids: Vec<&str> = ids.iter().take(10).map(ChannelId::as_str).collect();
            item.why = Some(format!(
                "several channels have this name ({}): say which one it is with `trunkwarden channels adopt {} ID`, or rename the others",
                ids.join(", "),
                item.name
            ));
        }
        Sight::Taken(id, other) => {
            item.why = Some(format!(
                "{id} has this name now, but its id is that of `{other}`: rename it on the platform, or say which channel is which with `trunkwarden channels adopt NAME ID`"
            ));
        }
        Sight::NoList => {
            item.why = Some(format!(
                "the tenant has no list of channels, so nobody can tell whether it exists: create it by hand and name it with `trunkwarden channels adopt {} ID`",
                item.name
            ));
        }
        Sight::Unseen(why) => (item.what, item.why) = (What::Unseen, Some(why.clone())),
    }
    item
}

fn exists(
    item: &mut Item,
    desired: &Desired,
    known: Option<&Known>,
    (credentials, engine): (&Credentials, Option<&EngineOrder>),
    doc: &ChannelDoc,
) {
    item.id = Some(doc.id().clone());
    item.new = known.and_then(|known| known.id.as_ref()) != Some(doc.id());
    if let Some(kind) = doc.kind().filter(|kind| *kind != "sip") {
        let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
        item.new = false;
        item.why = Some(format!("the channel of this name is of type \"{kind}\", not \"sip\": it is left alone"));
        return;
    }
    // What was sent to another channel says nothing of this one.
    let known = known.filter(|_| !item.new);
    item.differences = differences(&desired.spec, credentials, known, doc, engine);
    item.what = if item.differences.is_empty() { What::Same } else { What::Change };
    if item.new {
        item.why = Some("it exists under this name: from now on it is known by its id and watched".to_owned());
    } else if let Some(other) = doc.name().filter(|name| *name != item.name) {
        let other: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
        item.why = Some(format!("on the platform it is named \"{other}\""));
    }
}

fn absent(item: &mut Item, desired: &Desired, known: Option<&Known>, now: WallMs, sight: &Sight) {
    let wait = known.map(|known| known.unsettled_for(now, desired.settle_for)).unwrap_or_default();
    if !wait.is_zero() {
        let until = WallMs(now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
        item.what = What::Wait;
        item.why = Some(format!(
            "the outcome of a creation is not known; the list does not show the channel, and no other creation is sent before {}",
            rfc3339(until)
        ));
        return;
    }
    item.what = What::Create;
    item.differences = at_creation(&desired.spec);
    if let Sight::Gone(id) = sight {
        item.again = true;
        let id: String = id.as_str().chars().filter(|c| !c.is_control()).take(80).collect();
        item.why = Some(format!("it was {id}, which the platform no longer has; only a person may create it again"));
    }
}

/// The first 16 bytes of SHA-256, in hex.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;

//! Reads the platform for what is desired: the whole list, and each channel in doubt singly.
//!
//! Must never: take one listing, or one that was not read to its end, for a proof that something is absent (a row can slip
//! between two pages), forget an id that was seen under a desired name, or change anything.

use super::desired::Desired;
use super::difference::{EngineOrder, has_credentials};
use super::digest::Digests;
use super::known::{Credentials, Known};
use super::plan::{Item, Sight, What, judge};
use super::register::Key;
use crate::clock::Clock;
use crate::journal::Reader;
use crate::platform::{AsRead, ChannelDoc, Class, ErrorClass, Pages, Platform};
use crate::policy::{ChannelId, ChannelKey, Codec, Part, Time};
use crate::sync::lock;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long one request may take.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// Most pages of a list that are read.
const MOST_PAGES: usize = 1000;
/// Ids of one name that are kept.
pub const MOST_SEEN: usize = 10;

/// Looks at the platform for what is desired. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Surveyor {
    /// Time.
    pub clock: Clock,
    /// Where the engine's own changes are read; `None`: there is no journal yet, and so none of them.
    pub reader: Option<Reader>,
    /// Notices changed passwords.
    pub digests: Digests,
    /// Ids that were seen under desired names.
    pub(super) seen: Seen,
}

/// The ids that were seen under desired names by this process, and which of those channels showed that they have
/// credentials. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<BTreeMap<Key, BTreeSet<ChannelId>>>>, Arc<Mutex<BTreeSet<Key>>>);

impl Seen {
    /// Keeps it, up to [`MOST_SEEN`] of one name.
    pub fn add(&self, key: Key, id: ChannelId) {
        let mut seen = lock(&self.0);
        let ids = seen.entry(key).or_default();
        if ids.len() < MOST_SEEN {
            ids.insert(id);
        }
    }

    /// The ids of that name.
    pub fn of(&self, key: &Key) -> BTreeSet<ChannelId> {
        lock(&self.0).get(key).cloned().unwrap_or_default()
    }

    /// Whether the channel was seen to have credentials.
    pub fn has_shown(&self, key: &Key) -> bool {
        lock(&self.1).contains(key)
    }

    fn forget(&self, key: &Key, id: &ChannelId) {
        if let Some(ids) = lock(&self.0).get_mut(key) {
            ids.remove(id);
        }
    }
}

/// What the list shows of the channels that matter.
enum List {
    /// With whether a second listing confirmed what is absent, and why not; where nothing is, none was made.
    Whole(Vec<ChannelDoc>, Result<(), String>),
    Absent,
    Unread(String),
}

impl Surveyor {
    /// One that has seen nothing yet.
    pub fn new(clock: Clock, reader: Option<Reader>, digests: Digests) -> Self {
        Self { clock, reader, digests, seen: Seen::default() }
    }

    /// What is to be done about each of `desired`, all of one tenant.
    pub async fn survey(&self, platform: &dyn Platform, desired: &[(&Desired, Option<Known>)]) -> Vec<Item> {
        let names: BTreeSet<&str> = desired.iter().map(|(d, _)| d.spec.name.as_str()).collect();
        let ids: BTreeSet<&str> =
            desired.iter().filter_map(|(_, known)| Some(known.as_ref()?.id.as_ref()?.as_str())).collect();
        let list = self.list_twice(platform, desired, &names, &ids).await;
        let mut items = Vec::new();
        let owners = desired;
        for (desired, known) in desired {
            if let Some(item) = self.by_list(&list, desired, known.as_ref()).await {
                items.push(item);
                continue;
            }
            // By its id it is another's, whatever it is named by now.
            let owner = |id: &ChannelId| {
                let is_it =
                    |(_, other): &&(&Desired, Option<Known>)| other.as_ref().is_some_and(|k| k.id.as_ref() == Some(id));
                let others = owners.iter().filter(|(other, _)| other.spec.name != desired.spec.name);
                others.into_iter().find(is_it).map(|(other, _)| other.spec.name.clone())
            };
            let sight = match self.sight(platform, &list, desired, known.as_ref()).await {
                Sight::Exists(doc) => match owner(doc.id()) {
                    Some(other) => Sight::Taken(doc.id().clone(), other),
                    None => Sight::Exists(doc),
                },
                sight => sight,
            };
            items.push(self.judge(desired, known.as_ref(), &sight).await);
        }
        items
    }

    /// A known channel that the list shows in full and as desired needs no look of its own: the list may be older, and what
    /// it does not show yet it shows the next time.
    async fn by_list(&self, list: &List, desired: &Desired, known: Option<&Known>) -> Option<Item> {
        let (List::Whole(docs, _), Some(id)) = (list, known?.id.as_ref()) else { return None };
        let doc = docs.iter().find(|doc| doc.id() == id && doc.as_read("configuration") != &AsRead::Absent)?;
        // What a row leaves out is not lost; but where the engine has changed something beside it, the channel is asked.
        let known = Known { shown: known?.shown && has_credentials(&doc.view()), ..known?.clone() };
        let key = ChannelKey::new(desired.spec.tenant.clone(), id.clone());
        if !known.shown && self.seen.has_shown(&desired.key()) && self.engine(&key).await != Ok(None) {
            return None;
        }
        let item = self.judge(desired, Some(&known), &Sight::Exists(Box::new(doc.clone()))).await;
        (item.what == What::Same).then_some(item)
    }

    /// What is to be done about one channel that was read.
    pub async fn judge(&self, desired: &Desired, known: Option<&Known>, sight: &Sight) -> Item {
        let engine = match sight {
            Sight::Exists(doc) => {
                if has_credentials(&doc.view()) {
                    lock(&self.seen.1).insert(desired.key());
                }
                match self.engine(&ChannelKey::new(desired.spec.tenant.clone(), doc.id().clone())).await {
                    Ok(engine) => engine,
                    Err(why) => {
                        let unseen = Sight::Unseen(why);
                        return judge(desired, known, self.clock.wall(), (&self.user(desired), None), &unseen);
                    }
                }
            }
            _ => None,
        };
        judge(desired, known, self.clock.wall(), (&self.user(desired), engine.as_ref()), sight)
    }

    /// The desired user, and the digest of the password where it can be read.
    pub fn user(&self, desired: &Desired) -> Credentials {
        let password = desired.spec.password.resolve();
        let (tenant, name) = (desired.spec.tenant.as_str(), &desired.spec.name);
        let digest = |password: SecretString| match self.digests.by_key(tenant, name, &password) {
            Ok(digest) => digest,
            Err(error) => {
                tracing::warn!(%error, "changes of SIP passwords go unnoticed");
                None
            }
        };
        Credentials { username: desired.spec.username.clone(), digest: password.ok().and_then(digest) }
    }

    /// The digest of a password; without one its changes are not seen, and that is logged.
    pub fn digest(&self, desired: &Desired, password: &SecretString) -> Option<String> {
        let digest = self.digests.of(desired.spec.tenant.as_str(), &desired.spec.name, password);
        digest.inspect_err(|error| tracing::warn!(%error, "changes of SIP passwords go unnoticed")).ok()
    }

    async fn sight(&self, platform: &dyn Platform, list: &List, desired: &Desired, known: Option<&Known>) -> Sight {
        let (named, confirmed) = match list {
            List::Whole(docs, confirmed) => {
                let named = docs.iter().filter(|d| d.name() == Some(&desired.spec.name)).map(|d| d.id().clone());
                (named.collect::<Vec<_>>(), confirmed.clone())
            }
            List::Absent => (Vec::new(), Ok(())),
            List::Unread(why) => return Sight::Unseen(why.clone()),
        };
        if named.is_empty()
            && let Some(sight) = self.seen_before(platform, desired, known).await
        {
            return sight;
        }
        if let Some(id) = known.and_then(|known| known.id.as_ref()) {
            match single(platform, id, Class::Rest).await {
                Sight::Gone(_) => {}
                found => return found,
            }
            return match named.iter().filter(|other| *other != id).collect::<Vec<_>>().as_slice() {
                [] if matches!(list, List::Absent) => Sight::NoList,
                [] => confirmed.map_or_else(Sight::Unseen, |()| Sight::Gone(id.clone())),
                [one] => single(platform, one, Class::Rest).await,
                many => Sight::Several(many.iter().map(|id| (*id).clone()).collect()),
            };
        }
        match (list, named.as_slice()) {
            (List::Absent, _) => Sight::NoList,
            (_, []) => confirmed.map_or_else(Sight::Unseen, |()| Sight::Absent),
            (_, [one]) => match single(platform, one, Class::Rest).await {
                // The list is older than what a single look says.
                Sight::Gone(_) => {
                    Sight::Unseen(format!("the list shows {one}, but it does not exist: the list is out of date"))
                }
                found => found,
            },
            (_, many) => Sight::Several(many.to_vec()),
        }
    }

    /// Reads the list, and once more where a desired channel is not on it: while one page after the other is read, rows move
    /// between them, and one can be on none.
    async fn list_twice(
        &self,
        platform: &dyn Platform,
        desired: &[(&Desired, Option<Known>)],
        names: &BTreeSet<&str>,
        ids: &BTreeSet<&str>,
    ) -> List {
        let mut docs = match list(platform, names, ids, Class::Rest).await {
            List::Whole(docs, _) => docs,
            other => return other,
        };
        let absent = |(desired, known): &(&Desired, Option<Known>)| {
            let id = known.as_ref().and_then(|known| known.id.as_ref());
            !docs.iter().any(|doc| doc.name() == Some(&desired.spec.name) || Some(doc.id()) == id)
        };
        let mut confirmed = Ok(());
        if desired.iter().any(absent) {
            match list(platform, names, ids, Class::Rest).await {
                List::Whole(again, _) => {
                    let new: Vec<_> = again.into_iter().filter(|d| docs.iter().all(|k| k.id() != d.id())).collect();
                    docs.extend(new);
                }
                List::Absent => confirmed = Err("the platform no longer gives a list of channels".to_owned()),
                List::Unread(why) => confirmed = Err(why),
            }
        }
        for (desired, _) in desired {
            let named = docs.iter().filter(|doc| doc.name() == Some(&desired.spec.name));
            named.for_each(|doc| self.seen.add(desired.key(), doc.id().clone()));
        }
        List::Whole(docs, confirmed)
    }

    /// A channel that had this name at some time and is not on the list, looked at singly; `None`: none has it any more.
    async fn seen_before(&self, platform: &dyn Platform, desired: &Desired, known: Option<&Known>) -> Option<Sight> {
        let (key, kept) = (desired.key(), known.map(|known| known.seen.clone()).unwrap_or_default());
        let is_known = |id: &ChannelId| known.is_some_and(|known| known.id.as_ref() == Some(id));
        for id in self.seen.of(&key).into_iter().chain(kept).filter(|id| !is_known(id)) {
            match single(platform, &id, Class::Rest).await {
                Sight::Exists(doc) if doc.name().is_none_or(|name| name == desired.spec.name) => {
                    return Some(Sight::Exists(doc));
                }
                Sight::Unseen(why) => return Some(Sight::Unseen(why)),
                _ => self.seen.forget(&key, &id),
            }
        }
        None
    }

    /// The codec order that the engine set, where it did; an error while it is about to set one.
    async fn engine(&self, channel: &ChannelKey) -> Result<Option<EngineOrder>, String> {
        let Some(reader) = self.reader.clone() else { return Ok(None) };
        let key = channel.clone();
        let read = move || {
            let state = reader.state(&Part::Channel(key.clone()).to_string())?;
            let open = reader
                .open_operations()?
                .into_iter()
                .map(|open| open.operation)
                .filter(|operation| operation.op.is_some())
                .any(|action| action.tenant == key.tenant.as_str() && action.subject == key.channel.as_str());
            Ok::<_, crate::journal::JournalError>((state, open))
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok((_, true))) => Err(format!("an action on {channel} is under way")),
            Ok(Ok((state, false))) => Ok(state.as_ref().and_then(engine_order)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(format!("reading the journal: {error}")),
        }
    }
}

/// One channel, by a single look.
pub async fn single(platform: &dyn Platform, id: &ChannelId, class: Class) -> Sight {
    dated(platform, id, class).await.0
}

/// The same, with how old the answer is.
pub async fn dated(platform: &dyn Platform, id: &ChannelId, class: Class) -> (Sight, Option<Time>) {
    match platform.channel(id, class, TIMEOUT).await {
        Ok(answer) => (Sight::Exists(Box::new(answer.value)), Some(answer.as_of)),
        Err(error) if error.class == ErrorClass::NotFound => (Sight::Gone(id.clone()), None),
        Err(error) => (Sight::Unseen(error.to_string()), None),
    }
}

/// Every channel of that name by the list alone; an error where the list could not be read whole.
pub async fn named(platform: &dyn Platform, name: &str, class: Class) -> Result<Vec<ChannelId>, String> {
    match list(platform, &BTreeSet::from([name]), &BTreeSet::new(), class).await {
        List::Whole(docs, _) => Ok(docs.iter().map(|doc| doc.id().clone()).collect()),
        List::Absent => Err("the tenant has no list of channels".to_owned()),
        List::Unread(why) => Err(why),
    }
}

async fn list(platform: &dyn Platform, names: &BTreeSet<&str>, ids: &BTreeSet<&str>, class: Class) -> List {
    let mut found: BTreeMap<ChannelId, ChannelDoc> = BTreeMap::new();
    let mut malformed = 0;
    let mut pages = Pages::new(MOST_PAGES);
    let mut next: Option<String> = None;
    loop {
        let page = match platform.channels(next.as_deref(), class, TIMEOUT).await {
            Ok(answer) => answer.value,
            Err(error) if error.class == ErrorClass::Unsupported && next.is_none() => return List::Absent,
            Err(error) => return List::Unread(error.to_string()),
        };
        malformed += page.malformed;
        let turned = pages.next(page.channels.iter().map(|doc| doc.id().as_str()), page.next);
        let wanted =
            |doc: &ChannelDoc| doc.name().is_some_and(|name| names.contains(name)) || ids.contains(doc.id().as_str());
        found.extend(page.channels.into_iter().filter(wanted).map(|doc| (doc.id().clone(), doc)));
        match turned {
            Ok(None) if malformed > 0 => {
                return List::Unread(format!(
                    "{malformed} entries of the list of channels could not be read, so a missing name is not certain"
                ));
            }
            Ok(None) => return List::Whole(found.into_values().collect(), Ok(())),
            Ok(turned) => next = turned,
            Err(why) => {
                return List::Unread(format!(
                    "the list of channels has no end ({why}), so a missing name is not certain"
                ));
            }
        }
    }
}

/// The codec order that the engine set, from a channel's saved state.
fn engine_order(state: &Value) -> Option<EngineOrder> {
    let order =
        |name: &str| -> Option<Vec<Codec>> { serde_json::from_value(state.get("state")?.get(name)?.clone()).ok()? };
    Some(EngineOrder { first: order("codecs_first")?, set: order("codecs_set")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_of_the_engines_is_read_from_its_saved_state() {
        let codec = |name: &str, priority| Codec { name: name.to_owned(), priority };
        let state = json!({ "saved_at": 1, "state": { "part": "channel",
            "codecs_first": [{ "name": "OPUS", "priority": 1 }], "codecs_set": [{ "name": "PCMU", "priority": 1 }] } });
        let order = EngineOrder { first: vec![codec("OPUS", 1)], set: vec![codec("PCMU", 1)] };
        assert_eq!(engine_order(&state), Some(order));
        assert_eq!(engine_order(&json!({ "state": { "codecs_first": null, "codecs_set": null } })), None);
    }
}

//! Creating a channel: sent once, read back, and never sent again before it is certain that it was not made.

use super::desired::Desired;
use super::known::{Credentials, Known, Origin, Sent};
use super::plan::{Done, Item, Result as Came, Sight};
use super::provisioner::{Provisioner, platform_of};
use super::survey::{named, single};
use super::{update, wire};
use crate::clearance::{Change, Clearance};
use crate::platform::{Answer, ChannelDoc, Class, ErrorClass, Platform, PlatformError, ReadBack, ReadBacks, read_back};
use crate::policy::{ChannelId, Writer};
use crate::sync::lock;
use secrecy::SecretString;
use std::time::Duration;

impl Provisioner {
    /// Creates a channel that was seen to be absent.
    pub(super) async fn create(&self, desired: &Desired, item: &Item, (by, actor): (Writer, &str)) -> Done {
        let failed = |why: String| item.done(Came::Failed, Some(why));
        let key = desired.key();
        let password = match desired.spec.password.resolve() {
            Ok(password) => password,
            Err(error) => return failed(format!("its SIP password: {error}")),
        };
        let mut known = self.known(&key).unwrap_or_else(|| Known::nothing(key.0.clone(), key.1.clone()));
        if let Some(why) = self.unsettled(desired, &known) {
            return item.done(Came::Unknown, Some(why));
        }
        let platform = match platform_of(&self.setup.load(), &key.0) {
            Ok(platform) => platform,
            Err(why) => return failed(why),
        };
        let permit = match self.permits.ask(key.0.clone(), Change::Provision { channel: None, by }).await {
            Ok(permit) => permit,
            Err(denied) => return item.done(Came::Held, Some(denied.why)),
        };
        if let Some(why) = self.no_longer(desired) {
            return item.done(Came::Held, Some(why));
        }
        let operation = self.journal.new_operation_id();
        (known.id, known.origin) = (None, None);
        known.sent = Some(Sent { at: self.clock.wall(), operation });
        known.credentials = Some(self.credentials(desired, &password));
        let reason = format!("creating `{}`, which {} does not have", item.name, item.tenant);
        let receipt = match self.begin(item, &known, operation, (actor, reason)).await {
            Ok(receipt) => receipt,
            Err(why) => return item.done(Came::Held, Some(why)),
        };
        let began = self.clock.now();
        lock(&self.sent).insert(key.clone(), began);
        let clearance = Clearance::new(receipt, permit.gate());
        let timeout = desired.spec.policy.failover.action_timeout;
        let body = wire::creation(&desired.spec, &password);
        let sent = platform.create_channel(&clearance, &body, timeout).await;
        drop(permit);
        match &sent {
            // Should it not show yet, and never be on the list: before another is sent, it is asked for by this id.
            Ok(answer) => self.surveyor.seen.add(key.clone(), answer.value.id().clone()),
            Err(error) => self.remember_refusal(desired, item, error),
        }
        let (result, id, why) = self.came_of(&*platform, desired, sent).await;
        if result != Came::Unknown {
            known.sent = None;
            lock(&self.sent).remove(&key);
        }
        if id.is_some() {
            (known.id, known.origin) = (id.clone(), Some(Origin::Created));
        }
        known.seen = self.surveyor.seen.of(&key);
        let done = Done { id, ..item.done(result, why) };
        self.end(item, &known, operation, actor, &done).await;
        done
    }

    /// Why no creation may be sent yet, by the calendar and by this process's own clock.
    fn unsettled(&self, desired: &Desired, known: &Known) -> Option<String> {
        let by_calendar = known.unsettled_for(self.clock.wall(), desired.settle_for);
        let sent = lock(&self.sent).get(&desired.key()).copied().filter(|_| known.sent.is_some());
        let by_clock = sent.map_or(Duration::ZERO, |at| desired.settle_for.saturating_sub(self.clock.now().since(at)));
        let wait = by_calendar.max(by_clock);
        (!wait.is_zero())
            .then(|| format!("the outcome of a creation is not known: no other is sent for {} s", wait.as_secs() + 1))
    }

    /// The outcome of a creation, read back whatever the answer was.
    async fn came_of(
        &self,
        platform: &dyn Platform,
        desired: &Desired,
        sent: Result<Answer<ChannelDoc>, PlatformError>,
    ) -> (Came, Option<ChannelId>, Option<String>) {
        let reads = self.read_backs(desired);
        match sent {
            Ok(answer) => {
                let id = answer.value.id().clone();
                match self.shows(platform, &id, reads).await {
                    None => (Came::Created, Some(id), None),
                    // An id that never showed is none to know it by; the list tells by its name.
                    Some(why) => (Came::Unknown, None, Some(why)),
                }
            }
            Err(error) if error.class == ErrorClass::UnknownOutcome => {
                self.look_for(platform, desired, reads, &error).await
            }
            Err(error) if error.class == ErrorClass::Conflict => {
                let now = named(platform, &desired.spec.name, Class::Rest).await.unwrap_or_default();
                let also = if now.is_empty() {
                    ""
                } else {
                    "; a channel of that name now exists, and the next plan will find it"
                };
                (Came::Failed, None, Some(format!("{error}{also}")))
            }
            Err(error) if error.class == ErrorClass::Withdrawn => (Came::Held, None, Some(error.message)),
            Err(error) => (Came::Failed, None, Some(error.to_string())),
        }
    }

    /// Waits until the platform shows the channel that it said it created; else returns why that is not certain.
    async fn shows(&self, platform: &dyn Platform, id: &ChannelId, mut reads: ReadBacks) -> Option<String> {
        let said = |rest: &str| Some(format!("the platform says that it created {id}, {rest}"));
        let look = async |class: Class| match single(platform, id, class).await {
            Sight::Exists(_) => ReadBack::Settled(None),
            Sight::Unseen(why) => {
                ReadBack::NotYet { as_of: None, word: said(&format!("which could not be read back: {why}")) }
            }
            _ => ReadBack::NotYet { as_of: None, word: said("and does not show it") },
        };
        read_back(&mut reads, look).await
    }

    /// A creation without an answer: a channel of its name that turns up is the one.
    async fn look_for(
        &self,
        platform: &dyn Platform,
        desired: &Desired,
        mut reads: ReadBacks,
        error: &PlatformError,
    ) -> (Came, Option<ChannelId>, Option<String>) {
        let unknown = |why: String| (Came::Unknown, None, Some(format!("{error}; {why}")));
        let look = async |class: Class| match named(platform, &desired.spec.name, class).await {
            Ok(ids) => match ids.as_slice() {
                [one] => {
                    let how = format!("found on the list after {error}");
                    ReadBack::Settled((Came::Created, Some(one.clone()), Some(how)))
                }
                [] => ReadBack::NotYet { as_of: None, word: unknown("the list does not show it".to_owned()) },
                many => ReadBack::Settled(unknown(format!("{} channels have its name by now", many.len()))),
            },
            Err(why) => ReadBack::NotYet { as_of: None, word: unknown(format!("and reading the list back: {why}")) },
        };
        read_back(&mut reads, look).await
    }

    /// Why a change that was allowed when it began no longer is.
    pub(super) fn no_longer(&self, desired: &Desired) -> Option<String> {
        let setup = self.setup.load();
        let now = setup.desired.iter().find(|now| now.key() == desired.key());
        let still = now.is_some_and(|now| now.mode >= desired.mode && now.by_itself >= desired.by_itself);
        (!still).then(|| "another configuration was loaded meanwhile".to_owned())
    }

    /// The read-backs of a change that was just sent.
    pub(super) fn read_backs(&self, desired: &Desired) -> ReadBacks {
        let now = self.clock.now();
        ReadBacks::new(&self.clock, Class::Rest, now).until(now + desired.spec.policy.failover.verify_for)
    }

    /// The desired user with the digest of the password, where it can be read.
    pub(super) fn user(&self, desired: &Desired) -> Credentials {
        match desired.spec.password.resolve() {
            Ok(password) => self.credentials(desired, &password),
            Err(_) => Credentials { username: desired.spec.username.clone(), digest: None },
        }
    }

    pub(super) fn credentials(&self, desired: &Desired, password: &SecretString) -> Credentials {
        Credentials { username: desired.spec.username.clone(), digest: self.surveyor.digest(desired, password) }
    }

    /// Remembers what the platform refuses for good: it is not sent again until the desired state changes.
    pub(super) fn remember_refusal(&self, desired: &Desired, item: &Item, error: &PlatformError) {
        let for_good = [ErrorClass::Fatal, ErrorClass::Forbidden, ErrorClass::NotFound, ErrorClass::Unsupported]
            .contains(&error.class);
        if for_good {
            self.setbacks.refused(desired.key(), update::attempt(&self.surveyor, desired, item));
        }
    }
}

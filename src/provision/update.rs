//! Corrects a channel that differs: read singly under a permit, changed with every other field as read, read back.

use super::desired::Desired;
use super::difference::{BACKUPS, Difference, PASSWORD, USERNAME, differences, has_credentials};
use super::known::Known;
use super::plan::{Done, Item, Result as Came, Sight, What, digest};
use super::provisioner::{Provisioner, platform_of};
use super::survey::{Surveyor, dated, single};
use super::wire;
use crate::clearance::{Change, Clearance, Permit};
use crate::journal::Batch;
use crate::platform::{ChannelChange, ChannelDoc, Class, ErrorClass, Platform, ReadBack, read_back};
use crate::policy::Writer;
use secrecy::SecretString;
use std::time::Duration;

impl Provisioner {
    /// Changes what differs of a channel whose id is known.
    pub(super) async fn change(&self, desired: &Desired, item: &Item, (by, actor): (Writer, &str)) -> Done {
        let held = |why: String| item.done(Came::Held, Some(why));
        let Some(id) = item.id.clone() else { return held("its id is not known".to_owned()) };
        let platform = match platform_of(&self.setup.load(), &item.tenant) {
            Ok(platform) => platform,
            Err(why) => return held(why),
        };
        let leave = Change::Provision { channel: Some(id.clone()), by };
        let permit = match self.permits.ask(item.tenant.clone(), leave).await {
            Ok(permit) => permit,
            Err(denied) => return held(denied.why),
        };
        // What the engine did before is in the journal, once this is: it decides which codec order is its own.
        if let Err(error) = self.journal.submit(Batch::default()).await {
            return held(error.to_string());
        }
        let Some(mut known) = self.known(&desired.key()) else { return held("its id is not known".to_owned()) };
        let doc = match single(&*platform, &id, Class::Rest).await {
            Sight::Exists(doc) => doc,
            Sight::Gone(_) => return held("the platform no longer has it".to_owned()),
            Sight::Unseen(why) => return held(why),
            _ => return held("it could not be read".to_owned()),
        };
        let mut fresh = self.surveyor.judge(desired, Some(&known), &Sight::Exists(doc.clone())).await;
        match fresh.what {
            What::Same => return fresh.done(Came::Unchanged, None),
            What::Change => {}
            _ => return held(fresh.why.unwrap_or_else(|| "it cannot be judged".to_owned())),
        }
        let backups = backups_wait(&mut fresh, &doc, &permit);
        if let Some(why) = backups.clone().filter(|_| fresh.differences.is_empty()) {
            return held(why);
        }
        if let Some(why) = self.no_longer(desired) {
            return held(why);
        }
        let password = match password(desired, &fresh.differences) {
            Ok(password) => password,
            Err(why) => return item.done(Came::Failed, Some(why)),
        };
        let body = match wire::change(&desired.spec, password.as_ref(), &doc, &fresh.differences) {
            Ok(body) => body,
            Err(why) => return held(why),
        };
        let operation = self.journal.new_operation_id();
        let fields: Vec<&str> = fresh.differences.iter().map(|d| d.field.as_str()).collect();
        let reason = format!("putting `{}` right: {}", item.name, fields.join(", "));
        let receipt = match self.begin(&fresh, &known, operation, (actor, reason)).await {
            Ok(receipt) => receipt,
            Err(why) => return held(why),
        };
        let clearance = Clearance::new(receipt, permit.gate());
        let timeout = desired.spec.policy.failover.action_timeout;
        let change = ChannelChange { id: &id, body: &body, if_match: doc.etag(), class: Class::Rest };
        let sent = platform.change_channel(&clearance, change, timeout).await;
        let lost = match sent {
            Ok(_) => Ok(None),
            Err(error) if error.class == ErrorClass::UnknownOutcome => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        };
        let (result, why) = match lost {
            Ok(lost) => {
                let verify = self.verify(&*platform, (desired, &known), &doc, &fresh, lost);
                held_for(permit, desired.spec.policy.failover.verify_for, verify).await
            }
            Err(error) => {
                drop(permit);
                self.remember_refusal(desired, item, &error);
                match error.class {
                    ErrorClass::Withdrawn => (Came::Held, Some(error.message)),
                    _ => (Came::Failed, Some(error.to_string())),
                }
            }
        };
        if let (Came::Changed, Some(password)) = (result, &password) {
            known.credentials = Some(self.credentials(desired, password));
        }
        // Drift may have been reported meanwhile.
        known.drift = self.known(&desired.key()).and_then(|known| known.drift);
        let why = match (why, &backups) {
            (Some(why), Some(backups)) => Some(format!("{why}; {backups}")),
            (why, backups) => why.or_else(|| backups.clone()),
        };
        let done = Done { waits: backups.is_some(), ..fresh.done(result, why) };
        self.end(&fresh, &known, operation, actor, &done).await;
        done
    }

    /// Reads back until what was sent shows. Credentials never show: without an answer theirs is unknown. What does not show
    /// was not taken where the platform had answered; where its answer was lost, it may still be on its way.
    async fn verify(
        &self,
        platform: &dyn Platform,
        (desired, known): (&Desired, &Known),
        before: &ChannelDoc,
        item: &Item,
        lost: Option<String>,
    ) -> (Came, Option<String>) {
        let judge = |after: &ChannelDoc| {
            let missing = not_shown(self, (desired, known), after, item);
            let unseen = sends_credentials(&item.differences) && !were_lost(known, before);
            let word = match &lost {
                Some(why) if missing.is_empty() && unseen => {
                    (Came::Unknown, Some(format!("{why}; the platform does not show whether it took the credentials")))
                }
                _ if missing.is_empty() => (Came::Changed, siblings(before, after, &item.differences)),
                Some(why) => (
                    Came::Unknown,
                    Some(format!("{why}; it does not show in {} yet, and still may", missing.join(", "))),
                ),
                None => {
                    let why = format!("the platform took the change, but it does not show in {}", missing.join(", "));
                    (Came::Failed, Some(why))
                }
            };
            (missing.is_empty(), word)
        };
        let look = async |class: Class| match dated(platform, before.id(), class).await {
            (Sight::Exists(after), as_of) => match judge(&after) {
                (true, word) => ReadBack::Settled(word),
                (false, word) => ReadBack::NotYet { as_of, word },
            },
            (Sight::Unseen(why), as_of) => {
                ReadBack::NotYet { as_of, word: (Came::Unknown, Some(format!("it could not be read back: {why}"))) }
            }
            (_, as_of) => {
                ReadBack::NotYet { as_of, word: (Came::Unknown, Some("the platform no longer shows it".to_owned())) }
            }
        };
        read_back(&mut self.read_backs(desired), look).await
    }
}

/// What `verify` finds, under the permit, which is given up after `most`.
async fn held_for<T>(permit: Permit, most: Duration, verify: impl Future<Output = (Came, T)>) -> (Came, T) {
    permit.answered();
    tokio::pin!(verify);
    let came = tokio::select! {
        biased;
        came = &mut verify => came,
        () = tokio::time::sleep(most) => {
            permit.give_up();
            return verify.await;
        }
    };
    match came.0 {
        Came::Changed => drop(permit),
        _ => permit.give_up(),
    }
    came
}

/// Identifies what would be sent: the fields, and which password.
pub fn attempt(surveyor: &Surveyor, desired: &Desired, item: &Item) -> String {
    let user = surveyor.user(desired);
    digest(&serde_json::to_string(&(item.what, &item.differences, user)).unwrap_or_default())
}

/// Which of the fields do not show what was sent, by the document alone: whatever the engine is about, they show or they do
/// not. Of credentials only that they are there shows, where the platform shows that at all.
fn not_shown(
    provisioner: &Provisioner,
    (desired, known): (&Desired, &Known),
    after: &ChannelDoc,
    item: &Item,
) -> Vec<String> {
    let now = differences(&desired.spec, &provisioner.surveyor.user(desired), None, after, None);
    let sent = |d: &Difference| item.differences.iter().any(|was| was.field == d.field);
    let mut missing: Vec<String> = now.into_iter().filter(sent).map(|d| d.field).collect();
    if sends_credentials(&item.differences) && were_lost(known, after) {
        missing.push(PASSWORD.to_owned());
    }
    missing
}

/// The platform has shown that it has credentials, and shows none any more.
fn were_lost(known: &Known, doc: &ChannelDoc) -> bool {
    known.shown && !has_credentials(&doc.view())
}

/// `routing` is sent only of a channel that is up and at home, with nothing under way: what lands late would undo a move.
/// Until then its backups wait; why they do.
fn backups_wait(item: &mut Item, doc: &ChannelDoc, permit: &Permit) -> Option<String> {
    if !item.differences.iter().any(|d| d.field == BACKUPS) {
        return None;
    }
    let view = doc.view();
    let why = match (view.primary.filter(|primary| primary != doc.id()), view.status.as_deref()) {
        (Some(away), _) => format!("its traffic goes to {away}"),
        (None, Some("healthy")) => permit.carry_route().err()?,
        (None, Some(_)) => "the platform does not call it healthy".to_owned(),
        (None, None) => "the platform does not show its status".to_owned(),
    };
    item.differences.retain(|d| d.field != BACKUPS);
    Some(format!("{why}: its backups are corrected once it is home and up"))
}

fn sends_credentials(differences: &[Difference]) -> bool {
    differences.iter().any(|d| d.field == USERNAME || d.field == PASSWORD)
}

fn password(desired: &Desired, differences: &[Difference]) -> Result<Option<SecretString>, String> {
    if !sends_credentials(differences) {
        return Ok(None);
    }
    desired.spec.password.resolve().map(Some).map_err(|error| format!("its SIP password: {error}"))
}

/// Fields beside the changed ones that are no longer as they were.
fn siblings(before: &ChannelDoc, after: &ChannelDoc, differences: &[Difference]) -> Option<String> {
    let mut lost = Vec::new();
    for object in ["configuration", "routing", "health_check"] {
        if !differences.iter().any(|d| d.field.starts_with(object)) {
            continue;
        }
        let sent: Vec<&str> =
            differences.iter().filter_map(|d| d.field.strip_prefix(object)?.strip_prefix('.')).collect();
        lost.extend(before.siblings_lost(after, object, &sent));
    }
    (!lost.is_empty()).then(|| format!("the platform also changed {}", lost.join(", ")))
}

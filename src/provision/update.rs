//! Putting a channel right that differs: read singly under a permit, changed with everything beside it as read, read back.

use super::desired::Desired;
use super::difference::{BACKUPS, Difference, PASSWORD, USERNAME};
use super::known::Known;
use super::plan::{Done, Item, Result as Came, Sight, What, digest};
use super::provisioner::{Provisioner, platform_of};
use super::survey::{Surveyor, single};
use super::{create, wire};
use crate::journal::Batch;
use crate::platform::{ChannelDoc, ErrorClass, Platform, Warrant};
use secrecy::SecretString;
use serde_json::Value;

impl Provisioner {
    /// Changes what differs of a channel whose id is known.
    pub(super) async fn change(&self, desired: &Desired, item: &Item, actor: &str) -> Done {
        let held = |why: String| item.done(Came::Held, Some(why));
        let Some(id) = item.id.clone() else { return held("its id is not known".to_owned()) };
        let platform = match platform_of(&self.setup.load(), &item.tenant) {
            Ok(platform) => platform,
            Err(why) => return held(why),
        };
        let permit = match self.permits.ask(item.tenant.clone(), Some(id.clone())).await {
            Ok(permit) => permit,
            Err(why) => return held(why),
        };
        // What the engine did before is in the journal, once this is: it decides which codec order is its own.
        if let Err(error) = self.journal.submit(Batch::default()).await {
            return held(error.to_string());
        }
        let Some(mut known) = self.known(&desired.key()) else { return held("its id is not known".to_owned()) };
        let doc = match single(&*platform, &id).await {
            Sight::Exists(doc) => doc,
            Sight::Gone(_) => return held("the platform no longer has it".to_owned()),
            Sight::Unseen(why) => return held(why),
            _ => return held("it was not read".to_owned()),
        };
        let mut fresh = self.surveyor.judge(desired, Some(&known), &Sight::Exists(doc.clone())).await;
        if let Some(why) = backups_wait(&mut fresh, &doc) {
            return held(why);
        }
        match fresh.what {
            What::Same => return fresh.done(Came::Unchanged, None),
            What::Change => {}
            _ => return held(fresh.why.unwrap_or_else(|| "it cannot be judged".to_owned())),
        }
        if let Some(why) = self.no_longer(desired) {
            return held(why);
        }
        let password = match password(desired, &fresh.differences) {
            Ok(password) => password,
            Err(why) => return item.done(Came::Failed, Some(why)),
        };
        let operation = self.journal.new_operation_id();
        let fields: Vec<&str> = fresh.differences.iter().map(|d| d.field.as_str()).collect();
        let reason = format!("putting `{}` right: {}", item.name, fields.join(", "));
        let receipt = match self.begin(&fresh, &known, operation, (actor, reason)).await {
            Ok(receipt) => receipt,
            Err(why) => return held(why),
        };
        let body = wire::change(&desired.spec, password.as_ref(), &doc, &fresh.differences);
        let warrant = Warrant::new(receipt, permit.gate());
        let timeout = desired.spec.policy.failover.action_timeout;
        let sent = platform.amend_channel(&warrant, &id, &body, doc.etag(), timeout).await;
        drop(permit);
        let (result, why) = match sent {
            Ok(_) => self.verify(&*platform, desired, &doc, &fresh, None).await,
            Err(error) => {
                self.remember_refusal(desired, item, &error);
                match error.class {
                    ErrorClass::UnknownOutcome => {
                        self.verify(&*platform, desired, &doc, &fresh, Some(error.to_string())).await
                    }
                    ErrorClass::Withdrawn => (Came::Held, Some(error.message)),
                    _ => (Came::Failed, Some(error.to_string())),
                }
            }
        };
        if let (Came::Changed, Some(password)) = (result, &password) {
            known.credentials = Some(self.credentials(desired, password));
        }
        // Drift may have been told of meanwhile.
        known.drift = self.known(&desired.key()).and_then(|known| known.drift);
        let done = fresh.done(result, why);
        self.end(&fresh, &known, operation, actor, &done).await;
        done
    }

    /// Reads back until what was sent shows. Credentials never show: without an answer theirs is unknown.
    async fn verify(
        &self,
        platform: &dyn Platform,
        desired: &Desired,
        before: &ChannelDoc,
        item: &Item,
        lost: Option<String>,
    ) -> (Came, Option<String>) {
        let deadline = self.clock.now() + desired.spec.policy.failover.verify_for;
        let mut pause = create::FIRST_READ_BACK;
        loop {
            let last = self.clock.now() >= deadline;
            match single(platform, before.id()).await {
                Sight::Exists(after) => {
                    let missing = not_shown(self, desired, &after, item).await;
                    match (missing.is_empty(), &lost) {
                        (true, Some(why)) if sends_credentials(&item.differences) => {
                            return (
                                Came::Unknown,
                                Some(format!("{why}; whether the credentials were taken is not shown")),
                            );
                        }
                        (true, _) => return (Came::Changed, siblings(before, &after, &item.differences)),
                        (false, _) if last => {
                            let why = lost.unwrap_or_else(|| "the platform took the change".to_owned());
                            return (Came::Failed, Some(format!("{why}; it does not show in {}", missing.join(", "))));
                        }
                        _ => {}
                    }
                }
                Sight::Unseen(why) if last => {
                    return (Came::Unknown, Some(format!("it could not be read back: {why}")));
                }
                _ if last => return (Came::Unknown, Some("the platform no longer shows it".to_owned())),
                _ => {}
            }
            pause = self.wait(pause, deadline).await;
        }
    }
}

/// What would be sent, as something to compare: the fields, and which password.
pub fn told(surveyor: &Surveyor, desired: &Desired, item: &Item) -> String {
    let user = surveyor.user(desired);
    digest(&serde_json::to_string(&(item.what, &item.differences, user)).unwrap_or_default())
}

/// Which of the fields do not show what was sent.
async fn not_shown(provisioner: &Provisioner, desired: &Desired, after: &ChannelDoc, item: &Item) -> Vec<String> {
    let plain = Known::nothing(item.tenant.clone(), item.name.clone());
    let known = Known { id: Some(after.id().clone()), ..plain };
    let now = provisioner.surveyor.judge(desired, Some(&known), &Sight::Exists(Box::new(after.clone()))).await;
    let sent = |d: &Difference| item.differences.iter().any(|was| was.field == d.field);
    now.differences.into_iter().filter(sent).map(|d| d.field).collect()
}

/// While a channel's traffic is elsewhere, `routing` is not touched: its backups wait. Why nothing is left to send then.
fn backups_wait(item: &mut Item, doc: &ChannelDoc) -> Option<String> {
    let away = doc.view().primary.filter(|primary| primary != doc.id())?;
    let before = item.differences.len();
    item.differences.retain(|d| d.field != BACKUPS);
    (before > 0 && item.differences.is_empty())
        .then(|| format!("its traffic goes to {away}: its backups are put right when it is home"))
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

/// What stood beside the change and does no longer.
fn siblings(before: &ChannelDoc, after: &ChannelDoc, differences: &[Difference]) -> Option<String> {
    let mut lost = Vec::new();
    for object in ["configuration", "routing", "health_check"] {
        if !differences.iter().any(|d| d.field.starts_with(object)) {
            continue;
        }
        let Some(Value::Object(fields)) = before.field(object) else { continue };
        let now = |name: &str| after.field(object).and_then(|o| o.get(name));
        let path = |name: &str| format!("{object}.{name}");
        let kept = |name: &str| differences.iter().any(|d| d.field == path(name)) || now(name) == fields.get(name);
        lost.extend(fields.keys().filter(|name| !kept(name)).map(|name| path(name)));
    }
    (!lost.is_empty()).then(|| format!("the platform also changed {}", lost.join(", ")))
}

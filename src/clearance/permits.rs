//! Leave to change the platform: given by the driver, which alone knows what the engine holds and is about to do.
//!
//! An executor gets its leave with its action. Everybody else asks, is refused where the table of `policy/clearance.rs` or
//! what the change is for says so, and is called back as soon as either does, before anything is sent. On a channel that is
//! provisioned the engine goes first: none is given for a channel on which it acts, and one that was given is called back
//! where the engine wants to act, or the configuration has become another. Who has sent nothing by then is not waited for.
//! What was sent is: a change of anything but the route until it is answered, one that carries the route until its outcome
//! is known, since it could undo the engine's. Must never: let a route be carried that the driver holds.

use crate::journal::Gate;
use crate::policy::{ChannelId, ChannelKey, Hold, TenantId, Writer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a change of unknown outcome may still show.
pub const MAY_SHOW_FOR: Duration = Duration::from_hours(1);
/// Most requests for a permit that wait.
const WAITING: usize = 64;

/// A change that leave is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A person has a call bridged.
    Bridge,
    /// Calls of `channel`, whose new ones go to `backup`, are rescued.
    Rescue {
        /// The channel.
        channel: ChannelId,
        /// Its backup.
        backup: ChannelId,
    },
    /// What is desired is created or put right.
    Provision {
        /// The channel; `None`: one that does not exist yet.
        channel: Option<ChannelId>,
        /// [`Writer::Apply`] or [`Writer::Round`].
        by: Writer,
    },
}

impl Change {
    /// Whose change it is.
    pub const fn writer(&self) -> Writer {
        match self {
            Self::Bridge => Writer::Bridge,
            Self::Rescue { .. } => Writer::Rescue,
            Self::Provision { by, .. } => *by,
        }
    }

    /// The channel that it is about.
    pub const fn channel(&self) -> Option<&ChannelId> {
        match self {
            Self::Bridge => None,
            Self::Rescue { channel, .. } => Some(channel),
            Self::Provision { channel, .. } => channel.as_ref(),
        }
    }
}

/// Why leave is not given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct Denied {
    /// What of the table holds, where that is it.
    pub hold: Option<Hold>,
    /// One sentence.
    pub why: String,
}

impl Denied {
    /// `hold` applies to `tenant`.
    pub fn by(hold: Hold, tenant: &TenantId) -> Self {
        Self { why: hold.refusal(tenant), hold: Some(hold) }
    }

    /// For another reason, in one sentence.
    pub const fn since(why: String) -> Self {
        Self { hold: None, why }
    }
}

/// Who asks, and for what.
#[derive(Debug)]
pub struct PermitRequest {
    /// The tenant.
    pub tenant: TenantId,
    /// The change.
    pub change: Change,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Permit, Denied>>,
}

/// What others tell or ask of the driver.
#[derive(Debug)]
pub enum PermitEvent {
    /// Leave is asked for.
    Asked(PermitRequest),
    /// A change that carried a channel's own route, and of whose outcome nothing is known, may show for so much longer.
    MayShow(ChannelKey, Duration),
}

/// Leave to send one change. It is held until the outcome is known; dropping it lets the engine act on the channel again.
#[derive(Debug)]
pub struct Permit {
    grant: Grant,
    _held: DropGuard,
}

/// What whoever gave a permit keeps of it. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Grant {
    gate: Gate,
    over: CancellationToken,
    answered: CancellationToken,
    route: Arc<Mutex<Route>>,
}

/// What the permit says of the channel's route.
#[derive(Debug, Default)]
struct Route {
    /// Why it may not be carried.
    held: Option<String>,
    carried: bool,
    /// Whether it was carried is known, and whether that shows is not.
    unknown: bool,
}

impl Permit {
    /// A permit, and the grant that its giver keeps. `held`: why no route may be sent.
    pub fn new(gate: Gate, held: Option<String>) -> (Self, Grant) {
        let over = CancellationToken::new();
        let (answered, route) = (over.child_token(), Route { held, ..Route::default() });
        let grant = Grant { gate, over, answered, route: Arc::new(Mutex::new(route)) };
        (Self { grant: grant.clone(), _held: grant.over.clone().drop_guard() }, grant)
    }

    /// The gate that closes if the permit is called back before the change is sent.
    pub fn gate(&self) -> Gate {
        self.grant.gate.clone()
    }

    /// From now on what is sent carries the channel's route as it was read.
    ///
    /// # Errors
    /// One sentence: why it must not.
    pub fn carry_route(&self) -> Result<(), String> {
        let mut route = self.grant.route();
        if let Some(why) = &route.held {
            return Err(why.clone());
        }
        route.carried = true;
        Ok(())
    }

    /// The change was answered: unless it carried the route, the engine need not wait for it any longer.
    pub fn answered(&self) {
        if !self.grant.route().carried {
            self.grant.answered.cancel();
        }
    }

    /// The outcome of the change is not known and is no longer waited for: it may show late.
    pub fn give_up(self) {
        let mut route = self.grant.route();
        route.unknown = route.carried;
    }
}

impl Grant {
    /// Whether the permit is over.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Whether the permit is over and a route that it carried may still show.
    pub fn may_show_late(&self) -> bool {
        self.is_over() && self.route().unknown
    }

    /// Calls it back, and returns what the engine has to wait for. `None`: nothing was sent, and nothing will be.
    pub fn call_back(&self, why: &str, moves_route: bool) -> Option<CancellationToken> {
        let sent = self.gate.close(why.to_owned());
        let until = if moves_route { &self.answered } else { &self.over };
        (sent && !self.is_over()).then(|| until.clone())
    }

    /// Forbids it to send a route from now on; a change that carries one is called back.
    pub fn hold_route(&self, why: String) {
        let mut route = self.route();
        if route.carried {
            self.gate.close(why.clone());
        }
        route.held.get_or_insert(why);
    }

    /// Whoever panicked while holding it left it whole.
    fn route(&self) -> MutexGuard<'_, Route> {
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to permits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Permits(From);

#[derive(Clone, Debug)]
enum From {
    Driver(mpsc::Sender<PermitEvent>),
    /// Nobody; the tenants of which nothing may be changed, and why.
    Nobody(Arc<BTreeMap<TenantId, Denied>>),
}

impl Permits {
    /// The asker's end, and the driver's end.
    pub fn channel() -> (Self, mpsc::Receiver<PermitEvent>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(From::Driver(sender)), receiver)
    }

    /// Where no engine runs there is nobody to ask: whoever holds the journal's lock may, but for the tenants that are `held`.
    pub fn alone(held: BTreeMap<TenantId, Denied>) -> Self {
        Self(From::Nobody(Arc::new(held)))
    }

    /// Asks for leave.
    ///
    /// # Errors
    /// [`Denied`]: nothing may be sent.
    pub async fn ask(&self, tenant: TenantId, change: Change) -> Result<Permit, Denied> {
        let driver = match &self.0 {
            From::Driver(driver) => driver,
            From::Nobody(held) => {
                return held.get(&tenant).cloned().map_or_else(|| Ok(Permit::new(Gate::open(), None).0), Err);
            }
        };
        let stopping = || Denied::since("the daemon is stopping; nothing was changed".to_owned());
        let (reply, answer) = oneshot::channel();
        driver.send(PermitEvent::Asked(PermitRequest { tenant, change, reply })).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Reports that a change of an earlier process, which carried the channel's own route, may still show for this long.
    pub async fn may_show(&self, channel: ChannelKey, lasts: Duration) {
        if let From::Driver(driver) = &self.0 {
            // Where the driver is gone there is nobody to mistake it.
            let _ = driver.send(PermitEvent::MayShow(channel, lasts)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Time;

    #[test]
    fn who_has_sent_nothing_is_not_waited_for() {
        let (permit, grant) = Permit::new(Gate::open(), None);
        assert!(grant.call_back("first", true).is_none());
        assert_eq!(permit.gate().pass(Time::ZERO), Err("first".to_owned()));
    }

    #[test]
    fn what_was_sent_is_waited_for_and_the_route_for_longest() {
        let (permit, grant) = Permit::new(Gate::open(), None);
        permit.gate().pass(Time::ZERO).unwrap();
        let (for_route, for_codecs) = (grant.call_back("", true).unwrap(), grant.call_back("", false).unwrap());
        permit.answered();
        assert!(for_route.is_cancelled() && !for_codecs.is_cancelled());
        drop(permit);
        assert!(for_codecs.is_cancelled() && grant.call_back("", true).is_none() && !grant.may_show_late());

        let (permit, grant) = Permit::new(Gate::open(), None);
        permit.carry_route().unwrap();
        permit.gate().pass(Time::ZERO).unwrap();
        permit.answered();
        let wait = grant.call_back("", true).unwrap();
        assert!(!wait.is_cancelled() && !grant.may_show_late());
        permit.give_up();
        assert!(wait.is_cancelled() && grant.may_show_late());
    }

    #[test]
    fn a_route_that_is_held_is_not_carried_and_one_that_is_carried_is_called_back() {
        let (permit, grant) = Permit::new(Gate::open(), None);
        grant.hold_route("it is down".to_owned());
        assert_eq!(permit.carry_route(), Err("it is down".to_owned()));
        assert_eq!(permit.gate().pass(Time::ZERO), Ok(()), "anything else may go");
        let (permit, grant) = Permit::new(Gate::open(), None);
        permit.carry_route().unwrap();
        grant.hold_route("it is down".to_owned());
        assert_eq!(permit.gate().pass(Time::ZERO), Err("it is down".to_owned()));
        assert_eq!(Permit::new(Gate::open(), Some("not yet".to_owned())).0.carry_route(), Err("not yet".to_owned()));
    }
}

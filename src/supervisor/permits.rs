//! Leave to change the platform for those who are not the engine: given by the driver, which alone knows what the engine
//! is about to do.
//!
//! The engine goes first: none is given for a channel on which it acts, and one that was given is called back where the
//! engine wants to act, or people or the configuration have changed their mind. What has been sent by then is waited for.

use crate::platform::Gate;
use crate::policy::{ChannelId, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Permits that may be waited for.
const WAITING: usize = 64;

/// Who asks, and for what.
#[derive(Debug)]
pub struct PermitRequest {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel; `None`: one that does not exist yet.
    pub channel: Option<ChannelId>,
    /// Where the answer goes: a sentence where it is refused.
    pub reply: oneshot::Sender<Result<Permit, String>>,
}

/// Leave to send one change. Dropping it, once the change was answered, lets the engine act on the channel again.
#[derive(Debug)]
pub struct Permit {
    gate: Gate,
    _held: DropGuard,
}

impl Permit {
    /// A permit, and what ends with it.
    pub fn new(gate: Gate) -> (Self, CancellationToken) {
        let over = CancellationToken::new();
        (Self { gate, _held: over.clone().drop_guard() }, over)
    }

    /// What closes where the permit is called back before the change was sent.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }
}

/// The way to permits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Permits(From);

#[derive(Clone, Debug)]
enum From {
    Driver(mpsc::Sender<PermitRequest>),
    /// Nobody; the tenants of which nothing may be changed, and why.
    Nobody(Arc<BTreeMap<TenantId, String>>),
}

impl Permits {
    /// A way to the driver, and the driver's end of it.
    pub fn channel() -> (Self, mpsc::Receiver<PermitRequest>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(From::Driver(sender)), receiver)
    }

    /// Where no engine runs there is nobody to ask: whoever holds the journal's lock may, but for the tenants that are `held`,
    /// each with its reason.
    pub fn alone(held: BTreeMap<TenantId, String>) -> Self {
        Self(From::Nobody(Arc::new(held)))
    }

    /// Asks for leave; an error is one sentence.
    pub async fn ask(&self, tenant: TenantId, channel: Option<ChannelId>) -> Result<Permit, String> {
        let driver = match &self.0 {
            From::Driver(driver) => driver,
            From::Nobody(held) => {
                return held.get(&tenant).cloned().map_or_else(|| Ok(Permit::new(Gate::open()).0), Err);
            }
        };
        let stopping = || "the daemon is stopping; nothing was changed".to_owned();
        let (reply, answer) = oneshot::channel();
        driver.send(PermitRequest { tenant, channel, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

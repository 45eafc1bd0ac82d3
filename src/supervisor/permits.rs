//! Leave to change the platform for those who are not the engine: given by the driver, which alone knows what the engine
//! is about to do.
//!
//! The engine goes first: none is given for a channel on which it acts, and one that was given is called back where the
//! engine wants to act, or people or the configuration have changed their mind. What has been sent by then is waited for.

use crate::platform::Gate;
use crate::policy::{ChannelId, TenantId};
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
pub struct Permits(Option<mpsc::Sender<PermitRequest>>);

impl Permits {
    /// A way to the driver, and the driver's end of it.
    pub fn channel() -> (Self, mpsc::Receiver<PermitRequest>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(Some(sender)), receiver)
    }

    /// Where no engine runs there is nobody to ask: whoever holds the journal's lock may.
    pub const fn alone() -> Self {
        Self(None)
    }

    /// Asks for leave; an error is one sentence.
    pub async fn ask(&self, tenant: TenantId, channel: Option<ChannelId>) -> Result<Permit, String> {
        let Some(driver) = &self.0 else { return Ok(Permit::new(Gate::open()).0) };
        let stopping = || "the daemon is stopping; nothing was changed".to_owned();
        let (reply, answer) = oneshot::channel();
        driver.send(PermitRequest { tenant, channel, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

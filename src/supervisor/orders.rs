//! How a person's order reaches the driver: as an event like any other, with a channel for the answer. An order is answered
//! once its effect is on disk, or refused because it cannot be written.
//!
//! Most orders wait until the journal has just shown that it can be written, and are refused where it does not in time: none
//! of those is obeyed later. What makes the daemon hold still (a pause, a maintenance) is obeyed at once, and its answer
//! says where it is not on disk. Must never: answer an order as done before its commit.

use crate::journal::JournalError;
use crate::policy::{Order, Refusal, Time};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long an order waits for the disk: its answer comes within 5 s.
pub const ORDER_WITHIN: Duration = Duration::from_secs(4);

/// Orders that wait for the journal at most; the next is refused.
const WAITING_BOUND: usize = 64;

/// What an order is answered with.
pub type OrderAnswer = Result<(), OrderError>;

/// An order on its way to the driver.
#[derive(Debug)]
pub struct OrderRequest {
    /// The order.
    pub order: Order,
    /// Who gave it: the peer's user on the control socket, or `token`.
    pub who: String,
    /// Where the answer goes.
    pub reply: oneshot::Sender<OrderAnswer>,
}

/// Gives orders to the driver. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<OrderRequest>);

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The engine refused it.
    #[error("{0}")]
    Refused(Refusal),
    /// It cannot be written down, and so it is not obeyed, now or later.
    #[error("nothing was changed: the order cannot be written to the journal ({0})")]
    Unwritten(String),
    /// It is obeyed and is not on disk.
    #[error("in force, but not on disk: a restart forgets it")]
    NotOnDisk,
    /// The driver is stopping.
    #[error("the daemon is stopping; nothing was changed")]
    Stopping,
}

impl Orders {
    /// A way to the driver, and the driver's end of it. At most 64 orders wait.
    pub fn channel() -> (Self, mpsc::Receiver<OrderRequest>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Gives the order and waits until it is taken (and journalled) or refused.
    pub async fn give(&self, order: Order, who: String) -> OrderAnswer {
        let (reply, answer) = oneshot::channel();
        self.0.send(OrderRequest { order, who, reply }).await.map_err(|_| OrderError::Stopping)?;
        answer.await.map_err(|_| OrderError::Stopping)?
    }
}

/// Whether an order only makes the daemon hold still: safe to obey before it is on disk, and wrong to refuse.
pub const fn holds_still(order: &Order) -> bool {
    matches!(order, Order::Pause { .. } | Order::PauseFor { .. } | Order::StartMaintenance { .. })
}

/// Whether an order lets the daemon act again.
const fn lets_go(order: &Order) -> bool {
    matches!(order, Order::Resume { .. } | Order::EndMaintenance { .. })
}

/// An order that waited for the journal.
struct Cleared {
    request: OrderRequest,
    /// When it came.
    since: Time,
    /// Whether it can be written down.
    written: Result<(), JournalError>,
    /// How many orders to hold still had been given by then.
    holds: u64,
}

/// Orders that wait for the journal to show that it can be written.
#[derive(Default)]
pub struct Waiting {
    orders: FuturesUnordered<BoxFuture<'static, Cleared>>,
    holds: u64,
}

impl Waiting {
    /// An order to hold still was given: none that was given before it lets go again.
    pub fn hold(&mut self) {
        self.holds += 1;
    }

    /// Lets `request` wait for `written`; refuses it where too many wait already.
    pub fn add(
        &mut self,
        request: OrderRequest,
        since: Time,
        written: impl Future<Output = Result<(), JournalError>> + Send + 'static,
    ) {
        if self.orders.len() >= WAITING_BOUND {
            let why = format!("{WAITING_BOUND} orders already wait for the journal");
            // Whoever gave it may have gone.
            let _ = request.reply.send(Err(OrderError::Unwritten(why)));
            return;
        }
        let holds = self.holds;
        self.orders.push(Box::pin(async move { Cleared { request, since, written: written.await, holds } }));
    }

    /// The next that has waited long enough, to be obeyed; refused ones are answered here. `None` where none waits. Safe to
    /// drop.
    pub async fn next(&mut self) -> Option<(OrderRequest, Time)> {
        loop {
            let Cleared { request, since, written, holds } = self.orders.next().await?;
            let why = match written {
                Err(error) => error.to_string(),
                Ok(()) if lets_go(&request.order) && holds != self.holds => {
                    "a pause or maintenance was ordered while it waited: give the order again".to_owned()
                }
                Ok(()) => return Some((request, since)),
            };
            tracing::warn!(order = ?request.order, who = request.who, why, "order refused");
            let _ = request.reply.send(Err(OrderError::Unwritten(why)));
        }
    }
}

//! How a person's order reaches the driver: as an event like any other, with a place for the answer.

use crate::policy::{Order, Refusal};
use tokio::sync::{mpsc, oneshot};

/// An order on its way to the driver.
#[derive(Debug)]
pub struct OrderRequest {
    /// The order.
    pub order: Order,
    /// Who gave it: the peer's user on the control socket, or `token`.
    pub who: String,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<(), Refusal>>,
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
    pub async fn give(&self, order: Order, who: String) -> Result<(), OrderError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(OrderRequest { order, who, reply }).await.map_err(|_| OrderError::Stopping)?;
        answer.await.map_err(|_| OrderError::Stopping)?.map_err(OrderError::Refused)
    }
}

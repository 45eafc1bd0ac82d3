//! What whoever changes a platform must show: that the change is on disk, and that nothing has called it back.
//!
//! There is one way to a change, for the engine's actions, provisioning, bridges and rescues alike: the driver is asked for
//! leave ([`Permits`]), the operation is written to the journal, and the [`Clearance`] of both goes with the request to the
//! platform's client, which asks the gate right before it sends.
//!
//! Must never: come of anything but a receipt of the journal's.

mod permits;

pub use permits::{Change, Denied, Grant, MAY_SHOW_FOR, Permit, PermitEvent, PermitRequest, Permits};

use crate::journal::{Gate, Receipt};
use uuid::Uuid;

/// An operation that is on disk, and what may still stop it.
#[derive(Debug)]
pub struct Clearance {
    receipt: Receipt,
    gate: Gate,
}

impl Clearance {
    /// The journal's receipt, good only while `gate` is open.
    pub const fn new(receipt: Receipt, gate: Gate) -> Self {
        Self { receipt, gate }
    }

    /// The operation.
    pub const fn operation(&self) -> Uuid {
        self.receipt.operation()
    }

    /// What may still stop the change before it is sent.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }
}

//! What a change of desired state must show before it is sent: the journal's receipt, and a gate that is still open.

use super::error::{ErrorClass, PlatformError};
use crate::journal::{Gate, OperationReceipt};
use crate::policy::LookError;

/// An operation that is on disk, and what may still stop it.
#[derive(Debug)]
pub struct Warrant {
    receipt: OperationReceipt,
    gate: Gate,
}

impl Warrant {
    /// The journal's receipt, good only while `gate` is open.
    pub const fn new(receipt: OperationReceipt, gate: Gate) -> Self {
        Self { receipt, gate }
    }

    /// The operation.
    pub const fn operation(&self) -> uuid::Uuid {
        self.receipt.id()
    }

    /// What may still stop the change before it is sent.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The answer of a platform that cannot do it.
    pub(super) fn unsupported(attempted: &str) -> PlatformError {
        PlatformError {
            class: ErrorClass::Unsupported,
            look: LookError::Unexpected,
            status: None,
            attempted: attempted.to_owned(),
            message: "this platform cannot do that".to_owned(),
            retry_after: None,
            sent: false,
        }
    }
}

//! What the audit log proves, and by what: the chain of its entries, the Merkle tree over them, signed checkpoints, archived
//! segments, and the verification of all of it. `docs/audit.md` says what each shows and what none can.
//!
//! Must never: sign a log that is not what was signed before, until a person has accepted it; remove an entry that is not
//! archived, read back and delivered.

pub(in crate::journal) mod accept;
pub(in crate::journal) mod archive;
pub(in crate::journal) mod chain;
pub(in crate::journal) mod inclusion;
pub(in crate::journal) mod key;
pub mod note;
pub(in crate::journal) mod seal;
pub(in crate::journal) mod tip;
pub mod tree;
pub(in crate::journal) mod trust;
pub(in crate::journal) mod verify;

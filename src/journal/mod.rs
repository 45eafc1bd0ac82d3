//! The journal: what is on disk before anything changes, and what proves afterwards what was done.
//!
//! Owns `{state_dir}/journal.db` (SQLite, WAL, `synchronous=FULL`): the hash-chained audit entries,
//! operations with their outcomes, the engine's state, and observations with retention. A writer thread commits in
//! groups from a bounded queue; under simulation the same code is called in line. Must never: change or remove an audit
//! entry, hand out a receipt before the commit, or hold a secret.

mod cancel;
mod check;
mod claim;
mod error;
mod file;
mod gate;
mod glob;
mod handle;
mod hex;
mod ids;
mod listing;
mod lock;
mod model;
mod names;
mod operation;
mod options;
mod outbox;
mod pending;
mod proof;
mod queue;
mod reader;
mod recorded;
mod recovery;
mod rows;
mod schema;
mod store;
mod writer;

pub use cancel::{Cancel, CancelOnDrop};
pub use error::JournalError;
pub use gate::Gate;
pub use glob::event_matches;
pub use handle::{Journal, ReadFor};
pub use ids::IdSource;
pub use listing::{Listed, event_type_matches};
pub use model::{Batch, Entry, ObservationRow, Recovered};
pub use operation::{Ended, KeptOperation, Operation, Receipt};
pub use options::{JournalCounters, Options, Signing, WriterMode};
pub use outbox::{
    Due, LaneDue, MAX_DEAD, MAX_LANE, OutboxChange, OutboxFilter, OutboxPage, OutboxRow, Place, Selection, SinkState,
    Subscription,
};
pub use pending::Pending;
pub use proof::inclusion::{Proof, ProofError};
pub use proof::key::{KeyError, public_keys_file, read_public_keys, signer};
pub use proof::note::{Signer, VerifierKey};
pub use proof::trust::Trust;
pub use proof::verify::{Against, Archive, Broken, Cover, Fault, Verified};
pub use proof::{note, tree};
pub use reader::{Filter, Page, Reader};
pub use recorded::Recorded;

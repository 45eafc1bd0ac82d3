//! The changes of the outbox: subscriptions, deliveries, and the rows that a person selects.

use crate::policy::WallMs;
use uuid::Uuid;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The sink's name, unique among all sinks.
    pub sink: String,
    /// Globs over event types; `*` matches dots too. None: entries do not go there, payloads do.
    pub events: Vec<String>,
    /// Rows that may wait.
    pub max_pending: u32,
}

/// Which rows of a sink a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This one.
    Row(i64),
    /// Its dead letters, up to this row.
    Dead(i64),
    /// All of its rows, up to this one.
    All(i64),
}

/// What is changed in the outbox.
#[derive(Clone, Debug)]
pub enum OutboxChange {
    /// These are the sinks from now on. Rows of others stay, and none is added to them.
    Subscribe(Vec<Subscription>),
    /// A payload of its own for a sink, under an id by which the receiver recognises a repetition.
    Queue {
        /// The sink.
        sink: String,
        /// The id.
        id: Uuid,
        /// What is sent.
        payload: String,
    },
    /// A row was delivered: a payload, or its entries before `next`. It goes on with `next` where it is stretched so far.
    Delivered {
        /// The row.
        row: i64,
        /// The number behind the entry that was delivered; `None`: it was a payload.
        next: Option<u64>,
    },
    /// An attempt to deliver a row failed.
    Failed {
        /// The row.
        row: i64,
        /// Why, without secrets.
        error: String,
    },
    /// A row is set aside as a dead letter. Nothing where the sink has too many of them; it stays at the head then.
    Dead {
        /// The row.
        row: i64,
        /// The entry; `None`: it is a payload.
        seq: Option<u64>,
        /// Why, without secrets.
        error: String,
    },
    /// A row goes on in the lane beside the queue, and what comes after it is next.
    Aside {
        /// The row.
        row: i64,
        /// The entry; `None`: it is a payload.
        seq: Option<u64>,
        /// Why, without secrets.
        error: String,
    },
    /// An attempt to deliver a row of the lane failed.
    LaneFailed {
        /// The row.
        row: i64,
        /// Why, without secrets.
        error: String,
        /// When it is tried again.
        next_at: WallMs,
    },
    /// What waits for entries from before this moment holds back archiving no longer: some of it is copied as dead letters.
    Release(WallMs),
    /// Dead letters wait again, in their old places; and what waits counts as never tried.
    Retry(String, Selection),
    /// A person gives rows up.
    Drop(String, Selection),
}

impl OutboxChange {
    /// Whether a sender that waits for work has a reason to look.
    pub(in crate::journal) const fn is_more_to_do(&self) -> bool {
        matches!(self, Self::Subscribe(_) | Self::Queue { .. } | Self::Aside { .. } | Self::Retry(..) | Self::Drop(..))
    }
}

impl Selection {
    /// Selections as `?2` the row that is meant, `?3` the last row, `?4` whether rows that wait are meant too.
    pub(in crate::journal) const SQL: &'static str =
        "sink = ?1 AND (?2 IS NULL OR id = ?2) AND id <= ?3 AND (dead = 1 OR ?4)";

    pub(in crate::journal) const fn values(self) -> (Option<i64>, i64, bool) {
        match self {
            Self::Row(id) => (Some(id), id, true),
            Self::Dead(through) => (None, through, false),
            Self::All(through) => (None, through, true),
        }
    }
}

//! The tables, and the rules that the database itself enforces: audit entries are appended in order and stay.

use super::outbox;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// The triggers of this version, by name: what keeps the log from being changed by the way.
pub(in crate::journal) fn expected_rules() -> rusqlite::Result<BTreeMap<String, String>> {
    rules(&fresh()?)
}

/// Every trigger, by name.
pub(in crate::journal) fn rules(db: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    db.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// Every object of a database: its kind and how it is made, by its name.
pub(in crate::journal) type Objects = BTreeMap<String, (String, Option<String>)>;

/// Those of this version.
pub(in crate::journal) fn expected() -> rusqlite::Result<Objects> {
    objects(&fresh()?)
}

/// Those of `db`.
pub(in crate::journal) fn objects(db: &Connection) -> rusqlite::Result<Objects> {
    db.prepare("SELECT name, type, sql FROM sqlite_master")?
        .query_map([], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?
        .collect()
}

fn fresh() -> rusqlite::Result<Connection> {
    let db = Connection::open_in_memory()?;
    create_tables(&db)?;
    add_tables(&db)?;
    Ok(db)
}

/// All of it in one transaction: a crash half-way leaves an empty file, which is recognised as one.
pub(in crate::journal) fn create_tables(db: &Connection) -> rusqlite::Result<()> {
    let tx = db.unchecked_transaction()?;
    tx.execute_batch(CREATE)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    upgrade_within(&tx, FIRST_VERSION)?;
    tx.commit()
}

/// What changes none of the tables that are there, and is added where it is missing.
pub(in crate::journal) fn add_tables(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(ADD)?;
    db.execute_batch(outbox::CREATE)?;
    db.execute_batch(outbox::CREATE_LANE)
}

pub(in crate::journal) fn upgrade(db: &Connection, from: i64) -> rusqlite::Result<()> {
    let tx = db.unchecked_transaction()?;
    upgrade_within(&tx, from)?;
    tx.commit()
}

fn upgrade_within(tx: &Connection, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from - FIRST_VERSION).unwrap_or(0);
    UPGRADES.iter().skip(done).try_for_each(|step| tx.execute_batch(step))?;
    tx.pragma_update(None, "user_version", VERSION)
}

/// `PRAGMA application_id`: what makes an SQLite file a journal of ours ("TrkW").
pub(in crate::journal) const APPLICATION_ID: i64 = 0x5472_6b57;

/// `PRAGMA user_version` of the first tables; it rises by one with each of [`UPGRADES`].
pub(in crate::journal) const FIRST_VERSION: i64 = 1;

/// The version that this program writes: [`FIRST_VERSION`] and one for each upgrade.
pub(in crate::journal) const VERSION: i64 = 3;

/// What came after the first tables, in order; a new file gets all of them. Each is part of the transaction that raises
/// the version, and none is ever changed once released.
const UPGRADES: [&str; 2] = [PROOF, ONE_KIND_OF_OPERATION];

/// Signed checkpoints, and the segments of the log that are archived. A segment's row is what permits its entries to be
/// removed, and nothing else does.
const PROOF: &str = "
CREATE TABLE checkpoints (
    size     INTEGER PRIMARY KEY,
    root     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    note     TEXT NOT NULL,
    frontier BLOB NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never removed'); END;
CREATE TRIGGER checkpoints_append_only BEFORE INSERT ON checkpoints
    WHEN NEW.size <= (SELECT coalesce(max(size), 0) FROM checkpoints)
    BEGIN SELECT RAISE(ABORT, 'checkpoints are appended in order'); END;

CREATE TABLE segments (
    last   INTEGER PRIMARY KEY,
    first  INTEGER NOT NULL,
    file   TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    head   TEXT NOT NULL,
    entry  INTEGER NOT NULL
) STRICT;
CREATE TRIGGER segments_no_update BEFORE UPDATE ON segments
    BEGIN SELECT RAISE(ABORT, 'archived segments are never changed'); END;
CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments
    BEGIN SELECT RAISE(ABORT, 'archived segments are never removed'); END;
CREATE TRIGGER segments_append_only BEFORE INSERT ON segments
    WHEN NEW.first IS NOT (SELECT coalesce(max(last), 0) + 1 FROM segments) OR NEW.last < NEW.first
      OR NEW.last >= (SELECT coalesce(max(seq), 0) FROM audit)
      OR NOT EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.last)
    BEGIN SELECT RAISE(ABORT, 'segments follow one another, and end at a checkpoint'); END;

DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.seq > (SELECT coalesce(max(last), 0) FROM segments)
    BEGIN SELECT RAISE(ABORT, 'audit entries are never removed before they are archived'); END;
";

/// The engine's actions had a table of their own, `intents`; they become operations that have a number. `operations` was added
/// to what was there before, so that a journal may lack it.
const ONE_KIND_OF_OPERATION: &str = "
CREATE TABLE IF NOT EXISTS operations (
    operation_id TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    key          TEXT,
    actor        TEXT NOT NULL,
    request      TEXT NOT NULL,
    opened_at    INTEGER NOT NULL,
    closed_at    INTEGER,
    outcome      TEXT,
    result       TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS operations_by_key ON operations (tenant, kind, key);
CREATE INDEX IF NOT EXISTS operations_open ON operations (opened_at) WHERE outcome IS NULL;
CREATE INDEX IF NOT EXISTS operations_by_closed_at ON operations (closed_at) WHERE closed_at IS NOT NULL;
ALTER TABLE operations ADD COLUMN op INTEGER;
CREATE UNIQUE INDEX operations_by_op ON operations (op) WHERE op IS NOT NULL;
INSERT INTO operations (op, operation_id, kind, tenant, subject, actor, request, opened_at, closed_at, outcome, result)
    SELECT op, operation_id, kind, tenant, channel, 'engine', action, opened_at, closed_at, outcome, detail
    FROM intents ORDER BY op;
DROP TABLE intents;
";

/// What came after the first tables and changes none of them: added to any journal of this version that lacks it, so
/// that an older trunkwarden still opens the file.
const ADD: &str = "
CREATE INDEX IF NOT EXISTS audit_by_tenant ON audit (tenant, seq);
CREATE TABLE IF NOT EXISTS refuted (
    size  INTEGER NOT NULL,
    note  TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT;
";

/// The first tables, for an empty file. `audit.entry` is the text that is hashed; the columns after `hash` repeat parts of it
/// so that they can be filtered on, and verification holds them against it. The insert trigger also catches
/// `INSERT OR REPLACE`, which would remove a row without the delete trigger being asked.
const CREATE: &str = "
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    entry      TEXT NOT NULL,
    hash       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    tenant     TEXT,
    channel_id TEXT
) STRICT;
CREATE INDEX audit_by_channel ON audit (tenant, channel_id, seq);
CREATE INDEX audit_by_channel_id ON audit (channel_id, seq);
CREATE INDEX audit_by_event_type ON audit (event_type, seq);
CREATE INDEX audit_by_at ON audit (at);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END;
CREATE TRIGGER audit_append_only BEFORE INSERT ON audit
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'audit entries are appended in order'); END;

CREATE TABLE intents (
    op           INTEGER PRIMARY KEY,
    operation_id TEXT NOT NULL UNIQUE,
    tenant       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    action       TEXT NOT NULL,
    opened_at    INTEGER NOT NULL,
    outcome      TEXT,
    detail       TEXT,
    closed_at    INTEGER
) STRICT;
CREATE INDEX intents_open ON intents (op) WHERE outcome IS NULL;
CREATE INDEX intents_by_closed_at ON intents (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE state (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT;

CREATE TABLE observations (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    tenant  TEXT NOT NULL,
    channel TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX observations_by_channel ON observations (tenant, channel, at);
CREATE INDEX observations_by_at ON observations (at);

CREATE TABLE probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    filling BLOB NOT NULL
) STRICT;
";

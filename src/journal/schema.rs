//! The tables, and the rules that the database itself enforces: audit entries are appended in order and stay.

/// `PRAGMA application_id`: what makes an SQLite file a journal of ours ("TrkW").
pub(in crate::journal) const APPLICATION_ID: i64 = 0x5472_6b57;

/// `PRAGMA user_version`: rises with every change of the tables.
pub(in crate::journal) const VERSION: i64 = 1;

/// What came after the first tables and changes none of them: added to any journal of this version that lacks it, so
/// that an older trunkwarden still opens the file.
pub(in crate::journal) const ADD: &str = "
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
";

/// Everything else, for an empty file. `audit.entry` is the text that is hashed; the columns after `hash` repeat parts of it
/// so that they can be filtered on, and verification holds them against it. The insert trigger also catches
/// `INSERT OR REPLACE`, which would remove a row without the delete trigger being asked.
pub(in crate::journal) const CREATE: &str = "
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

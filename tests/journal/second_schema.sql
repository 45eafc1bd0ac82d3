-- The tables of a journal of the second schema, as it was released.
PRAGMA application_id = 0x54726b57;
PRAGMA user_version = 2;
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    entry      TEXT NOT NULL,
    hash       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    tenant     TEXT,
    channel_id TEXT
) STRICT;
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
CREATE TABLE probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    filling BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    size     INTEGER PRIMARY KEY,
    root     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    note     TEXT NOT NULL,
    frontier BLOB NOT NULL
) STRICT;
CREATE TABLE segments (
    last   INTEGER PRIMARY KEY,
    first  INTEGER NOT NULL,
    file   TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    head   TEXT NOT NULL,
    entry  INTEGER NOT NULL
) STRICT;
CREATE TABLE operations (
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
CREATE INDEX audit_by_channel ON audit (tenant, channel_id, seq);
CREATE INDEX audit_by_channel_id ON audit (channel_id, seq);
CREATE INDEX audit_by_event_type ON audit (event_type, seq);
CREATE INDEX audit_by_at ON audit (at);
CREATE INDEX intents_open ON intents (op) WHERE outcome IS NULL;
CREATE INDEX intents_by_closed_at ON intents (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX observations_by_channel ON observations (tenant, channel, at);
CREATE INDEX observations_by_at ON observations (at);
CREATE INDEX operations_by_key ON operations (tenant, kind, key);
CREATE INDEX operations_open ON operations (opened_at) WHERE outcome IS NULL;
CREATE INDEX operations_by_closed_at ON operations (closed_at) WHERE closed_at IS NOT NULL;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_append_only BEFORE INSERT ON audit
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'audit entries are appended in order'); END;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are never removed'); END;
CREATE TRIGGER checkpoints_append_only BEFORE INSERT ON checkpoints
    WHEN NEW.size <= (SELECT coalesce(max(size), 0) FROM checkpoints)
    BEGIN SELECT RAISE(ABORT, 'checkpoints are appended in order'); END;
CREATE TRIGGER segments_no_update BEFORE UPDATE ON segments
    BEGIN SELECT RAISE(ABORT, 'archived segments are never changed'); END;
CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments
    BEGIN SELECT RAISE(ABORT, 'archived segments are never removed'); END;
CREATE TRIGGER segments_append_only BEFORE INSERT ON segments
    WHEN NEW.first IS NOT (SELECT coalesce(max(last), 0) + 1 FROM segments) OR NEW.last < NEW.first
      OR NEW.last >= (SELECT coalesce(max(seq), 0) FROM audit)
      OR NOT EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.last)
    BEGIN SELECT RAISE(ABORT, 'segments follow one another, and end at a checkpoint'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.seq > (SELECT coalesce(max(last), 0) FROM segments)
    BEGIN SELECT RAISE(ABORT, 'audit entries are never removed before they are archived'); END;

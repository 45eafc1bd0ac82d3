//! The outbox's tables, and what the database itself keeps true of them: counts that are never off, and entries that
//! retention may remove only after their text was copied to whoever still waits for them.

/// Creates what is missing; also run on a journal that has all of it.
///
/// `outbox.seq..=through` are the entries that a row stands for, one unless it was stretched; a payload has neither.
/// `outbox_sinks.pending` counts rows that wait, `stretched` the entries beyond the first of stretched rows.
pub(in crate::journal) const CREATE: &str = "
CREATE TABLE IF NOT EXISTS outbox_sinks (
    name        TEXT PRIMARY KEY,
    subscribed  INTEGER NOT NULL,
    events      TEXT NOT NULL,
    max_pending INTEGER NOT NULL,
    pending     INTEGER NOT NULL DEFAULT 0,
    stretched   INTEGER NOT NULL DEFAULT 0,
    dead        INTEGER NOT NULL DEFAULT 0,
    given_up    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sink     TEXT NOT NULL,
    seq      INTEGER,
    through  INTEGER,
    event_id TEXT,
    payload  TEXT,
    hash     TEXT,
    at       INTEGER NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0,
    tried_at INTEGER,
    error    TEXT,
    dead     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_by_sink ON outbox (sink, dead, id);
CREATE INDEX IF NOT EXISTS outbox_by_seq ON outbox (seq) WHERE payload IS NULL;
CREATE INDEX IF NOT EXISTS outbox_stretched ON outbox (seq) WHERE through > seq;
CREATE TRIGGER IF NOT EXISTS outbox_in AFTER INSERT ON outbox BEGIN
    UPDATE outbox_sinks SET pending = pending + (NEW.dead = 0), dead = dead + (NEW.dead = 1) WHERE name = NEW.sink;
END;
CREATE TRIGGER IF NOT EXISTS outbox_out AFTER DELETE ON outbox BEGIN
    UPDATE outbox_sinks SET pending = pending - (OLD.dead = 0), dead = dead - (OLD.dead = 1),
        stretched = stretched - coalesce(OLD.through - OLD.seq, 0) WHERE name = OLD.sink;
END;
CREATE TRIGGER IF NOT EXISTS outbox_moved AFTER UPDATE OF dead, seq, through ON outbox BEGIN
    UPDATE outbox_sinks SET pending = pending + (NEW.dead = 0) - (OLD.dead = 0),
        dead = dead + (NEW.dead = 1) - (OLD.dead = 1),
        stretched = stretched + coalesce(NEW.through - NEW.seq, 0) - coalesce(OLD.through - OLD.seq, 0)
        WHERE name = NEW.sink;
END;
CREATE TRIGGER IF NOT EXISTS outbox_keeps_what_it_needs BEFORE DELETE ON audit BEGIN
    UPDATE outbox_sinks SET given_up = given_up + 1 WHERE name IN (
        SELECT sink FROM outbox WHERE through > seq AND seq <= OLD.seq AND through >= OLD.seq);
    UPDATE outbox SET payload = OLD.entry, hash = OLD.hash
        WHERE seq = OLD.seq AND through = OLD.seq AND payload IS NULL;
END;
";

/// The lane's table. Whoever leaves the outbox leaves the lane.
pub(in crate::journal) const CREATE_LANE: &str = "
CREATE TABLE IF NOT EXISTS outbox_lane (
    row     INTEGER PRIMARY KEY,
    since   INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS outbox_lane_out AFTER DELETE ON outbox BEGIN
    DELETE FROM outbox_lane WHERE row = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS outbox_lane_dead AFTER UPDATE OF dead ON outbox WHEN NEW.dead = 1 BEGIN
    DELETE FROM outbox_lane WHERE row = NEW.id;
END;
";

//! The log as a whole: archives, what is left of them in the journal, the live entries; and the tables that say what was signed
//! and archived, held against the entries that tell of it.

use super::accepted::Accepted;
use super::entry::{Columns, Kept, Seen};
use super::walk::walk;
use super::{Against, Broken, Fault, Verified, blame};
use crate::clock::rfc3339;
use crate::journal::error::JournalError;
use crate::journal::hex::{from_hex, to_hex};
use crate::journal::proof::archive::{self, Segment};
use crate::journal::proof::note::Checkpoint;
use crate::journal::proof::tree::{Frontier, Hash, empty_root};
use crate::policy::WallMs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, Row, Rows};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Verifies what `db` holds; `folder` is where archives are, `None`: not at hand.
pub(super) fn verify(db: &Connection, folder: Option<&Path>, against: &Against) -> Result<Verified, Broken> {
    let rows = checkpoints(db, against)?;
    let segments = segments(db)?;
    let cut = segments.last().map_or(0, |s| s.last);
    before_the_first(db)?;
    let mut state = State::new(db, against, &rows)?;
    match folder {
        Some(folder) => segments.iter().try_for_each(|segment| state.archive(folder, segment, &rows))?,
        None => state.begin_at(&rows, segments.last(), &against.held)?,
    }
    left_over(db, cut, segments.last())?;
    state.live(cut)?;
    let verified = state.finish(&rows, &segments, folder.is_some())?;
    covered(db, &rows, &verified, against)?;
    Ok(verified)
}

/// A checkpoint as its row has it.
struct Sealed {
    at: i64,
    checkpoint: Checkpoint,
    frontier: Frontier,
}

/// What is known so far.
struct State<'a> {
    db: &'a Connection,
    head: Hash,
    tree: Frontier,
    /// Roots that the tree must have at a size, smallest first, and who says so.
    expected: BTreeMap<u64, Vec<(Hash, &'static str)>>,
    /// The frontier that a row keeps for a size.
    frontiers: BTreeMap<u64, &'a Frontier>,
    /// The greatest size at which a checkpoint agreed.
    agreed: u64,
    /// Where the walk began.
    began: u64,
    /// Entries that tell of a checkpoint or an archive, by their number.
    told: BTreeMap<u64, Box<Value>>,
    accepted: Accepted,
}

impl<'a> State<'a> {
    fn new(db: &'a Connection, against: &'a Against, rows: &'a [Sealed]) -> Result<Self, Broken> {
        let mut expected: BTreeMap<u64, Vec<(Hash, &'static str)>> = BTreeMap::new();
        for held in &against.held {
            check_held(held, against, rows)?;
            expected.entry(held.size).or_default().push((held.root, "the checkpoint that was kept elsewhere"));
        }
        for row in rows {
            expected.entry(row.checkpoint.size).or_default().push((row.checkpoint.root, "the signed checkpoint"));
        }
        if expected.remove(&0).is_some_and(|roots| roots.iter().any(|(root, _)| *root != empty_root())) {
            return Err(Broken::new(1, Fault::Checkpoint, "a checkpoint of no entries has the root of some"));
        }
        let frontiers = rows.iter().map(|row| (row.checkpoint.size, &row.frontier)).collect();
        let (head, tree) = ([0; 32], Frontier::default());
        Ok(Self {
            db,
            head,
            tree,
            expected,
            frontiers,
            agreed: 0,
            began: 0,
            told: BTreeMap::new(),
            accepted: Accepted::default(),
        })
    }

    /// Without archives: the tree at the cut is the one that was signed there.
    fn begin_at(&mut self, rows: &[Sealed], segment: Option<&Segment>, held: &[Checkpoint]) -> Result<(), Broken> {
        let Some(segment) = segment else { return Ok(()) };
        let damaged = || Broken::new(segment.last, Fault::Checkpoint, "there is no sound checkpoint at the cut");
        let row = rows.iter().find(|row| row.checkpoint.size == segment.last).ok_or_else(damaged)?;
        if row.frontier.root() != row.checkpoint.root {
            return Err(damaged());
        }
        for held in held.iter().filter(|held| (1..=segment.last).contains(&held.size)) {
            if held.size < segment.last {
                let what =
                    "what the checkpoint that was kept elsewhere covers is archived: the archives are needed for it";
                return Err(Broken::new(held.size, Fault::Archive, what));
            }
            if held.root != row.checkpoint.root {
                let what = "the checkpoint that was kept elsewhere is not the one at the cut";
                return Err(Broken::new(1, Fault::Rewritten, what));
            }
        }
        self.tree = row.frontier.clone();
        self.head = from_hex(&segment.head).ok_or_else(damaged)?;
        self.began = segment.last;
        self.agreed = segment.last;
        self.expected = self.expected.split_off(&(segment.last + 1));
        Ok(())
    }

    fn archive(&mut self, folder: &Path, segment: &Segment, rows: &[Sealed]) -> Result<(), Broken> {
        let broken = |what: String| Broken::new(segment.first, Fault::Archive, what);
        let note = archive::note(folder, segment).map_err(broken)?;
        if !rows.iter().any(|row| row.checkpoint.size == segment.last && row.checkpoint.note == note) {
            return Err(broken(format!("the checkpoint beside {} is not the one that was made", segment.file)));
        }
        let mut lines = archive::open(folder, segment).map_err(broken)?;
        let mut seq = segment.first;
        let next = || {
            let text = lines.next().transpose().map_err(|why| Broken::new(seq, Fault::Archive, why))?;
            let kept = text.map(|text| Kept { seq: i64::try_from(seq).unwrap_or(i64::MAX), text, columns: None });
            seq += 1;
            Ok(kept)
        };
        walk(next, |seen| self.take(&seen).map(|()| self.note(seen)))?;
        if self.tree.size() == segment.last && to_hex(&self.head) == segment.head {
            return Ok(());
        }
        Err(broken(format!("{} does not end with entry {} as it was archived", segment.file, segment.last)))
    }

    fn live(&mut self, cut: u64) -> Result<(), Broken> {
        let failed =
            |seq| move |e: rusqlite::Error| Broken::unreadable(seq, &JournalError::sqlite("read the audit log")(e));
        let db = self.db;
        let mut statement = db.prepare(SELECT).map_err(failed(cut + 1))?;
        let mut rows = statement.query([i64::try_from(cut).unwrap_or(i64::MAX)]).map_err(failed(cut + 1))?;
        let mut seq = cut;
        walk(|| next_row(&mut rows, &mut seq), |seen| self.take(&seen).map(|()| self.note(seen)))
    }

    /// The next entry: that it follows, and that the tree agrees with whoever knows it at this size.
    fn take(&mut self, seen: &Seen) -> Result<(), Broken> {
        use super::entry::Wrong;
        let expected = self.tree.size() + 1;
        if u64::try_from(seen.seq) != Ok(expected) {
            let what = format!("it is missing, the next one is {}", seen.seq);
            return Err(Broken::new(expected, Fault::Missing, what));
        }
        if let Some(wrong) = seen.wrong.filter(|wrong| *wrong != Wrong::Columns) {
            return Err(Broken::new(expected, Fault::Changed, wrong.words()));
        }
        if seen.number != Some(expected) || seen.prev != Some(self.head) {
            return Err(blame::blame(self.db, &self.head, expected, seen));
        }
        if let Some(wrong) = seen.wrong {
            return Err(Broken::new(expected, Fault::Changed, wrong.words()));
        }
        self.head = seen.hash;
        self.tree.push(seen.leaf);
        self.agree()
    }

    fn agree(&mut self) -> Result<(), Broken> {
        let size = self.tree.size();
        let Some(entry) = self.expected.first_entry().filter(|e| *e.key() == size) else { return Ok(()) };
        let (root, roots) = (self.tree.root(), entry.remove());
        if let Some((_, who)) = roots.iter().find(|(other, _)| *other != root) {
            let what = format!(
                "entries {} to {size} are not those that {who} of {size} entries covers: one of them or more was replaced, \
                 and all after it made to fit",
                self.agreed + 1
            );
            return Err(Broken::new(self.agreed + 1, Fault::Rewritten, what));
        }
        if self.frontiers.get(&size).is_some_and(|kept| **kept != self.tree) {
            return Err(Broken::new(
                size,
                Fault::Checkpoint,
                format!("the tree kept with the checkpoint of {size} is another"),
            ));
        }
        self.agreed = size;
        Ok(())
    }

    fn note(&mut self, seen: Seen) {
        match seen.told {
            Some(told) if is(&told, "journal.accepted") => self.accepted.note(self.tree.size(), &told),
            Some(told) => _ = self.told.insert(self.tree.size(), told),
            None => {}
        }
    }

    /// Every checkpoint and every archive has the entry that tells of it, and the other way round.
    fn tables_agree(&mut self, rows: &[Sealed], segments: &[Segment]) -> Result<(), Broken> {
        for row in rows.iter().filter(|row| row.checkpoint.size >= self.began) {
            let (size, seq) = (row.checkpoint.size, row.checkpoint.size + 1);
            if !self.told.remove(&seq).is_some_and(|entry| row.agrees(&entry)) {
                let what = format!("entry {seq} does not tell of the checkpoint of {size} entries that is kept");
                return Err(Broken::new(seq, Fault::Checkpoint, what));
            }
        }
        for segment in segments.iter().filter(|segment| segment.entry > self.began) {
            if !self.told.remove(&segment.entry).is_some_and(|entry| segment.agrees(&entry)) {
                let what =
                    format!("entry {} does not tell of the archive {} that is kept", segment.entry, segment.file);
                return Err(Broken::new(segment.entry, Fault::Archive, what));
            }
        }
        self.accepted.check(self.db, rows.last().map_or(0, |row| row.checkpoint.size))?;
        let accepted = &self.accepted;
        self.told.retain(|seq, entry| !(is(entry, "journal.checkpoint") && accepted.names(*seq, entry)));
        match self.told.first_key_value() {
            None => Ok(()),
            Some((seq, entry)) if is(entry, "journal.checkpoint") => {
                Err(Broken::new(*seq, Fault::Checkpoint, "the checkpoint that this entry tells of is not kept"))
            }
            Some((seq, _)) => {
                Err(Broken::new(*seq, Fault::Archive, "the archive that this entry tells of is not known"))
            }
        }
    }

    fn finish(mut self, rows: &[Sealed], segments: &[Segment], archives_read: bool) -> Result<Verified, Broken> {
        let size = self.tree.size();
        if let Some((covered, roots)) = self.expected.last_key_value() {
            let who = roots.first().map_or("a checkpoint", |(_, who)| who);
            let what =
                format!("{who} covers {covered} entries and the log has {size}: entries were cut off at the end");
            return Err(Broken::new(size + 1, Fault::Truncated, what));
        }
        self.tables_agree(rows, segments)?;
        Ok(Verified {
            entries: size,
            head: to_hex(&self.head),
            root: STANDARD.encode(self.tree.root()),
            checkpoints: rows.len() as u64,
            covered: rows.last().map_or(0, |row| row.checkpoint.size),
            archived: segments.last().map_or(0, |s| s.last),
            archives_read,
            accepted: self.accepted.entries(),
        })
    }
}

/// What no checkpoint covers is little.
fn covered(db: &Connection, rows: &[Sealed], verified: &Verified, against: &Against) -> Result<(), Broken> {
    let Some(cover) = against.cover else { return Ok(()) };
    let Some(newest) = rows.last() else {
        let what = "no checkpoint covers any of it: that it is this key's log is not shown at all";
        return Err(Broken::new(1, Fault::Checkpoint, what));
    };
    let size = newest.checkpoint.size;
    // The entry after it tells of it.
    let after = verified.entries.saturating_sub(size + 1);
    let last: Option<i64> = db
        .query_row("SELECT at FROM audit ORDER BY seq DESC LIMIT 1", [], |r| r.get(0))
        .map_err(|e| Broken::unreadable(size + 1, &JournalError::sqlite("read the newest audit entry")(e)))?;
    let passed = last.map_or(Duration::ZERO, |last| WallMs(last).since(WallMs(newest.at)));
    if after > cover.entries || (after > 0 && passed > cover.within) {
        let what = format!(
            "the newest checkpoint covers entries 1 to {size}, and {after} came after it, up to {} min later: who can write \
             the file can have written those",
            passed.as_secs() / 60
        );
        return Err(Broken::new(size + 1, Fault::Checkpoint, what));
    }
    Ok(())
}

const SELECT: &str =
    "SELECT seq, entry, hash, at, event_type, tenant, channel_id FROM audit WHERE seq > ? ORDER BY seq";

impl Sealed {
    fn agrees(&self, entry: &Value) -> bool {
        is(entry, "journal.checkpoint")
            && entry.pointer("/details/note").and_then(Value::as_str) == Some(self.checkpoint.note.as_str())
            && entry.get("timestamp").and_then(Value::as_str) == Some(rfc3339(WallMs(self.at)).as_str())
    }
}

fn is(entry: &Value, event: &str) -> bool {
    entry.get("event_type").and_then(Value::as_str) == Some(event)
}

fn next_row(rows: &mut Rows<'_>, seq: &mut u64) -> Result<Option<Kept>, Broken> {
    *seq += 1;
    let row = match rows.next() {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(None),
        Err(e) => return Err(Broken::unreadable(*seq, &JournalError::sqlite("read the audit log")(e))),
    };
    Columns::kept(row)
        .map(Some)
        .map_err(|_| Broken::new(*seq, Fault::Changed, "its row does not hold what an entry's holds"))
}

/// Entries are numbered from 1: a row before that stands outside the chain, and readers would show it all the same.
fn before_the_first(db: &Connection) -> Result<(), Broken> {
    let lowest: rusqlite::Result<Option<i64>> = db.query_row("SELECT min(seq) FROM audit", [], |r| r.get(0));
    match lowest {
        Ok(Some(seq)) if seq < 1 => {
            Err(Broken::new(1, Fault::Inserted, format!("a row numbered {seq} stands before the first entry")))
        }
        Ok(_) => Ok(()),
        Err(e) => Err(Broken::unreadable(1, &JournalError::sqlite("read the audit log")(e))),
    }
}

/// What of archived entries is not removed yet: tied to one another, and to the last one that was archived.
fn left_over(db: &Connection, cut: u64, segment: Option<&Segment>) -> Result<(), Broken> {
    let failed = |e: rusqlite::Error| Broken::unreadable(1, &JournalError::sqlite("read the audit log")(e));
    let Some(segment) = segment else { return Ok(()) };
    let first: Option<i64> = db.query_row("SELECT min(seq) FROM audit", [], |r| r.get(0)).map_err(failed)?;
    let Some(first) = first.and_then(|seq| u64::try_from(seq).ok()).filter(|seq| *seq <= cut) else { return Ok(()) };
    let mut statement = db.prepare(SELECT).map_err(failed)?;
    let mut rows = statement.query([i64::try_from(first).unwrap_or(i64::MAX) - 1]).map_err(failed)?;
    let (mut seq, mut before) = (first - 1, None);
    while seq < cut {
        let Some(seen) = next_row(&mut rows, &mut seq)?.map(|kept| kept.look()) else { break };
        let follows = u64::try_from(seen.seq) == Ok(seq) && seen.number == Some(seq);
        if !follows || seen.wrong.is_some() || before.is_some_and(|hash| seen.prev != Some(hash)) {
            let what = "it is archived and not removed yet, and not what was archived";
            return Err(Broken::new(seq, Fault::Changed, what));
        }
        before = Some(seen.hash);
    }
    let ends = before.is_some_and(|hash| to_hex(&hash) == segment.head);
    if ends { Ok(()) } else { Err(Broken::new(cut, Fault::Changed, "it is not the one that was archived last")) }
}

/// Every checkpoint, as its row says it and as it was signed.
fn checkpoints(db: &Connection, against: &Against) -> Result<Vec<Sealed>, Broken> {
    let failed = |e: rusqlite::Error| Broken::unreadable(1, &JournalError::sqlite("read the checkpoints")(e));
    let mut statement =
        db.prepare("SELECT size, root, at, note, frontier FROM checkpoints ORDER BY size").map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut all: Vec<Sealed> = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let after = all.last().map_or(1, |sealed| sealed.checkpoint.size + 1);
        let sealed = sealed(row).map_err(|what| Broken::new(after, Fault::Checkpoint, what))?;
        if let Some(keys) = &against.keys {
            let size = sealed.checkpoint.size;
            sealed
                .checkpoint
                .verify(keys)
                .map_err(|e| Broken::new(size, Fault::Checkpoint, format!("the checkpoint of {size} entries: {e}")))?;
        }
        all.push(sealed);
    }
    Ok(all)
}

fn sealed(r: &Row<'_>) -> Result<Sealed, String> {
    let read = || -> rusqlite::Result<(i64, String, i64, String, Vec<u8>)> {
        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
    };
    let (size, root, at, note, frontier) =
        read().map_err(|_| "a checkpoint's row does not hold what one holds".to_owned())?;
    let checkpoint = Checkpoint::parse(&note).map_err(|e| format!("the checkpoint of {size} entries: {e}"))?;
    let tree = Frontier::from_bytes(checkpoint.size, &frontier);
    let agrees = i64::try_from(checkpoint.size) == Ok(size) && STANDARD.encode(checkpoint.root) == root;
    match tree.filter(|_| agrees) {
        Some(frontier) => Ok(Sealed { at, checkpoint, frontier }),
        None => Err(format!("the row of the checkpoint of {size} entries does not say what its note says")),
    }
}

/// A checkpoint from elsewhere: of this log, and signed.
fn check_held(held: &Checkpoint, against: &Against, rows: &[Sealed]) -> Result<(), Broken> {
    let broken = |what: String| Broken::new(held.size, Fault::Checkpoint, what);
    // A log that was given another key may have been given another name with it.
    let is_of_this_log = rows.is_empty() || rows.iter().any(|row| row.checkpoint.origin == held.origin);
    if let Some(newest) = rows.last().filter(|_| !is_of_this_log) {
        let (other, origin) = (&newest.checkpoint.origin, &held.origin);
        return Err(broken(format!("the checkpoint that was kept elsewhere is of {origin}, and this log is {other}")));
    }
    let Some(keys) = &against.keys else { return Ok(()) };
    held.verify(keys).map_err(|e| broken(format!("the checkpoint that was kept elsewhere: {e}")))
}

/// The archived segments: one after the other from the first entry on.
fn segments(db: &Connection) -> Result<Vec<Segment>, Broken> {
    let all = archive::segments(db).map_err(|e| Broken::unreadable(1, &e))?;
    let mut after = 0;
    for segment in &all {
        if segment.first != after + 1 || segment.last < segment.first || segment.entry <= segment.last {
            return Err(Broken::new(after + 1, Fault::Archive, "the archived segments do not follow one another"));
        }
        after = segment.last;
    }
    Ok(all)
}

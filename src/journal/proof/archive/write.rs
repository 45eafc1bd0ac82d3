//! Writes a segment: what may go, into a file beside, synced, renamed, and read back before anybody is told.

use super::{Lines, Segment, digest, file_name, folder, note_name, part, segments, undelivered_from};
use crate::journal::error::JournalError;
use crate::journal::hex::{from_hex, to_hex};
use crate::journal::proof::chain::Head;
use crate::journal::proof::note::Checkpoint;
use crate::journal::proof::tree::{Frontier, Hash};
use crate::journal::proof::verify::{Columns, Kept, Seen};
use crate::journal::reader::Reader;
use crate::policy::WallMs;
use crate::sync::lock;
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::{DirBuilder, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Entries in a segment at most, where checkpoints are that close together.
const SEGMENT: u64 = 50_000;

/// A segment that may be archived: where it begins and ends, and what was signed there.
#[derive(Debug)]
pub(in crate::journal) struct Plan {
    first: u64,
    head: Hash,
    tree: Frontier,
    end: Checkpoint,
}

/// The next segment of which every entry is older than `before` and delivered; `None` where there is none.
pub(in crate::journal) fn plan(reader: &Reader, before: WallMs) -> Result<Option<Plan>, JournalError> {
    let db = lock(reader.connection());
    let last = segments(&db)?.pop();
    let first = last.as_ref().map_or(1, |s| s.last + 1);
    let sqlite = |e| JournalError::sqlite("look for what can be archived")(e);
    let young: Option<i64> = db
        .query_row("SELECT min(seq) FROM audit WHERE at >= ?1 AND seq >= ?2", params![before.0, number(first)], |r| {
            r.get(0)
        })
        .map_err(sqlite)?;
    // The newest entry always stays: new ones are numbered by it.
    let newest: Option<i64> = db.query_row("SELECT max(seq) FROM audit", [], |r| r.get(0)).map_err(sqlite)?;
    let kept = [young, newest].into_iter().flatten().filter_map(|n| u64::try_from(n).ok());
    let Some(end) = kept.chain(undelivered_from(&db)?).min() else { return Ok(None) };
    let size = |sql: &str, most: u64| {
        let row = db.query_row(sql, params![number(first), number(most)], |r| r.get::<_, String>(0));
        row.optional().map_err(sqlite)
    };
    let largest = "SELECT note FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size DESC LIMIT 1";
    let smallest = "SELECT note FROM checkpoints WHERE size >= ? AND size < ? ORDER BY size LIMIT 1";
    let note = match size(largest, end.min(first.saturating_add(SEGMENT)))? {
        Some(note) => Some(note),
        None => size(smallest, end)?,
    };
    let Some(note) = note else { return Ok(None) };
    let end = Checkpoint::parse(&note).map_err(|e| broken(reader, format!("a checkpoint in it is damaged: {e}")))?;
    let (head, tree) = match last {
        None => (from_hex(&Head::default().hash).unwrap_or_default(), Frontier::default()),
        Some(last) => {
            begin(&db, &last).ok_or_else(|| broken(reader, "the checkpoint at its cut is damaged".to_owned()))?
        }
    };
    Ok(Some(Plan { first, head, tree, end }))
}

/// Writes the segment and its checkpoint, and reads both back. The segment's `entry` is the writer's to fill in.
pub(in crate::journal) fn write(reader: &Reader, plan: &Plan) -> Result<Segment, JournalError> {
    let folder = folder(reader.path());
    let (first, last) = (plan.first, plan.end.size);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(JournalError::io("create", &folder))?;
    let file = file_name(first, last);
    let path = folder.join(&file);
    let io = |e: std::io::Error| JournalError::io("write the archive", &path)(e);
    let head = place(&folder, &path, |to| {
        let mut gzip = GzEncoder::new(BufWriter::new(to), Compression::default());
        let mut follow = Follow::from(plan);
        rows(reader, plan, |kept| {
            follow.take(&kept.look()).map_err(|what| broken(reader, what))?;
            writeln!(gzip, "{}", kept.text).map_err(io)
        })?;
        gzip.finish().and_then(|mut to| to.flush()).map_err(io)?;
        follow.end(plan).map_err(|what| broken(reader, what))
    })?;
    let note = folder.join(note_name(first, last));
    place(&folder, &note, |to| to.write_all(plan.end.note.as_bytes()).map_err(io))?;
    read_back(&path, plan, head).map_err(|why| JournalError::Io {
        attempted: "read back the archive",
        path: path.clone(),
        why,
    })?;
    let sha256 = digest(&path).map_err(JournalError::io("read back the archive", &path))?;
    Ok(Segment { first, last, file, sha256, head: to_hex(&head), entry: 0 })
}

/// Entries one after the other, up to the plan's end.
struct Follow {
    head: Hash,
    tree: Frontier,
}

impl From<&Plan> for Follow {
    fn from(plan: &Plan) -> Self {
        Self { head: plan.head, tree: plan.tree.clone() }
    }
}

impl Follow {
    fn take(&mut self, seen: &Seen) -> Result<(), String> {
        let expected = self.tree.size() + 1;
        let follows = u64::try_from(seen.seq) == Ok(expected) && seen.number == Some(expected);
        if !follows || seen.wrong.is_some() || seen.prev != Some(self.head) {
            return Err(format!("entry {expected} is not as it was written; `trunkwarden audit verify` says more"));
        }
        self.head = seen.hash;
        self.tree.push(seen.leaf);
        Ok(())
    }

    fn end(self, plan: &Plan) -> Result<Hash, String> {
        if (self.tree.size(), self.tree.root()) == (plan.end.size, plan.end.root) {
            Ok(self.head)
        } else {
            Err(format!("entries up to {} are not what the checkpoint there covers", plan.end.size))
        }
    }
}

/// A file under its name only once it is whole and durable; 0600.
fn place<T>(
    folder: &Path,
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let io = |e: std::io::Error| JournalError::io("write the archive", path)(e);
    let mut file = part::new_in(folder).map_err(io)?;
    let done = fill(file.as_file_mut())?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(io)?;
    Ok(done)
}

fn rows(
    reader: &Reader,
    plan: &Plan,
    mut each: impl FnMut(Kept) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let sqlite = |e| JournalError::sqlite("read what is to be archived")(e);
    let own = reader.again()?;
    let db = lock(own.as_ref().unwrap_or(reader).connection());
    let mut statement = db
        .prepare(
            "SELECT seq, entry, hash, at, event_type, tenant, channel_id FROM audit WHERE seq BETWEEN ? AND ? ORDER BY seq",
        )
        .map_err(sqlite)?;
    let mut rows = statement.query([number(plan.first), number(plan.end.size)]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        each(Columns::kept(row).map_err(sqlite)?)?;
    }
    Ok(())
}

fn read_back(path: &Path, plan: &Plan, head: Hash) -> Result<(), String> {
    let mut follow = Follow::from(plan);
    for text in Lines::open(path).map_err(|e| e.to_string())? {
        let seq = number(follow.tree.size() + 1);
        follow.take(&Kept { seq, text: text?, columns: None }.look())?;
    }
    if follow.end(plan)? == head { Ok(()) } else { Err("it does not end as it should".to_owned()) }
}

/// Where the segment before ended.
fn begin(db: &Connection, last: &Segment) -> Option<(Hash, Frontier)> {
    let row = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?));
    let (note, frontier): (String, Vec<u8>) =
        db.query_row("SELECT note, frontier FROM checkpoints WHERE size = ?", [number(last.last)], row).ok()?;
    let tree = Frontier::from_bytes(last.last, &frontier)?;
    let signed = Checkpoint::parse(&note).ok()?;
    (signed.root == tree.root()).then_some((from_hex(&last.head)?, tree))
}

fn broken(reader: &Reader, why: String) -> JournalError {
    JournalError::Corrupt { path: reader.path().to_owned(), why }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

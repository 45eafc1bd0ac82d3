//! The database file: created for us alone, recognised before it is touched, checked before it is trusted.
//!
//! Must never alter a file that is not a journal of ours, nor one that a newer version has written.

use super::error::JournalError;
use super::schema::{self, APPLICATION_ID, FIRST_VERSION, VERSION};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// What a person does about a file that cannot be used.
const KEEP_IT: &str = "move it away but keep it (it is evidence), and restore a backup or start with a new one";

/// Creates the folder of `journal` (0700) where it is missing. One that others could change is refused: whoever can replace
/// the journal, its key or the control socket is the daemon.
pub(in crate::journal) fn create_folder(journal: &Path) -> Result<(), JournalError> {
    let folder = folder_of(journal);
    if let Ok(there) = std::fs::metadata(folder)
        && there.is_dir()
    {
        return private_folder(folder, &there);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(JournalError::io("create the state directory", folder))
}

/// The writing connection: the file exists (0600), is a sound journal of this version, and commits are durable.
pub(in crate::journal) fn open_for_writing(path: &Path, max_pages: Option<u32>) -> Result<Connection, JournalError> {
    look_first(path)?;
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(JournalError::sqlite("open the journal"))?;
    bound(&db).map_err(JournalError::sqlite("open the journal"))?;
    let state = recognise(&db, path)?;
    if state == State::Ours {
        no_strangers(&db, path)?;
    }
    check(&db, path)?;
    prepare(&db, max_pages).map_err(|e| damaged_or("set up the journal", path, e))?;
    match state {
        State::Empty => schema::create_tables(&db).map_err(JournalError::sqlite("create the journal's tables"))?,
        State::Older(version) => {
            schema::upgrade(&db, version).map_err(JournalError::sqlite("bring the journal's tables up to date"))?;
        }
        State::Ours => {}
    }
    schema::add_tables(&db).map_err(JournalError::sqlite("add to the journal's tables"))?;
    no_strangers(&db, path)?;
    nothing_missing(&db, path)?;
    // The names of the file and of its WAL are durable only once their folder is.
    let folder = folder_of(path);
    File::open(folder).and_then(|f| f.sync_all()).map_err(JournalError::io("sync the state directory", folder))?;
    Ok(db)
}

/// A reading connection to a journal that exists.
pub(in crate::journal) fn open_for_reading(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(JournalError::sqlite("open the journal for reading"))?;
    db.busy_timeout(BUSY).map_err(JournalError::sqlite("open the journal for reading"))?;
    bound(&db).map_err(JournalError::sqlite("open the journal for reading"))?;
    match recognise(&db, path)? {
        State::Ours => no_strangers(&db, path).map(|()| db),
        State::Empty => Err(corrupt(path, format!("it is empty; {KEEP_IT}"))),
        State::Older(_) => {
            let why = "an older trunkwarden wrote it; the daemon of this version upgrades it when it starts";
            Err(corrupt(path, why.to_owned()))
        }
    }
}

/// A journal in memory: the same tables and rules, gone with its last holder.
pub(in crate::journal) fn open_in_memory() -> Result<Connection, JournalError> {
    let create = || {
        let db = Connection::open_in_memory()?;
        prepare(&db, None)?;
        schema::create_tables(&db)?;
        schema::add_tables(&db)?;
        Ok(db)
    };
    create().map_err(JournalError::sqlite("create a journal in memory"))
}

/// How long a writer or reader waits for another program that looks into the file (a backup, a shell).
const BUSY: Duration = Duration::from_secs(5);

#[derive(PartialEq, Eq)]
enum State {
    Empty,
    Ours,
    /// Of this earlier version.
    Older(i64),
}

fn folder_of(journal: &Path) -> &Path {
    match journal.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn private_folder(folder: &Path, there: &Metadata) -> Result<(), JournalError> {
    let own = rustix::process::geteuid().as_raw();
    let refused =
        |why: String| Err(JournalError::Io { attempted: "use the state directory", path: folder.to_owned(), why });
    if there.uid() != own {
        return refused(format!(
            "it belongs to uid {}, but this process is uid {own}: chown it, or run as its owner",
            there.uid()
        ));
    }
    if there.mode() & 0o022 != 0 {
        let mode = there.mode() & 0o7777;
        return refused(format!("other users can write to it (mode {mode:04o}): chmod go-w"));
    }
    Ok(())
}

/// A file that is there is looked at before anything of it is changed, its mode included.
fn look_first(path: &Path) -> Result<(), JournalError> {
    let there = match std::fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(JournalError::io("look at the journal", path)(e)),
    };
    let own = rustix::process::geteuid().as_raw();
    if !there.is_file() {
        return Err(corrupt(path, "it is not a regular file (but a link, a folder or a device)".to_owned()));
    }
    if there.uid() != own {
        return Err(corrupt(path, format!("it belongs to uid {}, but this process is uid {own}", there.uid())));
    }
    if there.len() == 0 {
        return Ok(());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| damaged_or("look at the journal", path, e))?;
    bound(&db).and_then(|()| db.busy_timeout(BUSY)).map_err(JournalError::sqlite("look at the journal"))?;
    recognise(&db, path).map(drop)
}

/// Whatever the file says, nothing that is read from it is longer than this.
fn bound(db: &Connection) -> rusqlite::Result<()> {
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST_BYTES)?;
    db.set_limit(Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 8)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.pragma_update(None, "trusted_schema", "OFF")
}

/// Nothing is in the file that is not ours exactly as we make it: a view can show what is not there, a trigger undo what
/// is written.
fn no_strangers(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let expected = schema::expected().map_err(JournalError::sqlite("know the journal's tables"))?;
    let found = schema::objects(db).map_err(|e| damaged_or("read the journal's tables", path, e))?;
    let stranger = found.iter().find(|(name, object)| expected.get(*name) != Some(object));
    match stranger {
        None => Ok(()),
        Some((name, (kind, _))) => {
            let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
            Err(corrupt(path, format!("its {kind} `{name}` is not as trunkwarden creates it; {KEEP_IT}")))
        }
    }
}

fn nothing_missing(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let expected = schema::expected().map_err(JournalError::sqlite("know the journal's tables"))?;
    let found = schema::objects(db).map_err(|e| damaged_or("read the journal's tables", path, e))?;
    match expected.iter().find(|(name, _)| !found.contains_key(*name)) {
        None => Ok(()),
        Some((name, (kind, _))) => Err(corrupt(path, format!("its {kind} `{name}` is missing; {KEEP_IT}"))),
    }
}

/// Bytes of the longest text: a state has 8 MiB.
const MOST_BYTES: i32 = 32 * 1024 * 1024;

/// Creates the file where it is missing, and takes it away from group and others where it exists. SQLite gives its WAL
/// the same permissions.
fn create_private(path: &Path) -> Result<(), JournalError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(JournalError::io("open the journal", path))?;
    let mode = file.metadata().map_err(JournalError::io("look at the journal", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(JournalError::io("restrict the permissions of the journal", path))?;
    }
    Ok(())
}

/// Tells an empty file from a journal of ours; everything else is refused, untouched.
fn recognise(db: &Connection, path: &Path) -> Result<State, JournalError> {
    let read = || {
        let application: i64 = db.pragma_query_value(None, "application_id", |r| r.get(0))?;
        let version: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get(0))?;
        Ok((application, version, tables))
    };
    match read().map_err(|e| damaged_or("read the journal", path, e))? {
        (0, 0, 0) => Ok(State::Empty),
        (APPLICATION_ID, VERSION, _) => Ok(State::Ours),
        (APPLICATION_ID, newer, _) if newer > VERSION => Err(corrupt(
            path,
            format!(
                "a newer trunkwarden wrote it (its schema is {newer}, this version knows {VERSION}); \
                 install that version again, or use another `state_dir`"
            ),
        )),
        (APPLICATION_ID, older, _) if older >= FIRST_VERSION => Ok(State::Older(older)),
        (APPLICATION_ID, other, _) => {
            Err(corrupt(path, format!("its schema is {other}, which no version of trunkwarden writes; {KEEP_IT}")))
        }
        _ => Err(corrupt(path, "it is the database of another program; use another `state_dir`".to_owned())),
    }
}

/// SQLite's own check of the file: structure, not the audit chain.
fn check(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let word: String = db
        .query_row("PRAGMA quick_check(1)", [], |r| r.get(0))
        .map_err(|e| damaged_or("check the journal", path, e))?;
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
    if word == "ok" { Ok(()) } else { Err(corrupt(path, format!("SQLite finds it damaged ({word}); {KEEP_IT}"))) }
}

fn prepare(db: &Connection, max_pages: Option<u32>) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    // A WAL that a burst has made large is cut back to this many bytes.
    db.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))?;
    if let Some(pages) = max_pages {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn corrupt(path: &Path, why: String) -> JournalError {
    JournalError::Corrupt { path: path.to_owned(), why }
}

fn damaged_or(attempted: &'static str, path: &Path, e: rusqlite::Error) -> JournalError {
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => corrupt(path, format!("it is not an SQLite database; {KEEP_IT}")),
        Some(ErrorCode::DatabaseCorrupt) => corrupt(path, format!("SQLite finds it damaged; {KEEP_IT}")),
        _ => JournalError::Sqlite { attempted, source: e },
    }
}

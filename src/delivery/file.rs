//! The file sink: each entry a line of JSON, appended and synced before it is acknowledged, the file renamed when it is
//! full. Blocks on the disk: called where blocking is allowed.
//!
//! A line that a crash has torn is cut off before the next one is written: it was never acknowledged and comes again. What a
//! full disk took of a batch is taken back for the same reason. Must never: change or remove a whole line that was
//! acknowledged, but with the oldest of the renamed files; nor a file that ends in anything else.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Longer than any line: an entry has 1 MiB at most.
const TAIL: u64 = 4 * 1024 * 1024;

/// A file that grows by lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
}

impl LineFile {
    /// The file at `path`, renamed where it would grow beyond `max_bytes`, with `keep` renamed ones kept.
    pub const fn new(path: PathBuf, max_bytes: u64, keep: u32) -> Self {
        Self { path, max_bytes, keep }
    }

    /// Appends `lines`; all of them are on disk when it returns.
    ///
    /// # Errors
    /// What the system refused, and on which file; and how many lines are on disk all the same, since the file before was
    /// full. Of the others none is.
    pub fn append(&self, lines: &[String]) -> Result<(), (usize, String)> {
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", self.path.display());
        let mut kept = 0;
        while let Some(rest) = lines.get(kept..).filter(|rest| !rest.is_empty()) {
            kept += self.append_to_one(rest).map_err(|error| (kept, failed(error)))?;
            if kept < lines.len() {
                self.rotate().map_err(|error| (kept, failed(error)))?;
            }
        }
        Ok(())
    }

    /// Appends the first of `lines`, as many as the file has room for; how many. All of them are on disk then, or none.
    fn append_to_one(&self, lines: &[String]) -> std::io::Result<usize> {
        let file = self.open()?;
        let before = file.metadata()?.len();
        let mut length = before;
        let fits = |line: &&String| {
            let added = line.len() as u64 + 1;
            let fits = length == 0 || length + added <= self.max_bytes;
            length += added;
            fits
        };
        let lines: Vec<&String> = lines.iter().take_while(fits).collect();
        let write = |line: &&String| (&file).write_all(format!("{line}\n").as_bytes());
        let written = lines.iter().try_for_each(write).and_then(|()| file.sync_data());
        match written {
            Ok(()) => Ok(lines.len()),
            Err(error) => {
                // What cannot be taken back either is a torn line to the next try.
                let _ = file.set_len(before).and_then(|()| file.sync_all());
                Err(error)
            }
        }
    }

    fn open(&self) -> std::io::Result<File> {
        let existed = self.path.exists();
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&self.path)?;
        if existed {
            cut_torn_line(&mut file)?;
        } else {
            self.sync_folder()?;
        }
        Ok(file)
    }

    /// `PATH` becomes `PATH.1`, that one `PATH.2`, and the one beyond `keep` goes.
    fn rotate(&self) -> std::io::Result<()> {
        for n in (0..self.keep).rev() {
            let (from, to) = (self.numbered(n), self.numbered(n + 1));
            if from.exists() {
                fs::rename(from, to)?;
            }
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        }
        self.sync_folder()
    }

    fn numbered(&self, n: u32) -> PathBuf {
        if n == 0 {
            return self.path.clone();
        }
        let mut name = OsString::from(self.path.as_os_str());
        name.push(format!(".{n}"));
        PathBuf::from(name)
    }

    /// Names are durable only once their folder is.
    fn sync_folder(&self) -> std::io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn cut_torn_line(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::End(-1)).or_else(|e| if length == 0 { Ok(0) } else { Err(e) })?;
    let mut last = Vec::new();
    Read::by_ref(file).take(1).read_to_end(&mut last)?;
    if length == 0 || last == b"\n" {
        return Ok(());
    }
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(TAIL).read_to_end(&mut tail)?;
    let begin = tail.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    let torn = tail.get(begin.unwrap_or(0)..).unwrap_or_default();
    // Part of a line of ours, or what a power cut leaves of one; of any other file nothing is cut away.
    let is_ours = b"{\"".starts_with(torn) || torn.starts_with(b"{\"") || torn.iter().all(|byte| *byte == 0);
    match begin {
        Some(begin) if is_ours => file.set_len(start + begin as u64),
        None if is_ours && start == 0 => file.set_len(0),
        _ => Err(std::io::Error::other("it does not end with a line of an audit file; give the sink its own `path`")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn line(n: u32) -> String {
        format!("{{\"n\":{n:04}}}")
    }

    #[test]
    fn lines_are_appended_and_full_files_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = LineFile::new(path.clone(), 22, 2);
        for n in 0..7 {
            file.append(&[line(n)]).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("audit.jsonl"), format!("{}\n", line(6)));
        assert_eq!(read("audit.jsonl.1"), format!("{}\n{}\n", line(4), line(5)));
        assert_eq!(read("audit.jsonl.2"), format!("{}\n{}\n", line(2), line(3)));
        assert!(!folder.path().join("audit.jsonl.3").exists());
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_line_is_cut_off_and_a_missing_folder_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = LineFile::new(path.clone(), 1000, 0);
        file.append(&[line(1)]).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"n\":00").unwrap();
        file.append(&[line(2), line(3)]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n{}\n{}\n", line(1), line(2), line(3)));
        let nowhere = LineFile::new(folder.path().join("no/such.jsonl"), 1000, 0);
        assert!(nowhere.append(&[line(1)]).unwrap_err().1.contains("no/such.jsonl"));
    }

    #[test]
    fn what_is_on_disk_before_a_failure_is_told_and_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = LineFile::new(path.clone(), 22, 1);
        let in_the_way = folder.path().join("audit.jsonl.1");
        fs::create_dir(&in_the_way).unwrap();
        let lines: Vec<String> = (0..3).map(line).collect();
        let (kept, _) = file.append(&lines).unwrap_err();
        assert_eq!(kept, 2, "two lines have room in one file, and it cannot be renamed");
        fs::remove_dir(&in_the_way).unwrap();
        file.append(&lines[kept..]).unwrap();
        let whole = [&in_the_way, &path].map(|path| fs::read_to_string(path).unwrap()).concat();
        assert_eq!(whole.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for other in [&b"first\nsecond"[..], b"SQLite format 3\0CREATE TABLE t (\n a)\0\x01\x02"] {
            fs::write(&path, other).unwrap();
            let (kept, refused) = LineFile::new(path.clone(), 1000, 2).append(&[line(1)]).unwrap_err();
            assert!(kept == 0 && refused.contains("does not end with a line of an audit file"), "{refused}");
            assert_eq!(fs::read(&path).unwrap(), other);
        }
        for torn in [&b"{"[..], b"\0\0\0"] {
            fs::write(&path, [b"{\"n\":0001}\n", torn].concat()).unwrap();
            LineFile::new(path.clone(), 1000, 2).append(&[line(2)]).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n{}\n", line(1), line(2)));
        }
    }
}

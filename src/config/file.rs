//! Opening a file that somebody else named: it never waits for a FIFO's other end, and touches no device.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file to read it. A file system that does not answer still blocks in here: whoever must not wait reads in
/// a thread of its own.
///
/// # Errors
///
/// What the system says, or what it is instead of a regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened, since opening a device may do something; and after, since it may be another one by then.
    regular(std::fs::metadata(path)?.file_type())?;
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn regular(kind: FileType) -> io::Result<()> {
    let is = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {is}, and a regular file is needed")))
}

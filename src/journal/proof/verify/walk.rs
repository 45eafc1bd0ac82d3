//! Entries looked at by every processor and handed on in order: reading, hashing and parsing go on side by side.
//!
//! What is in memory at once is bounded by bytes, whatever the entries' size.

use super::entry::{Kept, Seen};
use super::{Broken, Fault};
use std::thread::{self, ScopedJoinHandle};

/// Entries that one processor looks at before they are handed on.
const CHUNK: usize = 4096;

/// Bytes of text in a chunk, give or take an entry.
const CHUNK_BYTES: usize = 4 << 20;

/// Processors that are used at most.
const MOST: usize = 8;

/// Looks at all that `next` gives, and hands it to `each` in the same order. Ends with the first error of either.
pub(super) fn walk(
    mut next: impl FnMut() -> Result<Option<Kept>, Broken>,
    mut each: impl FnMut(Seen) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MOST);
    thread::scope(|scope| {
        let mut under_way: Vec<ScopedJoinHandle<'_, Vec<Seen>>> = Vec::new();
        loop {
            // Read while the round before is looked at.
            let (round, ended) = read(&mut next, workers);
            let done = join(std::mem::take(&mut under_way))?;
            under_way =
                round.into_iter().map(|chunk| scope.spawn(move || chunk.iter().map(Kept::look).collect())).collect();
            done.into_iter().flatten().try_for_each(&mut each)?;
            match ended {
                Ok(false) => {}
                Ok(true) => return join(under_way)?.into_iter().flatten().try_for_each(each),
                Err(broken) => {
                    // What came before it counts first.
                    join(under_way)?.into_iter().flatten().try_for_each(each)?;
                    return Err(broken);
                }
            }
        }
    })
}

/// One chunk for each worker, and whether that was the last.
fn read(
    next: &mut impl FnMut() -> Result<Option<Kept>, Broken>,
    workers: usize,
) -> (Vec<Vec<Kept>>, Result<bool, Broken>) {
    let mut round = Vec::with_capacity(workers);
    for _ in 0..workers {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
            match next() {
                Ok(Some(kept)) => {
                    bytes += kept.text.len();
                    chunk.push(kept);
                }
                Ok(None) => {
                    round.push(chunk);
                    return (round, Ok(true));
                }
                Err(broken) => {
                    round.push(chunk);
                    return (round, Err(broken));
                }
            }
        }
        round.push(chunk);
    }
    (round, Ok(false))
}

fn join(handles: Vec<ScopedJoinHandle<'_, Vec<Seen>>>) -> Result<Vec<Vec<Seen>>, Broken> {
    let joined: Result<Vec<_>, _> = handles.into_iter().map(ScopedJoinHandle::join).collect();
    joined.map_err(|_| Broken::new(1, Fault::Unreadable, "the verification itself failed"))
}

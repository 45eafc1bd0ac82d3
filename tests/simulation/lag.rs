//! What is older than what was seen: reads may lag behind writes, and a page of the list may be old.
//!
//! What a change of ours replaced is nobody's change for `read_lag` after the change was seen, and an answer that shows it tells
//! nothing at all. Afterwards it is believed by a second look at the channel alone.

use crate::trunk::Change;
use std::collections::VecDeque;
use std::time::Duration;

/// What our last changes replaced.
#[derive(Clone, Debug, Default)]
pub struct Replaced(VecDeque<(Change, Duration, Option<Duration>)>);

const REMEMBERED: usize = 8;
/// Answers that agree are so far apart at least.
const APART: Duration = Duration::from_secs(2);

impl Replaced {
    /// `is` was seen, which replaced `was`; until then what was before is nobody's change.
    pub fn note(&mut self, was: Change, is: &Change, until: Duration) {
        self.0.retain(|(other, ..)| *other != was && other != is);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((was, until, None));
    }

    /// What is like `read` is remembered no more.
    pub fn forget(&mut self, read: &Change) {
        self.0.retain(|(was, ..)| !was.is_like(read));
    }

    /// Whether an answer that shows `read`, asked for at `asked` and answered at `answered`, is older than what was seen.
    /// `late`: it may be a change of ours that shows late.
    pub fn is_older(&mut self, read: &Change, asked: Duration, answered: Duration, single: bool, late: bool) -> bool {
        let Some(at) = self.0.iter().position(|(was, ..)| was == read) else {
            // What was seen shows again: whatever showed between is a first answer once more.
            self.0.iter_mut().filter(|(was, ..)| was.is_like(read)).for_each(|(.., since)| *since = None);
            return false;
        };
        let (_, until, since) = &mut self.0[at];
        if answered < *until {
            return true;
        }
        // Of an order of codecs nothing more is known.
        if late || matches!(read, Change::Codecs(_)) {
            return false;
        }
        let first = *since.get_or_insert(asked);
        let believed = single && asked >= first + APART;
        if believed {
            self.forget(read);
        }
        !believed
    }
}

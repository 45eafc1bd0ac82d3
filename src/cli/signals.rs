//! The signals that end a command which goes on until it is told to stop.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

/// SIGTERM and SIGINT from now on; an error is one sentence.
pub(super) fn to_stop() -> Result<Signals, String> {
    and(&[])
}

/// These as well.
pub(super) fn and(more: &[i32]) -> Result<Signals, String> {
    let all = [SIGTERM, SIGINT].iter().chain(more);
    Signals::new(all).map_err(|error| format!("cannot listen for signals: {error}"))
}

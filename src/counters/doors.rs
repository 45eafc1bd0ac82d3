//! What is counted where the outside meets the process: its log, and connections to its own doors.

use super::{Counters, add, opts};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Registry};

/// The families.
#[derive(Debug)]
pub(super) struct Doors {
    log_lines_dropped: IntCounter,
    connections: IntGaugeVec,
    refused: IntCounterVec,
}

impl Doors {
    pub(super) fn new(registry: &Registry) -> Self {
        let log_lines_dropped = IntCounter::with_opts(opts(
            "log_lines_dropped_total",
            "Log lines that were lost: standard error was not read fast enough, or could not be written.",
        ));
        let connections =
            IntGaugeVec::new(opts("http_connections", "Open connections to the daemon's own doors."), &["face"]);
        let refused = IntCounterVec::new(
            opts("http_refused_total", "Connections dropped and requests refused at the daemon's own doors, by why."),
            &["reason"],
        );
        Self {
            log_lines_dropped: add(registry, log_lines_dropped),
            connections: add(registry, connections),
            refused: add(registry, refused),
        }
    }
}

impl Counters {
    /// Counts log lines that are lost, for whoever writes them.
    pub fn log_lines_dropped(&self) -> IntCounter {
        self.0.doors.log_lines_dropped.clone()
    }

    /// So many connections are open at a door.
    pub fn http_connections(&self, face: &str, open: usize) {
        self.0.doors.connections.with_label_values(&[face]).set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// So many more were turned away for `reason`, from a closed list of the doors'.
    pub fn http_refused(&self, reason: &str, more: u64) {
        self.0.doors.refused.with_label_values(&[reason]).inc_by(more);
    }
}

//! What a channel's window is worth, as it is shown.

use serde::Serialize;

/// Quality of a channel over its window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// 0 (worst) to 100 (best).
    pub score: f64,
    /// The score that the channel's own usual conditions of the last 24 h would have with the codec in use, 0 to 100;
    /// `None` while too little is known of them.
    pub baseline: Option<f64>,
    /// One-way latency in milliseconds: like jitter and loss the mean over the window, or the policy's percentile.
    pub latency_ms: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
    /// Packet loss in percent.
    pub packet_loss_pct: f64,
    /// ITU-T G.107 R-factor of the codec in use.
    pub r_factor: f64,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// Accepted samples in the window.
    pub samples: u32,
}

//! When a policy re-prioritises codecs.

use super::secs;
use std::time::Duration;

/// Re-prioritising codecs.
#[derive(Clone, Debug, PartialEq)]
pub struct CodecParams {
    /// Whether the policy re-prioritises codecs at all.
    pub enabled: bool,
    /// The least time between two codec changes of a channel.
    pub cooldown: Duration,
    /// Score points that the new order must promise.
    pub min_gain: f64,
    /// Good conditions for this long: back to the order as first read.
    pub restore_after: Duration,
    /// By how many kbit/s the top codec's rate may rise while loss is the impairment.
    pub max_bitrate_increase: f64,
    /// Sent with a codec change only where set, else as read.
    pub dtmf_mode: Option<String>,
    /// Sent with a codec change only where set, else as read.
    pub rtp_payload_type: Option<String>,
}

impl Default for CodecParams {
    fn default() -> Self {
        Self {
            enabled: true,
            cooldown: secs(600),
            min_gain: 5.0,
            restore_after: secs(3600),
            max_bitrate_increase: 0.0,
            dtmf_mode: None,
            rtp_payload_type: None,
        }
    }
}

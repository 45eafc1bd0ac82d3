//! What the E-model needs to know of each codec: defaults with their sources, all of them configurable.

use std::collections::BTreeMap;

/// E-model values by codec name, in upper case.
#[derive(Clone, Debug, PartialEq)]
pub struct CodecTable(pub BTreeMap<String, CodecValues>);

/// OPUS in wideband, on the scale of ITU-T G.107.1: published estimates, since there is no value of the ITU's (Alahmadi et
/// al., ACM TOMM, doi 10.1145/3458751: 13 kbit/s, random loss).
pub const OPUS_WIDEBAND: CodecValues =
    CodecValues { ie: 19.96, bpl: 19.5, plc: false, wideband: true, kbit_s: 13.0, frame_ms: 26.5 };

/// What the E-model needs to know of a codec.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodecValues {
    /// Equipment impairment factor Ie (ITU-T G.113), on the codec's own scale.
    pub ie: f64,
    /// Packet-loss robustness factor Bpl (ITU-T G.113), above 0.
    pub bpl: f64,
    /// Whether lost packets are concealed. For PCMU and PCMA it selects Bpl 25.1 (ITU-T G.711 Appendix I) where `bpl` is not set.
    pub plc: bool,
    /// Whether Ie and Bpl are on the wideband scale of ITU-T G.107.1 (R up to 129).
    pub wideband: bool,
    /// Bit rate on the wire without headers, in kbit/s.
    pub kbit_s: f64,
    /// Frame and look-ahead, in milliseconds: it adds to the one-way delay.
    pub frame_ms: f64,
}

impl Default for CodecTable {
    /// The values of ITU-T G.113 Appendix I (G.722 on the wideband scale, its Bpl unconfirmed); OPUS (narrowband) after Alahmadi et al., doi 10.1145/3458751.
    fn default() -> Self {
        let row = |ie, bpl, wideband, kbit_s, frame_ms| CodecValues { ie, bpl, plc: false, wideband, kbit_s, frame_ms };
        Self(BTreeMap::from([
            ("PCMU".to_owned(), row(0.0, 4.3, false, 64.0, 20.0)),
            ("PCMA".to_owned(), row(0.0, 4.3, false, 64.0, 20.0)),
            ("G729".to_owned(), row(11.0, 19.0, false, 8.0, 25.0)),
            ("G722".to_owned(), row(13.0, 10.0, true, 64.0, 20.0)),
            ("OPUS".to_owned(), row(2.03, 15.95, false, 11.0, 26.5)),
        ]))
    }
}

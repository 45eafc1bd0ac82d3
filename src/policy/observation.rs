//! The facts that the engine gets about the world: answers of the platform, errors on the way to it, and telemetry.

use super::key::ChannelId;
use super::time::{Time, WallMs};
use serde::{Deserialize, Serialize};

/// One fact about one channel, as the prober learnt it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observation {
    /// The platform showed the channel.
    Look {
        /// When the request was sent, less the answer's age: it speaks of no earlier moment than this.
        asked_at: Time,
        /// Whether it was asked for alone, or stood in a page of the list.
        source: Source,
        /// What the platform said.
        view: ChannelView,
    },
    /// The platform said that it has no such channel (404). Missing is not down.
    Missing {
        /// When the request was sent.
        asked_at: Time,
    },
    /// The look failed by an error of ours, of the platform or of the path. A fact about the path, never about the channel.
    Failed {
        /// When the request was sent, or would have been.
        asked_at: Time,
        /// What kind of error it was.
        error: LookError,
    },
    /// Telemetry of the channel.
    Telemetry(TelemetryReading),
}

/// How a look was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `GET` of the one channel: the only kind that may precede a change.
    Single,
    /// A page of the list, which may be older than a single `GET` says.
    List,
}

/// Why a look brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookError {
    /// No answer in time.
    Timeout,
    /// No connection: DNS, TCP, TLS, or a connection that broke.
    Connect,
    /// 401 after a fresh token, or no token to be had.
    NotAuthorised,
    /// 403: a scope or a role is missing.
    Forbidden,
    /// 429.
    RateLimited,
    /// 5xx.
    Server,
    /// An answer that is no channel: not JSON, another shape, too large.
    Malformed,
    /// Any other status.
    Unexpected,
}

/// What the platform says of a channel, as far as the engine decides by it.
///
/// `None` is never "there and empty": a page of the list may leave out whole objects, and what is left out says nothing.
/// Older versions kept an empty list for both, and are read as having seen an empty one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelView {
    /// `status`; `None` where it is missing.
    pub status: Option<String>,
    /// `routing.primary_channel_id`; `None` means the channel itself, unless `unrouted`.
    pub primary: Option<ChannelId>,
    /// Whether what was read does not tell where traffic goes: a row of the list without `routing`, or an id that is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrouted: bool,
    /// `routing.failover_channels`; `None` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Vec<ChannelId>>,
    /// `configuration.codecs`; `None` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codecs: Option<Vec<Codec>>,
    /// `configuration.dtmf_mode`.
    pub dtmf_mode: Option<String>,
    /// `configuration.rtp_payload_type`.
    pub rtp_payload_type: Option<String>,
    /// `configuration.sip_server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_server: Option<String>,
    /// What stands in `configuration.authentication`, never its values; `None` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationSeen>,
}

/// A channel's credentials as far as their presence goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationSeen {
    /// A digest of the user name, by which it is known again; `None`: there is none.
    pub user: Option<u32>,
    /// Whether a password stands there.
    pub password: bool,
}

impl ChannelView {
    /// Whether the codecs that were read stand as `order` says; `None` where none were read.
    pub fn has_order(&self, order: &[Codec]) -> Option<bool> {
        self.codecs.as_deref().map(|read| same_order(read, order))
    }
}

/// Whether both prefer the same codec, and order what both name alike. A codec whose priority cannot be read stands in no order:
/// some platforms leave it out of one answer and not of the next.
pub fn same_order(read: &[Codec], wanted: &[Codec]) -> bool {
    let (read, wanted) = (ranked(read), ranked(wanted));
    read.first() == wanted.first() && named_in(&read, &wanted).eq(named_in(&wanted, &read))
}

fn named_in<'a>(names: &'a [&str], others: &'a [&str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(|name| others.contains(name))
}

/// The codecs' names, the preferred one first; equal priorities as they stand.
pub fn ranked(codecs: &[Codec]) -> Vec<&str> {
    let mut ranked: Vec<&Codec> = codecs.iter().collect();
    ranked.sort_by_key(|codec| codec.priority);
    ranked.into_iter().map(|codec| codec.name.as_str()).collect()
}

/// A codec and its place: priority 1 is preferred.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Codec {
    /// The codec's name as the platform writes it, such as `PCMU`.
    pub name: String,
    /// 1 to 10; lower is preferred.
    pub priority: u32,
}

/// One answer to a telemetry query, as far as it speaks of one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TelemetryReading {
    /// When the query was sent.
    pub asked_at: Time,
    /// Start of the queried span, by the platform's own clock.
    pub from: WallMs,
    /// End of the queried span, by the platform's own clock: a bucket that ends after it is not yet over.
    pub to: WallMs,
    /// The items as they came, absurd ones included: the engine rejects and counts them.
    pub samples: Vec<Sample>,
}

/// One item of telemetry, unjudged: any field may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Start of the bucket that the item sums up; `None` where the item carries no timestamp.
    pub at: Option<WallMs>,
    /// Latency in milliseconds, one-way or round-trip as the tenant's configuration says.
    pub latency_ms: Option<f64>,
    /// Jitter in milliseconds.
    pub jitter_ms: Option<f64>,
    /// Packet loss in percent, 0 to 100.
    pub packet_loss_pct: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_kept_is_read_as_it_was_meant() {
        let kept = r#"{"status":"healthy","primary":null,"failover":["b"],"codecs":[],"dtmf_mode":null,
            "rtp_payload_type":null}"#;
        let view: ChannelView = serde_json::from_str(kept).unwrap();
        let expected = ChannelView {
            status: Some("healthy".into()),
            failover: Some(vec![ChannelId::from("b")]),
            codecs: Some(Vec::new()),
            ..ChannelView::default()
        };
        assert_eq!(view, expected);
    }

    #[test]
    fn a_view_comes_back_as_it_was_kept() {
        let codec = |name: &str, priority| Codec { name: name.into(), priority };
        for view in [
            ChannelView::default(),
            ChannelView { failover: Some(Vec::new()), codecs: Some(Vec::new()), ..ChannelView::default() },
            ChannelView {
                unrouted: true,
                codecs: Some(vec![codec("PCMU", 2), codec("OPUS", 1)]),
                sip_server: Some("sip.example".into()),
                ..ChannelView::default()
            },
        ] {
            let text = serde_json::to_string(&view).unwrap();
            assert_eq!(serde_json::from_str::<ChannelView>(&text).unwrap(), view, "{text}");
        }
    }

    fn codecs(names: &[&str]) -> Vec<Codec> {
        (1..).zip(names).map(|(priority, name)| Codec { name: (*name).to_owned(), priority }).collect()
    }

    #[test]
    fn a_codec_without_a_place_in_one_answer_changes_no_order() {
        let set = codecs(&["G729", "PCMU", "OPUS"]);
        for read in [&["G729", "PCMU"][..], &["G729", "OPUS"], &["G729"], &["G729", "PCMU", "G722", "OPUS"]] {
            assert!(same_order(&codecs(read), &set), "{read:?}");
        }
        for read in [&["PCMU", "G729", "OPUS"][..], &["PCMU", "OPUS"], &["G722", "G729", "PCMU", "OPUS"], &[]] {
            assert!(!same_order(&codecs(read), &set), "{read:?}");
        }
    }
}

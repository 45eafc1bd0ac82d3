//! What a sink's answer means for the delivery. Pure.
//!
//! 2xx alone is delivered. What speaks against the content of this one delivery (400, 406, 409, 411, 413, 414, 415, 422, 431 and
//! any other 4xx not named below) is tried again a few times and then set aside, so that one entry that a sink cannot take
//! does not hold up the rest for ever. What speaks against us or of the sink's state (no connection, no answer, 1xx, 3xx,
//! 5xx, 401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 424, 425, 426, 428, 429, 451, 511) would hit every delivery alike: the sink
//! waits and is tried for ever, so that an expired token or a mistyped address never costs an entry.

use crate::platform::{TransportError, retry_after};
use crate::policy::WallMs;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// Every word that attempts are counted by.
pub const WORDS: [&str; 9] =
    ["delivered", "refused", "redirected", "unauthorised", "missing", "limited", "failed", "connect", "timeout"];

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is there.
    Delivered,
    /// The sink refuses this one for what it is.
    Refused(String),
    /// The sink takes nothing now.
    Later {
        /// Why, without secrets.
        error: String,
        /// How long the sink asks us to wait.
        retry_after: Option<Duration>,
        /// One word of a closed list, for counting.
        word: &'static str,
    },
}

impl Verdict {
    /// One word of a closed list, for counting.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused(_) => "refused",
            Self::Later { word, .. } => word,
        }
    }
}

/// What `answer` means at `wall`.
pub fn of(answer: &Result<(StatusCode, HeaderMap), TransportError>, wall: WallMs) -> Verdict {
    let (status, headers) = match answer {
        Ok((status, headers)) => (*status, headers),
        Err(error) => return of_error(error),
    };
    let code = status.as_u16();
    let later = |word, more: &str| Verdict::Later {
        error: format!("it answered {code}{more}"),
        retry_after: retry_after(headers, wall),
        word,
    };
    match code {
        200..=299 => Verdict::Delivered,
        300..=399 => later("redirected", ": redirects are never followed; set `url` to the real address"),
        401 | 403 | 407 => later("unauthorised", ": check the sink's credentials"),
        404 | 405 | 410 => later("missing", ": check the sink's `url`"),
        429 => later("limited", ""),
        402 | 408 | 421 | 423..=426 | 428 | 451 => later("failed", ""),
        400..=499 => Verdict::Refused(format!("it answered {code}")),
        _ => later("failed", ""),
    }
}

fn of_error(error: &TransportError) -> Verdict {
    let word = match error {
        TransportError::Connect(_) => "connect",
        TransportError::Timeout => "timeout",
        TransportError::Reset(_) | TransportError::TooLarge { .. } => "failed",
    };
    Verdict::Later { error: error.to_string(), retry_after: None, word }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use http::header;

    fn verdict(code: u16, headers: &[(header::HeaderName, &str)]) -> Verdict {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        of(&Ok((StatusCode::from_u16(code).unwrap(), headers)), WallMs(1_795_251_300_000))
    }

    #[test]
    fn only_2xx_is_delivered_and_only_the_content_is_refused() {
        for code in 100..600 {
            let word = verdict(code, &[]).word();
            let expected = match code {
                200..=299 => "delivered",
                300..=399 => "redirected",
                401 | 403 | 407 => "unauthorised",
                404 | 405 | 410 => "missing",
                429 => "limited",
                400 | 406 | 409 | 411..=420 | 422 | 427 | 430..=450 | 452..=499 => "refused",
                _ => "failed",
            };
            assert_eq!(word, expected, "{code}");
        }
    }

    #[test]
    fn retry_after_is_read_however_it_is_written() {
        let wait = |value: &str, date: Option<&str>| {
            let mut headers = vec![(header::RETRY_AFTER, value)];
            headers.extend(date.map(|date| (header::DATE, date)));
            match verdict(429, &headers) {
                Verdict::Later { retry_after, .. } => retry_after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(wait("120", None), Some(Duration::from_mins(2)));
        assert_eq!(wait("1.5", None), Some(Duration::from_millis(1500)));
        assert_eq!(wait("\"120\"", None), Some(Duration::from_mins(2)));
        let date = Some("Sat, 21 Nov 2026 08:00:00 GMT");
        assert_eq!(wait("Sat, 21 Nov 2026 08:01:30 GMT", date), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sat, 21 Nov 2020 08:01:30 GMT", date), None);
        assert_eq!(wait("soon", None), None);
    }
}

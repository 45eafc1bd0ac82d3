//! What the headers of an answer say beside it: how long to wait, how old it is, what the platform's calendar shows, and
//! by which tag a change may name it.
//!
//! A hint counts however it is written: seconds whole, decimal, in quotes or with their unit, a date in any of HTTP's three
//! forms or by RFC 3339. Pure. Must never: take what it cannot read for something else.

use crate::policy::WallMs;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::time::{Duration, SystemTime};

/// A Retry-After is not followed for longer: it is not always honest.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
/// An `Age` above it is none: no cache keeps a channel's status for longer than that by intent.
const OLDEST: Duration = Duration::from_hours(24);
/// What servers and gateways put behind a tag whose answer they encode on the way.
const ENCODED: [&str; 10] =
    ["-gzip", ";gzip", "--gzip", ":gzip", "-br", ";br", "-deflate", ";deflate", "-zstd", ";zstd"];

/// What `Age` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Nothing: the answer is as old as its question.
    None,
    /// It comes from a cache, where it has stood for so long.
    Of(Duration),
    /// No number, or above a day: it is ignored.
    Odd,
}

/// The age of an answer (RFC 9111 §5.1): the oldest that any cache on the way has set.
pub fn age(headers: &HeaderMap) -> Age {
    let mut found = Age::None;
    for value in headers.get_all(header::AGE) {
        for part in value.to_str().unwrap_or("?").split(',') {
            match (seconds(part).filter(|age| *age <= OLDEST), found) {
                (None, _) => return Age::Odd,
                (Some(age), Age::Of(known)) => found = Age::Of(known.max(age)),
                (Some(age), _) => found = Age::Of(age),
            }
        }
    }
    if found == Age::Of(Duration::ZERO) { Age::None } else { found }
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3). A date is held against the answer's own `Date`, else against
/// `wall`. `None` where it is missing, unreadable, or asks for no wait at all.
pub fn retry_after(headers: &HeaderMap, wall: WallMs) -> Option<Duration> {
    headers
        .get_all(header::RETRY_AFTER)
        .iter()
        .filter_map(|value| {
            let text = value.to_str().ok()?;
            seconds(text).or_else(|| Some(moment(text)?.since(date(headers).unwrap_or(wall))))
        })
        .find(|wait| !wait.is_zero())
}

/// The `Date` header.
pub fn date(headers: &HeaderMap) -> Option<WallMs> {
    moment(headers.get(header::DATE)?.to_str().ok()?)
}

/// The tag as a change may send it back in `If-Match`; `None` for one that no server matches strongly: a weak one, one that
/// an encoding on the way has altered, and what is no tag.
pub fn strong(tag: &str) -> Option<HeaderValue> {
    let tag = tag.trim();
    let weak = tag.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("w/"));
    let bare = tag.trim_matches('"').to_ascii_lowercase();
    if weak || bare.is_empty() || bare == "*" || ENCODED.iter().any(|suffix| bare.ends_with(suffix)) {
        return None;
    }
    HeaderValue::from_str(tag).ok()
}

/// Asks every cache on the way for the origin's own answer (RFC 9111 §5.2.1.4, and its predecessor's word for it).
pub const FRESH: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// Seconds as they are written: `7`, `7.5`, `"7"`, `7s`, `7 seconds`; `None` for anything else, and for what is negative.
pub fn seconds(text: &str) -> Option<Duration> {
    let lower = bare(text).to_ascii_lowercase();
    let units = ["seconds", "second", "secs", "sec", "s"];
    let number = units.iter().find_map(|unit| lower.strip_suffix(unit)).unwrap_or(&lower).trim_end();
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain || !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // What no Duration holds is longer than anything that is followed.
    Duration::try_from_secs_f64(number.parse::<f64>().ok()?.min(1e12)).ok()
}

fn moment(text: &str) -> Option<WallMs> {
    let text = bare(text);
    let Ok(at) = httpdate::parse_http_date(text) else {
        return text.parse::<jiff::Timestamp>().ok().map(|at| WallMs(at.as_millisecond()));
    };
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(WallMs(i64::try_from(since.as_millis()).ok()?))
}

/// Without spaces and quotes around it.
fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_wait_is_understood_however_it_is_written() {
        let wall = WallMs(1_800_000_000_000);
        for (text, millis) in [
            ("7", Some(7000)),
            (" 7 ", Some(7000)),
            ("\"7\"", Some(7000)),
            ("1.5", Some(1500)),
            ("7s", Some(7000)),
            ("7 seconds", Some(7000)),
            ("007", Some(7000)),
            ("Fri, 15 Jan 2027 08:00:07 GMT", Some(7000)),
            ("\"Fri, 15 Jan 2027 08:00:07 GMT\"", Some(7000)),
            ("Friday, 15-Jan-27 08:00:07 GMT", Some(7000)),
            ("Fri Jan 15 08:00:07 2027", Some(7000)),
            ("2027-01-15T08:00:07Z", Some(7000)),
            ("2027-01-15T09:00:07+01:00", Some(7000)),
            ("0", None),
            ("0.0", None),
            ("-7", None),
            ("soon", None),
            ("", None),
            ("nan", None),
            ("inf", None),
            ("1e3", None),
            ("7m", None),
            ("Fri, 15 Jan 2027 07:59:59 GMT", None),
        ] {
            let wait = retry_after(&headers(header::RETRY_AFTER, text), wall);
            assert_eq!(wait.map(|wait| wait.as_millis()), millis, "{text}");
        }
        let far = retry_after(&headers(header::RETRY_AFTER, &"9".repeat(400)), wall).unwrap();
        assert!(far > Duration::from_hours(24));
    }

    #[test]
    fn an_age_that_is_none_is_ignored_and_told() {
        for (text, expected) in [
            ("24", Age::Of(Duration::from_secs(24))),
            ("24.5", Age::Of(Duration::from_millis(24_500))),
            ("\"24\"", Age::Of(Duration::from_secs(24))),
            ("3, 24", Age::Of(Duration::from_secs(24))),
            ("0", Age::None),
            ("86400", Age::Of(Duration::from_hours(24))),
            ("86401", Age::Odd),
            ("-1", Age::Odd),
            ("old", Age::Odd),
            ("", Age::Odd),
            ("3, x", Age::Odd),
        ] {
            assert_eq!(age(&headers(header::AGE, text)), expected, "{text}");
        }
        assert_eq!(age(&HeaderMap::new()), Age::None);
    }

    #[test]
    fn only_a_strong_tag_goes_back() {
        for tag in ["\"v1\"", "v1", "\"\u{e4}\"", "\"gzip-1\""] {
            assert_eq!(strong(tag).unwrap().as_bytes(), tag.as_bytes(), "{tag}");
        }
        for tag in ["W/\"v1\"", "w/\"v1\"", "\"v1-gzip\"", "\"v1;gzip\"", "\"v1--gzip\"", "\"v1-br\"", "", "\"\"", "*"]
        {
            assert_eq!(strong(tag), None, "{tag}");
        }
    }
}

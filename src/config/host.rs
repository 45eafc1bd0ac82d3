//! Hosts as the configuration and SIP URIs write them, with a port or without. Pure.

use std::net::{IpAddr, Ipv6Addr};

/// Whether it is a host name or an IP address, without a port.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || is_name(text)
}

/// RFC 1123, section 2.1; a last label of digits only would be a broken address.
fn is_name(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    let last_is_number = bare.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    bare.len() <= 253 && bare.split('.').all(label) && !last_is_number
}

/// A host and, where one follows it, the port. An IPv6 address stands in brackets.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = if let Some(bracketed) = text.strip_prefix('[') {
        bracketed.split_once(']').filter(|(address, _)| address.parse::<Ipv6Addr>().is_ok())?
    } else {
        Some(text.split_at(text.find(':').unwrap_or(text.len()))).filter(|(host, _)| is_host(host))?
    };
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().filter(|port| *port > 0).map(|port| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_follows_a_host_or_none_does() {
        for (text, want) in [
            ("pbx.example", Some(("pbx.example", None))),
            ("pbx.example.", Some(("pbx.example.", None))),
            ("pbx.example:5061", Some(("pbx.example", Some(5061)))),
            ("192.0.2.1:443", Some(("192.0.2.1", Some(443)))),
            ("[2001:db8::1]", Some(("2001:db8::1", None))),
            ("[2001:db8::1]:443", Some(("2001:db8::1", Some(443)))),
            ("2001:db8::1", None),
            ("2001:db8::1:443", None),
            ("[192.0.2.1]:443", None),
            ("[2001:db8::1]443", None),
            ("192.0.2.999", None),
            ("pbx.example:", None),
            ("pbx.example:0", None),
            ("pbx.example:+1", None),
            ("pbx.example:65536", None),
            ("-pbx.example", None),
            ("pbx..example", None),
            ("", None),
            (":443", None),
        ] {
            assert_eq!(host_and_port(text), want, "{text}");
        }
    }
}

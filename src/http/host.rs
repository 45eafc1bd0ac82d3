//! As whom we are called, and from where: what a browser sends of itself is checked, so that no page of another site can
//! read or order anything through its reader's browser (DNS rebinding, cross-site requests). Pure.
//!
//! An address passes, since a rebound name is a name; so do the names of this machine and those of `daemon.hosts`. There is
//! no CORS: no other site is ever allowed to read an answer.

use axum::http::{HeaderMap, Method, Uri, header};
use std::net::{IpAddr, Ipv6Addr};

/// What is wrong with how a request calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// Not by exactly one name.
    Oddly(&'static str),
    /// By a name that is not ours.
    Foreign(String),
    /// From a page of another site.
    CrossSite,
}

/// Whether the request calls us by one name that is ours, from no other site's page.
pub(super) fn check(method: &Method, uri: &Uri, headers: &HeaderMap, known: &[String]) -> Result<(), Called> {
    let host = one(headers)?;
    let named = uri.authority().map(axum::http::uri::Authority::as_str).or(host);
    // Without a name (HTTP/1.0) there is nothing that a browser could have been made to believe.
    let Some(named) = named else { return Ok(()) };
    for name in [Some(named), host].into_iter().flatten() {
        if !is_ours(&bare(name), known) {
            return Err(Called::Foreign(name.chars().take(100).collect()));
        }
    }
    from_here(method, headers, named, known)
}

/// The `Host`, which must not be given twice.
pub(super) fn one(headers: &HeaderMap) -> Result<Option<&str>, Called> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => host.to_str().map(Some).map_err(|_| Called::Oddly("its `Host` is not a host name")),
        (Some(_), Some(_)) => Err(Called::Oddly("it has more than one `Host` header")),
    }
}

fn from_here(method: &Method, headers: &HeaderMap, named: &str, known: &[String]) -> Result<(), Called> {
    let origins = headers.get_all(header::ORIGIN);
    for origin in &origins {
        let origin = origin.to_str().map_err(|_| Called::CrossSite)?;
        let site = origin.split_once("://").map(|(_, site)| site).ok_or(Called::CrossSite)?;
        let same = site.eq_ignore_ascii_case(named);
        // Behind a proxy we are called by another name than the page is.
        if !same && !known.iter().any(|name| *name == bare(site)) {
            return Err(Called::CrossSite);
        }
    }
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    // A link from elsewhere to the page is fine; an order from there is none. What the origin above has settled stays so.
    let site = headers.get("sec-fetch-site").map(|site| site.to_str().unwrap_or("cross-site"));
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if reads || origins.iter().next().is_some() => Ok(()),
        Some(_) => Err(Called::CrossSite),
    }
}

fn is_ours(name: &str, known: &[String]) -> bool {
    let is_address = name.parse::<IpAddr>().is_ok();
    let is_here = name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain";
    is_address || is_here || known.iter().any(|known| known == name)
}

/// A name without its port and final dot, in lower case; an IPv6 address without its brackets.
pub(super) fn bare(name: &str) -> String {
    if let Some((address, _)) = name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().map_or_else(|_| name.to_ascii_lowercase(), |address| address.to_string());
    }
    let without_port = match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    };
    without_port.strip_suffix('.').unwrap_or(without_port).to_ascii_lowercase()
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;

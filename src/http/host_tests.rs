//! Which names and pages pass.

use super::*;
use axum::http::{HeaderName, HeaderValue};

fn called(method: &Method, uri: &str, headers: &[(&str, &str)]) -> Result<(), Called> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap()))
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        });
    check(method, &uri.parse().unwrap(), &headers, &["tw.example".to_owned()])
}

#[test]
fn addresses_our_names_and_configured_ones_pass_and_no_other() {
    for host in [
        "127.0.0.1:9475",
        "10.1.2.3",
        "[::1]:9475",
        "[fd00::7]",
        "localhost",
        "LOCALHOST:9475",
        "x.localhost",
        "localhost.",
        "tw.example",
        "TW.example.:443",
    ] {
        assert_eq!(called(&Method::GET, "/", &[("host", host)]), Ok(()), "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "tw.example.evil",
        "xtw.example",
        "x.tw.example",
        "[::1",
        "127.0.0.1@evil.example",
        "evil.example:127.0.0.1",
        "",
    ] {
        let wrong = called(&Method::GET, "/", &[("host", host)]);
        assert!(matches!(wrong, Err(Called::Foreign(_))), "{host}: {wrong:?}");
    }
    assert_eq!(called(&Method::GET, "/", &[]), Ok(()));
    assert!(matches!(called(&Method::GET, "/", &[("host", "a"), ("host", "a")]), Err(Called::Oddly(_))));
    let absolute = called(&Method::GET, "http://evil.example/", &[("host", "127.0.0.1")]);
    assert_eq!(absolute, Err(Called::Foreign("evil.example".to_owned())));
}

#[test]
fn a_page_of_another_site_orders_and_reads_nothing() {
    let host = ("host", "127.0.0.1:9475");
    let asked = |method, more: &[(&str, &str)]| called(&method, "/", &[&[host], more].concat());
    for fine in [
        &[][..],
        &[("origin", "http://127.0.0.1:9475")],
        &[("origin", "https://tw.example"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(asked(Method::POST, fine), Ok(()), "{fine:?}");
    }
    for wrong in [
        &[("origin", "null")][..],
        &[("origin", "http://evil.example")],
        &[("origin", "http://127.0.0.1:3000")],
        &[("origin", "http://127.0.0.1:9475"), ("origin", "http://evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(asked(Method::POST, wrong), Err(Called::CrossSite), "{wrong:?}");
    }
    assert_eq!(asked(Method::GET, &[("origin", "http://evil.example")]), Err(Called::CrossSite));
    assert_eq!(asked(Method::GET, &[("sec-fetch-site", "cross-site")]), Ok(()), "a link is a link");
}

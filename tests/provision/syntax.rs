//! The bounds of `[channels.provision]` against a reference written another way: by splitting and counting, from the text
//! of RFC 1123 and of the platform's contract.

use proptest::prelude::*;
use trunkwarden::config;

fn accepted(line: &str, value: &str) -> bool {
    let given = |key: &str, own: &str| if key == line { value.to_owned() } else { own.to_owned() };
    let text = format!(
        "[tenants.acme]\nbase_url = \"https://api.example\"\n[tenants.acme.auth]\nclient_id = \"cid\"\n\
         client_secret = {{ env = \"S\" }}\n[[channels]]\nname = {}\ntenant = \"acme\"\n[channels.provision]\n\
         sip_server = {}\nsip_port = {}\nusername = \"u\"\npassword = {{ env = \"P\" }}\n\
         codecs = [{{ name = \"OPUS\", priority = {} }}]\nhealth_check = {}\n",
        given("name", "\"trunk\""),
        given("sip_server", "\"sip.example\""),
        given("sip_port", "5060"),
        given("priority", "1"),
        given("health_check", "{ interval_seconds = 60, timeout_seconds = 15 }"),
    );
    config::parse_str("t.toml", &text).is_ok()
}

/// Labels of 1 to 63 letters, digits and inner hyphens, 253 characters in all, the last label not a number; one dot may
/// end it. Or an IP address.
fn is_host(text: &str) -> bool {
    if text.parse::<std::net::Ipv4Addr>().is_ok() || text.parse::<std::net::Ipv6Addr>().is_ok() {
        return true;
    }
    let mut chars: Vec<char> = text.chars().collect();
    if chars.last() == Some(&'.') {
        chars.pop();
    }
    if chars.is_empty() || chars.len() > 253 {
        return false;
    }
    let (mut length, mut digits, mut before) = (0, true, '.');
    for (at, c) in chars.iter().enumerate() {
        match c {
            '.' if length == 0 || before == '-' => return false,
            '.' => (length, digits) = (0, true),
            'a'..='z' | 'A'..='Z' | '0'..='9' => {
                length += 1;
                digits &= c.is_ascii_digit();
            }
            '-' if length == 0 || at + 1 == chars.len() => return false,
            '-' => {
                length += 1;
                digits = false;
            }
            _ => return false,
        }
        if length > 63 {
            return false;
        }
        before = *c;
    }
    length > 0 && !digits
}

fn toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn host_names_are_taken_and_refused_as_the_reference_does(
        host in prop_oneof![
            "[a-zA-Z0-9.-]{1,24}",
            "([a-z0-9]{1,3}[.-]{0,2}){1,6}",
            "[a-z]{60,66}(\\.[a-z]{1,5})?",
            "([a-z]{1,62}\\.){3,5}[a-z]{1,20}",
            "[0-9]{1,3}(\\.[0-9]{1,3}){1,4}",
            "[ -~]{1,12}",
            "[0-9a-f:]{2,20}",
            "\\PC{1,8}",
        ],
    ) {
        prop_assert_eq!(accepted("sip_server", &toml(&host)), is_host(&host), "{:?}", host);
    }

    #[test]
    fn numbers_are_taken_within_their_bounds(port in 5000..5140_i64, priority in -3..16_i64) {
        prop_assert_eq!(accepted("sip_port", &port.to_string()), (506..=507).contains(&(port / 10)) || port == 5080);
        prop_assert_eq!(accepted("priority", &priority.to_string()), (1..=10).any(|p| p == priority));
    }

    #[test]
    fn checks_are_taken_where_both_bounds_and_their_order_hold(interval in 0..330_i64, timeout in 0..40_i64) {
        let value = format!("{{ interval_seconds = {interval}, timeout_seconds = {timeout} }}");
        let sound = interval / 30 >= 1 && interval <= 300 && (5..31).contains(&timeout) && interval - timeout > 0;
        prop_assert_eq!(accepted("health_check", &value), sound, "{}", value);
    }

    #[test]
    fn names_have_three_to_64_characters(name in "\\PC{0,70}") {
        let count = name.chars().count();
        prop_assert_eq!(accepted("name", &toml(&name)), (3..65).contains(&count), "{:?}", name);
    }
}

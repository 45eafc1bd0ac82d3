//! The configuration file.

use crate::bench::{Feed, Made, Target};
use crate::mutate::Form;
use trunkwarden::config;

pub fn targets() -> Vec<Target> {
    vec![Target { name: "config", form: Form::Toml, cost: 4, open }]
}

fn open() -> Feed {
    Box::new(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return Made::default() };
        match config::parse_str("fuzzed.toml", text) {
            Ok(_) => Made { accepted: true, planted: false },
            Err(rejected) => {
                // What is said of it is for people: it has to be said, whatever stands in the file.
                let said = rejected.to_string();
                assert!(!said.is_empty());
                Made { accepted: false, planted: said.contains("`requests_per_minute`") }
            }
        }
    })
}

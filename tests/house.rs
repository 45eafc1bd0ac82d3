//! The rules of the house, held against the source itself: what each room may reach, read from its tokens; and what may
//! be linked, read from the lock file.
//!
//! Comments and the text of literals do not count, and neither do items under `#[cfg(test)]` nor test files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by them")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[path = "house/docs.rs"]
mod docs;
#[path = "house/imports.rs"]
mod imports;
#[path = "house/source.rs"]
mod source;

use imports::{Edges, Modules, circles, room_of};
use source::{File, Words, product, source};

/// The crates that Cargo.toml names, as code writes them.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    ["dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flat_map(toml::Table::keys)
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// Why a path makes the file at `file` (below `src/policy/`) impure; `None` where it does not.
fn impurity(file: &str, path: &[String], crates: &BTreeSet<String>) -> Option<&'static str> {
    let is = |at: usize, name: &str| path.get(at).is_some_and(|part| part == name);
    let head = path.first()?;
    let outside = ["fs", "net", "process", "thread", "env", "io", "os", "sync"];
    match head.as_str() {
        "std" | "core" if is(1, "sync") && is(2, "Arc") => None,
        "std" | "core" if outside.iter().any(|module| is(1, module)) => {
            Some("reaches outside the process or its thread")
        }
        "std" | "core" if is(1, "time") && (is(2, "Instant") || is(2, "SystemTime") || is(2, "*")) => {
            Some("reads a clock")
        }
        "crate" if !is(1, "policy") => Some("imports another room"),
        "super" => {
            let deep = file.matches('/').count() + usize::from(!file.ends_with("mod.rs"));
            let supers = path.iter().take_while(|part| *part == "super").count();
            (supers > deep).then_some("imports another room")
        }
        "serde" => None,
        "trunkwarden" => Some("imports another room"),
        other if crates.contains(other) => Some("imports a crate"),
        _ => None,
    }
}

#[test]
fn policy_is_pure() {
    let crates = dependencies();
    let mut wrong = Vec::new();
    let mut files = 0;
    for file in product() {
        let Some(inside) = file.path.strip_prefix("policy/") else { continue };
        files += 1;
        for path in &file.words.paths {
            if let Some(why) = impurity(inside, path, &crates) {
                wrong.push(format!("{}: `{}` {why}", file.path, path.join("::")));
            }
        }
        for printing in ["print", "println", "eprint", "eprintln", "dbg"] {
            if file.words.macros.contains(printing) {
                wrong.push(format!("{}: `{printing}!` writes to the outside", file.path));
            }
        }
    }
    assert!(files > 10, "found only {files} files of policy: is it still where this test looks?");
    assert!(wrong.is_empty(), "policy imports nothing but std and serde:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_terminal_prints() {
    for file in product() {
        for printing in ["print", "println", "eprint", "eprintln", "dbg"] {
            assert!(
                !file.words.macros.contains(printing),
                "{}: `{printing}!` panics where its reader has gone: use `cli::terminal`",
                file.path
            );
        }
    }
}

#[test]
fn only_the_clock_reads_a_clock() {
    let clocks = ["Instant", "SystemTime", "Timestamp", "Zoned", "Utc", "Local"];
    let reads = |path: &Vec<String>| match path.as_slice() {
        [.., of, what] => (what == "now" && clocks.contains(&of.as_str())) || what == "clock_gettime",
        _ => false,
    };
    for file in product() {
        let found = file.words.paths.iter().find(|path| reads(path));
        if file.path == "clock.rs" {
            assert!(found.is_some(), "clock.rs reads no clock: is this test still looking for the right thing?");
        } else {
            assert!(found.is_none(), "{}: `{}`: take a `Clock` instead", file.path, found.unwrap().join("::"));
        }
    }
}

#[test]
fn only_who_holds_a_clearance_changes_the_platform() {
    // Each file that sends a change, and by which method of the client.
    let senders = [
        ("supervisor/executor.rs", "change_channel"),
        ("provision/update.rs", "change_channel"),
        ("provision/create.rs", "create_channel"),
        ("calls/attempt.rs", "bridge"),
    ];
    for file in product() {
        let sends = senders.iter().find(|(path, _)| *path == file.path).map(|(_, method)| *method);
        for method in ["change_channel", "create_channel"] {
            assert!(
                sends == Some(method) || !file.words.methods.contains(method),
                "{}: `.{method}(` is for whoever holds an operation's clearance",
                file.path
            );
        }
        let clears = file.words.paths.iter().any(|path| path.ends_with(&["Clearance".into(), "new".into()]));
        assert_eq!(sends.is_some(), clears, "{}: a clearance is made where it is used", file.path);
        assert!(sends.is_none_or(|method| file.words.methods.contains(method)), "{}: sends nothing", file.path);
        let is_platform = file.path.starts_with("platform/") || file.path.starts_with("sim/");
        let names_method = file.words.paths.iter().any(|path| path.ends_with(&["Method".into(), "PATCH".into()]));
        assert!(is_platform || !names_method, "{}: PATCH is the platform client's to send", file.path);
    }
}

/// The rooms in the order of ARCHITECTURE.md's code map, the ground floor first.
fn floors() -> Vec<String> {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let (_, map) = map.split_once("## Code map").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let rooms = map.lines().filter_map(|row| row.strip_prefix("| `src/")?.split_once('`'));
    let rooms = rooms.map(|(path, _)| path.trim_end_matches('/').trim_end_matches(".rs"));
    rooms.filter(|room| !room.contains('/')).map(str::to_owned).collect()
}

#[test]
fn rooms_import_downwards() {
    let floors = floors();
    let floor = |room: &str| floors.iter().position(|known| known == room);
    let files: Vec<File> = product().filter(|file| !["lib.rs", "main.rs"].contains(&file.path.as_str())).collect();
    let mut wrong = Vec::new();
    for file in &files {
        let Some(here) = floor(room_of(&file.path)) else {
            wrong.push(format!("{}: its room is not in the code map", file.path));
            continue;
        };
        for path in file.words.paths.iter().filter_map(|path| Modules::absolute(&file.path, path)) {
            if path.first().and_then(|room| floor(room)).is_some_and(|there| there > here) {
                wrong.push(format!("{}: `{}`", file.path, path.join("::")));
            }
        }
    }
    for room in &floors {
        if !files.iter().any(|file| room_of(&file.path) == room) {
            wrong.push(format!("{room}: the code map has a room that is not there"));
        }
    }
    assert!(wrong.is_empty(), "rooms that import from above, or are not in the code map:\n{}", wrong.join("\n"));
}

#[test]
fn no_circles_of_files() {
    let files: Vec<File> = product().collect();
    let edges = Modules::of(&files).edges();
    let followed = |from: &str, to: &str| edges.get(from).is_some_and(|needs| needs.contains(to));
    assert!(
        followed("delivery/mod.rs", "journal/model.rs"),
        "a name is no longer followed to the file that defines it"
    );
    let shown = |circle: &BTreeSet<String>| -> String {
        let needs = |file: &String| {
            let others: Vec<&str> = edges[file].iter().filter(|o| circle.contains(*o)).map(String::as_str).collect();
            format!("  {file} needs {}\n", others.join(", "))
        };
        circle.iter().map(needs).collect()
    };
    let found: Vec<String> = circles(&edges).iter().map(shown).collect();
    assert!(found.is_empty(), "files that need each other; what ties them belongs below them:\n{}", found.join("\n"));
}

/// Which file of the engine calls methods of `Engine` that another one defines. `mod.rs` is the door: it may call all.
fn engine_calls() -> Edges {
    let files: Vec<File> = product().filter(|file| file.path.starts_with("policy/engine/")).collect();
    let code = |file: &File| {
        let lines = file.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines
            .map(|line| if line.trim_start().starts_with('.') { line.trim().to_owned() } else { format!("\n{line}") })
            .collect()
    };
    let texts: Vec<(&str, String)> = files.iter().map(|file| (file.path.as_str(), code(file))).collect();
    let name =
        |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    let mut defined: BTreeMap<String, &str> = BTreeMap::new();
    for (path, text) in &texts {
        for block in text.split("\nimpl Engine {").skip(1) {
            let (block, _) = block.split_once("\n}").unwrap();
            defined.extend(block.split("fn ").skip(1).map(|rest| (name(rest), *path)));
        }
    }
    let mut edges = Edges::new();
    for (path, text) in &texts {
        let needs = edges.entry((*path).to_owned()).or_default();
        let calls =
            ["self.", "engine."].into_iter().flat_map(|on| text.split(on).skip(1)).map(|rest| (name(rest), rest));
        let calls = calls.filter(|(called, rest)| rest[called.len()..].starts_with('('));
        let others = calls.filter_map(|(called, _)| defined.get(&called)).filter(|other| **other != *path);
        needs.extend(others.filter(|other| !other.ends_with("/mod.rs")).map(|other| (*other).to_owned()));
    }
    edges
}

#[test]
fn the_engine_calls_in_no_circle() {
    let edges = engine_calls();
    let follows =
        |from: &str, to: &str| edges[&format!("policy/engine/{from}")].contains(&format!("policy/engine/{to}"));
    assert!(follows("observe.rs", "health.rs") && follows("settle.rs", "pursue.rs"), "calls are no longer followed");
    let found = circles(&edges);
    assert!(found.is_empty(), "files of the engine that call each other: {found:#?}");
}

#[test]
fn a_circle_is_found_unless_it_is_a_module_and_its_children() {
    let edges = |list: &[(&str, &str)]| -> Edges {
        let mut edges = Edges::new();
        for (from, to) in list {
            edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            edges.entry((*to).to_owned()).or_default();
        }
        edges
    };
    let none = [("a.rs", "a/b.rs"), ("a/b.rs", "a.rs"), ("a/b.rs", "a/c.rs"), ("a/c.rs", "a.rs"), ("d.rs", "a.rs")];
    assert!(circles(&edges(&none)).is_empty());
    for (tie, size) in [(("a/c.rs", "a/b.rs"), 2), (("a/c.rs", "d.rs"), 4)] {
        let found = circles(&edges(&[none.as_slice(), &[tie]].concat()));
        assert_eq!(found.iter().map(BTreeSet::len).collect::<Vec<_>>(), [size], "{tie:?}");
    }
}

#[test]
fn http_reads_the_snapshot_and_nothing_else() {
    for file in product().filter(|file| file.path.starts_with("http/")) {
        for path in &file.words.paths {
            let reaches = path.iter().any(|part| part == "Engine" || part == "Platform");
            assert!(!reaches, "{}: `{}`: http reads the snapshot and sends orders", file.path, path.join("::"));
        }
    }
}

#[test]
fn every_file_opens_with_its_role() {
    let files = source();
    assert!(!files.is_empty());
    for file in files {
        assert!(
            file.text.starts_with("//! "),
            "src/{} opens without `//!`: say its role, what it owns, what it must never do",
            file.path
        );
    }
}

#[test]
fn the_reader_sees_through_trees_comments_and_literals() {
    let words = Words::of(
        r##"
        use std::{fmt::{self, Display}, time::Duration as Span};
        use serde; use tokio::*;
        // tokio::spawn(x)
        /// reqwest::get
        fn f() -> ::rand::Rng { let s = "axum::Router"; client.patch(s); sim::patch(s); println!("{}", a::b(c::<d::E>())); r#"x::y"# }
        #[cfg(test)]
        mod tests { use proptest::prelude::*; }
        fn g() { match x { h::I { .. } => j::k() } }
        "##,
    );
    let mut paths: Vec<String> = words.paths.iter().map(|path| path.join("::")).collect();
    paths.sort();
    let want = [
        "a::b",
        "d::E",
        "h::I",
        "j::k",
        "rand::Rng",
        "serde",
        "sim::patch",
        "std::fmt",
        "std::fmt::Display",
        "std::time::Duration",
        "tokio::*",
    ];
    assert_eq!(paths, want);
    assert_eq!(words.methods.iter().collect::<Vec<_>>(), ["patch"]);
    assert_eq!(words.macros.iter().collect::<Vec<_>>(), ["println"]);
}

#[test]
fn impure_paths_are_known() {
    let crates = dependencies();
    let why = |file: &str, path: &str| {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        impurity(file, &path, &crates)
    };
    for pure in [
        "std::fmt",
        "std::sync::Arc",
        "std::time::Duration",
        "serde::Serialize",
        "crate::policy::Time",
        "super::key",
        "f64::from",
    ] {
        assert_eq!(why("engine.rs", pure), None, "{pure}");
    }
    for impure in [
        "std::time::Instant",
        "std::fs::read",
        "std::sync::Mutex",
        "tokio::spawn",
        "tracing::info",
        "jiff::Timestamp",
        "crate::clock::Clock",
        "super::super::clock",
        "rand::Rng",
        "tokio_util::time",
    ] {
        assert!(why("engine.rs", impure).is_some(), "{impure}");
    }
    assert_eq!(why("score/tiers.rs", "super::super::params"), None);
    assert!(why("score/mod.rs", "super::super::clock").is_some());
}

#[test]
fn what_is_linked_comes_from_allowed_sources_and_is_not_banned() {
    let load = |name: &str| -> toml::Table {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap().parse().unwrap()
    };
    let (deny, lock) = (load("deny.toml"), load("Cargo.lock"));
    let texts = |value: &toml::Value, key: &str| -> Vec<String> {
        let of = |v: &toml::Value| v.as_str().or_else(|| v.get(key)?.as_str()).unwrap().to_owned();
        value.as_array().unwrap().iter().map(of).collect()
    };
    let banned = texts(&deny["bans"]["deny"], "crate");
    let registries = texts(&deny["sources"]["allow-registry"], "");
    assert!(!banned.is_empty() && !registries.is_empty());
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.iter().any(|b| b == name), "{name} is banned by deny.toml");
        let Some(source) = package.get("source").and_then(toml::Value::as_str) else { continue };
        let known = registries.iter().any(|r| source == format!("registry+{r}"));
        assert!(known, "{name} comes from {source}, which deny.toml does not allow");
    }
}

#[test]
fn property_tests_draw_from_one_seed() {
    use proptest::test_runner::{Config, RngSeed};
    let seed = Config::default().rng_seed;
    assert!(matches!(seed, RngSeed::Fixed(_)), "run by cargo: .cargo/config.toml has the seed of every property test");
}

//! The rules of the house, held against the source itself: what each room may reach, read from its tokens; and what may
//! be linked, read from the lock file.
//!
//! Comments and the text of literals do not count, and neither do items under `#[cfg(test)]` nor test files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by them")]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "house/docs.rs"]
mod docs;

/// A source file: its path below `src/`, and what it says.
struct File {
    path: String,
    text: String,
    words: Words,
}

/// What a file reaches for.
#[derive(Default)]
struct Words {
    /// Every path of two names or more, and whatever is imported, `use` trees spread out: `["std", "fmt", "Display"]`.
    paths: Vec<Vec<String>>,
    /// Every method that is called: the `patch` of `.patch(`.
    methods: BTreeSet<String>,
    /// Every macro that is called: the `println` of `println!`.
    macros: BTreeSet<String>,
}

fn source() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| read(path, &root)).collect()
}

fn read(path: &PathBuf, root: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let tokens = text.parse::<TokenStream>().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let mut words = Words::default();
    words.read(tokens, &[]);
    File { path, text, words }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

fn product() -> impl Iterator<Item = File> {
    source().into_iter().filter(|file| !is_test(&file.path))
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.read(text.parse().unwrap(), &[]);
        words
    }

    /// Reads a stream of which every path continues `prefix` (the inside of a `use` tree), or begins anew.
    fn read(&mut self, stream: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if is_cfg_test(&tokens, at) {
                at = end_of_item(&tokens, at + 2);
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(renamed) if renamed == "as" && !prefix.is_empty() => at += 2,
                TokenTree::Ident(_) => at = self.read_path(&tokens, at, prefix),
                TokenTree::Group(group) => {
                    // Only braces directly inside a use tree continue its path, and `read_path` has taken those.
                    self.read(group.stream(), &[]);
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    fn read_path(&mut self, tokens: &[TokenTree], start: usize, prefix: &[String]) -> usize {
        let mut path = prefix.to_vec();
        let mut at = start;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
                Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                    self.read(tree.stream(), &path);
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            if !(is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':')) {
                break;
            }
            at += 2;
        }
        if let Some(last) = path.last().cloned() {
            let called = matches!(tokens.get(at), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
            if called && start > 0 && is_punct(tokens, start - 1, '.') {
                self.methods.insert(last.clone());
            }
            if is_punct(tokens, at, '!') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) {
                self.macros.insert(last);
            }
        }
        let imported = start > 0 && matches!(&tokens[start - 1], TokenTree::Ident(word) if word == "use");
        if path.len() > 1 || imported {
            self.paths.push(path);
        }
        at
    }
}

fn is_punct(tokens: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == mark)
}

fn is_cfg_test(tokens: &[TokenTree], at: usize) -> bool {
    let attribute =
        |t: &TokenTree| matches!(t, TokenTree::Group(g) if g.stream().to_string().replace(' ', "") == "cfg(test)");
    is_punct(tokens, at, '#') && tokens.get(at + 1).is_some_and(attribute)
}

/// The place after the item that begins at `at`: after its `;` or its braces.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(p) if p.as_char() == ';' => break,
            TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => break,
            _ => {}
        }
    }
    at
}

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
fn only_the_executor_changes_the_platform() {
    for file in product() {
        let is_platform = file.path.starts_with("platform/") || file.path.starts_with("sim/");
        let may_patch = file.path.starts_with("supervisor/executor") || file.path.starts_with("sim/");
        assert!(
            may_patch || !file.words.methods.contains("patch"),
            "{}: only the executor calls `.patch(`, because only it holds the journal's receipt",
            file.path
        );
        // What is desired is created and put right under an operation's receipt, in these two files alone.
        let may_provision = ["provision/create.rs", "provision/update.rs"].contains(&file.path.as_str());
        for method in ["create_channel", "amend_channel"] {
            assert!(
                may_provision || !file.words.methods.contains(method),
                "{}: `.{method}(` is for whoever holds an operation's receipt",
                file.path
            );
        }
        let makes_warrant = file.words.paths.iter().any(|path| path.ends_with(&["Warrant".into(), "new".into()]));
        assert_eq!(may_provision, makes_warrant, "{}: a warrant is made where it is used", file.path);
        let names_method = file.words.paths.iter().any(|path| path.ends_with(&["Method".into(), "PATCH".into()]));
        assert!(is_platform || !names_method, "{}: PATCH is the platform client's to send", file.path);
    }
}

/// The path of the module that a file below `src/` defines; the crate's own is empty.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The room of a file below `src/`: its folder there, or the file's own name.
fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// A path that begins at the crate, at a parent or at the module itself, as seen from the crate; `None` for others.
fn absolute(file: &str, path: &[String]) -> Option<Vec<String>> {
    let mut at = module_of(file);
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                at.pop();
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    at.extend(rest.iter().cloned());
    Some(at)
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
        for path in file.words.paths.iter().filter_map(|path| absolute(&file.path, path)) {
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
        "std::fmt::Display",
        "std::fmt::self",
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

//! The documents against what they describe: commands and their options, addresses and error codes, event types, files,
//! links, and the tests that hold a rule.

use clap::{Arg, Command, CommandFactory};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use trunkwarden::cli::Cli;

const API: &str = include_str!("../../docs/api.md");
const COMMANDS: &str = include_str!("../../docs/cli.md");

/// Options that docs/cli.md explains once for all commands.
const SHARED: [&str; 3] = ["`--config FILE`", "`--socket PATH`", "`--journal FILE`"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

/// The first cells of the tables under a heading, up to the next one.
fn first_cells(page: &str, heading: &str) -> Option<BTreeSet<String>> {
    let mut lines = page.lines().skip_while(|line| *line != heading);
    lines.next()?;
    let section = lines.take_while(|line| !line.starts_with("## "));
    let rows = section.filter_map(|line| line.strip_prefix("| `"));
    Some(rows.map(|row| format!("`{}", row.split(" | ").next().unwrap())).collect())
}

/// Every command that does something by itself, with its whole name.
fn leaves(command: &Command, above: &str, out: &mut Vec<(String, Command)>) {
    let name = format!("{above}{}", command.get_name());
    let mut inner = command.get_subcommands().peekable();
    if inner.peek().is_none() {
        out.push((name, command.clone()));
        return;
    }
    for command in inner {
        leaves(command, &format!("{name} "), out);
    }
}

/// An argument as docs/cli.md writes it.
fn written(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default().join(" ").replace('|', "\\|");
    let Some(long) = arg.get_long() else { return format!("`{names}`") };
    let takes = arg.get_action().takes_values();
    let long = if takes { format!("`--{long} {names}`") } else { format!("`--{long}`") };
    arg.get_short().map_or_else(|| long.clone(), |short| format!("`-{short}`, {long}"))
}

#[test]
fn the_page_of_commands_has_every_command_and_option_and_no_other() {
    let mut known = Vec::new();
    let mut whole = Cli::command();
    whole.build();
    leaves(&whole, "", &mut known);
    known.retain(|(name, _)| !name.split(' ').any(|part| part == "help"));
    assert!(known.len() > 25);
    let headings: BTreeSet<&str> = COMMANDS.lines().filter(|line| line.starts_with("## `")).collect();
    let wanted: Vec<String> = known.iter().map(|(name, _)| format!("## `{name}`")).collect();
    assert_eq!(headings, wanted.iter().map(String::as_str).collect(), "a heading for each command");
    let shared = first_cells(COMMANDS, "## Options of many commands").unwrap();
    assert_eq!(shared, SHARED.map(str::to_owned).into());
    for (heading, (name, command)) in wanted.iter().zip(&known) {
        let args = command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()));
        let args: BTreeSet<String> = args.map(written).collect();
        let rows = first_cells(COMMANDS, heading).unwrap();
        let odd: Vec<_> = rows.difference(&args).collect();
        assert!(odd.is_empty(), "docs/cli.md gives `{name}` options that it does not have: {odd:?}");
        let shared = |arg: &String| SHARED.contains(&arg.as_str()) || arg == "`--config F`";
        let missing: Vec<_> = args.difference(&rows).filter(|arg| !shared(arg)).collect();
        assert!(missing.is_empty(), "docs/cli.md leaves out options of `{name}`: {missing:?}");
    }
}

#[test]
fn the_page_of_addresses_has_every_route_and_no_other() {
    let router = text("src/http/mod.rs");
    let mut routes = BTreeSet::new();
    for rest in router.split(".route(\"").skip(1) {
        let (path, rest) = rest.split_once("\", ").unwrap();
        let method = rest.split('(').next().unwrap().to_uppercase();
        assert!(["GET", "POST"].contains(&method.as_str()), "{method} {path}");
        routes.insert(format!("### `{method} {path}`"));
    }
    assert!(routes.len() > 25);
    let headings: BTreeSet<String> = API.lines().filter(|line| line.starts_with("### `")).map(str::to_owned).collect();
    assert_eq!(headings, routes);
}

#[test]
fn the_page_of_addresses_has_every_error_code_under_its_status() {
    let statuses = BTreeMap::from([
        ("BAD_REQUEST", "400"),
        ("UNAUTHORIZED", "401"),
        ("FORBIDDEN", "403"),
        ("NOT_FOUND", "404"),
        ("METHOD_NOT_ALLOWED", "405"),
        ("CONFLICT", "409"),
        ("PAYLOAD_TOO_LARGE", "413"),
        ("UNPROCESSABLE_ENTITY", "422"),
        ("TOO_MANY_REQUESTS", "429"),
        ("INTERNAL_SERVER_ERROR", "500"),
        ("BAD_GATEWAY", "502"),
        ("SERVICE_UNAVAILABLE", "503"),
        ("GATEWAY_TIMEOUT", "504"),
    ]);
    let mut found = 0;
    for file in ["src/http/error.rs", "src/http/bridge.rs"] {
        for rest in text(file).split("(StatusCode::").skip(1) {
            let Some((status, rest)) = rest.split_once(", ") else { continue };
            let Some(&status) = statuses.get(status) else { continue };
            let code = rest.trim_start_matches("Some(").strip_prefix('"').and_then(|rest| rest.split('"').next());
            let Some(code) = code else { continue };
            found += 1;
            let row = API.lines().filter(|line| line.starts_with(&format!("| {status} |")));
            assert!(row.clone().any(|row| row.contains(&format!("`{code}`"))), "docs/api.md: {status} `{code}`");
        }
    }
    assert!(found > 40, "found only {found} codes: are they still where this test looks?");
}

#[test]
fn the_audit_page_has_every_event_type_and_no_other() {
    let page = text("docs/audit.md");
    let page = page.split("\n## Event types").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let unique: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), unique.len(), "an event type stands there twice");
    let code = text("src/policy/record.rs");
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_type = |text: &&str| text.split_once('.').is_some_and(|(category, rest)| word(category) && word(rest));
    let known: BTreeSet<&str> = code.split('"').skip(1).step_by(2).filter(is_type).collect();
    assert!(known.len() > 20);
    assert_eq!(unique, known);
}

/// Every Rust file below `folder`.
fn rust(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn every_test_that_holds_a_rule_exists() {
    let mut files = Vec::new();
    rust(&root().join("tests"), &mut files);
    rust(&root().join("src"), &mut files);
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let page = text("docs/testing.md");
    let section = page.split("\n## What holds what").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut named = 0;
    for row in section.lines().filter(|line| line.starts_with("| ")) {
        let held_by = row.trim_matches('|').split(" | ").nth(1).unwrap();
        for name in held_by.split('`').skip(1).step_by(2) {
            let there = if let Some(module) = name.strip_suffix("::*") {
                files.iter().any(|file| file.file_stem().is_some_and(|stem| stem == module))
                    || code.contains(&format!("mod {module} {{"))
            } else if name.contains('/') {
                root().join(name).exists()
            } else {
                name.contains("::") || code.contains(&format!("fn {name}("))
            };
            assert!(there, "docs/testing.md names `{name}`");
            named += 1;
        }
    }
    assert!(named > 80, "found only {named} tests: is the section still where this test looks?");
}

/// What `wc -w` counts.
fn words(page: &str) -> usize {
    text(page).split_whitespace().count()
}

#[test]
fn the_first_pages_stay_short() {
    assert!(words("README.md") <= 700, "README.md has {} words: move some to docs/", words("README.md"));
    let map = words("ARCHITECTURE.md");
    assert!(map <= 1800, "ARCHITECTURE.md has {map} words: 1,800 are what a newcomer reads");
}

#[test]
fn the_readme_begins_with_the_demo_and_the_tests() {
    let page = text("README.md");
    let commands: Vec<&str> = page.split("```sh\n").skip(1).map(|block| block.lines().next().unwrap()).collect();
    assert_eq!(commands[..2], ["cargo run --release -- demo", "scripts/test"]);
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let page = text("ARCHITECTURE.md");
    let paths: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|path| path.starts_with("src/") || path.starts_with("tests/"))
        .collect();
    assert!(paths.len() > 20);
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names `{path}`");
    }
}

#[test]
fn the_glossary_has_thirty_rows_at_most() {
    let page = text("ARCHITECTURE.md");
    let glossary = page.split("\n## Glossary").nth(1).unwrap();
    let rows = glossary.lines().filter(|line| line.starts_with("| ")).count() - 1;
    assert!((10..=30).contains(&rows), "{rows} rows");
}

/// Every document of ours, by its path.
fn documents() -> Vec<PathBuf> {
    let in_folder = |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let all = in_folder(".").chain(in_folder("docs"));
    let mut pages: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.sort();
    pages
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let plain = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    headings.map(plain).collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    let pages = documents();
    assert!(pages.len() > 8);
    for page in &pages {
        for link in fs::read_to_string(page).unwrap().split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = match anchor {
                None => target.exists(),
                Some(anchor) => fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            if !there {
                wrong.push(format!("{}: {link}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

//! What `docs/metrics.md` says is what `/metrics` serves, and what `docs/api.md` names is what the API answers.

use super::{OWN, World, families};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const METRICS: &str = include_str!("../../docs/metrics.md");
const ALERTS: &str = include_str!("../../config/prometheus/alerts.yml");

/// What a text has between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The cells of each row that begins with a metric.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = METRICS.lines().filter(|line| line.starts_with("| `trunkwarden_"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Every value that is served of each label of each metric; of a histogram by its family.
fn served(text: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut served: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("trunkwarden_")) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        // A gauge may end in `_count` as well, so the shorter name must be a histogram's.
        let family = family.filter(|family| text.contains(&format!("# TYPE {family} histogram"))).unwrap_or(name);
        let labels = served.entry(family.to_owned()).or_default();
        let Some(inside) = line.split_once('{').and_then(|(_, rest)| Some(rest.rsplit_once('}')?.0)) else { continue };
        // No value of the snapshot by hand holds `",`.
        for pair in inside.split("\",") {
            let (label, value) = pair.split_once("=\"").unwrap();
            if label != "le" {
                labels.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
            }
        }
    }
    served
}

/// The alerts whose expression names a metric.
fn alerts_of(metric: &str) -> BTreeSet<String> {
    let rules = ALERTS.split("- alert: ").skip(1);
    let named = rules.filter(|rule| {
        let expression = rule.split("annotations:").next().unwrap();
        let mut words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.any(|word| word.strip_suffix("_bucket").unwrap_or(word) == metric)
    });
    named.map(|rule| rule.lines().next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_page_of_metrics_has_each_with_its_type_labels_and_alerts() {
    let text = World::new().await.text("/metrics").await;
    let (families, served) = (families(&text), served(&text));
    let mut named = BTreeSet::new();
    for row in rows().into_iter().filter(|row| row.len() == 5) {
        let metric = row[0].trim_matches('`');
        assert!(named.insert(metric.trim_start_matches("trunkwarden_")), "{metric} stands twice in docs/metrics.md");
        let (kind, _) = families.get(metric).unwrap_or_else(|| panic!("docs/metrics.md names {metric}"));
        assert_eq!(row[1], kind, "the type of {metric}");
        let labels: BTreeSet<String> = served[metric].keys().cloned().collect();
        assert_eq!(quoted(row[2]), labels, "the labels of {metric}");
        assert!(row[3].ends_with('.') || row[3].ends_with(')'), "the meaning of {metric} is a sentence");
        assert_eq!(quoted(row[4]), alerts_of(metric), "the alerts of {metric}");
    }
    assert_eq!(named.into_iter().collect::<Vec<_>>(), OWN, "docs/metrics.md has a row for each metric and no other");
}

#[tokio::test]
async fn the_page_of_metrics_lists_the_values_of_every_closed_label() {
    let text = World::new().await.text("/metrics").await;
    let lists: Vec<(String, BTreeSet<String>, &str)> = METRICS
        .lines()
        .skip_while(|line| *line != "## Values of labels")
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.trim_matches('|').split(" | ").collect();
            Some((cells[0].trim_matches('`').to_owned(), quoted(cells[1]), cells[2]))
        })
        .collect();
    for (metric, labels) in served(&text) {
        for (label, values) in labels {
            // Names of the configuration, or lists that another page has and another test holds.
            let open = ["tenant", "channel", "sink", "target", "version"].contains(&label.as_str());
            if open || ["trunkwarden_actions_held", "trunkwarden_stranded_seconds"].contains(&metric.as_str()) {
                continue;
            }
            let list = lists.iter().find(|(of, metrics, _)| *of == label && metrics.contains(&metric));
            let (.., list) = list.unwrap_or_else(|| panic!("docs/metrics.md has no values of {label} of {metric}"));
            let list = quoted(list);
            for value in values.iter().filter(|value| value.parse::<u16>().is_err()) {
                assert!(list.contains(value), "docs/metrics.md does not list {label}=\"{value}\" of {metric}");
            }
        }
    }
}

const API: &str = include_str!("../../docs/api.md");

/// The names of all fields, but of those whose form follows the code.
fn fields(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                out.insert(name.clone());
                if !name.ends_with("_detail") {
                    fields(inner, out);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, out)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_of_addresses_names_every_field_of_what_is_read() {
    let world = World::new().await;
    for path in [
        "/healthz",
        "/readyz",
        "/api/v1/tenants",
        "/api/v1/channels",
        "/api/v1/channels/acme/ch-0001",
        "/api/v1/channels/acme/ch-0002",
        "/api/v1/audit/checkpoint",
    ] {
        let mut names = BTreeSet::new();
        fields(&world.json(path).await.1, &mut names);
        assert!(names.len() > 1, "{path}");
        for name in names {
            assert!(API.contains(&format!("`{name}`")), "docs/api.md does not name `{name}` of {path}");
        }
    }
}

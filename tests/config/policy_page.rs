//! What `docs/policy.md` says of keys: every key of policies, limits and references has a row under its table's heading, with
//! its default.

use serde_json::Value;
use trunkwarden::config::schema::schema;

const PAGE: &str = include_str!("../../docs/policy.md");

/// The rows under the heading that names this table.
fn rows(heading: &str) -> Vec<&'static str> {
    let lines = PAGE.lines().skip_while(|line| !(line.starts_with("### ") && line.contains(heading)));
    lines.skip(1).take_while(|line| !line.starts_with("### ")).filter(|line| line.starts_with("| ")).collect()
}

/// The row of a key, as its cells.
fn row(heading: &str, key: &str) -> Option<Vec<String>> {
    let row = rows(heading).into_iter().find(|row| row.starts_with(&format!("| `{key}` |")))?;
    Some(row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
}

/// The keys of a table of the schema, with their defaults.
fn keys(table: &Value) -> Vec<(String, Option<Value>)> {
    let properties = table["properties"].as_object().unwrap();
    properties.iter().map(|(name, key)| (name.clone(), key.get("default").cloned())).collect()
}

fn is_table(key: &Value) -> bool {
    key["properties"].is_object() || key["additionalProperties"].is_object()
}

/// Each of these keys has its row; where it has a default, the row's second cell is that, as TOML writes it.
fn every_key_has_its_row(heading: &str, prefix: &str, keys: Vec<(String, Option<Value>)>) {
    assert!(!keys.is_empty(), "{heading}");
    for (key, default) in keys {
        let name = format!("{prefix}{key}");
        let cells =
            row(heading, &name).unwrap_or_else(|| panic!("docs/policy.md has no row for `{name}` of {heading}"));
        let Some(default) = default.filter(|default| default.as_array().is_none_or(|rows| rows.len() <= 1)) else {
            continue;
        };
        assert_eq!(cells[1], format!("`{default}`"), "the default of `{name}` of {heading}");
    }
}

#[test]
fn has_a_row_for_every_key_of_a_policy() {
    let schema = schema();
    let policy = &schema["properties"]["policies"]["additionalProperties"];
    let tables = ["health", "telemetry", "quality", "failover", "codec", "provisioning", "rescue"];
    let own = keys(policy).into_iter().filter(|(key, _)| !tables.contains(&key.as_str()) && key != "maintenance");
    every_key_has_its_row("[policies.NAME]", "", own.collect());
    for table in &tables[..5] {
        let table_keys = keys(&policy["properties"][*table]).into_iter();
        let not_tables = table_keys.filter(|(key, _)| !is_table(&policy["properties"][*table]["properties"][key]));
        every_key_has_its_row(&format!("[policies.NAME.{table}]"), "", not_tables.collect());
    }
    for table in &tables[5..] {
        every_key_has_its_row(
            &format!("[policies.NAME.{table}]"),
            &format!("{table}."),
            keys(&policy["properties"][*table]),
        );
    }
    // Each heading is there for every table that the schema has.
    for (key, _) in keys(policy).into_iter().filter(|(key, _)| is_table(&policy["properties"][key])) {
        assert!(tables.contains(&key.as_str()), "a table of policies that this test does not know: {key}");
    }
    let values = keys(&policy["properties"]["quality"]["properties"]["codecs"]["additionalProperties"]);
    every_key_has_its_row("[policies.NAME.quality]", "", values);
    every_key_has_its_row("Windows", "", keys(&policy["properties"]["maintenance"]["items"]));
    every_key_has_its_row("Windows", "", keys(&policy["properties"]["failover"]["properties"]["failback_window"]));
    for (key, _) in keys(&policy["properties"]["quality"]["properties"]["tiers"]["items"]) {
        assert!(rows("[policies.NAME.quality]").iter().any(|row| row.contains(&format!("`{key}`"))), "{key}");
    }
}

#[test]
fn has_a_row_for_every_limit_and_reference() {
    let schema = schema();
    every_key_has_its_row("[limits]", "", keys(&schema["properties"]["limits"]));
    every_key_has_its_row("[references]", "", keys(&schema["properties"]["references"]));
    let of_tenant = &schema["properties"]["tenants"]["additionalProperties"]["properties"]["limits"];
    every_key_has_its_row("[limits]", "", keys(of_tenant));
}

#[test]
fn names_no_key_that_does_not_exist() {
    let mut known = Vec::new();
    collect(&schema(), &mut known);
    let tables = ["health", "telemetry", "quality", "failover", "codec", "limits", "references"];
    for table in tables {
        let heading = if table == "limits" || table == "references" {
            format!("[{table}]")
        } else {
            format!("[policies.NAME.{table}]")
        };
        for row in rows(&heading).into_iter().filter(|row| row.starts_with("| `")) {
            let key = row.split('`').nth(1).unwrap();
            assert!(known.iter().any(|name| name == key), "docs/policy.md names `{key}` under {heading}");
        }
    }
}

/// The names of all keys of a schema.
fn collect(schema: &Value, out: &mut Vec<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        out.push(name.clone());
        collect(inner, out);
    }
    for inner in [&schema["additionalProperties"], &schema["items"]].into_iter().filter(|inner| inner.is_object()) {
        collect(inner, out);
    }
}

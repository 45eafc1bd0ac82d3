//! `channels list`: what is desired by name, and the id by which it is known.

use super::{Ended, Refused, Scope, load};
use crate::cli::terminal::plain;
use crate::config::Config;
use crate::journal::Reader;
use crate::policy::TenantId;
use crate::provision::{Known, all_known};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

type AllKnown = BTreeMap<(TenantId, String), Known>;

/// Reads file and journal; asks neither the daemon nor the platform.
pub fn list(scope: &Scope) -> Ended {
    let config = load(scope)?;
    let known = known(&config).map_err(Refused::Failed)?;
    let mine = |tenant: &TenantId| scope.tenant().is_none_or(|only| only == *tenant);
    let rows: Vec<[String; 5]> = config
        .provisions
        .iter()
        .filter(|desired| mine(&desired.tenant))
        .map(|desired| {
            let found = known.get(&(desired.tenant.clone(), desired.name.clone()));
            let id = found.and_then(|known| known.id.as_ref()).map(ToString::to_string);
            let state = match found {
                Some(known) if known.sent.is_some() => "unsettled",
                Some(Known { origin: Some(origin), .. }) => origin.name(),
                _ => "not known to exist",
            };
            let policy = desired.policy.name.clone();
            [desired.tenant.to_string(), desired.name.clone(), id.unwrap_or_default(), state.to_owned(), policy]
        })
        .collect();
    crate::cli::terminal::out(&if scope.json { as_json(&rows) } else { as_table(&rows) });
    Ok(ExitCode::SUCCESS)
}

fn known(config: &Config) -> Result<AllKnown, String> {
    let path = config.daemon.state_dir.join("journal.db");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let states = Reader::open(&path).and_then(|reader| reader.states());
    states.map(|states| all_known(&states)).map_err(|error| error.to_string())
}

fn as_json(rows: &[[String; 5]]) -> String {
    let row = |[tenant, name, id, state, policy]: &[String; 5]| -> Value {
        let id = Some(id).filter(|id| !id.is_empty());
        json!({ "tenant": tenant, "name": name, "id": id, "state": state, "policy": policy })
    };
    json!({ "channels": rows.iter().map(row).collect::<Vec<_>>() }).to_string() + "\n"
}

fn as_table(rows: &[[String; 5]]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["TENANT", "NAME", "ID", "STATE", "POLICY"]);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    format!("{table}\n")
}

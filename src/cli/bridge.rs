//! `trunkwarden bridge`: through the running daemon, so that budget and journal are one; where none runs, the same
//! operation by the same code, with the journal's lock held.

use super::EX_CONFIG;
use super::alone::{Alone, who};
use super::run::NotStarted;
use super::socket::{Daemon, SocketArgs, SocketError};
use super::terminal::plain;
use crate::calls::{GivenPair, GivenTarget, IdempotencyKey, Order, Outcome, Refusal, Request, Settled, Switchboard};
use crate::clearance::Permits;
use crate::cli::terminal;
use crate::config::{Config, load};
use crate::policy::{TenantId, Writer};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// How long a bridge that was interrupted may be looked after before the new one.
const RESOLVE_WITHIN: Duration = Duration::from_secs(30);
/// How long what is still under way at the end may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Bridge a call to one or more targets, once
#[derive(Debug, Args)]
pub struct BridgeArgs {
    /// The call's id
    #[arg(value_name = "CALL_ID")]
    call: String,
    /// A target, such as phone:+12025550100, sip:desk@pbx.example, agent:ID or extension:4711; repeat for more
    #[arg(long, value_name = "TARGET", required = true, value_parser = target)]
    target: Vec<GivenTarget>,
    /// inbound, outbound, transfer or consult
    #[arg(long, value_name = "WORD")]
    direction: String,
    /// Two legs to bridge: 0 is the call, 1 the first target; repeat for more. Left out: each target to the call
    #[arg(long, value_name = "LEG:LEG", value_parser = pair)]
    matrix: Vec<GivenPair>,
    /// RFC2833, INFO or PULSE
    #[arg(long, value_name = "MODE", default_value = "RFC2833")]
    dtmf: String,
    /// The tenant; needed where more than one is configured
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The same key within a day is the same bridge: its first result is told again
    #[arg(long, value_name = "KEY", value_parser = key)]
    idempotency_key: Option<IdempotencyKey>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// What there is to say, and with which exit code.
struct Said {
    code: u8,
    text: String,
    json: Value,
}

/// Bridges, and says in one line what came of it.
pub async fn bridge(args: BridgeArgs) -> ExitCode {
    let said = match through_daemon(&args).await {
        Err(SocketError::NotRunning { .. } | SocketError::NoPlace(_)) if !args.socket.names_socket() => {
            alone(&args).await
        }
        Ok(said) => said,
        Err(error) => return error.report(),
    };
    if !args.json {
        let warnings = said.json.get("warnings").and_then(Value::as_array).into_iter().flatten();
        for warning in warnings.filter_map(Value::as_str) {
            terminal::complain(&format!("trunkwarden: warning: {}", plain(warning)));
        }
    }
    if args.json {
        terminal::out(&format!("{}\n", said.json));
    } else if said.code == 0 {
        terminal::out(&format!("{}\n", plain(&said.text)));
    } else if said.code == EX_CONFIG {
        // Our own lines, as `check` prints them.
        terminal::complain(&said.text);
    } else {
        terminal::complain(&format!("trunkwarden: {}", plain(&said.text)));
    }
    ExitCode::from(said.code)
}

async fn through_daemon(args: &BridgeArgs) -> Result<Said, SocketError> {
    let daemon = Daemon::find(&args.socket)?;
    let tenant = if let Some(tenant) = &args.tenant {
        tenant.clone()
    } else {
        let tenants: Value = daemon.get("/api/v1/tenants").await?;
        let names = tenants.get("tenants").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> = names.filter_map(|t| t.get("tenant")?.as_str().map(str::to_owned)).collect();
        match one_of(&names) {
            Ok(tenant) => tenant,
            Err(said) => return Ok(said),
        }
    };
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = format!("/api/v1/tenants/{}/calls/{}/bridge", encoded(&tenant), encoded(&args.call));
    let body = serde_json::to_value(request(args)).unwrap_or(Value::Null);
    let (status, body) = daemon.bridge(&path, body, args.idempotency_key.as_ref().map(IdempotencyKey::as_str)).await?;
    let text = ["/message", "/error/message"].iter().find_map(|at| body.pointer(at)?.as_str());
    let text = text.unwrap_or("the daemon did not say whether it was made").to_owned();
    Ok(Said { code: code(status, &body), text, json: body })
}

fn code(status: u16, body: &Value) -> u8 {
    match status {
        200 => 0,
        // Still open, or the daemon broke over it: what came of it is not known here.
        409 if body.pointer("/error/code").and_then(Value::as_str) == Some("still_open") => 3,
        500 | 504 => 3,
        _ => 1,
    }
}

/// Without a daemon: the whole operation, under the journal's lock.
async fn alone(args: &BridgeArgs) -> Said {
    let config = match load(args.socket.config()) {
        Ok(loaded) => loaded.config,
        Err(rejected) => return Said::of(EX_CONFIG, rejected.to_string()),
    };
    let tenant = if let Some(tenant) = &args.tenant {
        tenant.clone()
    } else {
        let names: Vec<String> = config.tenants.keys().map(ToString::to_string).collect();
        match one_of(&names) {
            Ok(tenant) => tenant,
            Err(said) => return said,
        }
    };
    bridge_alone(&config, TenantId::from(tenant.as_str()), args).await.unwrap_or_else(|why| match why {
        NotStarted::Config(why) => Said::of(EX_CONFIG, why),
        NotStarted::Failed(why) => Said::of(1, why),
    })
}

/// By a switchboard of one operation.
async fn bridge_alone(config: &Config, tenant: TenantId, args: &BridgeArgs) -> Result<Said, NotStarted> {
    let mut alone = Alone::open(config, true, |id| *id == tenant)?;
    let held = alone.held(config, &tenant, Writer::Bridge);
    let (journal, clock, counters) = (alone.journal.clone(), alone.clock.clone(), alone.counters.clone());
    let board = Switchboard::new(
        journal,
        clock,
        counters,
        Permits::alone(held.map(|held| (tenant.clone(), held)).into_iter().collect()),
    );
    board.configure(config, &alone.platforms);
    let open = std::mem::take(&mut alone.recovered.open);
    let mine = open.into_iter().filter(|kept| kept.operation.tenant == tenant.as_str());
    // Others' are left for the next start that knows their tenants.
    let _ = tokio::time::timeout(RESOLVE_WITHIN, board.resolve(mine.collect())).await;
    let (call, key) = (args.call.clone(), args.idempotency_key.clone());
    let order = Order { tenant, call, request: request(args), key, actor: who() };
    let said = match board.bridge(order).await {
        Ok(settled) => Said::settled(&settled),
        Err(refusal) => Said::refused(&refusal),
    };
    board.stop(STOP_WITHIN).await;
    alone.close().await;
    Ok(said)
}

impl Said {
    fn of(code: u8, text: String) -> Self {
        Self { code, json: json!({ "error": { "message": text } }), text }
    }

    fn settled(settled: &Settled) -> Self {
        let text = settled.to_string();
        let mut json = serde_json::to_value(settled).unwrap_or(Value::Null);
        json["message"] = json!(text);
        let code = match settled.outcome {
            Outcome::Completed { .. } => 0,
            Outcome::Failed { .. } => 1,
            Outcome::Unknown { .. } => 3,
        };
        Self { code, text, json }
    }

    fn refused(refusal: &Refusal) -> Self {
        // What is still open under the same key may have been made.
        let code = if matches!(refusal, Refusal::StillOpen(_)) { 3 } else { 1 };
        let mut said = Self::of(code, refusal.to_string());
        if let Refusal::Invalid(faults) = refusal {
            said.json["errors"] = json!(faults);
        }
        said
    }
}

fn request(args: &BridgeArgs) -> Request {
    Request {
        targets: args.target.clone(),
        direction: args.direction.clone(),
        matrix: (!args.matrix.is_empty()).then(|| args.matrix.clone()),
        dtmf: Some(args.dtmf.clone()),
    }
}

fn one_of(names: &[String]) -> Result<String, Said> {
    match names {
        [one] => Ok(one.clone()),
        // A configuration without one is refused; a daemon that has just started shows none.
        [] => Err(Said::of(
            1,
            "the daemon shows no tenant yet: try again in a moment, or name one with --tenant".to_owned(),
        )),
        _ => Err(Said::of(
            2,
            format!("more than one tenant is configured: name one of {} with --tenant", names.join(", ")),
        )),
    }
}

/// `TYPE:VALUE`; a SIP URI is its own value.
fn target(text: &str) -> Result<GivenTarget, String> {
    let (kind, value) = text.split_once(':').ok_or("write TYPE:VALUE, such as phone:+12025550100")?;
    let (kind, value) = match kind.to_ascii_lowercase().as_str() {
        "sip" | "sips" => ("sip", text),
        _ => (kind, value),
    };
    Ok(GivenTarget { kind: kind.to_owned(), value: value.to_owned() })
}

fn pair(text: &str) -> Result<GivenPair, String> {
    let leg = |text: &str| text.parse::<i64>().map_err(|_| "write LEG:LEG, such as 0:1".to_owned());
    let (source, target) = text.split_once(':').ok_or("write LEG:LEG, such as 0:1")?;
    Ok(GivenPair { source: leg(source)?, target: leg(target)? })
}

fn key(text: &str) -> Result<IdempotencyKey, &'static str> {
    IdempotencyKey::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_is_named_where_it_is_not_clear() {
        let said = |names: &[&str]| {
            one_of(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .map_err(|said| (said.code, said.text))
        };
        assert_eq!(said(&["acme"]), Ok("acme".to_owned()));
        let (code, text) = said(&["acme", "beta"]).unwrap_err();
        assert!(code == 2 && text.contains("more than one tenant") && text.contains("acme, beta"), "{text}");
        let (code, text) = said(&[]).unwrap_err();
        assert!(code == 1 && text.contains("no tenant") && !text.contains("more than one"), "{text}");
    }

    #[test]
    fn what_may_have_been_made_is_never_told_as_failed() {
        let open = Refusal::StillOpen(uuid::Uuid::nil());
        assert_eq!((Said::refused(&open).code, Said::refused(&Refusal::TooMany).code), (3, 1));
        let body = |code: &str| json!({ "error": { "code": code } });
        assert_eq!(code(409, &body("still_open")), 3);
        assert_eq!(code(409, &body("already_bridged")), 1);
        assert_eq!([200, 500, 503, 504].map(|status| code(status, &Value::Null)), [0, 3, 1, 3]);
    }
}

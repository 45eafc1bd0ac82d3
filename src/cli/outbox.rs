//! `outbox list`, `retry`, `drop`: what waits to leave, and a person's orders about it, over the control socket. Where the
//! daemon does not run, `list` reads the journal itself; orders are the daemon's to carry out.

use super::failed;
use super::socket::{Daemon, SocketArgs, SocketError};
use super::terminal::out as print;
use super::terminal::plain;
use crate::clock::{Clock, rfc3339};
use crate::delivery::{SinkView, Standing};
use crate::http::OutboxView;
use crate::journal::{JournalError, OutboxFilter, OutboxRow, Reader};
use crate::policy::WallMs;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

/// `outbox`.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every sink, and with a filter the deliveries that wait for it
    List(ListArgs),
    /// Try again at once: dead letters wait again in their old places
    Retry(OrderArgs),
    /// Give deliveries up: they never leave (the audit log keeps their entries)
    Drop(DropArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Of this sink only
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Dead letters only
    #[arg(long)]
    dead: bool,
    /// Deliveries shown, oldest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Behind this row, as the list before said
    #[arg(long, value_name = "ROW")]
    after: Option<i64>,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

#[derive(Debug, Args)]
struct OrderArgs {
    /// The sink
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// This delivery only
    #[arg(long, value_name = "ROW", conflicts_with = "dead")]
    row: Option<i64>,
    /// Its dead letters only
    #[arg(long)]
    dead: bool,
    /// Answer with a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["row", "dead", "all"])))]
struct DropArgs {
    /// The sink
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// This delivery
    #[arg(long, value_name = "ROW")]
    row: Option<i64>,
    /// Its dead letters
    #[arg(long)]
    dead: bool,
    /// All that waits for it, dead letters included
    #[arg(long)]
    all: bool,
    /// Answer with a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Shows the outbox, or gives an order about it.
pub async fn outbox(args: OutboxArgs) -> ExitCode {
    match args.what {
        What::List(args) => match list(&args).await {
            Ok(view) if args.sink.is_some() && view.sinks.is_empty() => {
                let sink = args.sink.as_deref().unwrap_or_default();
                failed(&format!(
                    "no sink `{}` is configured, and nothing waits for it; `trunkwarden outbox list` shows all of them",
                    plain(sink)
                ))
            }
            Ok(view) if args.json => shown(&format!("{}\n", serde_json::to_value(view).unwrap_or_default())),
            Ok(view) => shown(&text(&view)),
            Err(error) => error.report(),
        },
        What::Retry(OrderArgs { sink, row, dead, json, socket }) => {
            order("retry", &body(&sink, row, dead, false), json, &socket, "will be tried again").await
        }
        What::Drop(DropArgs { sink, row, dead, all, json, socket }) => {
            order("drop", &body(&sink, row, dead, all), json, &socket, "were given up").await
        }
    }
}

fn shown(text: &str) -> ExitCode {
    print(text);
    ExitCode::SUCCESS
}

fn body(sink: &str, row: Option<i64>, dead: bool, all: bool) -> Value {
    let mut body = json!({ "sink": sink, "dead": dead, "all": all });
    if let (Some(row), Value::Object(body)) = (row, &mut body) {
        body.insert("row".to_owned(), json!(row));
    }
    body
}

async fn order(verb: &str, body: &Value, as_json: bool, socket: &SocketArgs, done: &str) -> ExitCode {
    let give = async {
        let answer = Daemon::find(socket)?.order(&format!("/api/v1/outbox/{verb}"), Some(body.clone())).await?;
        Ok::<u64, SocketError>(answer.get("rows").and_then(Value::as_u64).unwrap_or(0))
    };
    match give.await {
        Ok(rows) if as_json => shown(&format!("{}\n", json!({ "done": true, "rows": rows }))),
        Ok(rows) => shown(&format!("{rows} deliveries {done}\n")),
        Err(error) => error.report(),
    }
}

async fn list(args: &ListArgs) -> Result<OutboxView, SocketError> {
    let mut path = format!("/api/v1/outbox?limit={}", args.limit);
    if let Some(sink) = &args.sink {
        let _ = write!(path, "&sink={}", utf8_percent_encode(sink, NON_ALPHANUMERIC));
    }
    if args.dead {
        path.push_str("&state=dead");
    }
    if let Some(row) = args.after {
        let _ = write!(path, "&after={row}");
    }
    match Daemon::find(&args.socket)?.get(&path).await {
        Err(SocketError::NotRunning { .. }) => {
            offline(args).map_err(|error| SocketError::Refused(format!("trunkwarden is not running, and {error}")))
        }
        answer => answer,
    }
}

fn offline(args: &ListArgs) -> Result<OutboxView, String> {
    let folder = args.socket.state_dir().map_err(|error| error.to_string())?;
    let words = |error: JournalError| error.to_string();
    let reader = Reader::open(&folder.join("journal.db")).map_err(words)?;
    let dead = args.dead.then_some(true);
    let filter = OutboxFilter { sink: args.sink.clone(), dead, after: args.after, limit: usize::from(args.limit) };
    let page = reader.outbox_rows(&filter).map_err(words)?;
    let clock = Clock::system();
    let states = reader.outbox_sinks().map_err(words)?;
    let mut sinks = Standing::default().views(states, clock.now(), clock.wall());
    sinks.retain(|sink| args.sink.as_ref().is_none_or(|name| *name == sink.name));
    Ok(OutboxView { sinks, rows: page.rows, next: page.next })
}

fn text(view: &OutboxView) -> String {
    if view.sinks.is_empty() {
        return "no sink is configured, and nothing waits\n".to_owned();
    }
    let mut sinks = table(&["SINK", "KIND", "STATE", "PENDING", "OLDEST", "DEAD", "RETRY IN", "LAST ERROR"]);
    for sink in &view.sinks {
        sinks.add_row(sink_cells(sink).map(|cell| plain(&cell)));
    }
    let mut out = format!("{}\n", sinks.trim_fmt());
    for words in view.sinks.iter().filter(|sink| sink.state == "removed").filter_map(SinkView::trouble) {
        let _ = writeln!(out, "\n{}", plain(&words));
    }
    if !view.rows.is_empty() {
        let mut rows = table(&["ROW", "SINK", "ENTRY", "EVENT", "QUEUED", "TRIES", "STATE", "LAST ERROR"]);
        for row in &view.rows {
            rows.add_row(row_cells(row).map(|cell| plain(&cell)));
        }
        let _ = write!(out, "\n{}\n", rows.trim_fmt());
    }
    if let Some(next) = view.next {
        let _ = writeln!(out, "\nmore: --after {next}");
    }
    out
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head);
    table
}

fn sink_cells(sink: &SinkView) -> [String; 8] {
    let seconds = |s: Option<f64>| s.map(|s| format!("{s:.0} s")).unwrap_or_default();
    [
        sink.name.clone(),
        sink.kind.clone(),
        sink.state.clone(),
        sink.pending.to_string(),
        seconds(sink.oldest_seconds),
        sink.dead.to_string(),
        seconds(sink.retry_in_seconds),
        sink.error.clone().unwrap_or_default(),
    ]
}

fn row_cells(row: &OutboxRow) -> [String; 8] {
    let entry = match (row.seq, row.through) {
        (Some(first), Some(last)) if last > first => format!("{first} to {last}"),
        (Some(seq), _) => seq.to_string(),
        (None, _) => "-".to_owned(),
    };
    [
        row.id.to_string(),
        row.sink.clone(),
        entry,
        row.event_type.clone().unwrap_or_else(|| "-".to_owned()),
        rfc3339(WallMs(row.at)),
        row.tries.to_string(),
        if row.dead { "dead" } else { "waiting" }.to_owned(),
        row.error.clone().unwrap_or_default(),
    ]
}

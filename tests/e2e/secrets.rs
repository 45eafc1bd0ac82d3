//! Every secret of the configuration, the tokens and the SIP passwords: in no log, journal, archive, metric, answer, page,
//! command's output, delivery or process list.

#[path = "secrets/uses.rs"]
mod uses;

use super::daemon::binary;
use super::world::{SECRET, World, unlimited};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use trunkwarden::clock::Clock;
use trunkwarden::journal::{Archive, Filter, Journal, Options, Reader, Signer};
use trunkwarden::policy::WallMs;
use trunkwarden::sim::{CANARY, FaultKind, Incident, PatchMode};

/// How the model's tokens begin.
const TOKEN: &str = "sim-token-";
/// How every secret begins that may have any text.
const PLANTED: &str = "canary-";

/// Headers of deliveries that hold the sink's own credential.
const OWN: [&str; 3] = ["authorization", "x-api-key", "webhook-signature"];

/// A sink that keeps what it is sent, and answers with the credential that it was given.
#[derive(Clone)]
struct Sink {
    url: String,
    status: StatusCode,
    taken: Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>,
}

impl Sink {
    async fn serve(status: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sink = Self { url, status, taken: Arc::default() };
        let router = Router::new().fallback(take).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        sink
    }

    /// All that came, but the credentials that were for this sink.
    fn taken(&self) -> String {
        let taken = self.taken.lock().unwrap();
        let shown = taken.iter().map(|(uri, headers, body)| {
            let others: Vec<_> = headers.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
            format!("{uri} {others:?} {}\n", String::from_utf8_lossy(body))
        });
        shown.collect()
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.taken.lock().unwrap().iter().any(|(_, headers, _)| headers.get(name).is_some_and(|v| v == value))
    }
}

async fn take(State(sink): State<Sink>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let echo = format!("you sent {headers:?}");
    sink.taken.lock().unwrap().push((uri, headers, body));
    (sink.status, echo)
}

/// Every secret that there is a key for, in a file of its own; what none of the places may hold.
fn plant(folder: &Path) -> Vec<String> {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    for name in ["operator-token", "export", "basic", "header", "hook", "hook-old", "hook-header", "provision"] {
        write(name, &format!("{PLANTED}{name}"));
    }
    let signing = Signer::new("log.example/audit", &[0x5a; 32]).unwrap().to_secret_text();
    let seed = signing.expose_secret().splitn(5, '+').nth(4).unwrap().to_owned();
    write("signing", signing.expose_secret());
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&pair).unwrap();
    write("client.pem", &certificate.pem());
    let key = pair.serialize_pem();
    write("client.key", &key);
    let line = key.lines().nth(1).unwrap().to_owned();
    let basic = STANDARD.encode(format!("user:{PLANTED}basic"));
    [SECRET, CANARY, TOKEN, PLANTED, &seed, &line, &basic].map(str::to_owned).into()
}

/// The world's configuration with a key for every secret that was planted.
fn configured(text: &str, folder: &Path, [tokens, basic, hook]: [&Sink; 3]) -> String {
    let secret = |name: &str| format!("{{ file = \"{}\" }}", folder.join(name).display());
    let shown = folder.display();
    let [operator, export, password, header, signing] =
        ["operator-token", "export", "basic", "header", "signing"].map(secret);
    let [new, old, hook_header, provision, key] =
        ["hook", "hook-old", "hook-header", "provision", "client.key"].map(secret);
    let (tokens, basic, hook) = (&tokens.url, &basic.url, &hook.url);
    let text = text.replace("[tenants.acme]\n", &format!("[daemon.tokens]\noperator = {operator}\n[tenants.acme]\n"));
    let text = text.replacen("[policies.default]\n", &format!("{}[policies.default]\n", uses::KEYS), 1);
    format!(
        r#"{text}
[[channels]]
name = "prod-voice-trunk-1"
tenant = "acme"
[channels.provision]
sip_server = "sip.carrier.example"
username = "trunk_user"
password = {provision}
codecs = [{{ name = "PCMU", priority = 1 }}]
failover = []
[audit]
signing_key = {signing}
checkpoint_entries = 5
[[audit.export]]
name = "tokens"
url = "{tokens}"
token = {export}
headers = {{ "X-Api-Key" = {header} }}
client_cert = "{shown}/client.pem"
client_key = {key}
bulk_interval = "1s"
[[audit.export]]
name = "basic"
url = "{basic}"
basic = {{ username = "user", password = {password} }}
bulk = false
[[audit.file]]
path = "{shown}/events.jsonl"
[[webhooks]]
name = "hook"
url = "{hook}"
events = ["*"]
secrets = [{new}, {old}]
headers = {{ "X-Api-Key" = {hook_header} }}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_or_sent_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = plant(folder.path());
    let [tokens, basic, hook] = [
        Sink::serve(StatusCode::OK).await,
        Sink::serve(StatusCode::UNAUTHORIZED).await,
        Sink::serve(StatusCode::OK).await,
    ];
    let mut world = World::of(unlimited(4), |text| configured(text, folder.path(), [&tokens, &basic, &hook])).await;
    let mut command = binary();
    command.env("TRUNKWARDEN_LOG", "trace");
    world.start_as(command).await;
    uses::calls(&world);
    trouble(&world).await;
    let used = uses::use_them(&world).await;
    world
        .until("every sink was sent something", async || {
            let bulk = tokens.taken.lock().unwrap().iter().any(|(uri, ..)| uri.path().ends_with("/metrics/bulk"));
            bulk && !basic.taken.lock().unwrap().is_empty() && hook.taken().contains("failback.completed")
        })
        .await;
    // Each sink has been given its own: otherwise this test plants nothing.
    assert!(tokens.has("authorization", "Bearer canary-export") && tokens.has("x-api-key", "canary-header"));
    assert!(basic.has("authorization", &format!("Basic {}", STANDARD.encode("user:canary-basic"))));
    assert!(hook.has("x-api-key", "canary-hook-header"));

    let mut places = pages_and_commands(&world).await;
    places.extend(used);
    places.extend(uses::told(&world).await);
    places.extend(process_list(&world));
    assert!(world.take_daemon().stop().await.success());
    let events = std::fs::read(folder.path().join("events.jsonl")).unwrap();
    assert!(!events.is_empty());
    places.push(("the file sink".to_owned(), events));
    for sink in [&tokens, &basic, &hook] {
        places.push((format!("deliveries to {}", sink.url), sink.taken().into_bytes()));
    }
    places.push(("the log".to_owned(), world.logs().into_bytes()));
    places.extend(state(&world).await);
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} is in {place}");
        }
    }
}

/// Refusals, lost answers, and answers that cannot be read are where secrets slip out.
async fn trouble(world: &World) {
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    world.platform.happen(Incident::RevokeTokens {});
    world.platform.patching(PatchMode::LoseAnswer, None);
    world.platform.turn("ch-0001", "healthy");
    world.entry("failback.completed", "ch-0001").await;
    // In this order: a token request that is answered with garbage is not repeated for 5 s, and the tenant is blind by then.
    for kind in [FaultKind::Unauthorised, FaultKind::Garbage] {
        let asked = || world.platform.model().requests_total();
        let before = asked();
        world.platform.fail_for(kind, Duration::from_secs(1));
        world.until("that was met", async || asked() >= before + 4).await;
    }
    world.all_up().await;
}

async fn pages_and_commands(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/tenants",
        "/api/v1/channels",
        "/api/v1/channels/acme/ch-0001",
        "/api/v1/audit?limit=1000",
        "/api/v1/audit/checkpoint",
        "/api/v1/outbox?limit=1000",
        "/api/v1/provisioning",
    ] {
        let (status, body) = world.get(path).await;
        assert_eq!(status, 200, "{path}");
        places.push((path.to_owned(), body.into_bytes()));
    }
    // An order over TCP carries the operator's token; a wrong one is not shown either.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (token, accepted) in [("canary-operator-token", true), ("canary-wrong", false)] {
        let url = format!("http://{}/api/v1/outbox/retry", world.page());
        let order = client.post(url).bearer_auth(token).json(&serde_json::json!({ "sink": "basic" }));
        let answer = order.send().await.unwrap();
        assert_eq!(answer.status().is_success(), accepted, "{answer:?}");
        places.push((format!("an order: {accepted}"), answer.bytes().await.unwrap().into()));
    }
    for args in [
        ["status"].as_slice(),
        &["status", "--json"],
        &["check"],
        &["outbox", "list"],
        &["outbox", "list", "--json"],
        &["audit", "verify", "--json"],
        &["audit", "export"],
        &["audit", "export", "--format", "csv"],
        &["audit", "tail"],
        &["audit", "key"],
        &["audit", "prove", "1"],
        &["journal", "check"],
    ] {
        let output = world.cli(args).await;
        assert!(output.status.success(), "{args:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
        places.push((format!("{args:?}"), [output.stdout, output.stderr].concat()));
    }
    places
}

/// What others on the machine see of the process: its arguments and its name, not its environment.
fn process_list(world: &World) -> Vec<(String, Vec<u8>)> {
    let pid = world.daemon().pid().as_raw_nonzero();
    let read = |name: &str| (format!("/proc/PID/{name}"), std::fs::read(format!("/proc/{pid}/{name}")).unwrap());
    ["cmdline", "comm", "status"].map(read).into()
}

/// The state directory of a daemon that has ended, before and after all that can be is archived.
async fn state(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    let mut read = |folder: &Path| {
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            places.push((file.display().to_string(), std::fs::read(&file).unwrap()));
        }
    };
    read(&world.state_dir());
    let path = world.state_dir().join("journal.db");
    assert!(std::fs::metadata(&path).unwrap().len() > 4096);
    // What a sink still waits for is not archived.
    let options = Options { subscriptions: Some(Vec::new()), ..Options::new(path.clone(), Clock::system()) };
    let (journal, _) = Journal::open(options).unwrap();
    for sink in journal.reader().outbox_sinks().unwrap() {
        let all = trunkwarden::journal::Selection::All(i64::MAX);
        let outbox = vec![trunkwarden::journal::OutboxChange::Drop(sink.name, all)];
        journal.submit(trunkwarden::journal::Batch { outbox, ..Default::default() }).await.unwrap();
    }
    let now = Clock::system().wall().0;
    assert!(journal.archive(WallMs(now + 1_000_000)).await.unwrap() > 0);
    journal.close().await;
    read(&world.state_dir().join("archive"));
    let mut texts = Vec::new();
    let keep = |listed: &trunkwarden::journal::Listed| {
        texts.extend_from_slice(listed.text.as_bytes());
        true
    };
    Reader::open(&path).unwrap().list(&Filter::default(), &Archive::Beside, keep).unwrap();
    places.push(("the archive's entries".to_owned(), texts));
    places
}

//! A platform with calls, a switchboard in front of it, and the journal behind that; time stands still unless it is waited for.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;
use trunkwarden::calls::{GivenTarget, IdempotencyKey, Order, Refusal, Request as Asked, Settled, Switchboard};
use trunkwarden::clearance::{Change, Denied, Grant, Permit, PermitEvent, Permits};
use trunkwarden::clock::Clock;
use trunkwarden::config::{self, Config};
use trunkwarden::counters::Counters;
use trunkwarden::journal::{Filter, Gate, IdSource, Journal, Options, Recovered, WriterMode};
use trunkwarden::platform::{Client, ClientSettings, Platform, Request, Response, Transport, TransportError};
use trunkwarden::policy::{Actor, TenantId, WallMs};
use trunkwarden::sim::{BridgeMode, FaultKind, InProcess, Incident, Model, Scenario};

/// 2026-11-21T09:00:00Z, at the start.
pub const START: i64 = 1_795_251_600_000;
pub const CALL: &str = "12345678-1234-1234-1234-123456789012";
pub const DESK: &str = "+12025550100";
pub const READ: &str = r#"call = "/api/v2/cti/calls/{call}""#;
pub const LIST: &str = r#"calls = "/api/v2/cti/calls?channel={id}""#;

/// What the platform answers a bridge with, which is not made, and what it shows of one on the call.
#[derive(Clone, Default)]
pub struct Says(pub Arc<Mutex<Words>>);

/// The status and body of the answer, and the bridge that is shown.
pub type Words = (Option<(u16, Value)>, Option<Value>);

/// The way to the model, which says something else where the test wants it.
struct Wire {
    model: InProcess,
    says: Says,
    asked: Mutex<Option<String>>,
}

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (answer, shown) = self.says.0.lock().unwrap().clone();
        if let Some((status, body)) = answer.filter(|_| request.url.ends_with("/bridge")) {
            let id = request.headers["x-cxone-request-id"].to_str().unwrap().to_owned();
            *self.asked.lock().unwrap() = Some(id);
            let status = StatusCode::from_u16(status).unwrap();
            return Ok(Response { status, headers: HeaderMap::new(), body: body.to_string().into() });
        }
        let read = request.url.ends_with(CALL);
        let mut response = self.model.send(request).await?;
        let asked = self.asked.lock().unwrap().clone();
        if let (Some(mut bridge), Some(id)) = (shown.filter(|_| read), asked) {
            bridge["requestId"] = id.into();
            let mut call: Value = serde_json::from_slice(&response.body).unwrap();
            call["bridges"] = json!([bridge]);
            response.body = call.to_string().into();
        }
        Ok(response)
    }
}

/// Who gives leave in the driver's place: always, until it is told why not.
#[derive(Clone, Default)]
pub struct Driver(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    held: Option<String>,
    out: Vec<(Change, Grant)>,
}

impl Driver {
    fn permits(&self) -> Permits {
        let (permits, mut asked) = Permits::channel();
        let given = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(event) = asked.recv().await {
                let PermitEvent::Asked(request) = event else { continue };
                let answer = match &mut *given.lock().unwrap() {
                    Given { held: Some(why), .. } => Err(Denied::since(why.clone())),
                    Given { out, .. } => {
                        let (permit, grant) = Permit::new(Gate::open(), None);
                        out.push((request.change, grant));
                        Ok(permit)
                    }
                };
                let _ = request.reply.send(answer);
            }
        });
        permits
    }

    /// Calls back what is out, and gives nothing any more.
    pub fn hold(&self, why: &str) {
        let mut given = self.0.lock().unwrap();
        given.held = Some(why.to_owned());
        for (_, grant) in given.out.drain(..) {
            grant.call_back(why, false);
        }
    }

    pub fn let_go(&self) {
        self.0.lock().unwrap().held = None;
    }

    /// What is being changed under a permit.
    pub fn out(&self) -> Vec<Change> {
        let given = self.0.lock().unwrap();
        given.out.iter().filter(|(_, grant)| !grant.is_over()).map(|(change, _)| change.clone()).collect()
    }
}

pub struct World {
    pub model: Arc<Mutex<Model>>,
    pub journal: Journal,
    pub board: Switchboard,
    pub config: Config,
    pub counters: Counters,
    pub clock: Clock,
    pub driver: Driver,
    pub says: Says,
    pub folder: Arc<TempDir>,
}

impl World {
    /// A tenant whose calls can be read and listed, with one call on.
    pub fn new() -> Self {
        Self::that(true, true)
    }

    /// A tenant whose calls cannot be read, with one call on.
    pub fn blindfolded() -> Self {
        Self::that(false, true)
    }

    /// A tenant whose calls can be read or not, on a platform that knows request ids again or not.
    pub fn that(readable: bool, request_ids: bool) -> Self {
        Self::by((Clock::virtual_from(WallMs(START)), WriterMode::Inline), readable, request_ids)
    }

    /// By the machine's own clock and with the journal's own thread, as the daemon has them.
    pub fn in_real_time() -> Self {
        Self::by((Clock::system(), WriterMode::Thread), false, true)
    }

    fn by(clock: (Clock, WriterMode), readable: bool, request_ids: bool) -> Self {
        let mut scenario = Scenario::quiet(7, 4);
        scenario.options.request_ids = request_ids;
        let paths = if readable { format!("{READ}\n{LIST}") } else { String::new() };
        let world = Self::at(clock, &paths, "", scenario);
        world.call(CALL, "ch-0001", "inbound", 1);
        world
    }

    pub fn with(paths: &str, policy: &str, scenario: Scenario) -> Self {
        Self::at((Clock::virtual_from(WallMs(START)), WriterMode::Inline), paths, policy, scenario)
    }

    fn at(clock: (Clock, WriterMode), paths: &str, policy: &str, mut scenario: Scenario) -> Self {
        scenario.options.requests_per_minute = 0;
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::over(model, folder, clock, &text(paths, policy)).0
    }

    /// The next process on the same platform and the same journal, and what it found there.
    pub fn restarted(&self) -> (Self, Recovered) {
        let text = std::fs::read_to_string(self.folder.path().join("trunkwarden.toml")).unwrap();
        Self::over(Arc::clone(&self.model), Arc::clone(&self.folder), (self.clock.clone(), WriterMode::Inline), &text)
    }

    fn over(
        model: Arc<Mutex<Model>>,
        folder: Arc<TempDir>,
        (clock, mode): (Clock, WriterMode),
        text: &str,
    ) -> (Self, Recovered) {
        let file = folder.path().join("trunkwarden.toml");
        std::fs::write(&file, text).unwrap();
        let config = config::load(&file).unwrap_or_else(|rejected| panic!("{rejected}")).config;
        let options = Options {
            mode,
            ids: IdSource::Seeded(7),
            ..Options::new(folder.path().join("state/journal.db"), clock.clone())
        };
        let (journal, recovered) = Journal::open(options).unwrap();
        let counters = Counters::new();
        let driver = Driver::default();
        let board = Switchboard::new(journal.clone(), clock.clone(), counters.clone(), driver.permits());
        let tenant = &config.tenants[&TenantId::from("acme")];
        let settings = ClientSettings::of(tenant, "secret".to_owned().into(), Some(Vec::new()).into(), 7);
        let says = Says::default();
        let model_now = InProcess::new(Arc::clone(&model), clock.clone());
        let transport = Wire { model: model_now, says: says.clone(), asked: Mutex::default() };
        let client = Client::new(settings, Arc::new(transport), clock.clone(), Arc::new(|_| {}));
        let platforms = BTreeMap::from([(TenantId::from("acme"), Arc::new(client) as Arc<dyn Platform>)]);
        board.configure(&config, &platforms);
        (Self { model, journal, board, config, counters, clock, driver, says, folder }, recovered)
    }

    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub fn happen(&self, incident: Incident) {
        let now = self.clock.now().since_origin();
        self.model().apply(now, incident).unwrap();
    }

    pub fn call(&self, id: &str, channel: &str, direction: &str, legs: u32) {
        let (call, channel, direction) = (id.to_owned(), channel.to_owned(), direction.to_owned());
        self.happen(Incident::Call { call, channel, direction, legs });
    }

    /// Every request below the bridge's path meets `kind` for `lasts`.
    pub fn fault(&self, kind: FaultKind, lasts: Duration) {
        self.happen(Incident::Fault { kind, lasts, paths: vec![format!("/api/v2/cti/calls/{CALL}/bridge")] });
    }

    pub fn bridges(&self, mode: BridgeMode, delay: Duration) {
        self.happen(Incident::Bridge { mode, lasts: Duration::from_hours(1), delay: Some(delay) });
    }

    pub async fn bridge(&self) -> Result<Settled, Refusal> {
        self.board.bridge(order(CALL, None)).await
    }

    pub async fn bridge_under(&self, key: &str) -> Result<Settled, Refusal> {
        self.board.bridge(order(CALL, Some(key))).await
    }

    pub fn made(&self) -> u64 {
        self.model().bridges_made()
    }

    /// Requests to the bridge's path.
    pub fn sent(&self) -> usize {
        self.model().requests().filter(|request| request.method == "POST" && request.path.ends_with("/bridge")).count()
    }

    /// The audit log, oldest first.
    pub fn audit(&self) -> Vec<Value> {
        let filter = Filter { limit: 1000, ..Filter::default() };
        let mut entries = self.journal.reader().entries(&filter).unwrap().entries;
        entries.reverse();
        entries
    }

    pub fn events(&self) -> Vec<String> {
        self.audit().iter().map(|entry| entry["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// The value of a series.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.counters.bridges().refresh(self.clock.now());
        let families = self.counters.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let is_meant = |metric: &&prometheus::proto::Metric| {
            labels
                .iter()
                .all(|(name, value)| metric.get_label().iter().any(|l| l.name() == *name && l.value() == *value))
        };
        let metric = family.get_metric().iter().find(is_meant)?;
        Some(metric.get_gauge().get_value() + metric.get_counter().get_value())
    }
}

pub fn order(call: &str, key: Option<&str>) -> Order {
    Order {
        tenant: TenantId::from("acme"),
        call: call.to_owned(),
        request: request(&[("phone", DESK)]),
        key: key.map(|key| IdempotencyKey::new(key).unwrap()),
        actor: Actor::Operator("alice".to_owned()),
    }
}

pub fn request(targets: &[(&str, &str)]) -> Asked {
    let target = |(kind, value): &(&str, &str)| GivenTarget { kind: (*kind).to_owned(), value: (*value).to_owned() };
    Asked { targets: targets.iter().map(target).collect(), direction: "transfer".into(), matrix: None, dtmf: None }
}

fn text(paths: &str, policy: &str) -> String {
    format!(
        r#"
        [daemon]
        mode = "enforce"
        [tenants.acme]
        base_url            = "http://platform.example"
        requests_per_minute = 6000
        [tenants.acme.auth]
        client_id     = "cid"
        client_secret = {{ env = "SECRET" }}
        [tenants.acme.bridge]
        [tenants.acme.paths]
        {paths}
        [policies.default]
        {policy}
        [[channels]]
        id       = "ch-0001"
        tenant   = "acme"
        failover = ["ch-0002"]
        "#
    )
}

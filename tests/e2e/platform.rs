//! The simulated platform, served on a loopback port in the test's own process.

use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trunkwarden::clock::Clock;
use trunkwarden::sim::{self, ChannelState, FaultKind, Incident, Model, PatchMode, Scenario};

/// Longer than any test takes.
pub const LONG: Duration = Duration::from_mins(10);

pub struct Platform {
    model: Arc<Mutex<Model>>,
    clock: Clock,
    pub url: String,
    stop: CancellationToken,
}

impl Platform {
    pub async fn serve(scenario: Scenario) -> Self {
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let clock = Clock::system();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(sim::serve(listener, Arc::clone(&model), clock.clone(), stop.clone()));
        Self { model, clock, url, stop }
    }

    /// While this is held, no request is answered.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub fn now(&self) -> Duration {
        self.clock.now().since_origin()
    }

    pub fn happen(&self, incident: Incident) {
        let mut model = self.model();
        model.apply(self.now(), incident).unwrap();
    }

    pub fn turn(&self, channel: &str, status: &str) {
        self.happen(Incident::Status { channel: channel.into(), is: status.into() });
    }

    /// Every answer is of this kind until [`Platform::heal`].
    pub fn fail(&self, kind: FaultKind) {
        self.fail_for(kind, LONG);
    }

    pub fn fail_for(&self, kind: FaultKind, lasts: Duration) {
        self.happen(Incident::Fault { kind, lasts, paths: Vec::new() });
    }

    /// Everything healthy, at home and answered again.
    pub fn heal(&self) {
        let mut model = self.model();
        model.reset(self.now());
    }

    pub fn patching(&self, mode: PatchMode, delay: Option<Duration>) {
        self.happen(Incident::Patch { mode, lasts: LONG, delay });
    }

    /// PATCHes are made at once, and answered, as usual.
    pub fn patching_as_usual(&self) {
        self.happen(Incident::Patch { mode: PatchMode::Drop, lasts: Duration::ZERO, delay: None });
    }

    pub fn reroute(&self, channel: &str, to: &str) {
        self.happen(Incident::Route { channel: channel.into(), to: to.into() });
    }

    /// Where the traffic of a channel truly goes now.
    pub fn route(&self, channel: &str) -> String {
        let mut model = self.model();
        model.advance(self.now());
        model.channel(channel).map(ChannelState::primary).unwrap_or_default().to_owned()
    }

    /// Every PATCH that arrived, refused ones included: the channel and the body, oldest first.
    pub fn patches(&self) -> Vec<(String, Value)> {
        self.model().patches().map(|p| (p.channel.clone(), p.body.clone())).collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

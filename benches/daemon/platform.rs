//! The simulator in this process, on a loopback socket, and what it saw.

use super::child::Child;
use super::{Failure, Plan};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trunkwarden::clock::Clock;
use trunkwarden::sim::{self, Incident, Model, Options, Scenario};

/// How often a scrape comes in between.
const SCRAPE_EVERY: Duration = Duration::from_secs(10);
/// No page for so long: a sweep is over.
const AT_REST: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_mins(1);

/// A quiet platform that answers at once and limits nobody.
pub struct Platform {
    model: Arc<Mutex<Model>>,
    clock: Clock,
    stop: CancellationToken,
    /// Its address.
    pub url: String,
}

impl Platform {
    /// Starts serving.
    pub async fn start(plan: &Plan) -> Result<Self, Failure> {
        let mut scenario = Scenario::quiet(1, plan.channels);
        scenario.options = Options { requests_per_minute: 0, latency: Duration::ZERO, ..scenario.options };
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let (clock, stop) = (Clock::system(), CancellationToken::new());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(sim::serve(listener, Arc::clone(&model), clock.clone(), stop.clone()));
        Ok(Self { model, clock, stop, url })
    }

    /// Waits until `sweeps` more sweeps of the list are over, and none has begun again: a time of whole sweeps is measured
    /// between two such moments.
    pub async fn after_sweeps(&self, sweeps: usize) -> Result<(), Failure> {
        let pages = || self.model().requests().filter(|request| request.path == "/api/v2/channels").count();
        let began = self.clock.now();
        let (mut left, mut before, mut sweeping) = (sweeps, pages(), false);
        while left > 0 || sweeping {
            tokio::time::sleep(AT_REST).await;
            let now = pages();
            (left, sweeping) = (left - usize::from(!sweeping && now > before).min(left), now > before);
            before = now;
            if self.clock.now().since(began) > PATIENCE {
                return Err("the daemon does not read the list as often as it should".into());
            }
        }
        Ok(())
    }

    /// Turns group after group unhealthy, scrapes now and then, and waits until every one of them was moved.
    pub async fn fail_in_groups(&self, plan: &Plan, child: &Child) -> Result<(), Failure> {
        let mut scraped = self.clock.now();
        for group in 0..plan.groups {
            for member in 0..plan.group {
                let channel = format!("ch-{:04}", 2 * (group * plan.group + member) + 1);
                let incident = Incident::Status { channel, is: "unhealthy".to_owned() };
                self.model().apply(self.clock.now().since_origin(), incident)?;
            }
            tokio::time::sleep(plan.between_groups).await;
            if self.clock.now().since(scraped) >= SCRAPE_EVERY {
                scraped = self.clock.now();
                child.scrape(true).await?;
            }
        }
        let (expected, began) = (plan.groups * plan.group, self.clock.now());
        while self.model().patches().count() < expected {
            if self.clock.now().since(began) > PATIENCE {
                let moved = self.model().patches().count();
                return Err(format!("only {moved} of {expected} channels were moved in time").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The last ones are read back, and their latency is counted.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// For each PATCH, the time since the last single GET of its channel or its target: the answer that confirmed it. The
    /// way of that answer and of the PATCH themselves, over loopback, are in it.
    pub fn answer_to_patch(&self) -> Vec<Duration> {
        let model = self.model();
        let mut asked: HashMap<&str, Vec<Duration>> = HashMap::new();
        for request in model.requests().filter(|request| request.method == "GET") {
            if let Some(id) = request.path.strip_prefix("/api/v2/channels/") {
                asked.entry(id).or_default().push(request.at);
            }
        }
        let last = |id: &str, at: Duration| asked.get(id)?.iter().rev().find(|asked| **asked <= at).copied();
        let one = |patch: &sim::PatchRecord| {
            let target = patch.body.pointer("/routing/primary_channel_id").and_then(Value::as_str)?;
            let confirmed = last(&patch.channel, patch.at).max(last(target, patch.at))?;
            Some(patch.at.saturating_sub(confirmed))
        };
        model.patches().filter_map(one).collect()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

//! `trunkwarden sim`: the simulated platform alone, for trying a configuration without a tenant.

use super::{failed, signals};
use crate::clock::Clock;
use crate::sim::{Model, Scenario, ServeError, serve};
use crate::sync::lock;
use clap::Args;
use futures_util::StreamExt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often what happened is told.
const TELL: Duration = Duration::from_millis(200);

/// Channels that the ready-made configuration names.
const PASTED: usize = 10;

/// Serve a simulated platform, to try a configuration without a tenant
#[derive(Debug, Args)]
pub struct Sim {
    /// Where to serve; loopback only, since the control API asks for no password
    #[arg(long, default_value = "127.0.0.1:9480")]
    listen: SocketAddr,
    /// A scenario (TOML): how the platform behaves, and what happens when
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How many channels there are, where no scenario says
    #[arg(long, value_name = "N", default_value_t = 6, conflicts_with = "scenario",
        value_parser = clap::value_parser!(u32).range(1..=200_000))]
    channels: u32,
    /// What everything random follows from
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The platform's request limit; 0 lifts it
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
}

impl Sim {
    /// Serves until it is told to end: 0; 1 where it cannot serve.
    pub async fn run(self) -> ExitCode {
        match self.serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => failed(&why),
        }
    }

    async fn serve(self) -> Result<(), String> {
        let scenario = self.scenario()?;
        if !self.listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback(self.listen).to_string());
        }
        let listener = TcpListener::bind(self.listen).await.map_err(|e| {
            format!("cannot listen on {}: {e}; is another simulator running? --listen chooses a port", self.listen)
        })?;
        let address = listener.local_addr().map_err(|e| format!("cannot learn the address: {e}"))?;
        // Before the first line is printed: whoever reads it may send a signal at once.
        let mut signals = signals::to_stop()?;
        super::terminal::line(&greeting(address, &scenario));
        let clock = Clock::system();
        let model = Arc::new(Mutex::new(Model::new(scenario)));
        let shutdown = CancellationToken::new();
        let served = serve(listener, Arc::clone(&model), clock.clone(), shutdown.clone());
        tokio::pin!(served);
        let mut tell = tokio::time::interval(TELL);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                done = &mut served => {
                    report(&model, &clock);
                    return done.map_err(|e| e.to_string());
                }
                _ = signals.next(), if !shutdown.is_cancelled() => shutdown.cancel(),
                _ = tell.tick() => report(&model, &clock),
            }
        }
    }

    fn scenario(&self) -> Result<Scenario, String> {
        let mut scenario = match &self.scenario {
            None => Scenario::quiet(1, usize::try_from(self.channels).unwrap_or(usize::MAX)),
            Some(path) => {
                let name = path.display();
                let text =
                    std::fs::read_to_string(path).map_err(|e| format!("cannot read the scenario {name}: {e}"))?;
                Scenario::parse(&text).map_err(|e| format!("the scenario {name} cannot be played: {e}"))?
            }
        };
        scenario.options.seed = self.seed.unwrap_or(scenario.options.seed);
        let limit = &mut scenario.options.requests_per_minute;
        *limit = self.requests_per_minute.unwrap_or(*limit);
        Ok(scenario)
    }
}

fn report(model: &Mutex<Model>, clock: &Clock) {
    let news = {
        let mut model = lock(model);
        model.advance(clock.now().since_origin());
        model.take_news()
    };
    for item in news {
        // Beside the configuration, which may be read from standard output.
        super::terminal::complain(&format!("{:>8.1} s  {}", item.at.as_secs_f64(), item.text));
    }
}

fn greeting(address: SocketAddr, scenario: &Scenario) -> String {
    let options = &scenario.options;
    // Our share stays below the platform's limit, as it should with a real one.
    let share = match options.requests_per_minute {
        0 => 6000,
        limit => (limit * 9 / 10).max(1),
    };
    let rows =
        scenario.channels.iter().take(PASTED).map(|c| format!("[[channels]]\nid = {:?}\ntenant = \"sim\"\n", c.id));
    let channels: String = rows.collect();
    let more = match scenario.channels.len().saturating_sub(PASTED) {
        0 => String::new(),
        more => format!("# {more} more channels are not listed: GET /control/state names them all\n"),
    };
    format!(
        "# A simulated platform of {count} channels at http://{address} (control API: /control/state, /control/incident)\n\
         # A whole trunkwarden.toml; set SIM_CLIENT_SECRET={secret}\n\
         [daemon]\n\
         state_dir = \"trunkwarden-state\"\n\
         mode = \"enforce\"\n\
         [tenants.sim]\n\
         base_url = \"http://{address}\"\n\
         requests_per_minute = {share}\n\
         [tenants.sim.auth]\n\
         client_id = \"{id}\"\n\
         client_secret = {{ env = \"SIM_CLIENT_SECRET\" }}\n\
         # Without `failover` the platform's own list of backups counts.\n\
         {channels}{more}",
        count = scenario.channels.len(),
        secret = options.client_secret,
        id = options.client_id,
    )
}

//! The daemon's sockets: the page, the API and the metrics over TCP, and the control socket for the command line.

use crate::clock::Clock;
use crate::config::{Config, Setting, Tenant};
use crate::counters::Counters;
use crate::delivery::Delivery;
use crate::http::{self, Access, App};
use crate::platform::{Client, ClientSettings, HttpTransport, Platform, Spent};
use crate::supervisor::{Connect, Daemon};
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest answer of a platform that is read: a list page of a thousand channels is about 1 MiB.
const BODY_LIMIT: usize = 8 << 20;

/// Sockets that are bound and not yet served.
pub(in crate::cli) struct Sockets {
    tcp: TcpListener,
    control: Option<(UnixListener, PathBuf)>,
}

impl Sockets {
    /// `named` is where a person says the address.
    pub(in crate::cli) async fn bind(listen: SocketAddr, named: &str) -> Result<Self, String> {
        let tcp = TcpListener::bind(listen).await.map_err(|error| {
            format!("cannot listen on {listen} ({named}): {error}; is another trunkwarden running?")
        })?;
        Ok(Self { tcp, control: None })
    }

    /// After the journal's lock is held: whoever holds that owns the socket.
    pub(super) fn with_control(mut self, config: &Config) -> Result<Self, String> {
        let path = config.daemon.state_dir.join("control.sock");
        let listener = http::bind_control(&path)
            .map_err(|error| format!("cannot bind the control socket {}: {error}", path.display()))?;
        self.control = Some((listener, path));
        Ok(self)
    }
}

/// Sockets that are being served.
pub(in crate::cli) struct Served {
    /// Where the page is.
    pub listen: SocketAddr,
    control: Option<PathBuf>,
    tasks: JoinSet<String>,
    stop: CancellationToken,
}

/// Serves the daemon on its sockets.
pub(in crate::cli) fn serve(
    daemon: &Daemon,
    sockets: Sockets,
    clock: Clock,
    access: Access,
    delivery: Option<Delivery>,
) -> Served {
    let Sockets { tcp, control } = sockets;
    let reader = daemon.reader.clone();
    let audit: http::AuditSource =
        Arc::new(move |filter, cancel| reader.entries_unless(&filter, cancel).map_err(|error| error.to_string()));
    let reader = daemon.reader.clone();
    let checkpoint: http::CheckpointSource = Arc::new(move || super::audit::newest_checkpoint(&reader));
    let app = Arc::new(App {
        snapshot: daemon.snapshot.clone(),
        counters: daemon.counters.clone(),
        liveness: daemon.liveness.clone(),
        clock,
        orders: daemon.orders.clone(),
        provisioning: Some(daemon.provisioning.clone()),
        switchboard: Some(daemon.switchboard.clone()),
        audit: Some(audit),
        checkpoint: Some(checkpoint),
        access,
        reads: http::Reads::default(),
        accept: Some(super::audit::accept(daemon.journal.clone())),
        delivery,
    });
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let listen = tcp.local_addr().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let served = http::serve_tcp(tcp, Arc::clone(&app), stop.clone());
    tasks.spawn(async move {
        served.await;
        "the HTTP server ended".to_owned()
    });
    let control = control.map(|(listener, path)| {
        let served = http::serve_control(listener, path.clone(), app, stop.clone());
        tasks.spawn(async move {
            served.await;
            "the control socket ended".to_owned()
        });
        path
    });
    Served { listen, control, tasks, stop }
}

impl Served {
    /// Waits for a server to end, which none should while the daemon runs.
    pub(in crate::cli) async fn ended(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(why)) => why,
            Some(Err(error)) => format!("a server task failed: {error}"),
            None => std::future::pending().await,
        }
    }

    /// Lets open requests finish, for a while.
    pub(in crate::cli) async fn stop(mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
        if let Some(path) = self.control {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes a real client for a tenant.
pub(in crate::cli) fn connect(clock: Clock, counters: Counters) -> Connect {
    Box::new(move |tenant, secret, recent| {
        let client = client(tenant, secret, recent, &clock, counters.clone())?;
        Ok(Arc::new(client) as Arc<dyn Platform>)
    })
}

fn client(
    tenant: &Tenant,
    client_secret: SecretString,
    recent: Spent,
    clock: &Clock,
    counters: Counters,
) -> Result<Client, String> {
    let proxy = tenant.proxy.as_ref().map(Setting::resolve_url).transpose();
    let proxy = proxy.map_err(|error| format!("`proxy`: {error}"))?;
    let proxy = proxy.as_ref().map(ExposeSecret::expose_secret);
    let transport =
        HttpTransport::new(tenant.ca_file.as_deref(), proxy, BODY_LIMIT).map_err(|error| error.to_string())?;
    let mut settings = ClientSettings::of(tenant, client_secret, recent, rand::random());
    for (name, value) in &tenant.headers {
        let value = value.resolve().map_err(|error| format!("header `{name}`: {error}"))?;
        settings.headers.insert(name.clone(), value.expose_secret().to_owned());
    }
    let observer = crate::supervisor::observer(counters, tenant.id.clone(), clock.clone());
    Ok(Client::new(settings, Arc::new(transport), clock.clone(), observer))
}

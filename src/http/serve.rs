//! Listening: TCP for people and Prometheus, a Unix socket for the command line.
//!
//! Bounded: connections at once, time to send a request's head (an idle connection counts as sending one), and the grace
//! that open connections get when the daemon stops.

use super::orders::Giver;
use super::{App, control};
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections served at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 256;
/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How long open connections may go on once the daemon stops.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a failed accept: out of file descriptors, most likely.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(200);

/// Serves `router` on TCP until `shutdown`, and 5 s longer at most.
pub async fn serve_tcp(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        Ok((stream, router.clone()))
    };
    accept_loop(accept, shutdown).await;
}

/// Serves the control socket until `shutdown`, and 5 s longer at most. Whoever could connect may give orders: the
/// socket's mode decides that.
pub async fn serve_control(listener: UnixListener, app: Arc<App>, shutdown: CancellationToken) {
    let router = control(app);
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, router.clone().layer(Extension(Giver::Uid(uid)))))
    };
    accept_loop(accept, shutdown).await;
}

/// Binds the control socket with mode 0600. A socket that a dead process left is replaced; one that answers is not.
///
/// # Errors
/// `AddrInUse` where another daemon answers on it; `AlreadyExists` where something else than a socket is in the way; else
/// what the system says.
pub fn bind_control(path: &Path) -> io::Result<UnixListener> {
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            let why = format!("{} is in the way and is no socket: move it away", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            let why = format!("another trunkwarden answers on {}", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
    }
    bind_private(path)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot make the control socket {}: {e}", path.display())))
}

/// Bound in a private directory and then moved into place: at no moment can anyone else connect, and a stale socket is
/// replaced in one step.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let private = tempfile::Builder::new().prefix(".control-").rand_bytes(4).tempdir_in(parent)?;
    let bound = private.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&bound)?;
    std::fs::set_permissions(&bound, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&bound, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

async fn accept_loop<A, F, S>(accept: A, shutdown: CancellationToken)
where
    A: Fn() -> F,
    F: Future<Output = io::Result<(S, Router)>>,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            accept().await.map(|(stream, router)| (place, stream, router))
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = next => match accepted {
                Ok((place, stream, router)) => {
                    let (shutdown, cut) = (shutdown.clone(), cut.clone());
                    connections.spawn(async move {
                        cut.run_until_cancelled(connection(stream, router, shutdown)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                }
            },
        }
    }
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "closing connections that are still open");
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection<S>(stream: S, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    // What goes wrong here went wrong at the other end: it left, or it spoke no HTTP.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

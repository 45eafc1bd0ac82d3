//! Listening: TCP for people and Prometheus, a Unix socket for the command line.
//!
//! Bounded: connections at once (`places`), the time of each (`connection`), and the grace that open connections get when
//! the daemon stops.

use super::face::Face;
use super::places::{Peer, Places};
use super::{App, connection, control, public};
use axum::Router;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open connections may go on once the daemon stops.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether the control socket is still there.
const LOOK_FOR_SOCKET_EVERY: Duration = Duration::from_secs(2);
/// The pause after a failed accept: out of file descriptors, most likely.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(200);

/// Serves everything to read, and writes for whoever shows the operator's token, on TCP until `shutdown`, and 5 s longer
/// at most.
pub async fn serve_tcp(listener: TcpListener, app: Arc<App>, shutdown: CancellationToken) {
    let places = Places::new(Face::Tcp, &app.counters, app.access.refusals());
    let accept = || async {
        let (stream, from) = listener.accept().await?;
        Ok((stream, Peer::of(from.ip())))
    };
    accept_loop(accept, public(app), places, shutdown).await;
}

/// Serves the control socket at `path` until `shutdown`, and 5 s longer at most. Whoever could connect may give orders: the
/// socket's mode decides that. Where it is taken away it is made again.
pub async fn serve_control(listener: UnixListener, path: PathBuf, app: Arc<App>, shutdown: CancellationToken) {
    let places = Places::new(Face::Control, &app.counters, app.access.refusals());
    let (sender, listeners) = watch::channel(Arc::new(listener));
    let accept = || async {
        let mut listeners = listeners.clone();
        let stream = loop {
            let listener = Arc::clone(&listeners.borrow_and_update());
            tokio::select! {
                accepted = listener.accept() => break accepted?.0,
                // Only with the other half of this function it goes away.
                Ok(()) = listeners.changed() => {}
            }
        };
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, Peer::User(uid)))
    };
    tokio::select! {
        () = accept_loop(accept, control(app), places, shutdown) => {}
        () = keep_there(&path, sender) => {}
    }
}

/// Makes the control socket again where it is gone, or something else is in its place.
async fn keep_there(path: &Path, listeners: watch::Sender<Arc<UnixListener>>) {
    let mut ours = which(path);
    let mut told = None;
    loop {
        tokio::time::sleep(LOOK_FOR_SOCKET_EVERY).await;
        if which(path) == ours && ours.is_some() {
            continue;
        }
        match bind_control(path) {
            Ok(listener) => {
                tracing::warn!(path = %path.display(), "the control socket was gone and is made again");
                (ours, told) = (which(path), None);
                listeners.send_replace(Arc::new(listener));
            }
            Err(error) if told.as_ref() == Some(&error.to_string()) => {}
            Err(error) => {
                tracing::error!("the control socket is gone and cannot be made again: {error}");
                told = Some(error.to_string());
            }
        }
    }
}

fn which(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|there| (there.dev(), there.ino()))
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
        let own = rustix::process::geteuid().as_raw();
        if there.uid() != own {
            let why = format!(
                "{} is a socket of uid {}, and this process is uid {own}: see who made it, and remove it",
                path.display(),
                there.uid()
            );
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
/// replaced in one step. The name there is no longer than the one that it gets, so that both fit or neither.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let private = tempfile::Builder::new().prefix(".ctl-").rand_bytes(4).tempdir_in(parent)?;
    let bound = private.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&bound)?;
    std::fs::set_permissions(&bound, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&bound, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

async fn accept_loop<A, F, S>(accept: A, router: Router, places: Places, shutdown: CancellationToken)
where
    A: Fn() -> F,
    F: Future<Output = io::Result<(S, Peer)>>,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connections = TaskTracker::new();
    let end = CancellationToken::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept() => match accepted {
                Ok((stream, peer)) => {
                    let ticket = places.arrive(peer, &end);
                    let (router, shutdown, cut) = (router.clone(), shutdown.clone(), ticket.cut.clone());
                    connections.spawn(async move {
                        cut.run_until_cancelled(connection::serve(stream, router, ticket, shutdown)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                }
            },
        }
    }
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "closing the connections that are still open");
        end.cancel();
        connections.wait().await;
    }
}

//! The HTTP face: turns requests on a loopback socket into the model's, and the model's answers into bytes or silence.
//!
//! Everything below `/control/` is the control API; everything else is the platform. Must never listen on anything but
//! loopback: the control API asks nobody for a password.

mod control;

use super::model::Model;
use super::reply::Answer;
use crate::clock::Clock;
use crate::platform;
use crate::sync::lock;
use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The longest request body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How long a request that is never answered is held.
const HANG: Duration = Duration::from_hours(1);
/// A header that becomes one that no standard allows on its way to the socket. Of the same length, so that nothing else moves.
const NOTE: (&str, &str) = ("x-gateway-note", "passed/on");
const NOTE_AS_WRITTEN: &[u8] = b"x-gateway-not : passed\x7fon";
/// How long open connections may take to end after the shutdown began.
const GRACE: Duration = Duration::from_secs(2);

/// Why the face cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not a loopback address.
    #[error("{0} is not a loopback address: the simulator has an open control API, so bind it to 127.0.0.1 or ::1")]
    NotLoopback(SocketAddr),
    /// The socket failed.
    #[error("the simulator's socket failed: {0}")]
    Io(#[from] io::Error),
}

/// What every request is answered from.
#[derive(Clone, Debug)]
pub(super) struct Face {
    pub(super) model: Arc<Mutex<Model>>,
    pub(super) clock: Clock,
    shutdown: CancellationToken,
}

impl Face {
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }
}

/// Serves `model` on `listener` until `shutdown`. The model's start is the clock's origin.
pub async fn serve(
    listener: TcpListener,
    model: Arc<Mutex<Model>>,
    clock: Clock,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let face = Face { model, clock, shutdown: shutdown.clone() };
    let router = Router::new().nest("/control", control::router()).fallback(answer).with_state(face);
    let served = axum::serve(Ears(listener), router.into_make_service_with_connect_info::<Cutter>())
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        done = served => Ok(done?),
        // A client that keeps its connection busy must not keep the process alive.
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

async fn answer(State(face): State<Face>, ConnectInfo(cutter): ConnectInfo<Cutter>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = platform::Request {
        method: parts.method,
        url: parts.uri.to_string(),
        headers: parts.headers,
        body: Some(body),
        timeout: HANG,
    };
    let reply = face.model().handle(face.clock.now().since_origin(), face.clock.wall(), &request);
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    match reply.answer {
        Answer::Response(response) => {
            let mut answer = Response::new(Body::from(response.body));
            *answer.status_mut() = response.status;
            *answer.headers_mut() = response.headers;
            if reply.bad_headers {
                answer.headers_mut().insert(NOTE.0, HeaderValue::from_static(NOTE.1));
            }
            answer
        }
        Answer::Close => cutter.cut(),
        Answer::Hang => {
            tokio::select! {
                () = face.shutdown.cancelled() => {}
                () = tokio::time::sleep(HANG) => {}
            }
            cutter.cut()
        }
    }
}

/// Cuts the connection that it belongs to.
#[derive(Clone, Debug)]
struct Cutter(Arc<AtomicBool>);

impl Cutter {
    /// From now on nothing is written: the answer that this returns never reaches the wire.
    fn cut(&self) -> Response {
        self.0.store(true, Ordering::SeqCst);
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Connected<IncomingStream<'_, Ears>> for Cutter {
    fn connect_info(stream: IncomingStream<'_, Ears>) -> Self {
        Self(Arc::clone(&stream.io().cut))
    }
}

/// A listener whose connections can be cut.
struct Ears(TcpListener);

impl Listener for Ears {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Small answers must not wait for acknowledgements; a refusal costs speed only.
        let _ = stream.set_nodelay(true);
        (Line { stream, cut: Arc::new(AtomicBool::new(false)) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that can be cut.
struct Line {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn writable(&self) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writable()?;
        let note = format!("{}: {}", NOTE.0, NOTE.1);
        let odd = if buf.starts_with(b"HTTP/1.1") { find(buf, note.as_bytes()) } else { None };
        let Some(at) = odd else { return Pin::new(&mut self.stream).poll_write(cx, buf) };
        let mut written = buf.to_vec();
        written.splice(at..at + NOTE_AS_WRITTEN.len(), NOTE_AS_WRITTEN.iter().copied());
        Pin::new(&mut self.stream).poll_write(cx, &written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

//! One connection: requests in, each at its place, answers out within their time.
//!
//! A head must come within seconds; an answer must be taken within minutes and never stand still for long. What goes wrong
//! here went wrong at the other end, so it is counted and not told.

use super::error::ApiError;
use super::orders::Giver;
use super::places::{Errand, Peer, Serving, Ticket, Watch};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take; an idle connection counts as sending one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may stand still because nobody takes it.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take from its first byte to its last.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// What a head may measure, in bytes.
const MOST_HEAD: usize = 32 * 1024;

/// Serves a connection until its end, or until `shutdown` and the end of the request under way.
pub(super) async fn serve<S>(stream: S, router: Router, ticket: Ticket, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ticket = Arc::new(ticket);
    let stream = Watched::new(stream, Arc::clone(&ticket));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), Arc::clone(&ticket), request));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MOST_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(
    router: TowerToHyperService<Router>,
    ticket: Arc<Ticket>,
    mut request: Request<Incoming>,
) -> Result<Response<Placed>, Infallible> {
    let Ok(serving) = ticket.serve(Errand::of(request.uri().path())) else {
        let mut response = ApiError::Busy.into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Ok(response.map(|body| Placed { body, _serving: None }));
    };
    request.extensions_mut().insert(ticket.peer);
    if let Peer::User(uid) = ticket.peer {
        request.extensions_mut().insert(Giver::Uid(uid));
    }
    let response = router.call(request).await?;
    Ok(response.map(|body| Placed { body, _serving: Some(serving) }))
}

/// A body that holds its place until it is sent or given up.
struct Placed {
    body: Body,
    _serving: Option<Serving>,
}

impl http_body::Body for Placed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose other end must take what is written to it.
struct Watched<S> {
    stream: S,
    ticket: Arc<Ticket>,
    /// The answer that is being written, and when it is too late for it.
    answer: u64,
    late: Pin<Box<Sleep>>,
    /// Since the stream takes nothing.
    still: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    fn new(stream: S, ticket: Arc<Ticket>) -> Self {
        Self { stream, ticket, answer: 0, late: Box::pin(tokio::time::sleep(ANSWER_WITHIN)), still: None }
    }

    fn watch(&self) -> &Watch {
        &self.ticket.watch
    }

    /// What came of a write, or that it was too slow.
    fn judged(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let answer = self.watch().answer.load(Ordering::Relaxed);
        if answer != self.answer {
            self.answer = answer;
            self.late = Box::pin(tokio::time::sleep(ANSWER_WITHIN));
        }
        let is_late = self.late.as_mut().poll(cx).is_ready();
        self.watch().stalled.store(written.is_pending(), Ordering::Relaxed);
        if written.is_ready() {
            self.still = None;
            return if is_late { self.too_slow() } else { written };
        }
        let still = self.still.get_or_insert_with(|| Box::pin(tokio::time::sleep(TAKEN_WITHIN)));
        if is_late || still.as_mut().poll(cx).is_ready() {
            return self.too_slow();
        }
        Poll::Pending
    }

    fn too_slow(&self) -> Poll<io::Result<usize>> {
        self.ticket.too_slow();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer was not taken in time")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judged(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

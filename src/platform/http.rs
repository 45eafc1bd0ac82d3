//! The transport of the daemon: reqwest over rustls, one connection pool for each tenant.
//!
//! Must never: follow a redirect, take a proxy from the environment, repeat a request by itself, or read more of an answer
//! than its bound, decompressed bytes counted.

use super::lane::{Broken, Lane};
use super::transport::{Request, Response, Transport, TransportError};
use arc_swap::ArcSwap;
use bytes::Bytes;
use reqwest::{Certificate, ClientBuilder, Proxy, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than what servers and load balancers commonly keep, so that a change does not die on a connection just closed.
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_SIZE: usize = 16;
/// A file of certificate authorities at most, in bytes.
const LARGEST_PEM: u64 = 4 * 1024 * 1024;
const AGENT: &str = concat!("trunkwarden/", env!("CARGO_PKG_VERSION"));

/// Why a transport could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportBuildError {
    /// The file of further certificate authorities cannot be read or holds none.
    #[error("cannot load certificate authorities from {path}: {why}; `ca_file` must be a PEM file with certificates")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The proxy's URL cannot be used. The URL may hold a password and is not repeated.
    #[error("cannot use the tenant's `proxy`: it is not a proxy's URL such as http://proxy.example:3128")]
    Proxy,
    /// The system gives no thread.
    #[error("cannot start a thread for the connections: {why}")]
    Thread {
        /// What is wrong.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {why}; are the system's certificate authorities (ca-certificates) installed?")]
    Tls {
        /// What is wrong.
        why: String,
    },
}

/// Sends through reqwest.
#[derive(Debug)]
pub struct HttpTransport {
    client: ArcSwap<reqwest::Client>,
    ca: Option<Authorities>,
    proxy: Option<SecretString>,
    body_limit: usize,
    lane: Lane,
}

/// The file of further certificate authorities, and what it held when it was last read.
#[derive(Debug)]
struct Authorities {
    path: PathBuf,
    pem: Mutex<Vec<u8>>,
}

impl HttpTransport {
    /// `ca_file`: PEM, beside the system's authorities. `proxy`: for every request; without it none is used. `body_limit`: bytes.
    pub fn new(ca_file: Option<&Path>, proxy: Option<&str>, body_limit: usize) -> Result<Self, TransportBuildError> {
        let read = |path: &Path| {
            let failed = |why| TransportBuildError::CaFile { path: path.to_owned(), why };
            Ok(Authorities { path: path.to_owned(), pem: Mutex::new(pem(path).map_err(failed)?) })
        };
        let ca = ca_file.map(read).transpose()?;
        let proxy = proxy.map(|url| SecretString::from(url.to_owned()));
        let client = build(ca.as_ref(), proxy.as_ref())?;
        let lane = Lane::new().map_err(|error| TransportBuildError::Thread { why: error.to_string() })?;
        Ok(Self { client: ArcSwap::from_pointee(client), ca, proxy, body_limit, lane })
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let (client, limit) = (reqwest::Client::clone(&self.client.load()), self.body_limit);
        let done = self.lane.run(move |head| async move {
            let mut builder =
                client.request(request.method, request.url).headers(request.headers).timeout(request.timeout);
            if let Some(body) = request.body {
                builder = builder.body(body);
            }
            let answer = builder.send().await.map_err(|error| broken(&error))?;
            head.store(true, Ordering::Relaxed);
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok(Response { status, headers, body: body(answer, limit).await? })
        });
        done.await.unwrap_or_else(|why| Err(given_up(why)))
    }

    /// Reads the authorities again where no connection was made; whether others are there by now.
    async fn reread(&self) -> bool {
        let Some(ca) = &self.ca else { return false };
        let path = ca.path.clone();
        let Ok(Ok(read)) = tokio::task::spawn_blocking(move || pem(&path)).await else { return false };
        let known = std::mem::replace(&mut *ca.pem.lock().unwrap_or_else(PoisonError::into_inner), read.clone());
        if known == read {
            return false;
        }
        match build(Some(ca), self.proxy.as_ref()) {
            Ok(client) => {
                tracing::info!(file = %ca.path.display(), "the file of certificate authorities changed and was loaded again");
                self.client.store(Arc::new(client));
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot load the certificate authorities again; the old ones stay");
                *ca.pem.lock().unwrap_or_else(PoisonError::into_inner) = known;
                false
            }
        }
    }
}

fn build(ca: Option<&Authorities>, proxy: Option<&SecretString>) -> Result<reqwest::Client, TransportBuildError> {
    let mut builder = client(POOL_SIZE);
    if let Some(Authorities { path, pem }) = ca {
        let failed = |why| TransportBuildError::CaFile { path: path.clone(), why };
        let pem = pem.lock().unwrap_or_else(PoisonError::into_inner);
        builder = builder.tls_certs_merge(certificates(&pem).map_err(failed)?);
    }
    if let Some(url) = proxy {
        builder = builder.proxy(Proxy::all(url.expose_secret()).map_err(|_| TransportBuildError::Proxy)?);
    }
    builder.build().map_err(|error| TransportBuildError::Tls { why: innermost(&error) })
}

async fn body(mut answer: reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    let too_large = || TransportError::TooLarge { limit };
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| broken(&error))? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Bytes::from(body))
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let again = self.ca.is_some().then(|| request.clone());
        let answer = self.exchange(request).await;
        // Nothing was sent: a certificate may be of an authority that has been put into the file since.
        match (&answer, again) {
            (Err(TransportError::Connect(_)), Some(request)) if self.reread().await => self.exchange(request).await,
            _ => answer,
        }
    }
}

/// How every client of ours begins: it follows no redirect, takes no proxy from the environment and repeats nothing by
/// itself. `idle`: connections to one host that are kept open.
pub(crate) fn client(idle: usize) -> ClientBuilder {
    // Refused where a provider is installed already, which is all that is needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(idle)
        .tcp_nodelay(true)
        // An odd header costs itself and not the answer.
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
}

/// The certificate authorities in a PEM file; an error says what is wrong with it, and does not name it.
pub(crate) fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    certificates(&pem(path)?)
}

/// A file of certificates; an error does not name it.
pub(crate) fn pem(path: &Path) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    let file = crate::config::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST_PEM + 1).read_to_end(&mut pem).map_err(|error| error.to_string())?;
    if pem.len() as u64 > LARGEST_PEM { Err("it is larger than 4 MiB".to_owned()) } else { Ok(pem) }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let certificates = Certificate::from_pem_bundle(pem).map_err(|error| innermost(&error))?;
    if certificates.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(certificates) }
}

/// What it says of the request that its peer's thread gave it up.
pub(crate) fn given_up(why: Broken) -> TransportError {
    TransportError::Reset(match why {
        Broken::Endless => "the head of the answer has no end".to_owned(),
        Broken::Gone => "it was abandoned".to_owned(),
    })
}

/// What a failure says of whether the request had left. A URL or header that cannot be sent counts as no connection.
pub(crate) fn broken(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::Connect(innermost(error))
    } else if error.is_timeout() {
        TransportError::Timeout
    } else {
        TransportError::Reset(innermost(error))
    }
}

/// The root of the matter, without the URL that outer layers add.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    let mut text = String::from("the request could not be sent");
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

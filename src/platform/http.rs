//! The transport of the daemon: reqwest over rustls, one connection pool for each tenant.
//!
//! Must never: follow a redirect, take a proxy from the environment, repeat a request by itself, or read more of an answer
//! than its bound, decompressed bytes counted.

use super::transport::{Request, Response, Transport, TransportError};
use axum::body::Bytes;
use reqwest::{Certificate, ClientBuilder, Proxy, redirect, retry};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than what servers and load balancers commonly keep, so that a change does not die on a connection just closed.
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_SIZE: usize = 16;
const AGENT: &str = concat!("trunkwarden/", env!("CARGO_PKG_VERSION"));

/// Why a transport could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportBuildError {
    /// The file of further certificate authorities cannot be read or holds none.
    #[error("cannot take certificate authorities from {path}: {why}; `ca_file` must be a PEM file with certificates")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The proxy's URL cannot be used. The URL may hold a password and is not repeated.
    #[error("cannot use the tenant's `proxy`: it is not a proxy's URL such as http://proxy.example:3128")]
    Proxy,
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {why}; are the system's certificate authorities (ca-certificates) installed?")]
    Tls {
        /// What is wrong.
        why: String,
    },
}

/// Sends through reqwest.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    body_limit: usize,
}

impl HttpTransport {
    /// Bytes of an answer at most, unless a tenant needs another bound: a list page of some ten thousand channels.
    pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

    /// `ca_file`: PEM, beside the system's authorities. `proxy`: for every request; without it none is used. `body_limit`: bytes.
    pub fn new(ca_file: Option<&Path>, proxy: Option<&str>, body_limit: usize) -> Result<Self, TransportBuildError> {
        let mut builder = client(POOL_SIZE);
        if let Some(path) = ca_file {
            let failed = |why| TransportBuildError::CaFile { path: path.to_owned(), why };
            builder = builder.tls_certs_merge(authorities(path).map_err(failed)?);
        }
        if let Some(url) = proxy {
            builder = builder.proxy(Proxy::all(url).map_err(|_| TransportBuildError::Proxy)?);
        }
        let client = builder.build().map_err(|error| TransportBuildError::Tls { why: innermost(&error) })?;
        Ok(Self { client, body_limit })
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Bytes, TransportError> {
        let too_large = || TransportError::TooLarge { limit: self.body_limit };
        if answer.content_length().is_some_and(|length| length > self.body_limit as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| broken(&error))? {
            if body.len().saturating_add(chunk.len()) > self.body_limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(body))
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut builder =
            self.client.request(request.method, request.url).headers(request.headers).timeout(request.timeout);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let answer = builder.send().await.map_err(|error| broken(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Response { status, headers, body: self.body(answer).await? })
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
}

/// The certificate authorities in a PEM file; an error says what is wrong with it, and does not name it.
pub(crate) fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| innermost(&error))?;
    if certificates.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(certificates) }
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

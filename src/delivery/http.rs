//! One POST to a sink, or a GET of its address, over reqwest and rustls. Behind a trait, so that tests put sinks of their own in its place.
//!
//! Must never: follow a redirect, take a proxy from the environment, repeat a request by itself, or keep anything of the
//! answer's body to a POST: the status says all that is needed.

use crate::config::sink::HttpSink;
use crate::platform::{self, Lane, TransportError, authorities, broken, client, given_up, innermost};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::{Identity, Proxy};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of an answer's body that are read away, and for how long.
const DRAINED: usize = 64 * 1024;
const DRAINED_WITHIN: Duration = Duration::from_secs(1);

/// A request to a sink. It carries credentials: not to be logged.
#[derive(Clone)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// Headers, credentials included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// From sending to the answer.
    pub timeout: Duration,
}

/// Sends one request and brings the answer's status and headers.
#[async_trait::async_trait]
pub trait Post: Send + Sync + 'static {
    /// One exchange. Dropping the future abandons it.
    async fn post(&self, request: Outgoing) -> Result<(StatusCode, HeaderMap), TransportError>;
}

/// Through reqwest, with one connection pool for each sink.
#[derive(Debug)]
pub struct HttpPost {
    client: reqwest::Client,
    lane: Lane,
}

impl HttpPost {
    /// A client for `sink`; `key` is the private key of its certificate.
    ///
    /// # Errors
    /// What of its TLS files or its proxy cannot be used, in words that name the key and repeat nothing secret.
    pub fn new(sink: &HttpSink, key: Option<&SecretString>) -> Result<Self, String> {
        let mut builder = client(1);
        if let Some(path) = &sink.ca_file {
            let failed = |why| format!("its `ca_file` {} cannot be used: {why}", path.display());
            builder = builder.tls_certs_merge(authorities(path).map_err(failed)?);
        }
        if let Some(((path, _), key)) = sink.credentials.client.as_ref().zip(key) {
            builder = builder.identity(identity(path, key)?);
        }
        if let Some(url) = &sink.proxy {
            // The URL may hold a password and is not repeated.
            let url = url.resolve_url().map_err(|error| format!("its `proxy`: {error}"))?;
            let proxy = Proxy::all(url.expose_secret()).map_err(|_| "its `proxy` is not a proxy's URL".to_owned())?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|error| format!("TLS cannot be set up: {}", innermost(&error)))?;
        let lane = Lane::new().map_err(|error| format!("no thread can be started for it: {error}"))?;
        Ok(Self { client, lane })
    }
}

impl HttpPost {
    /// One GET, of whose answer `most` bytes are read at most.
    ///
    /// # Errors
    /// Why there is no whole answer, without secrets.
    pub async fn get(
        &self,
        url: &str,
        headers: HeaderMap,
        timeout: Duration,
        most: u64,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let request = self.client.get(url).headers(headers).timeout(timeout);
        let done = self.lane.run(move |head| async move {
            let words = |error: reqwest::Error| broken(&error).to_string();
            let mut answer = request.send().await.map_err(words)?;
            head.store(true, Ordering::Relaxed);
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(words)? {
                body.extend_from_slice(&chunk);
                if body.len() as u64 > most {
                    return Err(format!("its answer is longer than {most} bytes"));
                }
            }
            Ok((answer.status(), body))
        });
        done.await.unwrap_or_else(|why| Err(given_up(why).to_string()))
    }
}

#[async_trait::async_trait]
impl Post for HttpPost {
    async fn post(&self, request: Outgoing) -> Result<(StatusCode, HeaderMap), TransportError> {
        let Outgoing { url, headers, body, timeout } = request;
        let request = self.client.post(url).headers(headers).timeout(timeout).body(body);
        let done = self.lane.run(move |head| async move {
            let answer = request.send().await.map_err(|error| broken(&error))?;
            head.store(true, Ordering::Relaxed);
            Ok(drained(answer).await)
        });
        done.await.unwrap_or_else(|why| Err(given_up(why)))
    }
}

async fn drained(mut answer: reqwest::Response) -> (StatusCode, HeaderMap) {
    let told = (answer.status(), answer.headers().clone());
    // What little there is of a body is read away, so that the connection serves the next delivery too.
    let rest = async {
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read += chunk.len();
            if read > DRAINED {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAINED_WITHIN, rest).await;
    told
}

fn identity(path: &Path, key: &SecretString) -> Result<Identity, String> {
    let failed = |why: String| format!("its `client_cert` {} cannot be used: {why}", path.display());
    let mut pem = platform::pem(path).map_err(failed)?;
    pem.push(b'\n');
    pem.extend_from_slice(key.expose_secret().as_bytes());
    // The reader's own words may repeat the text.
    Identity::from_pem(&pem).map_err(|_| failed("with `client_key` it is not a certificate and key in PEM".to_owned()))
}

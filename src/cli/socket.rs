//! The command line's way to the running daemon: HTTP over its control socket, where the user's own id is the credential.
//!
//! Reads no more of the configuration than where the socket is: a mistake elsewhere in the file must not stand between an
//! operator and `pause`.

use crate::cli::terminal::{self, plain};
use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const DEFAULT_CONFIG: &str = "/etc/trunkwarden/trunkwarden.toml";
const DEFAULT_STATE_DIR: &str = "/var/lib/trunkwarden";
/// Longer than the daemon takes to give up an answer itself.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The same for a bridge.
const BRIDGE_TIMEOUT: Duration = Duration::from_secs(160);

/// Where the daemon is found.
#[derive(Clone, Debug, Args)]
pub struct SocketArgs {
    /// The daemon's configuration, whose `state_dir` holds the control socket
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The control socket itself; then no configuration is read
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl SocketArgs {
    /// Whether the socket itself is named, and so a running daemon is meant.
    pub fn names_socket(&self) -> bool {
        self.socket.is_some()
    }

    /// The daemon's configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The daemon's state directory: the named socket's folder, or as the configuration says.
    pub fn state_dir(&self) -> Result<PathBuf, SocketError> {
        match &self.socket {
            Some(socket) => Ok(socket.parent().unwrap_or(Path::new("")).to_owned()),
            None => state_dir(&self.config),
        }
    }
}

/// Why the daemon did not do, or show, what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The socket's place is not known.
    #[error("cannot tell where the control socket is: {0}; name it with --socket PATH")]
    NoPlace(String),
    /// Nobody answers.
    #[error("trunkwarden is not running: nobody answers on {}{hint}", .socket.display())]
    NotRunning {
        /// Where it would answer.
        socket: PathBuf,
        /// What else it may be.
        hint: &'static str,
    },
    /// The socket belongs to another user.
    #[error("not allowed to use {}: run this as the daemon's user or as root", .0.display())]
    NotAllowed(PathBuf),
    /// Somebody else may be listening in its place.
    #[error("{} is not used: {why}", .socket.display())]
    Stranger {
        /// The socket.
        socket: PathBuf,
        /// Why it is not trusted.
        why: String,
    },
    /// The daemon said no.
    #[error("{0}")]
    Refused(String),
    /// There was no answer, and there may have been an effect.
    #[error("no answer ({0}): the order may have been taken; check `trunkwarden status` before repeating it")]
    Unknown(String),
    /// The answer is not of this version.
    #[error("cannot read the daemon's answer: {0}")]
    Answer(String),
    /// There was no answer, and nothing was ordered.
    #[error("the daemon gave no answer: {0}; its log says whether it hangs")]
    Silent(String),
}

impl SocketError {
    /// Says it, and turns it into an exit code.
    pub fn report(&self) -> ExitCode {
        terminal::complain(&format!("trunkwarden: {}", plain(&self.to_string())));
        ExitCode::from(if matches!(self, Self::Unknown(_)) { 3 } else { 1 })
    }
}

/// A connection to the daemon, made when it is first used.
pub struct Daemon {
    client: Client,
    socket: PathBuf,
    /// What to try where nobody answers.
    hint: &'static str,
}

/// Where the socket is as the file says: the daemon may still go by what the file said before.
const EDITED: &str =
    "; if state_dir was edited while it runs, the daemon still uses the old one: name its socket with --socket PATH";

impl Daemon {
    /// The daemon that `args` name.
    pub fn find(args: &SocketArgs) -> Result<Self, SocketError> {
        let socket = match &args.socket {
            Some(path) => path.clone(),
            None => state_dir(&args.config)?.join("control.sock"),
        };
        known(&socket)?;
        // A client without roots of trust: nothing on this socket speaks TLS.
        let client = Client::builder()
            .unix_socket(socket.as_path())
            .no_proxy()
            .tls_certs_only([])
            .timeout(TIMEOUT)
            .build()
            .map_err(|e| SocketError::NoPlace(e.to_string()))?;
        Ok(Self { client, socket, hint: if args.names_socket() { "" } else { EDITED } })
    }

    /// `GET`s `path` and reads the answer as `T`.
    pub async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, SocketError> {
        let body = self.call(Method::GET, path, None).await?;
        serde_json::from_value(body).map_err(|e| SocketError::Answer(e.to_string()))
    }

    /// Gives an order. It is done where the answer says so, and no other answer will do.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Result<(), SocketError> {
        let answer = self.call(Method::POST, path, body).await?;
        if answer.get("done").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        Err(SocketError::Unknown("what came does not say that it is done".to_owned()))
    }

    /// Gives an order and reads the answer as `T`.
    pub async fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, body: Option<Value>) -> Result<T, SocketError> {
        let body = self.call(Method::POST, path, body).await?;
        serde_json::from_value(body).map_err(|e| SocketError::Answer(e.to_string()))
    }

    /// Orders a bridge: the answer's status and body. It comes with the outcome, so it may take a while.
    pub async fn bridge(&self, path: &str, body: Value, key: Option<&str>) -> Result<(u16, Value), SocketError> {
        let mut request = self.client.post(format!("http://trunkwarden{path}")).json(&body).timeout(BRIDGE_TIMEOUT);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.map_err(|e| self.unanswered(&e, true))?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.map_err(|e| self.unanswered(&e, true))?))
    }

    /// Gives an order, and brings what is answered.
    pub async fn order(&self, path: &str, body: Option<Value>) -> Result<Value, SocketError> {
        self.call(Method::POST, path, body).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, SocketError> {
        let writes = method == Method::POST;
        let mut request = self.client.request(method, format!("http://trunkwarden{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|e| self.unanswered(&e, writes))?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|e| self.unanswered(&e, writes))?;
        if status.is_success() {
            return Ok(body);
        }
        let message =
            body.pointer("/error/message").and_then(Value::as_str).unwrap_or("the daemon did not say why").to_owned();
        if writes && status == StatusCode::GATEWAY_TIMEOUT {
            return Err(SocketError::Unknown(message));
        }
        Err(SocketError::Refused(message))
    }

    fn unanswered(&self, error: &reqwest::Error, writes: bool) -> SocketError {
        if error.is_connect() {
            return match std::os::unix::net::UnixStream::connect(&self.socket) {
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                    SocketError::NotAllowed(self.socket.clone())
                }
                _ => SocketError::NotRunning { socket: self.socket.clone(), hint: self.hint },
            };
        }
        let why = match error.is_timeout() {
            true if writes => "it took too long".to_owned(),
            true => format!("none came within {} s", TIMEOUT.as_secs()),
            false if error.is_decode() => return SocketError::Answer("it is not JSON".to_owned()),
            false => "the connection broke".to_owned(),
        };
        if writes { SocketError::Unknown(why) } else { SocketError::Silent(why) }
    }
}

/// Whose socket it is: ours, root's, or that of the owner of its folder, in which nobody else may put another one in its place.
/// Whether anybody answers is not asked here.
fn known(socket: &Path) -> Result<(), SocketError> {
    use std::os::unix::fs::MetadataExt;
    let Ok(stream) = std::os::unix::net::UnixStream::connect(socket) else { return Ok(()) };
    let stranger = |why: String| Err(SocketError::Stranger { socket: socket.to_owned(), why });
    let folder = socket.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(there) = std::fs::metadata(folder) else { return Ok(()) };
    if there.mode() & 0o022 != 0 {
        let (folder, mode) = (folder.display(), there.mode() & 0o7777);
        return stranger(format!("other users can put a socket into {folder} (mode {mode:04o})"));
    }
    let own = rustix::process::geteuid().as_raw();
    match rustix::net::sockopt::socket_peercred(&stream) {
        Ok(peer) if [own, 0, there.uid()].contains(&peer.uid.as_raw()) => Ok(()),
        Ok(peer) => {
            let peer = peer.uid.as_raw();
            stranger(format!("uid {peer} answers on it, but its folder belongs to uid {}", there.uid()))
        }
        Err(error) => stranger(format!("the system does not say who answers on it ({error})")),
    }
}

pub(super) fn state_dir(config: &Path) -> Result<PathBuf, SocketError> {
    let text = match crate::config::open(config).and_then(std::io::read_to_string) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && config == Path::new(DEFAULT_CONFIG) => String::new(),
        Err(e) => return Err(SocketError::NoPlace(format!("cannot read {}: {e}", config.display()))),
    };
    let file: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        SocketError::NoPlace(format!("{} is not TOML: {}", config.display(), e.message()))
    })?;
    let named = file.get("daemon").and_then(|d| d.get("state_dir")).and_then(toml::Value::as_str);
    // As the daemon reads it: relative to the file that names it.
    let beside = config.parent().unwrap_or(Path::new(""));
    Ok(beside.join(named.unwrap_or(DEFAULT_STATE_DIR)))
}

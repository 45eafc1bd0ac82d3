//! Who may come in over TCP: the operator's token, the names under which we may be called, and from which pages.
//!
//! The token is read again from its place whenever one is shown, so that it is rotated by writing its file; one reading at a
//! time, whoever asks. Must never: look at a token of a peer that has shown too many wrong ones, or tell which part of one is
//! wrong.

use super::guesses::{Guesses, Report};
use super::places::Peer;
use super::refused::{Refusals, Refused};
use crate::clock::Clock;
use crate::config::{Aside, Config, MIN_TOKEN_LENGTH, SecretRef};
use crate::counters::Counters;
use crate::sync::lock;
use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;

/// How long the token's place may take to be read before the token as it was last read holds.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Doors>);

struct Doors {
    token: ArcSwap<Token>,
    reading: Aside,
    hosts: ArcSwap<Vec<String>>,
    guesses: Mutex<Guesses>,
    refusals: Refusals,
    clock: Clock,
    news: Notify,
}

/// What a configuration says of who may come in.
pub struct Allowed {
    token: Token,
    hosts: Vec<String>,
}

/// Where the operator's token comes from.
#[derive(Default)]
struct Token {
    place: Option<SecretRef>,
    /// As it was last read: what holds while its place cannot be read.
    last: Mutex<Option<SecretString>>,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAccepted {
    /// None is configured.
    None,
    /// The configured one is too short.
    TooShort,
    /// It is missing or another one.
    Wrong,
    /// Its peer has shown too many wrong ones; the time until it may show another.
    Guessing(Duration),
}

impl Access {
    /// Nobody may write, and no other names are known than those of this machine.
    pub fn new(counters: &Counters, clock: &Clock) -> Self {
        Self(Arc::new(Doors {
            token: ArcSwap::default(),
            reading: Aside::new(READ_WITHIN),
            hosts: ArcSwap::default(),
            guesses: Mutex::default(),
            refusals: Refusals::new(counters, clock),
            clock: clock.clone(),
            news: Notify::new(),
        }))
    }

    /// With a token that stays what it is.
    #[must_use]
    pub fn with_token(self, token: SecretString) -> Self {
        self.0.token.store(Arc::new(Token { place: None, last: Mutex::new(Some(token)) }));
        self
    }

    /// What a configuration says of who may come in; nothing changes yet.
    ///
    /// # Errors
    /// Where the operator's token cannot be read.
    pub fn prepare(config: &Config) -> Result<Allowed, String> {
        let place = config.daemon.operator_token.clone();
        let last = match &place {
            None => None,
            Some(place) => Some(place.resolve().map_err(|error| format!("`daemon.tokens.operator`: {error}"))?),
        };
        if last.as_ref().is_some_and(is_too_short) {
            tracing::error!(
                "`daemon.tokens.operator` has fewer than {MIN_TOKEN_LENGTH} characters and is not accepted: writes over TCP are refused"
            );
        }
        let hosts = config.daemon.hosts.iter().map(|host| super::host::bare(host)).collect();
        Ok(Allowed { token: Token { place, last: Mutex::new(last) }, hosts })
    }

    /// That holds from now on.
    pub fn take(&self, allowed: Allowed) {
        self.0.token.store(Arc::new(allowed.token));
        self.0.hosts.store(Arc::new(allowed.hosts));
    }

    /// Names, beside those of this machine and addresses, under which we may be called.
    pub(super) fn hosts(&self) -> Arc<Vec<String>> {
        self.0.hosts.load_full()
    }

    pub(super) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    /// Whether `shown` is the operator's token.
    pub(super) async fn operator(&self, peer: Peer, shown: Option<&str>) -> Result<(), NotAccepted> {
        let token = self.0.token.load_full();
        if token.place.is_none() && token.last().is_none() {
            return Err(NotAccepted::None);
        }
        self.guesses().allowed(self.0.clock.now(), peer).map_err(|left| {
            self.0.refusals.count(Refused::Guessing);
            self.0.news.notify_one();
            NotAccepted::Guessing(left)
        })?;
        let expected = self.read(token).await.ok_or(NotAccepted::None)?;
        if is_too_short(&expected) {
            return Err(NotAccepted::TooShort);
        }
        // Digests are of one length, so the comparison tells neither the token's length nor where it differs.
        let same = Sha256::digest(expected.expose_secret().as_bytes())
            .ct_eq(&Sha256::digest(shown.unwrap_or_default().as_bytes()));
        if bool::from(same) {
            return Ok(());
        }
        self.0.refusals.count(Refused::Token);
        if shown.is_some() {
            self.guesses().wrong(self.0.clock.now(), peer);
            self.0.news.notify_one();
        }
        Err(NotAccepted::Wrong)
    }

    /// The token as its place has it; where that does not answer, as it was.
    async fn read(&self, token: Arc<Token>) -> Option<SecretString> {
        let place = Arc::clone(&token);
        self.0.reading.read(move || place.read()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read the operator's token again; the old one stays valid");
            token.last()
        })
    }

    /// Waits until somebody was refused for a wrong token; what was since the last time.
    pub async fn refused(&self) -> Report {
        loop {
            if let Some(report) = self.guesses().take_report() {
                return report;
            }
            self.0.news.notified().await;
        }
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        lock(&self.0.guesses)
    }
}

impl Token {
    fn last(&self) -> Option<SecretString> {
        lock(&self.last).clone()
    }

    /// As its place has it now; where that cannot be read, as it was.
    fn read(&self) -> Option<SecretString> {
        let Some(place) = &self.place else { return self.last() };
        match place.resolve() {
            Ok(token) => {
                *lock(&self.last) = Some(token.clone());
                Some(token)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the operator's token again; the old one stays valid");
                self.last()
            }
        }
    }
}

fn is_too_short(token: &SecretString) -> bool {
    token.expose_secret().chars().count() < MIN_TOKEN_LENGTH
}

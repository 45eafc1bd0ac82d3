//! What happens between a decision and its sending, drawn from the seed: some changes have to be sent once more, since the
//! platform no longer takes the token and is slow to say so, and meanwhile somebody or something takes their ground away.

use crate::people::{acme, key};
use crate::schedule::secs;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::platform::Request;
use trunkwarden::policy::Order;
use trunkwarden::sim::{Incident, Model};

/// So many changes have to be sent once more.
const SHARE: f64 = 0.15;
/// What was made worse is put right after this.
const SPOILT_FOR: Duration = secs(90);

/// See the module.
pub struct SecondThoughts {
    rng: ChaCha8Rng,
    end: Duration,
    model: Arc<Mutex<Model>>,
    /// When the token was last taken back, and when that was for the second time within a minute.
    revoked: Option<Duration>,
    twice: Option<Duration>,
    given: VecDeque<Order>,
    put_right: VecDeque<(Duration, String)>,
}

impl SecondThoughts {
    /// Until `end`.
    pub fn new(seed: u64, end: Duration, model: Arc<Mutex<Model>>) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x2_0d17);
        Self { rng, end, model, revoked: None, twice: None, given: VecDeque::new(), put_right: VecDeque::new() }
    }

    /// A PATCH is about to arrive; answers how long the platform takes to refuse it, where its token is no longer good.
    pub fn meets(&mut self, now: Duration, request: &Request) -> Option<Duration> {
        let id = request.url.rsplit_once('/').map(|(_, id)| id).filter(|_| request.method == "PATCH")?;
        if now >= self.end || !self.rng.random_bool(SHARE) {
            return None;
        }
        if self.revoked.replace(now).is_some_and(|before| now.saturating_sub(before) < secs(60)) {
            self.twice = Some(now);
        }
        let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap_or_default();
        let to = body["routing"]["primary_channel_id"].as_str().unwrap_or(id);
        let model = Arc::clone(&self.model);
        let mut model = model.lock().unwrap();
        model.advance(now);
        // None of these is refused where its channel has been deleted meanwhile, or it makes no difference then.
        let _ = model.apply(now, Incident::RevokeTokens {});
        let is = |channel: &str, is: &str| Incident::Status { channel: channel.to_owned(), is: is.to_owned() };
        match self.rng.random_range(0..6) {
            0 => drop(model.apply(now, is(id, "healthy"))),
            1 | 2 => {
                let _ = model.apply(now, is(to, "unhealthy"));
                self.put_right.push_back((now + SPOILT_FOR, to.to_owned()));
            }
            3 => self.given.push_back(Order::PauseFor { tenant: Some(acme()), lasts: SPOILT_FOR }),
            4 => self.given.push_back(Order::StartMaintenance {
                channel: key(id),
                lasts: SPOILT_FOR,
                reason: "second thoughts".to_owned(),
            }),
            _ => {}
        }
        Some(Duration::from_millis(self.rng.random_range(3000..7000)))
    }

    /// When a token just fetched was last taken back too: then our client asks for none for some time.
    pub fn twice(&self) -> Option<Duration> {
        self.twice
    }

    /// What somebody orders now.
    pub fn given(&mut self) -> Vec<Order> {
        self.given.drain(..).collect()
    }

    /// Puts right what was spoilt.
    pub fn put_right(&mut self, now: Duration, model: &mut Model) {
        while let Some((_, channel)) = self.put_right.pop_front_if(|(at, _)| *at <= now) {
            let _ = model.apply(now, Incident::Status { channel, is: "healthy".to_owned() });
        }
    }
}

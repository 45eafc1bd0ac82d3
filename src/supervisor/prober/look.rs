//! A single `GET` of one channel.

use super::super::spans;
use super::{Done, LastLook, Prober, Seen};
use crate::platform::{Answer, ChannelDoc, Class, ErrorClass, PlatformError};
use crate::policy::{ChannelKey, LookError, Observation, Source, Time};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// A look that is over.
pub(super) struct Looked {
    pub(super) channel: ChannelKey,
    class: Class,
    started: Time,
    finished: Time,
    result: Result<Answer<ChannelDoc>, PlatformError>,
}

/// The `result` label of `polls_total`.
pub(super) const fn label(error: LookError) -> &'static str {
    match error {
        LookError::Timeout => "timeout",
        LookError::Connect => "connect",
        LookError::NotAuthorised => "not_authorised",
        LookError::Forbidden => "forbidden",
        LookError::RateLimited => "rate_limited",
        LookError::Server => "server",
        LookError::Malformed => "malformed",
        LookError::Unexpected => "unexpected",
    }
}

impl Prober {
    /// Starts a look, unless the channel has one of the kind under way.
    pub(super) fn look(&mut self, channel: ChannelKey, class: Class) {
        let Some(tenant) = self.tenants.get(&channel.tenant) else { return };
        let Some(watched) = self.channels.get_mut(&channel) else { return };
        let busy = match class {
            Class::Action => std::mem::replace(&mut watched.last_look, LastLook::UnderWay) != LastLook::None,
            _ => std::mem::replace(&mut watched.looking, true),
        };
        if busy {
            return;
        }
        let timeout = watched.cadence.timeout;
        let places = match class {
            Class::Action => &tenant.places.last_looks,
            Class::Suspect => &tenant.places.urgent,
            Class::Call | Class::ReadBack | Class::Poll | Class::Telemetry | Class::Rest => &tenant.places.routine,
        };
        let (places, platform) = (Arc::clone(places), Arc::clone(&tenant.platform));
        let (clock, done) = (self.clock.clone(), self.done.0.clone());
        let span = spans::look(&channel);
        let look = async move {
            let Ok(_place) = places.acquire_owned().await else { return };
            let started = clock.now();
            let result = platform.channel(&channel.channel, class, timeout).await;
            let _ = done.send(Done::Look(Looked { channel, class, started, finished: clock.now(), result })).await;
        };
        self.requests.spawn(look.instrument(span));
    }

    pub(super) async fn looked(&mut self, looked: Looked) {
        let Looked { channel, class, started, finished, result } = looked;
        let Some(watched) = self.channels.get_mut(&channel) else { return };
        let mut again = false;
        if class == Class::Action {
            again = std::mem::replace(&mut watched.last_look, LastLook::None) == LastLook::Again;
        } else {
            watched.looking = false;
        }
        self.count(&channel, &result, finished.since(started));
        match result {
            Ok(Answer { value, as_of, asked_at, date, .. }) => {
                self.note_answer(&channel.tenant, date).await;
                self.note_age(&channel.tenant, asked_at, as_of);
                let observation = Observation::Look { asked_at: as_of, source: Source::Single, view: value.view() };
                self.tell(Seen::Channel(channel.clone(), observation, Some(Arc::new(value)))).await;
            }
            Err(error) if error.class == ErrorClass::NotFound => {
                let observation = Observation::Missing { asked_at: started };
                self.tell(Seen::Channel(channel.clone(), observation, None)).await;
            }
            Err(error) => {
                self.note_error(&channel.tenant, finished, error.look, &error).await;
                let observation = Observation::Failed { asked_at: started, error: error.look };
                self.tell(Seen::Channel(channel.clone(), observation, None)).await;
            }
        }
        if again {
            self.look(channel, Class::Action);
        } else {
            self.rearm(&channel);
        }
    }

    fn count(&self, channel: &ChannelKey, result: &Result<Answer<ChannelDoc>, PlatformError>, waited: Duration) {
        let (result, took) = match result {
            Ok(answer) => ("ok", answer.answered_at.since(answer.asked_at)),
            Err(error) if error.class == ErrorClass::NotFound => ("missing", waited),
            Err(error) => (label(error.look), waited),
        };
        self.counters.poll(channel.tenant.as_str(), result, took);
    }
}

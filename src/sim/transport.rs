//! The model as a [`Transport`]: no sockets, so that simulated time drives everything.

use super::model::Model;
use super::reply::Answer;
use crate::clock::Clock;
use crate::platform::{Request, Response, Transport, TransportError};
use crate::sync::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The longest body that is handed on, in bytes; a longer one is [`TransportError::TooLarge`].
const LIMIT: usize = 16 << 20;

/// A transport straight into a model.
#[derive(Clone, Debug)]
pub struct InProcess {
    model: Arc<Mutex<Model>>,
    clock: Clock,
    age: Duration,
}

impl InProcess {
    /// Onto `model`, by `clock`. The model's start is the clock's origin.
    pub fn new(model: Arc<Mutex<Model>>, clock: Clock) -> Self {
        Self::older(model, clock, Duration::ZERO)
    }

    /// Onto a `model` whose start lies `age` before the clock's origin: a platform outlives the processes that ask it.
    pub fn older(model: Arc<Mutex<Model>>, clock: Clock, age: Duration) -> Self {
        Self { model, clock, age }
    }
}

#[async_trait::async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let reply = {
            let mut model = lock(&self.model);
            model.handle(self.age + self.clock.now().since_origin(), self.clock.wall(), &request)
        };
        let late = reply.after >= request.timeout || matches!(reply.answer, Answer::Hang);
        tokio::time::sleep(if late { request.timeout } else { reply.after }).await;
        match reply.answer {
            _ if late => Err(TransportError::Timeout),
            Answer::Response(response) if response.body.len() > LIMIT => Err(TransportError::TooLarge { limit: LIMIT }),
            Answer::Response(response) => Ok(response),
            Answer::Close | Answer::Hang => Err(TransportError::Reset("closed without an answer".to_owned())),
        }
    }
}

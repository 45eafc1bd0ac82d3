//! The answer to a submitted batch, while it is waited for.

use super::error::JournalError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// What became of a batch.
pub(in crate::journal) type Answer = Result<(), JournalError>;

/// Resolves once the batch is durable, or once it is known not to be.
/// Who does not care drops it: the batch is committed all the same.
#[derive(Debug)]
pub struct Pending(Inner);

#[derive(Debug)]
enum Inner {
    Ready(Option<Answer>),
    Waiting(oneshot::Receiver<Answer>),
}

impl Pending {
    pub(in crate::journal) const fn ready(answer: Answer) -> Self {
        Self(Inner::Ready(Some(answer)))
    }

    pub(in crate::journal) const fn waiting(answer: oneshot::Receiver<Answer>) -> Self {
        Self(Inner::Waiting(answer))
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            Inner::Ready(answer) => Poll::Ready(answer.take().unwrap_or(Err(JournalError::Closed))),
            Inner::Waiting(answer) => {
                Pin::new(answer).poll(cx).map(|answer| answer.unwrap_or(Err(JournalError::Closed)))
            }
        }
    }
}

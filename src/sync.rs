//! Locks that outlive a panic: what they guard is whole after every statement, so that a poisoned one is as good as any.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the lock, and takes it whoever panicked while holding it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

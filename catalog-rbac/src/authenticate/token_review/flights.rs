use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture, future::Shared};

use super::super::verdict::TokenKey;

/// Work that is under way: who wants the same joins it.
pub(super) struct Flights<T: Clone>(Mutex<HashMap<TokenKey, Flight<T>>>);

struct Flight<T: Clone> {
    work: Shared<BoxFuture<'static, T>>,
    waiting: usize,
}

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// What comes of the work that is under way under that key, or of `start`, which then is.
    pub(super) async fn join<F>(&self, key: TokenKey, start: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        let seat = self.take_seat(key, start);
        seat.work.clone().await
    }

    fn take_seat<F>(&self, key: TokenKey, start: impl FnOnce() -> F) -> Seat<'_, T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.lock();
        let flight =
            flights.entry(key).or_insert_with(|| Flight { work: start().boxed().shared(), waiting: 0 });
        flight.waiting += 1;
        Seat { flights: self, key, work: flight.work.clone() }
    }
}

impl<T: Clone> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<TokenKey, Flight<T>>> {
        // a map is whole at every point at which a panic could come
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits. The last one, also if it goes away before the end, takes the work along.
struct Seat<'a, T: Clone> {
    flights: &'a Flights<T>,
    key: TokenKey,
    work: Shared<BoxFuture<'static, T>>,
}

impl<T: Clone> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get_mut(&self.key) {
            flight.waiting -= 1;
            if flight.waiting == 0 {
                flights.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{join_all, pending};

    use super::*;

    #[tokio::test]
    async fn work_is_done_once_for_all_who_wait_and_forgotten_then() {
        let (flights, started) = (Flights::default(), AtomicUsize::new(0));
        let work = || {
            let number = started.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                number
            }
        };
        assert_eq!(join_all((0..10).map(|_| flights.join([1; 16], work))).await, [0; 10]);
        assert_eq!(flights.join([1; 16], work).await, 1);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn who_goes_away_leaves_nothing_behind() {
        let flights = Flights::<()>::default();
        {
            let mut gone = Box::pin(flights.join([1; 16], pending::<()>));
            assert!(futures_util::poll!(gone.as_mut()).is_pending());
            assert_eq!(flights.lock().len(), 1);
        }
        assert!(flights.lock().is_empty());
    }
}

use std::time::Duration;

use tokio::sync::watch;

/// Whether the process is about to leave. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Drain {
    begun: watch::Sender<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Not yet.
    pub fn new() -> Self {
        Self { begun: watch::Sender::new(false) }
    }

    /// From now on the process is about to leave: readiness says so.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether it is.
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Waits until it is.
    pub async fn begun(&self) {
        // it cannot fail: this clone keeps the channel open
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Waits until it is, and then as long as those who send requests need to hear of it. After that a server may stop to take new
    /// connections, and no request is cut.
    pub async fn begun_and_heard(&self, delay: Duration) {
        self.begun().await;
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_heard_after_the_delay_and_stays_begun() {
        let drain = Drain::new();
        assert!(!drain.has_begun());
        let start = Instant::now();
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.begun_and_heard(Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        drain.begin();
        waiting.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        drain.begun().await;
        assert!(drain.has_begun());
    }
}

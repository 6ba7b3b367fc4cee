use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::{PluginHandle, PluginState, RegistryConfig};

/// Starts the plugin, again and again until it succeeds, and anew whenever its routes have failed too often.
pub(super) async fn watch_over(handle: PluginHandle, config: RegistryConfig) {
    let mut failures = 0;
    loop {
        let error = match start(&handle, config).await {
            Ok(()) => {
                failures = 0;
                handle.forget_faults();
                tracing::info!(plugin = %handle.name(), "plugin serves");
                handle.set(PluginState::Serving);
                handle.0.failed.notified().await;
                String::from("its requests panicked too often in a row")
            }
            Err(error) => error,
        };
        failures += 1;
        let retry_at = Instant::now() + config.backoff.after(failures);
        tracing::warn!(plugin = %handle.name(), error, failures, "plugin is degraded");
        handle.set(PluginState::Degraded { error, failures, retry_at });
        sleep_until(retry_at).await;
    }
}

async fn start(handle: &PluginHandle, config: RegistryConfig) -> Result<(), String> {
    let start = AssertUnwindSafe(handle.0.plugin.start()).catch_unwind();
    match timeout(config.start_timeout, start).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(panic)) => Err(format!("start panicked: {}", panic_text(panic.as_ref()))),
        Err(_) => Err(format!("start took longer than {:?}", config.start_timeout)),
    }
}

/// What a panic said, if it said it in text.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

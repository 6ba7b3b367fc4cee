use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;

use super::*;
use crate::plugin::{DataPlugin, PluginError};

/// A plugin whose first starts go wrong in the way it is told.
#[derive(Debug)]
struct Faulty {
    definition: PluginDefinition,
    starts: AtomicUsize,
    failures: usize,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Error,
    Panic,
    Hang,
}

#[async_trait]
impl Plugin for Faulty {
    fn definition(&self) -> &PluginDefinition {
        &self.definition
    }

    async fn start(&self) -> Result<(), PluginError> {
        if self.starts.fetch_add(1, Ordering::SeqCst) >= self.failures {
            return Ok(());
        }
        match self.how {
            How::Error => Err(PluginError::new("no backend")),
            How::Panic => panic!("out of luck"),
            How::Hang => std::future::pending().await,
        }
    }
}

fn definition(name: &str) -> PluginDefinition {
    serde_json::from_value(serde_json::json!({
        "name": name, "version": "v1", "displayName": name,
        "entities": [{"kind": "Thing", "plural": "things", "displayName": "Thing"}]
    }))
    .unwrap()
}

fn faulty(name: &str, how: How, failures: usize) -> Arc<dyn Plugin> {
    Arc::new(Faulty { definition: definition(name), starts: AtomicUsize::new(0), failures, how })
}

fn sound(name: &str) -> Arc<dyn Plugin> {
    Arc::new(DataPlugin::new(definition(name)))
}

fn error_of(handle: &PluginHandle) -> String {
    match handle.state() {
        PluginState::Degraded { error, .. } => error,
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_fails_panics_or_hangs_degrades_only_itself_and_comes_back() {
    let plugins =
        [faulty("a", How::Error, 2), faulty("b", How::Panic, 2), faulty("c", How::Hang, 2), sound("d")];
    let config = RegistryConfig { start_timeout: Duration::from_millis(500), ..RegistryConfig::default() };
    let registry = Registry::new(plugins, config).unwrap();
    assert!(registry.plugin("d").unwrap().gate().is_err(), "nothing serves before its start");
    registry.start().await;

    assert_eq!(error_of(registry.plugin("a").unwrap()), "no backend");
    assert_eq!(error_of(registry.plugin("b").unwrap()), "start panicked: out of luck");
    assert_eq!(error_of(registry.plugin("c").unwrap()), "start took longer than 500ms");
    assert_eq!(registry.plugin("d").unwrap().gate(), Ok(()));
    let refused = registry.plugin("a").unwrap().gate().unwrap_err();
    assert_eq!(refused.retry_after, Duration::from_secs(1));

    let before = registry.generation();
    tokio::time::sleep(Duration::from_secs(70)).await;
    for handle in registry.plugins() {
        assert_eq!(handle.gate(), Ok(()), "{}: {}", handle.name(), error_of(handle));
    }
    assert!(registry.generation() > before);
}

#[tokio::test(start_paused = true)]
async fn faults_in_a_row_degrade_a_plugin_and_a_success_between_them_does_not() {
    let registry = Registry::new([sound("a")], RegistryConfig::default()).unwrap();
    registry.start().await;
    let handle = registry.plugin("a").unwrap();
    for _ in 0..4 {
        handle.note_fault();
    }
    handle.note_success();
    handle.note_fault();
    tokio::task::yield_now().await;
    assert_eq!(handle.gate(), Ok(()));
    for _ in 0..4 {
        handle.note_fault();
    }
    tokio::task::yield_now().await;
    assert!(handle.gate().is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.gate(), Ok(()), "it was started anew");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_was_started_anew_is_not_held_to_the_faults_before() {
    let registry = Registry::new([sound("a")], RegistryConfig::default()).unwrap();
    registry.start().await;
    let handle = registry.plugin("a").unwrap();
    // more than enough at once, and more while it does not serve
    for _ in 0..8 {
        handle.note_fault();
    }
    tokio::task::yield_now().await;
    assert!(handle.gate().is_err());
    for _ in 0..8 {
        handle.note_fault();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.gate(), Ok(()));
    tokio::task::yield_now().await;
    assert_eq!(handle.gate(), Ok(()), "no old fault closes it again");
    for _ in 0..4 {
        handle.note_fault();
    }
    tokio::task::yield_now().await;
    assert_eq!(handle.gate(), Ok(()), "it is counted from 0");
    handle.note_fault();
    tokio::task::yield_now().await;
    assert!(handle.gate().is_err());
}

#[tokio::test]
async fn twins_and_unsound_definitions_are_refused() {
    let twins = Registry::new([sound("a"), sound("a")], RegistryConfig::default());
    assert!(matches!(twins, Err(RegistryError::Twice(name)) if name.as_str() == "a"));
    let mut unsound = definition("b");
    unsound.entities.clear();
    let error =
        Registry::new([Arc::new(DataPlugin::new(unsound)) as Arc<dyn Plugin>], RegistryConfig::default());
    assert!(error.unwrap_err().to_string().contains("at least one entity"));
}

//! The wall around one plugin's routes.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    problem::Problem,
    registry::{PluginHandle, panic_text},
};

/// Serves a plugin's routes only while the plugin works, and keeps what goes wrong there from the others: a handler that panics is
/// a 500 and one that hangs a 504. After too many panics in a row the plugin's routes are 503 until it has been started anew; a
/// handler that hangs may be one tenant's slow question, and closes the plugin for nobody.
#[derive(Clone, Debug)]
#[must_use]
pub struct GuardPluginLayer {
    plugin: PluginHandle,
    timeout: Duration,
}

impl GuardPluginLayer {
    /// Around that plugin; a handler may take as long as `timeout`.
    pub fn new(plugin: PluginHandle, timeout: Duration) -> Self {
        Self { plugin, timeout }
    }
}

impl<S> Layer<S> for GuardPluginLayer {
    type Service = GuardPlugin<S>;

    fn layer(&self, inner: S) -> GuardPlugin<S> {
        GuardPlugin { inner, plugin: self.plugin.clone(), timeout: self.timeout }
    }
}

/// The service of [`GuardPluginLayer`].
#[derive(Clone, Debug)]
pub struct GuardPlugin<S> {
    inner: S,
    plugin: PluginHandle,
    timeout: Duration,
}

impl<S> Service<Request> for GuardPlugin<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let plugin = self.plugin.clone();
        if let Err(refused) = plugin.gate() {
            let problem = Problem::plugin_unavailable(format!(
                "plugin `{}` does not work now; the others do",
                plugin.name()
            ))
            .with_plugin(plugin.name().clone())
            .with_retry_after(u32::try_from(refused.retry_after.as_secs()).unwrap_or(u32::MAX));
            return Box::pin(std::future::ready(Ok(problem.into_response())));
        }
        let timeout = self.timeout;
        // the handler may panic before its future is there
        let inner = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let outcome = match inner {
                Ok(inner) => tokio::time::timeout(timeout, AssertUnwindSafe(inner).catch_unwind()).await,
                Err(panic) => Ok(Err(panic)),
            };
            let problem = match outcome {
                Ok(Ok(Ok(response))) => {
                    plugin.note_success();
                    return Ok(response.into_response());
                }
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(panic)) => {
                    tracing::error!(plugin = %plugin.name(), panic = panic_text(panic.as_ref()), "handler panicked");
                    plugin.note_fault();
                    Problem::internal("the plugin failed unexpectedly")
                }
                Err(_) => {
                    tracing::warn!(plugin = %plugin.name(), ?timeout, "handler took too long");
                    Problem::timeout("the plugin did not answer in time")
                }
            };
            Ok(problem.with_plugin(plugin.name().clone()).into_response())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, body::Body, routing::get};
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::{
        plugin::{DataPlugin, Plugin},
        registry::{Registry, RegistryConfig},
    };

    async fn panics() -> StatusCode {
        panic!("as told")
    }

    async fn ask(router: &Router, path: &str) -> Response {
        router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_degrades_its_plugin_and_no_other_and_what_hangs_none() {
        let plugin = |name: &str| -> Arc<dyn Plugin> {
            let definition = serde_json::from_value(serde_json::json!({
                "name": name, "version": "v1", "displayName": name,
                "entities": [{"kind": "Thing", "plural": "things", "displayName": "Thing"}]
            }));
            Arc::new(DataPlugin::new(definition.unwrap()))
        };
        let registry = Registry::new([plugin("bad"), plugin("good")], RegistryConfig::default()).unwrap();
        registry.start().await;
        let guard =
            |name| GuardPluginLayer::new(registry.plugin(name).unwrap().clone(), Duration::from_secs(1));
        let bad = Router::new()
            .route("/panics", get(panics))
            .route("/hangs", get(std::future::pending::<StatusCode>))
            .route("/works", get(|| async { "yes" }))
            .route_layer(guard("bad"));
        let router =
            bad.merge(Router::new().route("/good", get(|| async { "yes" })).route_layer(guard("good")));

        for (path, status) in [("/panics", 500), ("/hangs", 504), ("/works", 200)] {
            assert_eq!(ask(&router, path).await.status(), status, "{path}");
        }
        for _ in 0..8 {
            assert_eq!(ask(&router, "/hangs").await.status(), 504);
        }
        tokio::task::yield_now().await;
        assert_eq!(ask(&router, "/works").await.status(), 200, "what hangs closes the plugin for nobody");
        for path in ["/panics", "/hangs", "/panics", "/panics", "/panics", "/panics"] {
            assert!(ask(&router, path).await.status().is_server_error());
        }
        tokio::task::yield_now().await;
        let refused = ask(&router, "/works").await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.extensions().get::<Problem>().unwrap().code, "plugin_unavailable");
        assert_eq!(ask(&router, "/good").await.status(), 200);

        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(ask(&router, "/works").await.status(), 200, "it was started anew");
    }
}

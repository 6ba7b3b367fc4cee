use std::{convert::Infallible, fmt, sync::Arc};

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, Route, on, on_service},
};
use http::Method;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    custom_method::{self, CustomMethods},
    declare::DeclareLayer,
    openapi::{self, Parameter, Reply, Shape},
};
use crate::{context::RouteInfo, permission::Access};

/// What a route is, for the OpenAPI document.
#[derive(Clone, Debug)]
#[must_use]
pub struct Doc {
    pub(super) operation_id: String,
    pub(super) summary: String,
    pub(super) tag: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Shape>,
    pub(super) reply: Reply,
}

impl Doc {
    /// An operation of that id, `listPlugins`, that answers with `reply`.
    pub fn new(operation_id: impl Into<String>, summary: impl Into<String>, reply: Reply) -> Self {
        Self {
            operation_id: operation_id.into(),
            summary: summary.into(),
            tag: "operations".into(),
            parameters: Vec::new(),
            body: None,
            reply,
        }
    }

    /// Under that heading.
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// With a JSON body of that shape.
    pub fn with_body(mut self, shape: Shape) -> Self {
        self.body = Some(shape);
        self
    }

    /// With those parameters more.
    pub fn with_parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }
}

/// Declared routes: paths, what they ask for, what they are, and their handlers.
#[derive(Default)]
#[must_use]
pub struct Routes {
    pub(super) routes: Vec<Declared>,
}

pub(super) struct Declared {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) doc: Doc,
    router: MethodRouter,
}

/// Routes that cannot be mounted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// One method and path is declared twice.
    #[error("`{method} {path}` is declared twice")]
    Twice {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// One operation id is used twice.
    #[error("the operation id `{0}` is used twice")]
    OperationTwice(String),
    /// A path's placeholder is not a parameter of the document, or the other way round.
    #[error("the path parameters of `{path}` are not those that it documents")]
    Parameters {
        /// The path.
        path: String,
    },
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one route more. A path may end in a word behind its last placeholder, `/jobs/{id}:cancel`.
    pub fn with<H, T>(
        mut self,
        method: Method,
        path: impl Into<String>,
        access: impl Into<Access>,
        doc: Doc,
        handler: H,
    ) -> Self
    where
        H: Handler<T, ()>,
        T: 'static,
    {
        let router = on(filter(&method), handler);
        self.routes.push(Declared { method, path: path.into(), access: access.into(), doc, router });
        self
    }

    /// With a route for reading more.
    pub fn get<H, T>(self, path: impl Into<String>, access: impl Into<Access>, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, ()>,
        T: 'static,
    {
        self.with(Method::GET, path, access, doc, handler)
    }

    /// With all routes of another.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// With that layer around the handler of each route, within what authenticates and authorizes.
    pub fn layer<L>(mut self, layer: &L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        for declared in &mut self.routes {
            let router = std::mem::take(&mut declared.router);
            declared.router = router.route_layer(layer.clone());
        }
        self
    }

    /// The router. Routes that ask for anything are served through `protection`, the layers that authenticate, find the tenant and
    /// authorize; public ones are not. Within and without it the [request's context](crate::context) knows the route.
    ///
    /// # Errors
    /// [`RouteError`] when two routes are one, or a document does not fit its path.
    pub fn into_router<L>(self, protection: &L) -> Result<Router, RouteError>
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.check()?;
        let mut router = Router::new();
        let mut customs: Vec<(String, Method, CustomMethods)> = Vec::new();
        for Declared { method, path, access, router: method_router, .. } in self.routes {
            let method_router = match access {
                Access::Permission(_) | Access::Authenticated => {
                    method_router.route_layer(protection.clone())
                }
                Access::Public => method_router,
            };
            let info = Arc::new(RouteInfo::new(path.as_str(), access));
            let method_router = method_router.route_layer(DeclareLayer::new(info));
            let Some((mounted, word)) = custom_method::split(&path) else {
                router = router.route(&path, method_router);
                continue;
            };
            let there = customs.iter_mut().find(|(path, of, _)| path == mounted && *of == method);
            if let Some((.., methods)) = there {
                methods.push(word, method_router);
            } else {
                let mut methods = CustomMethods::default();
                methods.push(word, method_router);
                customs.push((mounted.into(), method, methods));
            }
        }
        for (path, method, methods) in customs {
            router = router.route(&path, on_service(filter(&method), methods));
        }
        Ok(router)
    }

    /// Each route: its method, its path template, and what it asks for.
    pub fn table(&self) -> impl Iterator<Item = (&Method, &str, &Access)> {
        self.routes.iter().map(|route| (&route.method, route.path.as_str(), &route.access))
    }

    /// The OpenAPI 3.1 document of the routes, as JSON.
    pub fn openapi(
        &self,
        title: &str,
        version: &str,
        security: openapi::Security,
        schemas: impl IntoIterator<Item = (String, openapi::Shape)>,
    ) -> String {
        openapi::document(self, title, version, security, schemas)
    }

    fn check(&self) -> Result<(), RouteError> {
        for (index, route) in self.routes.iter().enumerate() {
            let Declared { method, path, doc, .. } = route;
            for other in self.routes.iter().take(index) {
                if other.method == *method && other.path == *path {
                    return Err(RouteError::Twice { method: method.clone(), path: path.clone() });
                }
                if other.doc.operation_id == doc.operation_id {
                    return Err(RouteError::OperationTwice(doc.operation_id.clone()));
                }
            }
            let documented = doc.parameters.iter().filter_map(Parameter::in_path);
            if !placeholders(path).eq(documented) {
                return Err(RouteError::Parameters { path: path.clone() });
            }
        }
        Ok(())
    }
}

/// The names within braces of a path template.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    let path = custom_method::split(path).map_or(path, |(mounted, _)| mounted);
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn filter(method: &Method) -> MethodFilter {
    // the methods of `http` that axum does not route, CONNECT and extensions, are answered by 405
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE)
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Routes({})", self.routes.len())
    }
}

/// The table of routes and permissions, one a line.
impl fmt::Display for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.routes.iter().map(|route| route.path.len()).max().unwrap_or(0);
        for Declared { method, path, access, .. } in &self.routes {
            write!(f, "{:7} {path:width$}  ", method.as_str())?;
            writeln!(f, "{access}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tower_layer::Identity;

    use super::*;
    use crate::permission::{Permission, Reach, Resource, Verb};

    fn permission() -> Permission {
        Permission::new(Verb::List, Resource::Plugins, Reach::Cluster)
    }

    fn doc(id: &str) -> Doc {
        Doc::new(id, "A route.", Reply::text("text/plain", "A word."))
    }

    async fn handler() -> &'static str {
        "word"
    }

    #[test]
    fn two_routes_that_are_one_are_refused() {
        let twice = Routes::new().get("/a", permission(), doc("a"), handler).get(
            "/a",
            permission(),
            doc("b"),
            handler,
        );
        assert!(matches!(twice.into_router(&Identity::new()), Err(RouteError::Twice { .. })));
        let twice = Routes::new().get("/a", permission(), doc("a"), handler).get(
            "/b",
            permission(),
            doc("a"),
            handler,
        );
        assert!(matches!(twice.into_router(&Identity::new()), Err(RouteError::OperationTwice(_))));
        let undocumented = Routes::new().get("/a/{name}", permission(), doc("a"), handler);
        assert!(matches!(undocumented.into_router(&Identity::new()), Err(RouteError::Parameters { .. })));
    }

    #[tokio::test]
    async fn words_behind_a_placeholder_lead_to_their_own_handlers() {
        use axum::{body::Body, http::Request};
        use tower::ServiceExt;

        use crate::http::{Context, Segment};

        async fn named(Segment(id): Segment, Context(context): Context) -> String {
            let route = context.route().unwrap();
            let name = route.object_name(context.path()).unwrap();
            format!("{id} {name} {}", route.template())
        }
        let with = |routes: Routes, method, path: &str, id| {
            let doc = doc(id).with_parameters([Parameter::path("id", "The id.")]);
            routes.with(method, path, permission(), doc, named)
        };
        let routes = with(Routes::new(), Method::GET, "/jobs/{id}", "get");
        let routes = with(routes, Method::POST, "/jobs/{id}:cancel", "cancel");
        let routes = with(routes, Method::POST, "/jobs/{id}:retry", "retry");
        let router = routes.into_router(&Identity::new()).unwrap();
        for (method, path, status, body) in [
            ("GET", "/jobs/a:cancel", 200, "a:cancel a:cancel /jobs/{id}"),
            ("POST", "/jobs/a:cancel", 200, "a a /jobs/{id}:cancel"),
            ("POST", "/jobs/a%2Fb:c:retry", 200, "a/b:c a/b:c /jobs/{id}:retry"),
            ("POST", "/jobs/a:other", 404, ""),
            ("POST", "/jobs/a%3Acancel", 404, ""),
            ("POST", "/jobs/a", 404, ""),
            ("PUT", "/jobs/a:cancel", 405, ""),
        ] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{method} {path}");
            let bytes = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
            assert_eq!(bytes, body, "{method} {path}");
        }
    }

    #[test]
    fn the_table_shows_what_each_route_asks_for() {
        let routes = Routes::new().get("/plugins", permission(), doc("a"), handler).get(
            "/livez",
            Access::Public,
            doc("b"),
            handler,
        );
        assert_eq!(
            routes.to_string(),
            "GET     /plugins  list plugins (cluster)\nGET     /livez    public\n"
        );
    }
}

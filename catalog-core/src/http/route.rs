use std::{collections::BTreeMap, convert::Infallible, fmt, sync::Arc};

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, Route, on, post},
};
use http::Method;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    custom::{self, CustomMethods},
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
    /// Whether requests are recorded; none where nothing was said.
    pub(super) audited: Option<bool>,
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
            audited: None,
        }
    }

    /// Requests are recorded, whatever comes of them: what changes something says so, and what reads may.
    pub fn audited(mut self) -> Self {
        self.audited = Some(true);
        self
    }

    /// Requests are not recorded, for they change nothing though their method could.
    pub fn changing_nothing(mut self) -> Self {
        self.audited = Some(false);
        self
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
    /// A method that could change something says neither that it is recorded nor that it changes nothing.
    #[error("`{method} {path}` says neither that it is audited nor that it changes nothing")]
    Unaudited {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// A custom method, `/sources/{id}:enable`, is asked for by another HTTP method than POST.
    #[error("`{method} {path}` is a custom method, which is served by POST alone")]
    CustomMethod {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
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

    /// With one route more.
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
        // the methods of `http` that axum does not route, CONNECT and extensions, are answered by 405
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE);
        let router = on(filter, handler);
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
    /// [`RouteError`] when two routes are one, a document does not fit its path, or a method that could change something does not say
    /// whether it is audited.
    pub fn into_router<L>(self, protection: &L) -> Result<Router, RouteError>
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.check()?;
        let (mut router, mut plain) = (Router::new(), Vec::new());
        let mut custom = BTreeMap::<String, CustomMethods>::new();
        for Declared { method, path, access, doc, router: method_router } in self.routes {
            let method_router = match access {
                Access::Permission(_) | Access::Authenticated => {
                    method_router.route_layer(protection.clone())
                }
                Access::Public => method_router,
            };
            let mut info = RouteInfo::new(path.as_str(), access).answering(doc.reply.status);
            if doc.audited == Some(true) {
                info = info.audited();
            }
            let info = Arc::new(info);
            let method_router = method_router.route_layer(DeclareLayer::new(info));
            if let Some((path, name)) = custom::split(&path) {
                custom.entry(path.to_owned()).or_default().insert(name, method_router);
            } else {
                plain.push((path.clone(), method));
                router = router.route(&path, method_router);
            }
        }
        for (path, mut methods) in custom {
            for (_, method) in plain.iter().filter(|(of, _)| *of == path) {
                methods.note_plain(method);
            }
            let methods = Arc::new(methods);
            router = router.route(&path, post(move |request| Arc::clone(&methods).serve(request)));
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
                // one without a custom method would have to be told apart by what a name may hold
                let without = |path: &'_ str| custom::split(path).map_or(path, |(path, _)| path).to_owned();
                let is_mixed = custom::split(path).is_some() != custom::split(&other.path).is_some()
                    && without(path) == without(&other.path);
                if other.method == *method && (other.path == *path || is_mixed) {
                    return Err(RouteError::Twice { method: method.clone(), path: path.clone() });
                }
                if other.doc.operation_id == doc.operation_id {
                    return Err(RouteError::OperationTwice(doc.operation_id.clone()));
                }
            }
            if custom::split(path).is_some() && *method != Method::POST {
                return Err(RouteError::CustomMethod { method: method.clone(), path: path.clone() });
            }
            if doc.audited.is_none() && !method.is_safe() {
                return Err(RouteError::Unaudited { method: method.clone(), path: path.clone() });
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
    let path = custom::split(path).map_or(path, |(path, _)| path);
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Routes({})", self.routes.len())
    }
}

/// The table of routes and permissions, one a line, and what of it is audited.
impl fmt::Display for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.routes.iter().map(|route| route.path.len()).max().unwrap_or(0);
        for Declared { method, path, access, doc, .. } in &self.routes {
            let audited = if doc.audited == Some(true) { ", audited" } else { "" };
            write!(f, "{:7} {path:width$}  ", method.as_str())?;
            writeln!(f, "{access}{audited}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tower_layer::Identity;

    use super::{
        super::request::{Context, Segment},
        *,
    };
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

    #[test]
    fn what_could_change_something_says_whether_it_is_audited() {
        let with = |method: Method, doc| Routes::new().with(method, "/a", permission(), doc, handler);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let silent = with(method.clone(), doc("a")).into_router(&Identity::new());
            assert!(matches!(silent, Err(RouteError::Unaudited { .. })), "{method}");
            for told in [doc("a").audited(), doc("a").changing_nothing()] {
                assert!(with(method.clone(), told).into_router(&Identity::new()).is_ok(), "{method}");
            }
        }
        let table = with(Method::PUT, doc("a").audited()).to_string();
        assert_eq!(table, "PUT     /a  list plugins (cluster), audited\n");
    }

    /// What such a request is answered: the status and the body, or what may be asked instead.
    async fn ask(router: &Router, method: Method, path: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
        let status = response.status().as_u16();
        if let Some(allowed) = response.headers().get(http::header::ALLOW) {
            return (status, allowed.to_str().unwrap().to_owned());
        }
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_custom_method_is_what_stands_behind_the_last_colon() {
        async fn named(Segment(name): Segment, Context(context): Context) -> String {
            let route = context.route().unwrap();
            format!("{} {name} {}", route.template(), route.object_name(context.path()).unwrap())
        }
        let on = |id: &str| doc(id).audited().with_parameters([Parameter::path("id", "Which.")]);
        let declared = Routes::new()
            .get("/a/{id}", permission(), on("get"), named)
            .with(Method::DELETE, "/a/{id}", permission(), on("delete"), named)
            .with(Method::POST, "/a/{id}:open", permission(), on("open"), named)
            .with(Method::POST, "/a/{id}:close", permission(), on("close"), named);
        let router = declared.into_router(&Identity::new()).unwrap();
        for (method, path, status, said) in [
            (Method::POST, "/a/x:open", 200, "/a/{id}:open x x"),
            (Method::POST, "/a/x:close", 200, "/a/{id}:close x x"),
            (Method::POST, "/a/x%3Ay:open:close", 200, "/a/{id}:close x:y:open x:y:open"),
            (Method::POST, "/a/x%2Fy:open", 200, "/a/{id}:open x/y x/y"),
            (Method::GET, "/a/x:open", 200, "/a/{id} x:open x:open"),
            (Method::DELETE, "/a/x:open", 200, "/a/{id} x:open x:open"),
            (Method::POST, "/a/x", 405, "GET,DELETE"),
            (Method::POST, "/a/x%3Aopen", 405, "GET,DELETE"),
            (Method::PUT, "/a/x:open", 405, "GET,HEAD,DELETE,POST"),
        ] {
            assert_eq!(ask(&router, method.clone(), path).await, (status, said.into()), "{method} {path}");
        }
        for path in ["/a/x:fly", "/a/x:", "/a/x:OPEN", "/a/x:open/", "/a/x:open%20"] {
            assert_eq!(ask(&router, Method::POST, path).await.0, 404, "{path}");
        }
    }

    #[test]
    fn a_custom_method_is_posted_and_leaves_no_doubt() {
        let on = |id: &str| doc(id).audited().with_parameters([Parameter::path("id", "Which.")]);
        let with =
            |method: Method, path: &str| Routes::new().with(method, path, permission(), on("a"), handler);
        let put = with(Method::PUT, "/a/{id}:open").into_router(&Identity::new());
        assert!(matches!(put, Err(RouteError::CustomMethod { .. })));
        let plain =
            with(Method::POST, "/a/{id}:open").with(Method::POST, "/a/{id}", permission(), on("b"), handler);
        assert!(matches!(plain.into_router(&Identity::new()), Err(RouteError::Twice { .. })));
        let of_all = Routes::new().with(Method::POST, "/a:open", permission(), doc("a").audited(), handler);
        assert!(of_all.into_router(&Identity::new()).is_ok());
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

use axum::response::Response;
use catalog_core::problem::Problem;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::routes::LOGIN;

/// Sends a browser there with those cookies.
pub(super) fn see_other(
    location: &str,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(location).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a location cannot stand in a header");
        Problem::internal("the server failed")
    })?;
    let mut response = with_cookies(StatusCode::SEE_OTHER, cookies);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// An answer without a body that nobody keeps, and whose URL, which may hold a code, is told to nobody.
pub(super) fn with_cookies(status: StatusCode, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// There is no login that this could end.
pub(super) fn not_begun(why: &'static str) -> Problem {
    tracing::debug!(why, "a login ends that was not begun");
    Problem::bad_request(format!(
        "there is no login under way in this browser that this would end, or it took too long: begin again at `{LOGIN}`"
    ))
}

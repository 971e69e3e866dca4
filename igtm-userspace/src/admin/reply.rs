//! How replies look: JSON, or the command's own text for whoever accepts that.

use axum::Json;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// `{"error": why}`.
pub(super) fn failed(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

/// Whether the text is wanted.
pub(super) fn wants_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.starts_with("text/plain"))
}

/// `value` as JSON, or as the text it displays.
pub(super) fn shown<T: Serialize + ToString>(
    headers: &HeaderMap,
    status: StatusCode,
    value: &T,
) -> Response {
    if wants_text(headers) {
        return text(status, value.to_string());
    }
    (status, Json(value)).into_response()
}

/// A plain text.
pub(super) fn text(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], text).into_response()
}

//! `POST /api/v1/force`.
//!
//! Must not decide whether the order fits what runs: that is the loop's.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, extract::rejection::JsonRejection};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Wish;
use crate::admin::authority::Who;
use crate::admin::command::Command;
use crate::admin::reply::{failed, shown};
use crate::admin::routes::{Shared, off_the_loop, unheard};

pub(in crate::admin) async fn force(
    State(shared): State<Shared>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(rejection) => return failed(rejection.status(), rejection.body_text()),
    };
    let ordered = off_the_loop(move || wish.order(who.in_words(), Timestamp::now()));
    let order = match ordered.await {
        Ok(Ok(order)) => order,
        Ok(Err(bad)) => return failed(StatusCode::BAD_REQUEST, bad),
        Err(response) => return response,
    };
    let (reply, obeyed) = oneshot::channel();
    let told = shared
        .commands
        .tell(Command::Force { order, reply }, obeyed);
    match told.await {
        Ok(Ok(obeyed)) => shown(&headers, StatusCode::OK, &obeyed),
        Ok(Err(refused)) => failed(StatusCode::NOT_FOUND, refused),
        Err(why) => unheard(why),
    }
}

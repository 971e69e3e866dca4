//! Who may do what: by the place a request came in, and by its token.
//!
//! Must not log or show a token.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use nix::unistd::{Uid, User};
use sha2::{Digest as _, Sha256};
use tokio::net::UnixStream;

use super::reply::failed;
use super::routes::Shared;
use crate::config::model::Secret;

/// Where requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The unix socket: its mode says who is trusted.
    Socket,
    /// TCP: a token says it.
    Tcp,
}

/// Who asks, as far as the host knows: it is kept with what they order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A user of this host, who opened the unix socket (SO_PEERCRED, unix(7)).
    User(u32),
    /// Whoever has the token.
    Token,
    /// The host does not say.
    Unknown,
}

impl Who {
    pub(super) fn of_peer(stream: &UnixStream) -> Self {
        let credentials = stream.peer_cred();
        credentials.map_or(Self::Unknown, |peer| Self::User(peer.uid()))
    }

    /// By name where the host has one. May read files.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::User(uid) => match User::from_uid(Uid::from_raw(uid)) {
                Ok(Some(user)) => user.name,
                Ok(None) | Err(_) => format!("uid {uid}"),
            },
            Self::Token => "token".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// Lets through what may change something.
pub(super) async fn change(
    State((shared, origin)): State<(Shared, Origin)>,
    request: Request,
    next: Next,
) -> Response {
    let token = shared.published.load().ground.config.admin.token.clone();
    if origin == Origin::Socket || brings(request.headers(), token.as_ref()) {
        return next.run(request).await;
    }
    let mut refused = failed(
        StatusCode::UNAUTHORIZED,
        "a change needs `Authorization: Bearer TOKEN`",
    );
    let scheme = HeaderValue::from_static("Bearer");
    refused.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    refused
}

/// Lets through what concerns this host's files.
pub(super) async fn local(State(origin): State<Origin>, request: Request, next: Next) -> Response {
    match origin {
        Origin::Socket => next.run(request).await,
        Origin::Tcp => failed(
            StatusCode::FORBIDDEN,
            "this names a file of the daemon's host: only by its unix socket",
        )
        .into_response(),
    }
}

/// Whether the headers bring the token (RFC 6750 §2.1). Compared by their hashes, so that the time
/// it takes says nothing about the token.
fn brings(headers: &HeaderMap, token: Option<&Secret>) -> bool {
    let brought = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let brought = brought.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    match (brought, token) {
        (Some(brought), Some(token)) => {
            Sha256::digest(brought) == Sha256::digest(token.reveal().as_bytes())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        let token = Secret::new("0123456789abcdef");
        for (header, expected) in [
            (Some("Bearer 0123456789abcdef"), true),
            (Some("bearer 0123456789abcdef"), true),
            (Some("Bearer 0123456789abcdeF"), false),
            (Some("Bearer 0123456789abcdef "), false),
            (Some("Bearer "), false),
            (Some("Bearer"), false),
            (Some("Basic 0123456789abcdef"), false),
            (Some("0123456789abcdef"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
            }
            assert_eq!(brings(&headers, Some(&token)), expected, "{header:?}");
            assert!(!brings(&headers, None));
        }
    }
}

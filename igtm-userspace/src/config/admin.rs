//! `[admin]`: the socket, the TCP address and its token.
//!
//! Must not bind or connect to anything.

use std::net::SocketAddr;

use super::model::Admin;
use super::reader::Section;
use super::secret::{self, Keys};
use super::value::Value;

/// Longest path of a unix socket, octets (`sun_path` without its final zero).
const LONGEST_SOCKET: usize = 107;
/// Shortest token, characters: shorter ones are guessed.
const SHORTEST_TOKEN: usize = 16;

/// Reads `[admin]`, which may be absent.
pub(super) fn read(root: &mut Section<'_>) -> Admin {
    let mut admin = Admin::default();
    let Some(mut section) = root.table("admin") else {
        return admin;
    };
    if let Some(value) = section.take("socket") {
        read_socket(&value, &mut admin);
    }
    let listen = section.take("listen");
    let address = listen.and_then(|value| read_address(&value));
    let keys = Keys {
        inline: "token",
        file: "token_file",
        env: "token_env",
    };
    let (tokens, named) = secret::take_all(&mut section, &keys);
    let report = section.report();
    if let [_, (_, at), ..] = tokens.as_slice() {
        report.problem(*at, "there is one token, not a list of them");
    }
    if let Some((token, at)) = tokens.into_iter().next() {
        // What stands behind "Bearer " in a header (RFC 6750 §2.1), and nothing that is cut off.
        let sane = token.reveal().chars().all(|c| c.is_ascii_graphic());
        if !sane || token.reveal().len() < SHORTEST_TOKEN {
            let message = format!(
                "the token (not shown) must be at least {SHORTEST_TOKEN} printable ASCII characters without spaces"
            );
            report.problem(at, message);
        }
        admin.token = Some(token);
    }
    if let (Some(value), false) = (listen, named) {
        value.problem(
            "`listen` needs a token: add `token_file`, `token_env` or `token`, or leave out `listen` and use the socket",
        );
    }
    admin.listen = address;
    section.finish();
    admin
}

fn read_socket(value: &Value<'_>, admin: &mut Admin) {
    let Some(text) = value.string() else { return };
    if text.is_empty() || text.contains('\0') {
        value.wrong("a path");
        return;
    }
    let path = value.report().resolve(value.at, text);
    let octets = path.as_os_str().len();
    if octets > LONGEST_SOCKET {
        value.problem(format!(
            "`socket` is {octets} octets long as {}; a unix socket's path has at most {LONGEST_SOCKET}",
            path.display()
        ));
        return;
    }
    admin.socket = path;
}

fn read_address(value: &Value<'_>) -> Option<SocketAddr> {
    let address = value.string()?.parse::<SocketAddr>().ok();
    let address = address.filter(|address| address.port() != 0 && !address.ip().is_multicast());
    if address.is_none() {
        value.wrong("an address with its port, like \"127.0.0.1:8053\" or \"[::1]:8053\"");
    }
    address
}

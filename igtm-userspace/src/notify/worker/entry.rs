//! By what an entry of the file is known again after a restart: a receiver that said 410 to it is not
//! asked again before it changes.
//!
//! Must not give anything away of what is secret in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::model::{Channel, ChannelKind, Template};

/// Of everything in it. Keyed with the URL: who does not know that can guess nothing by it.
pub(super) fn fingerprint(channel: &Channel, template: Option<&Template>) -> String {
    let mut key = "";
    let mut secrets: Vec<&str> = Vec::new();
    if let ChannelKind::Webhook {
        url,
        secrets: signing,
        headers,
    } = &channel.kind
    {
        key = url.reveal();
        secrets.extend(signing.iter().map(|secret| secret.reveal()));
        secrets.extend(headers.iter().map(|(_, value)| value.reveal()));
    }
    // A position in the file is no change of its template.
    let shown = Channel {
        template: None,
        ..channel.clone()
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.update(format!("{shown:?} {template:?}").as_bytes());
    for secret in secrets {
        mac.update(&[0]);
        mac.update(secret.as_bytes());
    }
    STANDARD_NO_PAD.encode(mac.finalize().into_bytes())
}

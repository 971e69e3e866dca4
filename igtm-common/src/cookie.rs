//! DNS cookies (RFC 7873), the interoperable server cookie (RFC 9018, version 1, SipHash-2-4).
//!
//! Pure: the time, the secrets and the client's address are arguments. Cookies are words as they
//! lie in memory (`u64::from_ne_bytes` of their octets), so the kernel reads and writes them
//! whole. Must not decide what becomes of a query without a valid cookie.

use core::fmt;

/// Octets of the client's part (RFC 7873 §4).
pub const CLIENT_OCTETS: u16 = 8;

/// Octets of this server's part (RFC 9018 §4).
pub const SERVER_OCTETS: u16 = 16;

/// How long a server cookie is valid, seconds (RFC 9018 §4.3).
pub const LIFETIME_S: u32 = 3600;

/// How far ahead the clock of the server that made a cookie may be, seconds (RFC 9018 §4.3).
pub const AHEAD_S: u32 = 300;

/// The age up to which a client keeps its server cookie, seconds (RFC 9018 §4.3).
pub const YOUNG_S: u32 = 1800;

/// RFC 9018 §4.1.
const VERSION: u8 = 1;

/// A key of SipHash: 16 octets as they lie in memory. Drawn at random; all zero would be a
/// secret that everybody knows.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u64; 2]);

impl Secret {
    /// The secret of these octets, in the order in which RFC 9018 writes them.
    pub const fn new(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// What a server cookie can have been made with (RFC 9018 §5).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Makes cookies.
    pub current: Secret,
    /// Still accepted; the same as `current` when there is none.
    pub previous: Secret,
}

const _: () = assert!(size_of::<Secrets>() == 32);

// SAFETY: repr(C) of integers without padding, valid for any octets.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Secrets {}

/// Who asks: the source address of the query, which the cookie is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The first eight octets as a number; IPv4 in the upper 32 bits, zeros below.
    pub high: u64,
    /// The last eight octets as a number; 0 for IPv4.
    pub low: u64,
    /// Sixteen octets, not four.
    pub v6: bool,
}

/// What a query's cookie says, and what the reply's says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The client has shown a server cookie that it can only have from us, lately.
    pub valid: bool,
    /// The server cookie of the reply, behind the client's own eight octets.
    pub server: [u64; 2],
}

/// Whether a COOKIE option may have this OPTION-LENGTH; otherwise FORMERR (RFC 7873 §5.2.2).
///
/// Of the lengths with a server part only [`CLIENT_OCTETS`] + [`SERVER_OCTETS`] can be ours.
#[inline(always)]
pub const fn well_formed(len: u16) -> bool {
    len == CLIENT_OCTETS || (len >= 16 && len <= 40)
}

/// A new server cookie for this client; `timestamp` in seconds since 1970, modulo 2^32
/// (RFC 9018 §4).
#[inline(always)]
pub const fn server_cookie(
    secret: &Secret,
    client: u64,
    timestamp: u32,
    address: ClientAddress,
) -> [u64; 2] {
    let fixed = (((VERSION as u64) << 56) | timestamp as u64).to_be();
    [fixed, hash(secret, client, fixed, address)]
}

/// Judges a COOKIE option at the time `now`, seconds since 1970 modulo 2^32 (RFC 7873 §5.2.3 to
/// §5.2.5, RFC 9018 §4.3).
///
/// `server` is `None` without a server part and for one that does not have 16 octets. The reply
/// carries the presented cookie when it is valid, by the current secret and young; else a fresh
/// one. Hashes computed: 1 then, and without a cookie or with an outdated one; 2 for a valid one
/// that is no longer young and for a false one, 3 for either when there is a previous secret
/// that had to be tried.
#[inline(always)]
pub fn judge(
    secrets: &Secrets,
    client: u64,
    server: Option<[u64; 2]>,
    now: u32,
    address: ClientAddress,
) -> Judgement {
    let mut valid = false;
    if let Some([fixed, presented]) = server {
        let fields = u64::from_be(fixed);
        // RFC 1982: the difference modulo 2^32, moved so that the clock ahead is not negative.
        let age = now.wrapping_sub(fields as u32).wrapping_add(AHEAD_S);
        if (fields >> 56) as u8 == VERSION && age <= AHEAD_S + LIFETIME_S {
            // The reserved octets are hashed as they came (RFC 9018 §4.2).
            if hash(&secrets.current, client, fixed, address) == presented {
                if age <= AHEAD_S + YOUNG_S {
                    return Judgement {
                        valid: true,
                        server: [fixed, presented],
                    };
                }
                valid = true;
            } else if secrets.previous != secrets.current {
                valid = hash(&secrets.previous, client, fixed, address) == presented;
            }
        }
    }
    Judgement {
        valid,
        server: server_cookie(&secrets.current, client, now, address),
    }
}

/// Client cookie, version, reserved, timestamp, client address (RFC 9018 §4.4); in memory order,
/// as are `client`, `fixed` and the secret.
#[inline(always)]
const fn hash(secret: &Secret, client: u64, fixed: u64, address: ClientAddress) -> u64 {
    let [first, second] = secret.0;
    let mut state = SipHash::new(u64::from_le(first), u64::from_le(second));
    state.absorb(u64::from_le(client));
    state.absorb(u64::from_le(fixed));
    // The last block ends with the input's length modulo 256.
    let last = if address.v6 {
        state.absorb(address.high.swap_bytes());
        state.absorb(address.low.swap_bytes());
        32 << 56
    } else {
        20 << 56 | address.high.swap_bytes() & 0xffff_ffff
    };
    state.finish(last).to_le()
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) over little-endian words.
struct SipHash([u64; 4]);

impl SipHash {
    #[inline(always)]
    const fn new(k0: u64, k1: u64) -> Self {
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    #[inline(always)]
    const fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    #[inline(always)]
    const fn finish(mut self, last: u64) -> u64 {
        self.absorb(last);
        self.0[2] ^= 0xff;
        self.round();
        self.round();
        self.round();
        self.round();
        self.0[0] ^ self.0[1] ^ self.0[2] ^ self.0[3]
    }

    #[inline(always)]
    const fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
        self.0 = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests;

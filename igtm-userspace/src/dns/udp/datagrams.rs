//! Up to [`BATCH`] datagrams in by one system call, and their replies out by another.
//!
//! At a query a call, calls would be most of what a query costs. Knows nothing of what is in them.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libc::{c_uint, c_void, iovec, mmsghdr, sockaddr_storage, timespec};
use nix::sys::socket::{setsockopt, sockopt};

use crate::dns::answer::Replied;

/// Datagrams by one call.
pub(super) const BATCH: usize = 32;

/// Octets of a query that are read: what is larger than EDNS is commonly used with (RFC 6891 §6.2.5)
/// is cut, hence malformed, and answered so.
const QUERY_OCTETS: usize = 4096;
/// Room for the one control message there is: when a datagram came.
const CONTROL_WORDS: usize = 8;

/// What came, and what leaves.
pub(super) struct Datagrams {
    queries: Vec<[u8; QUERY_OCTETS]>,
    came: Vec<Came>,
    /// Replies, with the place of each one's query; the buffers of all are kept.
    replies: Vec<(usize, Vec<u8>)>,
    /// How many of those are of the last call, and how many of these have left.
    ready: usize,
    sent: usize,
}

/// One datagram of the last call.
#[derive(Clone, Copy)]
struct Came {
    octets: usize,
    source: sockaddr_storage,
    source_octets: u32,
    /// When, since 1970; `None` without a stamp.
    at: Option<Duration>,
}

impl Datagrams {
    pub(super) fn new() -> Self {
        Self {
            queries: vec![[0; QUERY_OCTETS]; BATCH],
            came: Vec::with_capacity(BATCH),
            replies: vec![(0, Vec::new()); BATCH],
            ready: 0,
            sent: 0,
        }
    }

    /// Takes what is there: how many, never none. `stamped`: with the time that each came.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>, stamped: bool) -> io::Result<usize> {
        self.came.clear();
        let mut sources = [const { MaybeUninit::<sockaddr_storage>::uninit() }; BATCH];
        let mut controls = [[0_u64; CONTROL_WORDS]; BATCH];
        let mut slices = [NO_SLICE; BATCH];
        let mut headers = [NO_HEADER; BATCH];
        for at in 0..BATCH {
            slices[at].iov_base = self.queries[at].as_mut_ptr().cast();
            slices[at].iov_len = QUERY_OCTETS;
            let header = &mut headers[at].msg_hdr;
            header.msg_iov = &raw mut slices[at];
            header.msg_iovlen = 1;
            header.msg_name = sources[at].as_mut_ptr().cast();
            header.msg_namelen = size_of::<sockaddr_storage>() as u32;
            if stamped {
                header.msg_control = controls[at].as_mut_ptr().cast();
                header.msg_controllen = size_of_val(&controls[at]);
            }
        }
        // SAFETY: each header points to buffers of the lengths it says, which outlive the call.
        let came = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let came = usize::try_from(came).map_err(|_negative| io::Error::last_os_error())?;
        for (header, source) in headers.iter().zip(&sources).take(came) {
            self.came.push(Came {
                octets: (header.msg_len as usize).min(QUERY_OCTETS),
                // SAFETY: the kernel has written as many octets of it as `msg_namelen` says; what
                // is behind them is not read.
                source: unsafe { written(source, header.msg_hdr.msg_namelen) },
                source_octets: header.msg_hdr.msg_namelen,
                at: if stamped { arrival(header) } else { None },
            });
        }
        Ok(came)
    }

    /// Has `answer` reply to what came, into a buffer: the message, its source, and how long it has
    /// waited.
    pub(super) fn reply(
        &mut self,
        mut answer: impl FnMut(&[u8], IpAddr, Option<Duration>, &mut Vec<u8>) -> Option<Replied>,
    ) {
        self.forget();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        for (at, (query, came)) in self.queries.iter().zip(&self.came).enumerate() {
            let Some(client) = address(&came.source, came.source_octets) else {
                continue;
            };
            let waited = came.at.zip(now.as_ref().ok());
            let waited = waited.map(|(at, now)| now.saturating_sub(at));
            let (of, reply) = &mut self.replies[self.ready];
            if answer(&query[..came.octets], client, waited, reply).is_some() {
                *of = at;
                self.ready += 1;
            }
        }
    }

    /// Whether there is something to send.
    pub(super) fn has_replies(&self) -> bool {
        self.sent < self.ready
    }

    /// Sends what it can; an error is that of the first.
    pub(super) fn send(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let mut slices = [NO_SLICE; BATCH];
        let mut headers = [NO_HEADER; BATCH];
        let replies = &self.replies[self.sent..self.ready];
        let count = replies.len();
        for (at, (of, reply)) in replies.iter().enumerate() {
            slices[at].iov_base = reply.as_ptr().cast_mut().cast();
            slices[at].iov_len = reply.len();
            let (came, header) = (&mut self.came[*of], &mut headers[at].msg_hdr);
            header.msg_iov = &raw mut slices[at];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut came.source).cast();
            header.msg_namelen = came.source_octets;
        }
        // SAFETY: each header points to buffers of the lengths it says, which outlive the call; the
        // kernel reads those of a message that is sent.
        let sent = unsafe {
            libc::sendmmsg(
                fd.as_raw_fd(),
                headers.as_mut_ptr(),
                count as c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        self.sent += usize::try_from(sent).map_err(|_negative| io::Error::last_os_error())?;
        Ok(())
    }

    /// The reply that is sent next.
    pub(super) fn unsent(&mut self) -> Option<&mut Vec<u8>> {
        let unsent = &mut self.replies[self.sent..self.ready];
        unsent.first_mut().map(|(_, reply)| reply)
    }

    /// Gives the first reply up; whose it was.
    pub(super) fn skip(&mut self) -> Option<IpAddr> {
        let (of, _) = self.replies[self.sent..self.ready].first()?;
        self.sent += 1;
        let came = self.came.get(*of)?;
        address(&came.source, came.source_octets)
    }

    /// Gives all of them up.
    pub(super) fn forget(&mut self) {
        (self.ready, self.sent) = (0, 0);
    }
}

/// Has the kernel say of each datagram when it came, or no longer.
pub(super) fn stamp(socket: &UdpSocket, stamped: bool) -> nix::Result<()> {
    setsockopt(socket, sockopt::ReceiveTimestampns, &stamped)
}

const NO_SLICE: iovec = iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};

// SAFETY: null pointers and lengths of zero are a header of nothing.
const NO_HEADER: mmsghdr = unsafe { mem::zeroed() };

/// A source of which `octets` were written; the rest is zero.
///
/// # Safety
/// So many octets of it must be.
unsafe fn written(source: &MaybeUninit<sockaddr_storage>, octets: u32) -> sockaddr_storage {
    let octets = (octets as usize).min(size_of::<sockaddr_storage>());
    // SAFETY: zeros are an address of family 0.
    let mut copy: sockaddr_storage = unsafe { mem::zeroed() };
    // SAFETY: both have room for so many octets, and the caller says that they are written.
    unsafe {
        ptr::copy_nonoverlapping(
            source.as_ptr().cast::<u8>(),
            (&raw mut copy).cast::<u8>(),
            octets,
        );
    };
    copy
}

fn address(source: &sockaddr_storage, octets: u32) -> Option<IpAddr> {
    let octets = octets as usize;
    match i32::from(source.ss_family) {
        libc::AF_INET if octets >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the family and the length say that it is one.
            let v4 = unsafe { *(&raw const *source).cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 if octets >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: the family and the length say that it is one.
            let v6 = unsafe { *(&raw const *source).cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// When the datagram came, since 1970.
fn arrival(header: &mmsghdr) -> Option<Duration> {
    let header = &raw const header.msg_hdr;
    // SAFETY: the kernel has filled in the header and its control messages, whose buffer lives.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        if control.is_null()
            || (*control).cmsg_level != libc::SOL_SOCKET
            || (*control).cmsg_type != libc::SCM_TIMESTAMPNS
        {
            return None;
        }
        let data = libc::CMSG_DATA(control).cast::<c_void>();
        let at = data.cast::<timespec>().read_unaligned();
        let (seconds, nanos) = (
            u64::try_from(at.tv_sec).ok()?,
            u32::try_from(at.tv_nsec).ok()?,
        );
        Some(Duration::new(seconds, nanos))
    }
}

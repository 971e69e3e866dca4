//! Whole frames on an interface, as they are on the wire: for what sockets do not send, such as tags
//! on a host without VLAN devices.

use std::io::{Error, ErrorKind, IoSliceMut};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::net::if_::if_nametoindex;

use crate::netns::Netns;
use crate::wait;

/// A tag that the kernel took out of the frame before it was handed over stands here.
const TAG_AT: usize = 12;

/// A packet socket (packet(7)) on one interface.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
}

impl Wire {
    /// Listens on `interface` of `netns`.
    pub fn open(netns: &Netns, interface: &str) -> Result<Self> {
        let socket = netns.enter(|| Ok(open(interface)?));
        let socket = socket.with_context(|| format!("a packet socket on {interface}"))?;
        Ok(Self { socket })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        // SAFETY: the frame's own octets.
        let sent = unsafe {
            let octets = frame.as_ptr().cast();
            libc::send(self.socket.as_raw_fd(), octets, frame.len(), 0)
        };
        if sent < 0 {
            bail!("sending a frame: {}", Error::last_os_error());
        }
        Ok(())
    }

    /// The next frame that came in and that `wanted` wants, within `timeout`.
    pub fn receive(&self, timeout: Duration, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        let start = Instant::now();
        loop {
            match receive(&self.socket) {
                Ok(Some(frame)) if wanted(&frame) => return Ok(frame),
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait::pause(wait::STEP),
                Err(error) => return Err(error).context("receiving a frame"),
            }
            if start.elapsed() >= timeout {
                bail!("no such frame within {timeout:?}");
            }
        }
    }
}

fn open(interface: &str) -> Result<OwnedFd, Error> {
    let every = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: plain values.
    let socket = unsafe {
        let flags = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        libc::socket(libc::AF_PACKET, flags, i32::from(every))
    };
    checked(socket)?;
    // SAFETY: just made, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: integers, for which zeros are valid.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every;
    address.sll_ifindex = if_nametoindex(interface)?.cast_signed();
    // SAFETY: the address is as long as is said.
    checked(unsafe {
        let length = size_of::<libc::sockaddr_ll>() as u32;
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length)
    })?;
    let on: libc::c_int = 1;
    // SAFETY: the option is an int.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_AUXDATA,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as u32,
        )
    })?;
    Ok(socket)
}

/// One frame, the tag that stood first put back; `None` for one of our own.
fn receive(socket: &OwnedFd) -> Result<Option<Vec<u8>>, Error> {
    let mut buffer = [0; 4096];
    let mut control = [0_u64; 16];
    // SAFETY: integers and pointers, for which zeros are valid.
    let (mut from, mut message): (libc::sockaddr_ll, libc::msghdr) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let mut parts = [IoSliceMut::new(&mut buffer)];
    message.msg_name = (&raw mut from).cast();
    message.msg_namelen = size_of::<libc::sockaddr_ll>() as u32;
    message.msg_iov = parts.as_mut_ptr().cast();
    message.msg_iovlen = parts.len();
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: everything the header points to lives until behind the last use of it below.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    checked(length as libc::c_int)?;
    if from.sll_pkttype == libc::PACKET_OUTGOING {
        return Ok(None);
    }
    let tag = tag(&message);
    let mut frame = buffer[..length.cast_unsigned()].to_vec();
    if let Some(tag) = tag {
        frame.splice(TAG_AT..TAG_AT, tag);
    }
    Ok(Some(frame))
}

/// The tag beside a frame that was received.
fn tag(message: &libc::msghdr) -> Option<[u8; 4]> {
    // SAFETY: the kernel filled the control buffer, which `message` points to.
    let auxdata = unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        let is_auxdata = !header.is_null()
            && (*header).cmsg_level == libc::SOL_PACKET
            && (*header).cmsg_type == libc::PACKET_AUXDATA;
        is_auxdata.then(|| {
            libc::CMSG_DATA(header)
                .cast::<libc::tpacket_auxdata>()
                .read_unaligned()
        })
    }?;
    if auxdata.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let [kind, value] = [auxdata.tp_vlan_tpid, auxdata.tp_vlan_tci].map(u16::to_be_bytes);
    Some([kind[0], kind[1], value[0], value[1]])
}

fn checked(outcome: libc::c_int) -> Result<(), Error> {
    if outcome < 0 {
        return Err(Error::last_os_error());
    }
    Ok(())
}

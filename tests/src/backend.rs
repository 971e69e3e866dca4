//! An HTTP backend that can be stopped and brought back: its socket really closes.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::http::{Response, Server};
use crate::netns::Netns;

/// Answers every path with its name, status 200 unless set otherwise.
#[derive(Debug)]
pub struct Backend<'a> {
    netns: &'a Netns,
    name: String,
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Arc<AtomicU64>,
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    server: Option<Server>,
}

impl<'a> Backend<'a> {
    /// Starts one on port 80 of `address` inside `netns`.
    pub fn start(netns: &'a Netns, name: &str, address: impl Into<IpAddr>) -> Result<Self> {
        let mut backend = Self {
            netns,
            name: name.to_owned(),
            address: SocketAddr::new(address.into(), 80),
            status: Arc::new(AtomicU16::new(200)),
            requests: Arc::default(),
            peers: Arc::default(),
            server: None,
        };
        backend.resume()?;
        Ok(backend)
    }

    /// What it answers with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listening socket: connections are refused from now on.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Listens again.
    pub fn resume(&mut self) -> Result<()> {
        let (name, status) = (self.name.clone(), Arc::clone(&self.status));
        let (requests, peers) = (Arc::clone(&self.requests), Arc::clone(&self.peers));
        let server = Server::start(self.netns, self.address, move |request| {
            peers.lock().expect("nobody panics").insert(request.peer);
            requests.fetch_add(1, Ordering::Relaxed);
            Response(status.load(Ordering::Relaxed), format!("{name}\n"))
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// The status of every answer from now on.
    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Who has asked it.
    pub fn peers(&self) -> BTreeSet<IpAddr> {
        self.peers.lock().expect("nobody panics").clone()
    }

    /// How many requests it has answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

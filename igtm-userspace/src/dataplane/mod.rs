//! The kernel's side of answering: load, attach, write, count, detach. The only user of aya.
//!
//! Pins live under `bpffs`/v{ABI}/: one for each map, and `link_IFNAME` for each interface.
//! The kernel goes on answering from them when the daemon is gone; the next start adopts them.

mod attach;
mod error;
pub mod inspect;
mod local;
mod maps;
mod object;
mod pins;
mod write;

use std::fs::File;
use std::path::PathBuf;

use igtm_common::layout::ABI_VERSION;
use igtm_common::name::HashKey;
use nix::fcntl::Flock;
use tracing::{info, warn};

pub use error::DataplaneError;
pub use local::Local;
pub use maps::Maps;
pub use object::OBJECT;
pub use pins::{Detached, detach};
pub use write::Writer;

use crate::config::model::{Server, XdpMode};
use crate::snapshot::Image;

/// The loaded program, its maps and its links.
pub struct Dataplane {
    /// Keeps the program; the pins keep it too.
    ebpf: aya::Ebpf,
    /// Where the pins are.
    directory: PathBuf,
    places: attach::Places,
    /// Two daemons never share pins.
    _lock: Flock<File>,
    writer: write::Writer,
    local: local::Local,
}

impl Dataplane {
    /// Loads the program, adopts or makes the maps, attaches to every interface.
    ///
    /// `None` when userspace answers alone: `xdp = "off"`, no interfaces, or `auto` on a
    /// host without BPF. Each step down is logged once, with its reason.
    pub fn open(server: &Server) -> Result<Option<Self>, DataplaneError> {
        if server.xdp == XdpMode::Off || server.interfaces.is_empty() {
            Self::release(server)?;
            info!(
                reason = if server.xdp == XdpMode::Off {
                    "server.xdp = \"off\""
                } else {
                    "server.interfaces is empty"
                },
                "answering in userspace only"
            );
            return Ok(None);
        }
        attach::all_exist(&server.interfaces)?;
        match Self::attach(server) {
            Ok(dataplane) => Ok(Some(dataplane)),
            Err(error @ (DataplaneError::Permission { .. } | DataplaneError::Attach { .. }))
                if server.xdp == XdpMode::Auto =>
            {
                warn!(%error, "answering in userspace only");
                // Whatever is still attached would go on answering from maps that nobody writes.
                Self::release(server)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the program off every interface, unless it is another daemon's.
    fn release(server: &Server) -> Result<(), DataplaneError> {
        let directory = pins::directory(&server.bpffs);
        let _lock = match pins::lock(&directory) {
            Ok(lock) => lock,
            Err(error @ DataplaneError::Locked { .. }) => {
                warn!(%error, "its XDP program is left alone");
                return Ok(());
            }
            // Nothing is pinned, or nothing that this process may touch.
            Err(_) => return Ok(()),
        };
        pins::release_links(&server.bpffs, &[])
    }

    fn attach(server: &Server) -> Result<Self, DataplaneError> {
        let object = object::object()?;
        let directory = pins::directory(&server.bpffs);
        pins::prepare(&directory)?;
        let lock = pins::lock(&directory)?;
        let adopted = pins::check_layout(&directory, object)?;
        let mut ebpf = object::load(object, &directory)?;
        let maps = maps::Maps::take(&mut ebpf)?;
        let mut writer = write::Writer::adopt(maps, server)?;
        let mut local = local::Local::default();
        local.refresh(writer.maps_mut(), server)?;
        pins::release_links(&server.bpffs, &server.interfaces)?;
        for attachment in attach::attach_all(&mut ebpf, &directory, server)? {
            info!(
                interface = attachment.interface,
                mode = attachment.mode,
                replaced = attachment.replaced,
                "XDP attached"
            );
        }
        info!(
            pins = %directory.display(),
            abi = ABI_VERSION,
            adopted,
            "maps ready"
        );
        Ok(Self {
            ebpf,
            directory,
            places: attach::Places::all(&server.interfaces),
            _lock: lock,
            writer,
            local,
        })
    }

    /// The secret of the name hash: it belongs to the maps.
    pub fn hash_key(&self) -> HashKey {
        self.writer.settings().hash_key
    }

    /// Makes the kernel answer from `image`, as one step.
    pub fn apply(&mut self, image: &Image) -> Result<(), DataplaneError> {
        self.writer.apply(image)
    }

    /// Waits until no program runs on what the last [`Self::apply`] replaced; the next one
    /// waits itself when this was not called. Blocks for a grace period, some milliseconds.
    pub fn settle(&mut self) {
        self.writer.settle();
    }

    /// Says that the daemon lives, and follows changes of the host's own addresses and of the
    /// interfaces.
    pub fn heartbeat(&mut self, server: &Server) -> Result<(), DataplaneError> {
        self.writer.heartbeat()?;
        self.local.refresh(self.writer.maps_mut(), server)?;
        self.places
            .follow(&mut self.ebpf, &self.directory, server.xdp)
    }
}

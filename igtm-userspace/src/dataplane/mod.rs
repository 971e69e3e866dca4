//! The kernel's side of answering: load, attach, write, count, detach. The only user of aya.
//!
//! Pins live under `bpffs`/v{ABI}/: one for each map, and `link_IFNAME` for each interface.
//! The kernel goes on answering from them when the daemon is gone; the next start adopts them.

mod attach;
mod capacity;
mod counts;
mod error;
pub mod inspect;
mod local;
mod maps;
mod memory;
mod object;
mod pins;
mod rates;
pub mod samples;
mod write;

use std::fs::File;
use std::path::{Path, PathBuf};

use igtm_common::cookie::{Secret, Secrets};
use igtm_common::layout::ABI_VERSION;
use igtm_common::name::HashKey;
use nix::fcntl::Flock;
use tracing::{info, warn};

pub use capacity::Capacity;
pub use error::DataplaneError;
pub use local::{Local, interface};
pub use maps::Maps;
pub use object::OBJECT;
use pins::Present;
pub use pins::{Detached, detach};
pub use rates::Rates;
pub use write::Writer;

use crate::config::model::{Config, Server, XdpMode};
use crate::snapshot::Image;

/// The loaded program, its maps and its links.
pub struct Dataplane {
    server: Server,
    now: Generation,
    places: attach::Places,
    local: local::Local,
    /// Whose links the program has yet to take over, with the first answer.
    takeover: Option<Takeover>,
}

/// One set of maps with the program that reads them.
struct Generation {
    /// Keeps the program; the pins keep it too.
    ebpf: aya::Ebpf,
    writer: Writer,
    /// Two daemons never share pins.
    _lock: Flock<File>,
}

/// Where links are that have another program.
#[derive(Clone, Default)]
struct Takeover {
    /// Directories of other layouts; they go when their links are taken over.
    others: Vec<PathBuf>,
    /// In the directory of maps that have become too small, too; the new ones take its place.
    smaller: bool,
}

impl Dataplane {
    /// The secret of the name hash: it belongs to the maps that are pinned under `server.bpffs`,
    /// if any are.
    pub fn hash_key(server: &Server) -> Option<HashKey> {
        // Of SETTINGS alone: it is kept whatever becomes of the other maps.
        let settings = Maps::settings_pinned(&pins::directory(&server.bpffs)).ok()?;
        (settings.abi == ABI_VERSION).then_some(settings.hash_key)
    }

    /// Loads the program, adopts maps that can hold `needed` or makes them, attaches to every
    /// interface.
    ///
    /// `None` when userspace answers alone: `xdp = "off"`, no interfaces, or `auto` on a
    /// host without BPF. Each step down is logged once, with its reason.
    pub fn open(
        config: &Config,
        hash_key: HashKey,
        needed: Capacity,
    ) -> Result<Option<Self>, DataplaneError> {
        let server = &config.server;
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
        match Self::attach(config, hash_key, needed) {
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

    fn attach(
        config: &Config,
        hash_key: HashKey,
        needed: Capacity,
    ) -> Result<Self, DataplaneError> {
        let server = &config.server;
        let object = object::object()?;
        let directory = pins::directory(&server.bpffs);
        pins::prepare(&directory)?;
        let lock = pins::lock(&directory)?;
        let staging = pins::staging(&server.bpffs);
        if staging.exists() {
            pins::remove_directory(&staging)?;
        }
        let present = pins::check_layout(&directory, object)?;
        if present == Present::Some {
            warn!(
                pins = %directory.display(),
                "some maps are not pinned any more: all are made anew"
            );
            pins::remove_maps(&directory)?;
        }
        let mut ebpf = object::load(object, &directory, needed.roomy())?;
        // Before the maps are taken: a map that is memory from then on keeps no descriptor, and the
        // program names them by it.
        attach::load(&mut ebpf)?;
        let maps = Maps::take(&mut ebpf)?;
        let writer = Writer::adopt(maps, config, hash_key)?;
        let mut dataplane = Self {
            server: server.clone(),
            now: Generation {
                ebpf,
                writer,
                _lock: lock,
            },
            places: attach::Places::all(&server.interfaces),
            local: local::Local::default(),
            takeover: None,
        };
        dataplane.local.refresh(&mut dataplane.now.writer, server)?;
        pins::release_links(&server.bpffs, &server.interfaces)?;
        let others = pins::others(&server.bpffs)?;
        // What still answers goes on until there is something to take its place.
        let deferred = present == Present::Some || !others.is_empty();
        if !deferred {
            let program = &mut dataplane.now.ebpf;
            told(attach::attach_all(program, &directory, server)?);
        } else {
            info!(
                directories = ?others,
                "what is on the interfaces goes on answering until the first answer"
            );
            dataplane.takeover = Some(Takeover {
                others,
                smaller: false,
            });
        }
        info!(
            pins = %directory.display(),
            abi = ABI_VERSION,
            adopted = present == Present::All,
            "maps ready"
        );
        Ok(dataplane)
    }

    /// Secrets of server cookies that an earlier run has left in the maps.
    pub fn cookies(&self) -> Option<Secrets> {
        let cookies = self.now.writer.settings().cookies;
        (cookies.current != Secret([0; 2])).then_some(cookies)
    }

    /// Server cookies are made and judged with these from now on.
    pub fn set_cookies(&mut self, cookies: Secrets) -> Result<(), DataplaneError> {
        self.now.writer.set_cookies(cookies)
    }

    /// Takes what the program needs of a new configuration besides its answers.
    pub fn configure(&mut self, config: &Config) -> Result<(), DataplaneError> {
        self.now.writer.configure(config)
    }

    /// Makes the kernel answer from `image`, as one step. Maps that are too small are made anew,
    /// and their program takes the other's place when they are filled.
    pub fn apply(&mut self, config: &Config, image: &Image) -> Result<(), DataplaneError> {
        if let Some(lack) = self.now.writer.capacity().lacks(Capacity::needed(image)) {
            info!(%lack, "the maps are made anew, larger");
            self.grow(config, image)?;
        } else {
            self.now.writer.apply(image)?;
        }
        // Forgotten only when it is done: until then nobody sees what is written.
        if let Some(takeover) = self.takeover.clone() {
            self.take_over(takeover)?;
            self.takeover = None;
        }
        Ok(())
    }

    /// Makes larger maps and fills them; should that fail, all stays as it is.
    fn grow(&mut self, config: &Config, image: &Image) -> Result<(), DataplaneError> {
        let staging = pins::staging(&self.server.bpffs);
        if staging.exists() {
            pins::remove_directory(&staging)?;
        }
        match self.larger(config, image, &staging) {
            Ok(larger) => self.now = larger,
            Err(error) => {
                let _half_made = pins::remove_directory(&staging);
                return Err(error);
            }
        }
        // Another layout's links may still have to be taken over as well.
        self.takeover.get_or_insert_default().smaller = true;
        Ok(())
    }

    fn larger(
        &self,
        config: &Config,
        image: &Image,
        staging: &Path,
    ) -> Result<Generation, DataplaneError> {
        let directory = pins::directory(&self.server.bpffs);
        pins::prepare(staging)?;
        let lock = pins::lock(staging)?;
        pins::share_lasting(&directory, staging)?;
        let room = Capacity::needed(image).roomy();
        let mut ebpf = object::load(object::object()?, staging, room)?;
        attach::load(&mut ebpf)?;
        let maps = Maps::take(&mut ebpf)?;
        let mut writer = Writer::inherit(maps, config, &self.now.writer, &image.fixed)?;
        writer.apply(image)?;
        Ok(Generation {
            ebpf,
            writer,
            _lock: lock,
        })
    }

    fn take_over(&mut self, takeover: Takeover) -> Result<(), DataplaneError> {
        let Takeover { others, smaller } = takeover;
        let directory = pins::directory(&self.server.bpffs);
        let ebpf = &mut self.now.ebpf;
        let mut from = others.clone();
        if smaller {
            let staging = pins::staging(&self.server.bpffs);
            from.push(directory.clone());
            told(attach::take_over(ebpf, &from, &staging, &self.server)?);
            pins::exchange(&staging, &directory)?;
        } else {
            told(attach::take_over(ebpf, &from, &directory, &self.server)?);
        }
        for other in others {
            pins::remove_directory(&other)?;
        }
        Ok(())
    }

    /// Waits until no program runs on what the last [`Self::apply`] replaced, and brings that up to
    /// date; the next one does so itself when this was not called. Blocks for a grace period, some
    /// milliseconds.
    pub fn settle(&mut self) -> Result<(), DataplaneError> {
        self.now.writer.settle()
    }

    /// Says that the daemon lives, and follows changes of the host's own addresses and of the
    /// interfaces.
    pub fn heartbeat(&mut self) -> Result<(), DataplaneError> {
        self.now.writer.heartbeat()?;
        self.local.refresh(&mut self.now.writer, &self.server)?;
        if self.takeover.is_some() {
            return Ok(());
        }
        let directory = pins::directory(&self.server.bpffs);
        self.places
            .follow(&mut self.now.ebpf, &directory, self.server.xdp)
    }

    /// Which interfaces nothing is answered on by the kernel, in words; `None`: it does on all.
    pub fn lost(&self) -> Option<String> {
        self.places.lost()
    }
}

fn told(attachments: Vec<attach::Attachment>) {
    for attachment in attachments {
        info!(
            interface = attachment.interface,
            mode = attachment.mode,
            replaced = attachment.replaced,
            "XDP attached"
        );
    }
}

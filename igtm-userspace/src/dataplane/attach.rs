//! The program on its interfaces: attach, pin the link, replace the program in place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aya::Ebpf;
use aya::programs::Xdp;
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpMode as AyaMode};
use nix::net::if_::{if_nameindex, if_nametoindex};
use tracing::{debug, error, info, warn};

use super::error::refused;
use super::object::PROGRAM;
use super::{DataplaneError, pins};
use crate::config::model::{Server, XdpMode};

/// How often a load may be interrupted by signals.
const LOAD_ATTEMPTS: usize = 10;

/// One interface the program is on.
pub(super) struct Attachment {
    /// Its name.
    pub(super) interface: String,
    /// `native`, `generic`, or `as before` for an adopted link.
    pub(super) mode: &'static str,
    /// Whether a running program was replaced in place.
    pub(super) replaced: bool,
}

/// Refuses interfaces that are not there, before anything is touched.
pub(super) fn all_exist(interfaces: &[String]) -> Result<(), DataplaneError> {
    for name in interfaces {
        if if_nametoindex(name.as_str()).is_err() {
            return Err(DataplaneError::NoInterface {
                name: name.clone(),
                present: present().join(", "),
            });
        }
    }
    Ok(())
}

fn present() -> Vec<String> {
    if_nameindex()
        .map(|list| {
            list.iter()
                .map(|interface| interface.name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// Loads the program, which no interface has yet.
pub(super) fn load(ebpf: &mut Ebpf) -> Result<(), DataplaneError> {
    let program = program(ebpf)?;
    load_program(program)?;
    if let Ok(info) = program.info() {
        debug!(
            verified_instructions = info.verified_instruction_count(),
            "XDP program loaded"
        );
    }
    Ok(())
}

/// Puts the program on every interface of `server`.
pub(super) fn attach_all(
    ebpf: &mut Ebpf,
    directory: &Path,
    server: &Server,
) -> Result<Vec<Attachment>, DataplaneError> {
    let program = program(ebpf)?;
    server
        .interfaces
        .iter()
        .map(|interface| attach_one(program, directory, interface, server.xdp))
        .collect()
}

/// Loads the program and puts it where the links of `from` have another one, between two frames;
/// their pins are then in `to` as well. Interfaces without a link there are attached to. One that
/// is gone holds up nobody: [`Places::follow`] attaches to it when it is back.
pub(super) fn take_over(
    ebpf: &mut Ebpf,
    from: &[PathBuf],
    to: &Path,
    server: &Server,
) -> Result<Vec<Attachment>, DataplaneError> {
    let program = program(ebpf)?;
    let one = |interface: &String| {
        for directory in from {
            let pin = pins::link(directory, interface);
            if !pin.exists() {
                continue;
            }
            match replace(program, &pin, Some(&pins::link(to, interface))) {
                Ok(()) => {
                    return Ok(Attachment {
                        interface: interface.clone(),
                        mode: "as before",
                        replaced: true,
                    });
                }
                Err(error) => {
                    warn!(interface, %error, "the pinned link is of no use, attaching anew");
                }
            }
        }
        attach_one(program, to, interface, server.xdp)
    };
    server
        .interfaces
        .iter()
        .filter(|interface| index(interface).is_some())
        .map(one)
        .collect()
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Xdp, DataplaneError> {
    ebpf.program_mut(PROGRAM)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| DataplaneError::Load {
            error: format!("the object has no XDP program {PROGRAM}"),
        })
}

/// Which of a server's interfaces have the program, as far as this daemon knows.
pub(super) struct Places(BTreeMap<String, Place>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the interface of this index.
    On(u32),
    /// Not on the interface of this index, or there is none; that has been told.
    Off(Option<u32>),
}

impl Places {
    /// Every interface has just been attached to.
    pub(super) fn all(interfaces: &[String]) -> Self {
        let places = interfaces.iter().map(|name| {
            let place = index(name).map_or(Place::Off(None), Place::On);
            (name.clone(), place)
        });
        Self(places.collect())
    }

    /// Which interfaces are without the program, in words; `None`: none.
    pub(super) fn lost(&self) -> Option<String> {
        let lost = self.0.iter().filter_map(|(interface, place)| match place {
            Place::On(_) => None,
            Place::Off(None) => Some(format!("the interface {interface} is gone")),
            Place::Off(Some(_)) => Some(format!("the interface {interface} is without XDP")),
        });
        let lost: Vec<String> = lost.collect();
        (!lost.is_empty()).then(|| lost.join("; "))
    }

    /// Attaches anew to an interface that went away and came back as another one, and tries
    /// again while that fails; each change is said once.
    pub(super) fn follow(
        &mut self,
        ebpf: &mut Ebpf,
        directory: &Path,
        mode: XdpMode,
    ) -> Result<(), DataplaneError> {
        for (interface, place) in &mut self.0 {
            *place = match (*place, index(interface)) {
                (Place::On(was), Some(now)) if was == now => continue,
                (Place::Off(None), None) => continue,
                (_, None) => {
                    warn!(
                        interface,
                        "the interface is gone, and what came in there with it"
                    );
                    Place::Off(None)
                }
                (place, Some(now)) => {
                    match attach_one(program(ebpf)?, directory, interface, mode) {
                        Ok(attached) => {
                            info!(
                                interface,
                                mode = attached.mode,
                                "the interface is back: XDP attached"
                            );
                            Place::On(now)
                        }
                        Err(error) => {
                            if place != Place::Off(Some(now)) {
                                error!(interface, %error, "the interface is back, without XDP");
                            }
                            Place::Off(Some(now))
                        }
                    }
                }
            };
        }
        Ok(())
    }
}

fn index(interface: &str) -> Option<u32> {
    if_nametoindex(interface).ok()
}

/// BPF_PROG_LOAD, again when a signal (SIGHUP during the start) interrupted the verifier.
fn load_program(program: &mut Xdp) -> Result<(), DataplaneError> {
    let mut loaded = program.load();
    for _ in 1..LOAD_ATTEMPTS {
        match &loaded {
            Err(error) if interrupted(error) => loaded = program.load(),
            _ => break,
        }
    }
    loaded.map_err(|error| refused("loading the XDP program", &error))
}

fn interrupted(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

fn attach_one(
    program: &mut Xdp,
    directory: &Path,
    interface: &str,
    mode: XdpMode,
) -> Result<Attachment, DataplaneError> {
    let pin = pins::link(directory, interface);
    if pin.exists() {
        match replace(program, &pin, None) {
            Ok(()) => {
                return Ok(Attachment {
                    interface: interface.to_owned(),
                    mode: "as before",
                    replaced: true,
                });
            }
            Err(error) => {
                // The interface went away and came back: its link is dead.
                warn!(interface, %error, "the pinned link is of no use, attaching anew");
                pins::remove(&pin)?;
            }
        }
    }
    let native = || (AyaMode::Driver, "native");
    let generic = || (AyaMode::Skb, "generic");
    let (first, second) = match mode {
        XdpMode::Native => (native(), None),
        XdpMode::Generic => (generic(), None),
        XdpMode::Auto | XdpMode::Off => (native(), Some(generic())),
    };
    let (attached, mode) = match (attach_in(program, &pin, interface, first), second) {
        (Ok(()), _) => (Ok(()), first.1),
        (Err(error), None) => (Err(error), first.1),
        (Err(error), Some(second)) => {
            warn!(interface, %error, "no native XDP, trying generic");
            (attach_in(program, &pin, interface, second), second.1)
        }
    };
    attached?;
    Ok(Attachment {
        interface: interface.to_owned(),
        mode,
        replaced: false,
    })
}

/// BPF_LINK_UPDATE: the program changes between two frames. `also` is pinned as well.
fn replace(
    program: &mut Xdp,
    pin: &Path,
    also: Option<&Path>,
) -> Result<(), Box<dyn std::error::Error>> {
    let link: FdLink = PinnedLink::from_pin(pin)?.into();
    let link = XdpLink::try_from(link)?;
    let id = program.attach_to_link(link)?;
    let link = program.take_link(id)?;
    if let Some(also) = also {
        FdLink::try_from(link)?.pin(also)?;
    }
    // The pins alone hold the link: `igtm detach` takes the program off under a running daemon.
    Ok(())
}

fn attach_in(
    program: &mut Xdp,
    pin: &Path,
    interface: &str,
    (mode, name): (AyaMode, &'static str),
) -> Result<(), DataplaneError> {
    let failed = |error: &(dyn std::error::Error + 'static)| match refused("attaching XDP", error) {
        DataplaneError::Load { error } => DataplaneError::Attach {
            name: interface.to_owned(),
            mode: name,
            error,
        },
        denied => denied,
    };
    let id = program
        .attach(interface, mode)
        .map_err(|error| failed(&error))?;
    let link = program.take_link(id).map_err(|error| failed(&error))?;
    // aya may have attached by netlink, which cannot be pinned; dropping it detaches.
    let link = FdLink::try_from(link).map_err(|error| failed(&error))?;
    link.pin(pin).map_err(|error| failed(&error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_load_that_a_signal_interrupted_is_told_apart() {
        let error = |errno: Errno| std::io::Error::from(errno);
        assert!(interrupted(&error(Errno::EAGAIN)));
        assert!(!interrupted(&error(Errno::EACCES)));
    }
}

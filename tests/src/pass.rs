//! An XDP program that passes everything: the other end of a veth pair needs one.
//!
//! A veth drops what its other end sends back with XDP_TX unless it receives by NAPI, and an
//! XDP program of its own is what surely makes it (GRO is said to be enough, and is not on Linux
//! 6.18). Two instructions, laid out here, so that nothing has to be compiled for it.

use std::path::Path;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::Xdp;
use aya::programs::links::FdLink;
use aya::programs::xdp::XdpMode;
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags};
use object::{SymbolKind, SymbolScope};

use crate::netns::Netns;

const NAME: &str = "pass";
/// `r0 = XDP_PASS; exit` (the kernel's Documentation/bpf/standardization/instruction-set.rst).
const PROGRAM: [u8; 16] = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/// Attached until dropped.
#[derive(Debug)]
pub struct Pass {
    // Detaches.
    _program: Ebpf,
}

impl Pass {
    /// Attaches to `interface` of `netns`, natively.
    pub fn attach(netns: &Netns, interface: &str) -> Result<Self> {
        Self::load(netns, |program| {
            program.attach(interface, XdpMode::Driver)?;
            Ok(())
        })
        .with_context(|| format!("attaching to {interface}"))
    }

    /// Attaches to `interface` of `netns`, natively, for as long as the link is pinned at `pin`.
    pub fn pin(netns: &Netns, interface: &str, pin: &Path) -> Result<()> {
        Self::load(netns, |program| {
            let id = program.attach(interface, XdpMode::Driver)?;
            let link: FdLink = program.take_link(id)?.try_into()?;
            link.pin(pin)?;
            Ok(())
        })
        .map(drop)
        .with_context(|| format!("attaching to {interface}, pinned at {}", pin.display()))
    }

    fn load(netns: &Netns, attach: impl FnOnce(&mut Xdp) -> Result<()> + Send) -> Result<Self> {
        let object = object().context("laying out the program")?;
        netns.enter(|| {
            let mut bpf = Ebpf::load(&object)?;
            let program = bpf.program_mut(NAME).context("the program just laid out")?;
            let program: &mut Xdp = program.try_into()?;
            program.load()?;
            attach(program)?;
            Ok(Self { _program: bpf })
        })
    }
}

/// A relocatable ELF object with the one program, as a compiler would leave it.
fn object() -> Result<Vec<u8>, object::write::Error> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = object.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    object.append_section_data(license, b"GPL\0", 1);
    let section = object.add_section(Vec::new(), b"xdp".to_vec(), SectionKind::Text);
    object.append_section_data(section, &PROGRAM, 8);
    object.add_symbol(Symbol {
        name: NAME.into(),
        value: 0,
        size: PROGRAM.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    object.write()
}

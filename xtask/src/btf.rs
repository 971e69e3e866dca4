//! The BTF of the object, made fit for people: `i8` arrays print as text in bpftool.
//!
//! rustc marks `i8` as a signed number; bpftool prints an array of octets as text when their
//! type is marked as a character. Only that mark changes; sizes and offsets must not.
//! Layout: the kernel's Documentation/bpf/btf.rst.

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection};

const MAGIC: u16 = 0xeb9f;
const HEADER: usize = 24;
const TYPE_HEADER: usize = 12;
const KIND_INT: u32 = 1;
/// Bits 24–27 of the word that follows an INT: SIGNED 1, CHAR 2, BOOL 4.
const ENCODING: u32 = 0x0f00_0000;
const ENCODING_CHAR: u32 = 0x0200_0000;

/// Marks every INT named `i8` in the `.BTF` section of a little-endian ELF `file` as characters.
pub(crate) fn make_i8_print_as_text(file: &mut [u8]) -> Result<()> {
    let (start, size) = {
        let elf = object::File::parse(&*file).context("not an ELF object")?;
        ensure!(elf.is_little_endian(), "the object is big-endian");
        let section = elf
            .section_by_name(".BTF")
            .context("no .BTF section: was it linked with --btf?")?;
        section.file_range().context(".BTF is empty")?
    };
    let start = usize::try_from(start)?;
    let end = start
        .checked_add(usize::try_from(size)?)
        .context(".BTF ends beyond any file")?;
    let section = file
        .get_mut(start..end)
        .context(".BTF ends beyond the file")?;
    mark(section).map(drop)
}

/// Marks them in the section itself; how many there were.
fn mark(btf: &mut [u8]) -> Result<usize> {
    let magic = btf.first_chunk().map(|octets| u16::from_le_bytes(*octets));
    ensure!(
        magic == Some(MAGIC),
        "magic {magic:x?} instead of {MAGIC:x}"
    );
    ensure!(btf.len() >= HEADER, "{} octets hold no header", btf.len());
    let header = word(btf, 4)? as usize;
    let types = part(header, word(btf, 8)?, word(btf, 12)?, btf.len()).context("types")?;
    let names = part(header, word(btf, 16)?, word(btf, 20)?, btf.len()).context("strings")?;

    let mut marked = 0;
    let mut at = types.start;
    while at < types.end {
        let name = names.start + word(btf, at)? as usize;
        let info = word(btf, at + 4)?;
        let (kind, members) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
        let next = at + TYPE_HEADER + trailer(kind, members)?;
        ensure!(
            next <= types.end,
            "the type at {at} ends at {next}, beyond {}",
            types.end
        );
        if kind == KIND_INT && btf[..names.end].get(name..name + 3) == Some(b"i8\0") {
            let data = at + TYPE_HEADER;
            let encoded = (word(btf, data)? & !ENCODING) | ENCODING_CHAR;
            btf[data..data + 4].copy_from_slice(&encoded.to_le_bytes());
            marked += 1;
        }
        at = next;
    }
    Ok(marked)
}

/// A part of the section, by its offset from the end of the header.
fn part(header: usize, offset: u32, size: u32, whole: usize) -> Result<std::ops::Range<usize>> {
    let start = header.checked_add(offset as usize).context("overflow")?;
    let end = start.checked_add(size as usize).context("overflow")?;
    ensure!(end <= whole, "end at {end} of {whole} octets");
    Ok(start..end)
}

fn word(btf: &[u8], at: usize) -> Result<u32> {
    let octets = btf.get(at..).and_then(|rest| rest.first_chunk());
    let octets = octets.with_context(|| format!("nothing at {at} of {} octets", btf.len()))?;
    Ok(u32::from_le_bytes(*octets))
}

/// Octets after the common header of a type of `kind` with `members` members.
fn trailer(kind: u32, members: usize) -> Result<usize> {
    Ok(match kind {
        2 | 7..=12 | 16 | 18 => 0,       // PTR, FWD … FUNC, FLOAT, TYPE_TAG
        KIND_INT | 14 | 17 => 4,         // INT, VAR, DECL_TAG
        3 => 12,                         // ARRAY
        4 | 5 | 15 | 19 => 12 * members, // STRUCT, UNION, DATASEC, ENUM64
        6 | 13 => 8 * members,           // ENUM, FUNC_PROTO
        _ => bail!("type of unknown kind {kind}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED_BYTE: u32 = 0x0100_0008;

    /// A section with a struct, an INT `i8`, an INT `u8` and an array, in that order.
    fn section() -> Vec<u8> {
        let names = b"\0i8\0u8\0s\0";
        let types: Vec<u8> = [
            &[7, 4 << 24 | 1, 1, 7, 2, 0][..], // struct s { s: i8 }
            &[1, 1 << 24, 1, SIGNED_BYTE],     // INT i8
            &[4, 1 << 24, 1, 8],               // INT u8
            &[0, 3 << 24, 0, 2, 3, 16],        // ARRAY [i8; 16]
        ]
        .concat()
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for field in [
            HEADER as u32,
            0,
            types.len() as u32,
            types.len() as u32,
            names.len() as u32,
        ] {
            btf.extend(field.to_le_bytes());
        }
        btf.extend(types);
        btf.extend(names);
        btf
    }

    #[test]
    fn only_i8_becomes_a_character() {
        let before = section();
        let mut after = before.clone();
        assert_eq!(mark(&mut after).expect("well-formed"), 1);
        let at = HEADER + 9 * 4;
        assert_eq!(word(&after, at).expect("there"), ENCODING_CHAR | 8);
        after[at..at + 4].copy_from_slice(&SIGNED_BYTE.to_le_bytes());
        assert_eq!(after, before, "nothing else changed");
    }

    #[test]
    fn marking_twice_changes_nothing_more() {
        let mut once = section();
        mark(&mut once).expect("well-formed");
        let mut twice = once.clone();
        mark(&mut twice).expect("well-formed");
        assert_eq!(once, twice);
    }

    #[test]
    fn a_cut_section_is_an_error_at_every_length() {
        let whole = section();
        for length in 0..whole.len() {
            assert!(
                mark(&mut whole[..length].to_vec()).is_err(),
                "{length} octets"
            );
        }
    }

    #[test]
    fn a_big_endian_section_is_refused() {
        let mut btf = section();
        btf.swap(0, 1);
        assert!(
            mark(&mut btf)
                .expect_err("wrong magic")
                .to_string()
                .contains("magic")
        );
    }

    #[test]
    fn an_unknown_kind_is_refused_rather_than_guessed() {
        let mut btf = section();
        btf[HEADER + 7] = 31;
        assert!(
            mark(&mut btf)
                .expect_err("kind 31")
                .to_string()
                .contains("31")
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(make_i8_print_as_text(&mut [0; 64]).is_err());
        assert!(make_i8_print_as_text(&mut []).is_err());
    }
}

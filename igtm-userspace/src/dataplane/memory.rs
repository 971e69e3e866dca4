//! An array map as memory: read and written without a system call each (BPF_F_MMAPABLE).
//!
//! The program reads the same memory at the same time. Whoever writes makes sure that it is not what
//! the program reads now: see [`super::write`]. A mapping keeps its map.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use aya::Pod;
use aya::maps::Map;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::error::{DataplaneError, wrong};

/// The elements of one map, until dropped.
pub struct Memory<T> {
    start: NonNull<T>,
    elements: usize,
    octets: NonZeroUsize,
}

// SAFETY: it owns its mapping; elements are plain old data.
unsafe impl<T: Pod + Send> Send for Memory<T> {}
// SAFETY: through a shared reference it is only read.
unsafe impl<T: Pod + Sync> Sync for Memory<T> {}

/// Whether a mapping may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

impl<T: Pod> Memory<T> {
    /// Maps the elements of `map`.
    pub(super) fn of(map: Map, name: &'static str, access: Access) -> Result<Self, DataplaneError> {
        const {
            assert!(
                size_of::<T>().is_multiple_of(8),
                "arrays round sizes up to 8"
            )
        };
        let Map::Array(map) = map else {
            return Err(DataplaneError::Map {
                map: name,
                error: "not an array".to_owned(),
            });
        };
        let elements = map.info().map_err(wrong(name))?.max_entries() as usize;
        let octets = NonZeroUsize::new(elements * size_of::<T>()).ok_or(DataplaneError::Map {
            map: name,
            error: "it has no elements".to_owned(),
        })?;
        let protection = match access {
            Access::ReadOnly => ProtFlags::PROT_READ,
            Access::ReadWrite => ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        };
        let file: File = map
            .fd()
            .as_fd()
            .try_clone_to_owned()
            .map_err(wrong(name))?
            .into();
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { mmap(None, octets, protection, MapFlags::MAP_SHARED, &file, 0) }
            .map_err(wrong(name))?;
        Ok(Self {
            start: start.cast(),
            elements,
            octets,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.elements
    }

    /// The element at `at`; `None` behind the last.
    pub(super) fn read(&self, at: u32) -> Option<T> {
        let at = at as usize;
        // SAFETY: inside the mapping; any octets make a T. Volatile: the memory is not ours alone.
        (at < self.elements).then(|| unsafe { self.start.add(at).read_volatile() })
    }

    /// The element at `at` as another view of the same octets, which others may write at any time.
    ///
    /// # Safety
    /// `S` must have the size and alignment of `T`, be valid for any octets, and be made of atomics.
    pub(super) unsafe fn shared<S>(&self, at: u32) -> Option<&S> {
        const { assert!(size_of::<S>() == size_of::<T>() && align_of::<S>() == align_of::<T>()) };
        let at = at as usize;
        // SAFETY: inside the mapping, which lives as long as this; the caller says that it is an S.
        (at < self.elements).then(|| unsafe { self.start.add(at).cast().as_ref() })
    }

    /// Replaces the element at `at`; whether there is one.
    pub(super) fn write(&mut self, at: u32, value: &T) -> bool {
        let at = at as usize;
        if at >= self.elements {
            return false;
        }
        // SAFETY: inside the mapping, which is writable; any octets make a T.
        unsafe { self.start.add(at).write_volatile(*value) };
        true
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's; nothing refers into it.
        let _unmapped = unsafe { munmap(self.start.cast(), self.octets.get()) };
    }
}

//! The octets of a frame, and how to read them so that the verifier can follow.

use aya_ebpf::programs::XdpContext;
use igtm_common::opaque::opaque;

/// Nothing in a query is further behind; the verifier follows bounded offsets only.
const FURTHEST: usize = 4096;

/// The octets of a frame, or those from some offset on, as they are now; taken anew after a resize.
#[derive(Clone, Copy)]
pub struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// The frame of a context.
    #[inline(always)]
    pub fn of(ctx: &XdpContext) -> Self {
        // Opaque, or the compiler, which knows both to be 32-bit fields, does
        // 32-bit arithmetic on what the verifier says are pointers.
        Self {
            start: hidden(ctx.data()),
            end: hidden(ctx.data_end()),
        }
    }

    /// How many there are.
    #[inline(always)]
    pub fn octets(&self) -> usize {
        hidden(self.end - self.start)
    }

    /// The `T` at a constant `offset`, when it lies inside.
    #[inline(always)]
    pub(crate) fn at<T>(&self, offset: usize) -> Option<*mut T> {
        let start = self.start + offset;
        if start + size_of::<T>() > self.end {
            return None;
        }
        Some(start as *mut T)
    }

    /// What is behind an offset that is read from the frame. Opaque numbers keep the
    /// compiler from checking and reading by ones computed apart, which the verifier cannot join.
    #[inline(always)]
    pub(crate) fn from(&self, offset: usize) -> Option<Self> {
        let offset = hidden(offset);
        if offset > FURTHEST {
            return None;
        }
        Some(Self {
            start: hidden(self.start + offset),
            end: self.end,
        })
    }

    /// [`Self::at`] for an offset that is read from the frame.
    #[inline(always)]
    pub(crate) fn at_variable<T>(&self, offset: usize) -> Option<*mut T> {
        self.from(offset)?.at(0)
    }

    /// The same number, which the verifier no longer knows: it would else walk all that follows
    /// once for each value there can be.
    #[inline(always)]
    pub(crate) fn forget(&self, number: usize) -> usize {
        let unknown = self.octets();
        hidden(number ^ unknown) ^ unknown
    }
}

#[inline(always)]
fn hidden(number: usize) -> usize {
    opaque(number as u64) as usize
}

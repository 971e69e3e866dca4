//! Numbers that the compiler, and with it the verifier, must not know more about than it is told.
//!
//! The compiler derives what the verifier cannot, and takes out the checks that the verifier wants
//! to see; or it checks and uses numbers computed apart, which the verifier cannot join. Unlike
//! `core::hint::black_box` this costs no trip through memory.

/// The same number, computed in a way that nobody can look into.
#[inline(always)]
pub fn opaque(number: u64) -> u64 {
    #[cfg(target_arch = "bpf")]
    let number = {
        let mut number = number;
        // SAFETY: an assignment of a register to itself.
        unsafe {
            core::arch::asm!("{0} = {0}", inout(reg) number, options(nomem, nostack));
        }
        number
    };
    number
}

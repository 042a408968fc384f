//! The system calls that neither std nor rustix has: the only file of Picket with `unsafe` in it.
//!
//! Each function takes and returns plain values; nothing here knows what they are used for.
#![expect(
    unsafe_code,
    reason = "ioctl, adjtimex, unshare and real-time signals have no safe wrapper in std or rustix"
)]
use std::{io, mem, os::fd::AsRawFd, os::fd::BorrowedFd};

/// Says whether the kernel's wall clock is disciplined by a time source (NTP, PTP).
///
/// Source: adjtimex(2), read only: the state must not be `TIME_ERROR` and `STA_UNSYNC` must not be set.
///
/// # Errors
/// The system call's error; reading needs no privilege, so only a sandbox gives one.
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: `timex` is a struct of integers, for which all zeroes is a value.
    let mut timex: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live, exclusively borrowed `timex`; `modes` 0 asks the kernel to change nothing.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0)
}

/// A property message of the Raspberry Pi's firmware with one 32-bit value, as `/dev/vcio` takes it: length, code, tag,
/// length of the value's buffer, length of the value, value, end.
type PropertyMessage = [u32; 7];

const PROPERTY_LENGTH: u32 = 28;
const PROPERTY_ANSWERED: u32 = 0x8000_0000;

/// `_IOWR(100, 0, char *)` of the Raspberry Pi kernel's `drivers/char/broadcom/vcio.c`.
const IOCTL_MBOX_PROPERTY: u64 = 0xC000_6400 | (size_of::<*const u8>() as u64) << 16;

/// Asks the firmware, through an open `/dev/vcio`, for the 32-bit value of one tag; the request's value is 0.
///
/// # Errors
/// The system call's error, or `InvalidData` if the firmware doesn't know the tag.
pub fn firmware_property(vcio: BorrowedFd<'_>, tag: u32) -> io::Result<u32> {
    let mut message: PropertyMessage = [PROPERTY_LENGTH, 0, tag, 4, 0, 0, 0];
    // SAFETY: the descriptor is borrowed for the call; the kernel reads and writes at most the number of bytes that
    // the message's first word says, which is the array's size.
    let status = unsafe {
        libc::ioctl(
            vcio.as_raw_fd(),
            IOCTL_MBOX_PROPERTY as _,
            message.as_mut_ptr(),
        )
    };
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    property_value(&message).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the firmware did not answer tag {tag:#x}"),
        )
    })
}

fn property_value(message: &PropertyMessage) -> Option<u32> {
    let [_, code, _, _, answer, value, _] = *message;
    (code == PROPERTY_ANSWERED && answer & PROPERTY_ANSWERED != 0).then_some(value)
}

/// Gives this process a mount namespace of its own: what it mounts from now on, nobody else sees, once what it inherited is no longer
/// shared. It must not have threads yet, since only the one that calls this is moved.
///
/// # Errors
/// The system call's error; EPERM without CAP_SYS_ADMIN.
pub fn unshare_mounts() -> io::Result<()> {
    // SAFETY: CLONE_NEWNS touches no memory and no descriptor of this process.
    match unsafe { libc::unshare(libc::CLONE_NEWNS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to process 1, by its number: rustix takes real-time signals only as this C library counts them, and process 1 may
/// count otherwise. Not compiled into unit tests, where process 1 is nobody's to signal.
///
/// # Errors
/// The system call's error.
#[cfg(not(test))]
pub fn signal_process_1(number: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory of this process.
    match unsafe { libc::kill(1, number) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsFd};

    use super::*;

    #[test]
    fn the_clocks_state_can_be_read() {
        clock_is_synchronised().unwrap();
    }

    #[test]
    fn only_an_answered_message_has_a_value() {
        for (message, value) in [
            ([28, 0, 0x30046, 4, 0, 0, 0], None),
            ([28, 0x8000_0001, 0x30046, 4, 0, 0, 0], None),
            ([28, 0x8000_0000, 0x30046, 4, 0, 7, 0], None),
            (
                [28, 0x8000_0000, 0x30046, 4, 0x8000_0004, 0x5_0005, 0],
                Some(0x5_0005),
            ),
        ] {
            assert_eq!(property_value(&message), value, "{message:x?}");
        }
    }

    #[test]
    fn what_is_no_mailbox_gives_an_error() {
        let null = File::open("/dev/null").unwrap();
        assert!(firmware_property(null.as_fd(), 0x30046).is_err());
    }
}

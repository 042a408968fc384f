//! The system calls that neither std nor rustix has: the only file of Picket with `unsafe` in it.
//!
//! Each function takes and returns plain values; nothing here knows what they are used for.
#![expect(
    unsafe_code,
    reason = "ioctl, adjtimex, unshare, close, ioprio_set, real-time signals and one's own program headers have no safe wrapper in std or rustix"
)]
use std::{
    ffi, io, mem,
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd},
};

use rustix::{
    mm::{Advice, madvise},
    param::page_size,
};

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

/// Gives the thread that calls this a root, a working directory and a umask of its own: those of the other threads stay as they are.
///
/// # Errors
/// The system call's error.
pub fn unshare_root() -> io::Result<()> {
    // SAFETY: CLONE_FS touches no memory and no descriptor of this process.
    match unsafe { libc::unshare(libc::CLONE_FS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Closes a descriptor and says what it says: a network file system tells here that what was written is lost.
///
/// # Errors
/// The system call's error. The descriptor is closed then too.
pub fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned, so nobody else uses it, and it is given up here.
    match unsafe { libc::close(fd.into_raw_fd()) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            // Linux has closed it.
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}

/// Lets the disk serve everybody else first (ioprio_set(2), class "idle").
///
/// # Errors
/// The system call's error.
pub fn idle_disk_priority() -> io::Result<()> {
    const WHO_PROCESS: libc::c_long = 1;
    const CLASS_IDLE: libc::c_long = 3 << 13;
    // SAFETY: it takes three numbers and touches no memory.
    match unsafe {
        libc::syscall(
            libc::SYS_ioprio_set,
            WHO_PROCESS,
            0 as libc::c_long,
            CLASS_IDLE,
        )
    } {
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

/// Gives back the pages of this program's code and constants that were used so far. Those that are used again are mapped anew, a few
/// page faults without the disk as long as the kernel has the file in memory; those of a start or a handshake stay away. (The kernel
/// maps 64 KiB around a page that is used, and MADV_RANDOM doesn't keep it from that.)
///
/// # Errors
/// The system call's error; `InvalidInput` when the memory is locked.
pub fn give_back_code() -> io::Result<()> {
    let mut given = Ok(());
    // SAFETY: the callback gets the pointer as it is given here, to a value that outlives the call and that nothing else uses.
    unsafe { libc::dl_iterate_phdr(Some(give_back_segments), (&raw mut given).cast()) };
    given
}

/// Of the first object, which is the program itself.
///
/// # Safety
/// `info` is what dl_iterate_phdr(3) gives, and `given` points to an `io::Result<()>` for this call alone.
unsafe extern "C" fn give_back_segments(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    given: *mut ffi::c_void,
) -> ffi::c_int {
    // SAFETY: by this function's contract.
    let (info, given) = unsafe { (&*info, &mut *given.cast::<io::Result<()>>()) };
    // SAFETY: the program's headers lie in its memory as long as it runs, and nobody writes to them.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let page = page_size();
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        // Whole pages only: one at a border could be a neighbour's.
        let start = (info.dlpi_addr + header.p_vaddr) as usize;
        let end = (start + header.p_memsz as usize) / page * page;
        let start = start.next_multiple_of(page);
        let length = end.saturating_sub(start);
        // SAFETY: a segment that is never written holds what its file holds, and gets it from there again. What is relocated lies
        // in writable segments, also where it is protected later.
        let advised = unsafe { madvise(start as *mut _, length, Advice::LinuxDontNeed) };
        if let Err(error) = advised {
            *given = Err(error.into());
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        fs::{self, File},
        hint,
        os::fd::AsFd,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

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

    /// Kibibytes of files that are mapped here and in memory.
    fn mapped() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let mapped = status
            .lines()
            .find_map(|line| line.strip_prefix("RssFile:"));
        mapped
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    #[test]
    fn code_that_is_given_back_is_no_more_in_memory_and_runs_on_with_what_was_written() {
        static WRITTEN: AtomicUsize = AtomicUsize::new(1);
        static TABLE: [fn() -> u64; 2] = [mapped, mapped];
        WRITTEN.store(7, Relaxed);
        // Other tests run meanwhile and use code of theirs.
        let gone = (0..10).any(|_| {
            let before = hint::black_box(&TABLE)[0]();
            give_back_code().unwrap();
            hint::black_box(&TABLE)[1]() < before
        });
        // Under emulation the process is the emulator.
        assert!(gone || env::var_os("PICKET_RUNNER").is_some());
        assert_eq!(WRITTEN.load(Relaxed), 7);
    }

    #[test]
    fn what_is_no_mailbox_gives_an_error() {
        let null = File::open("/dev/null").unwrap();
        assert!(firmware_property(null.as_fd(), 0x30046).is_err());
    }
}

//! For which machines a program is, by the head of its file (ELF; elf(5), and "ELF for the Arm Architecture", section 5.2).
use picket_proto::image::Architecture;

/// So many bytes of a file are looked at.
pub(super) const HEAD: usize = 52;
const MAGIC: &[u8] = b"\x7fELF";
/// Bits of `e_flags`: floating point numbers go in registers, or don't.
const ARM_HARD: u32 = 0x400;

/// The architecture of a program, if it is one of an image's.
pub(super) fn architecture(head: &[u8]) -> Option<Architecture> {
    let (is_64, is_little) = (*head.get(4)? == 2, *head.get(5)? == 1);
    if !head.starts_with(MAGIC) || !is_little {
        return None;
    }
    let machine = u16::from_le_bytes(*head.get(18..)?.first_chunk()?);
    match (machine, is_64) {
        (0x28, false) => {
            let flags = u32::from_le_bytes(*head.get(36..)?.first_chunk()?);
            Some(match flags & ARM_HARD {
                0 => Architecture::Armel,
                _ => Architecture::Armhf,
            })
        }
        (0xb7, true) => Some(Architecture::Arm64),
        (0x3e, true) => Some(Architecture::Amd64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_for_which_machine_it_is() {
        let elf = |class: u8, machine: u8, flags: u32| {
            let mut head = [0; HEAD];
            head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
            head[18] = machine;
            head[36..40].copy_from_slice(&flags.to_le_bytes());
            head
        };
        for (head, found) in [
            (elf(1, 0x28, 0x0500_0400), Some(Architecture::Armhf)),
            (elf(1, 0x28, 0x0500_0200), Some(Architecture::Armel)),
            (elf(2, 0xb7, 0), Some(Architecture::Arm64)),
            (elf(2, 0x3e, 0), Some(Architecture::Amd64)),
            (elf(1, 0xb7, 0), None),
            (elf(2, 0xf3, 0), None),
            ([0; HEAD], None),
        ] {
            assert_eq!(architecture(&head), found, "{head:?}");
        }
        for length in [0, 5, 6, 19, 30] {
            assert_eq!(architecture(&elf(1, 0x28, 0)[..length]), None);
        }
        let ours = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!cfg!(target_arch = "x86_64") || architecture(&ours) == Some(Architecture::Amd64));
    }
}

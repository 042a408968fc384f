//! Whether a program needs another one to load it: the interpreter that its ELF header names. It loads nothing.
//!
//! Source: elf(5); the program header of type PT_INTERP is 3.
use std::{fs::File, io, os::unix::fs::FileExt};

const PT_INTERP: u32 = 3;
/// Where the fields of the two headers are, by the width of addresses.
struct Layout {
    table: usize,
    entry_size: usize,
    entries: usize,
    offset: usize,
    length: usize,
    wide: bool,
}

const ELF32: Layout = Layout {
    table: 28,
    entry_size: 42,
    entries: 44,
    offset: 4,
    length: 16,
    wide: false,
};
const ELF64: Layout = Layout {
    table: 32,
    entry_size: 54,
    entries: 56,
    offset: 8,
    length: 32,
    wide: true,
};

/// The interpreter that a program of this machine names; `None` for one that is whole by itself.
///
/// # Errors
/// It can't be read, or is no ELF file.
pub(super) fn interpreter(program: &File) -> io::Result<Option<String>> {
    let mut head = [0; 64];
    program.read_exact_at(&mut head, 0)?;
    let layout = match head {
        [0x7f, b'E', b'L', b'F', 1, ..] => ELF32,
        [0x7f, b'E', b'L', b'F', 2, ..] => ELF64,
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let (table, size) = (
        layout.address(&head, layout.table),
        u64::from(half(&head, layout.entry_size)),
    );
    for n in 0..u64::from(half(&head, layout.entries)) {
        let mut entry = [0; 56];
        let read = if layout.wide { 56 } else { 32 };
        program.read_exact_at(&mut entry[..read], table.saturating_add(n * size))?;
        if word(&entry, 0) == PT_INTERP {
            let length = layout.address(&entry, layout.length).min(256) as usize;
            let mut name = vec![0; length];
            program.read_exact_at(&mut name, layout.address(&entry, layout.offset))?;
            let name = String::from_utf8_lossy(&name);
            return Ok(Some(name.trim_end_matches('\0').to_owned()));
        }
    }
    Ok(None)
}

impl Layout {
    fn address(&self, bytes: &[u8], at: usize) -> u64 {
        match self.wide {
            true => {
                let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
                u64::from_ne_bytes(bytes)
            }
            false => word(bytes, at).into(),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_program_with_an_interpreter_is_told_from_one_without() {
        for wide in [false, true] {
            let with = elf(wide, &[1, PT_INTERP, 2]);
            assert_eq!(interpreter(&file(&with)).unwrap().unwrap(), "/lib/ld.so");
            assert_eq!(interpreter(&file(&elf(wide, &[1, 2]))).unwrap(), None);
            interpreter(&file(&with[..70])).unwrap_err();
        }
        interpreter(&file(b"#!/bin/sh\n")).unwrap_err();
        interpreter(&file(&[b'x'; 64])).unwrap_err();
    }

    /// Headers of a program with segments of these types; an interpreter's name is at the end.
    fn elf(wide: bool, types: &[u32]) -> Vec<u8> {
        let (layout, head, entry) = match wide {
            true => (ELF64, 64, 56),
            false => (ELF32, 52, 32),
        };
        let mut bytes = vec![0; head + types.len() * entry];
        bytes[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }]);
        let mut put = |at: usize, value: u64, length: usize| {
            let value = match length {
                2 => (value as u16).to_ne_bytes().to_vec(),
                4 => (value as u32).to_ne_bytes().to_vec(),
                _ => value.to_ne_bytes().to_vec(),
            };
            bytes[at..at + value.len()].copy_from_slice(&value);
        };
        let address = if wide { 8 } else { 4 };
        put(layout.table, head as u64, address);
        put(layout.entry_size, entry as u64, 2);
        put(layout.entries, types.len() as u64, 2);
        let end = (head + types.len() * entry) as u64;
        for (n, kind) in types.iter().enumerate() {
            let at = head + n * entry;
            put(at, (*kind).into(), 4);
            put(at + layout.offset, end, address);
            put(at + layout.length, 11, address);
        }
        bytes.extend(b"/lib/ld.so\0");
        bytes
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }
}

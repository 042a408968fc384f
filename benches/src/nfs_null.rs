//! The smallest NFS server: it answers the RPC NULL call (RFC 5531, over TCP) and nothing else. Picket's active probe and
//! the floor call it.
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Record mark: last fragment, 24 bytes.
const REPLY_MARK: u32 = 0x8000_0018;
/// A call without credentials: record mark, xid and nine more words.
const CALL_BYTES: usize = 44;

/// Serves on a free loopback port until the process ends.
///
/// # Errors
/// No loopback port can be had.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || answer(client));
        }
    });
    Ok(address)
}

fn answer(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut mark = [0; 4];
    loop {
        client.read_exact(&mut mark)?;
        let length = u32::from_be_bytes(mark) & 0x7fff_ffff;
        let mut call = vec![0; length.min(4096) as usize];
        client.read_exact(&mut call)?;
        let xid = call
            .first_chunk::<4>()
            .map_or(0, |xid| u32::from_be_bytes(*xid));
        // REPLY, MSG_ACCEPTED, AUTH_NONE of no bytes, SUCCESS.
        client.write_all(&words([REPLY_MARK, xid, 1, 0, 0, 0, 0]))?;
    }
}

/// A NULL call of NFS 4 to an own connection.
///
/// # Errors
/// The connection broke.
pub fn call(server: &mut TcpStream, xid: u32) -> io::Result<()> {
    let mark = 0x8000_0000 | (CALL_BYTES as u32 - 4);
    server.write_all(&words([mark, xid, 0, 2, 100_003, 4, 0, 0, 0, 0, 0]))?;
    server.read_exact(&mut [0; 28])
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_call_is_answered_with_its_xid() {
        let mut server = TcpStream::connect(start().unwrap()).unwrap();
        call(&mut server, 7).unwrap();
        server
            .write_all(&words([0x8000_0028, 99, 0, 2, 100_003, 4, 0, 0, 0, 0, 0]))
            .unwrap();
        let mut reply = [0; 28];
        server.read_exact(&mut reply).unwrap();
        assert_eq!(reply[..8], [0x80, 0, 0, 0x18, 0, 0, 0, 99]);
        assert_eq!(reply[8..12], [0, 0, 0, 1]);
    }
}

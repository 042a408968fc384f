//! The few packets of MQTT 3.1.1 that the floor sends and the proxy counts. It knows no socket.

/// `CONNACK`.
pub const CONNACK: u8 = 2;
/// `PUBLISH`.
pub const PUBLISH: u8 = 3;
/// `PUBACK`.
pub const PUBACK: u8 = 4;

/// A whole packet, as [`Scanner`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Upper half of its first byte: see [`PUBLISH`] and the like.
    pub kind: u8,
    /// Lower half of its first byte.
    pub flags: u8,
    /// What follows the length.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Topic and payload, if this is a well-formed `PUBLISH`.
    #[must_use]
    pub fn publish(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.kind != PUBLISH {
            return None;
        }
        let (length, rest) = self.body.split_first_chunk::<2>()?;
        let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let id = if self.flags & 0b0110 == 0 { 0 } else { 2 };
        Some((topic, rest.get(id..)?))
    }
}

/// Cuts a stream into packets, however it arrives.
#[derive(Debug, Default)]
pub struct Scanner {
    waiting: Vec<u8>,
}

impl Scanner {
    /// Takes the next bytes of the stream and shows each packet that is now whole.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Packet<'_>)) {
        self.waiting.extend_from_slice(bytes);
        let mut done = 0;
        while let Some((packet, length)) = first_packet(&self.waiting[done..]) {
            each(packet);
            done += length;
        }
        self.waiting.drain(..done);
    }
}

fn first_packet(bytes: &[u8]) -> Option<(Packet<'_>, usize)> {
    let (first, rest) = bytes.split_first()?;
    let width = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let length = rest[..width]
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    let body = rest.get(width..width + length)?;
    let packet = Packet {
        kind: first >> 4,
        flags: first & 0x0f,
        body,
    };
    Some((packet, 1 + width + length))
}

/// A `CONNECT` with a clean session and a keep-alive of 60 s.
#[must_use]
pub fn connect(client_id: &str) -> Vec<u8> {
    let mut body = Vec::from(*b"\x00\x04MQTT\x04\x02\x00\x3c");
    put_text(client_id.as_bytes(), &mut body);
    packet(1 << 4, &body)
}

/// A `PUBLISH` with QoS 1.
#[must_use]
pub fn publish(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    put_text(topic.as_bytes(), &mut body);
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(PUBLISH << 4 | 0b0010, &body)
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).expect("topics and client ids are short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_however_the_stream_is_cut() {
        let long = [7; 300];
        let mut stream = connect("floor");
        stream.extend(publish("a/b", 9, b"hello"));
        stream.extend(publish("c", 10, &long));
        for cut in 1..stream.len() {
            let mut scanner = Scanner::default();
            let mut seen = Vec::new();
            for part in stream.chunks(cut) {
                scanner.feed(part, |packet| {
                    let publish = packet.publish();
                    seen.push((packet.kind, publish.map(|(t, p)| (t.to_vec(), p.to_vec()))));
                });
            }
            let expected = [
                (1, None),
                (PUBLISH, Some((b"a/b".to_vec(), b"hello".to_vec()))),
                (PUBLISH, Some((b"c".to_vec(), long.to_vec()))),
            ];
            assert_eq!(seen, expected, "cut into {cut}");
        }
    }

    #[test]
    fn a_publish_that_is_cut_off_in_its_topic_is_none() {
        let packet = Packet {
            kind: PUBLISH,
            flags: 2,
            body: b"\x00\x05abc",
        };
        assert_eq!(packet.publish(), None);
    }
}

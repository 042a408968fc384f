//! TCP segments of a proxy's connection with its client, both ways, bare acknowledgements included, as `ss` reads them from
//! TCP_INFO.
use std::{net::SocketAddr, process::Command};

use anyhow::{Context, Result, ensure};

/// Segments that went through the connections that the listener at `address` accepted and that are still open.
///
/// # Errors
/// There is no `ss`, or it fails.
pub fn count(address: SocketAddr) -> Result<u64> {
    let filter = format!("sport = :{}", address.port());
    let output = Command::new("ss")
        .args(["--tcp", "--info", "--numeric", "--no-header", &filter])
        .output()
        .context("run ss (package iproute2)")?;
    ensure!(
        output.status.success(),
        "ss: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(text: &str) -> u64 {
    text.split_whitespace()
        .filter_map(|word| {
            word.strip_prefix("segs_out:")
                .or(word.strip_prefix("segs_in:"))
        })
        .filter_map(|count| count.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_both_ways_are_added_without_counting_data_segments_twice() {
        let text = "ESTAB 0 0 127.0.0.1:4001 127.0.0.1:5001\n\t cubic rto:200 bytes_sent:9 segs_out:5 segs_in:6 \
                    data_segs_out:4 data_segs_in:3 send 9bps\n";
        assert_eq!(parse(text), 11);
        assert_eq!(parse(""), 0);
    }
}

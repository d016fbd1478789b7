//! What the engine's network tells in its metrics alone: which validators a node is connected to, as the time since when, by
//! key, and how many bytes it has sent.

use secnet_types::ValidatorKey;

/// What the lines begin with, after the names of the parts that the metric belongs to.
const CONNECTED: &str = "directory_connected{";
const SENT: &str = "outbound_bandwidth";
const PEER: &str = "peer=\"";

/// The validators that these metrics say there is a connection to.
pub(crate) fn connected(metrics: &str) -> Vec<ValidatorKey> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let mut peers: Vec<ValidatorKey> = lines
        .filter_map(|line| line.split_once(CONNECTED)?.1.split_once(PEER)?.1.split('"').next())
        .filter_map(key)
        .collect();
    peers.sort();
    peers
}

/// The bytes that these metrics say were sent to all peers together.
pub(crate) fn sent_bytes(metrics: &str) -> u64 {
    let counted = metrics.lines().filter(|line| !line.starts_with('#') && line.contains(SENT));
    counted.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

fn key(hex: &str) -> Option<ValidatorKey> {
    let mut key = [0; 32];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != key.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(ValidatorKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_off_the_metrics() {
        let (one, two) = ("01".repeat(32), "fe".repeat(32));
        let metrics = format!(
            "# HELP network_tracker_directory_connected Unix timestamp\n\
             network_tracker_directory_connected{{peer=\"{two}\"}} 1700000000000\n\
             network_tracker_directory_connected{{epoch=\"0\",peer=\"{one}\"}} 1700000000001\n\
             network_tracker_directory_limits_total{{peer=\"{one}\"}} 3\n\
             network_tracker_directory_connected{{peer=\"short\"}} 1\n"
        );
        assert_eq!(connected(&metrics), [ValidatorKey([1; 32]), ValidatorKey([0xfe; 32])]);
        assert!(connected("").is_empty());
        let metrics = "# TYPE runtime_outbound_bandwidth counter\n\
                       runtime_outbound_bandwidth_total 1234\nruntime_inbound_bandwidth_total 9\n";
        assert_eq!((sent_bytes(metrics), sent_bytes("")), (1234, 0));
    }
}

//! A small labelled table with a known secret.

use secnet_learn::{Column, Growth, Recipe, Table};

/// Pseudo-random, without a crate: 0 to below 1.
pub(crate) fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Attacks send more than 700 bytes by a rare protocol, or hammer a login; every tenth value is missing, and one row in
/// fifty has the wrong label.
pub(crate) fn traffic(rows: usize, seed: u64) -> Table {
    let mut next = numbers(seed);
    let (mut bytes, mut tries, mut protocols, mut labels) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let sent = next() * 1000.0;
        let attempts = (next() * 20.0).floor();
        let protocol = ["tcp", "udp", "icmp", "gre"][(next() * 4.0) as usize];
        let attack = (sent > 700.0 && protocol == "gre") || attempts >= 17.0;
        bytes.push(sent);
        tries.push(if next() < 0.1 { f64::NAN } else { attempts });
        protocols.push(protocol);
        labels.push(attack ^ (next() < 0.02));
    }
    let columns = vec![
        Column::numeric("bytes", bytes).unwrap(),
        Column::numeric("tries", tries).unwrap(),
        Column::categorical("protocol", &protocols).unwrap(),
    ];
    Table::new(columns, labels).unwrap()
}

pub(crate) fn quick() -> Recipe {
    let trees = Growth { trees: 30, leaves: 8, ..Growth::default() };
    Recipe { trees: Some(trees), ..Recipe::default() }
}

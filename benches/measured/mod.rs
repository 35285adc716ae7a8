//! What the benches of vaults measure with.
#![allow(dead_code, reason = "each bench uses a part")]

use std::fs;

/// Splitmix: random and all different, as blinded keys are.
pub struct Keys(pub u64);

impl Keys {
    pub fn next(&mut self, map: u8, length: usize) -> Vec<u8> {
        let mut key = vec![map];
        while key.len() < length {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            key.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        }
        key.truncate(length);
        key
    }
}

/// Seconds of processor time so far, from Linux's `/proc`; elsewhere 0.
pub fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything but a closing parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// From Linux's `/proc`; elsewhere 0.
pub fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

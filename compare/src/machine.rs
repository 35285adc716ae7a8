//! What the figures were taken on. Linux tells more than other systems.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use cloakroom::time::Timestamp;

use crate::peers::version;

const PEERS: [&str; 10] = [
    "fpe",
    "cosmian_fpe",
    "aes",
    "hmac",
    "sha2",
    "ring",
    "aws-lc-rs",
    "aes-gcm",
    "chacha20poly1305",
    "base64",
];

/// Machine, compiler, date, load, and the peers' versions.
pub fn describe(load_before: &str) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let peers: Vec<String> = PEERS.iter().map(|name| format!("`{name}` {}", version(name))).collect();
    format!(
        "{}; {cores} cores; {}, rustc flags: {}; {}; load {load_before} before and {} after. Peers: {}.",
        processor(),
        env!("COMPARE_RUSTC"),
        env!("COMPARE_FLAGS"),
        Timestamp(seconds),
        load(),
        peers.join(", "),
    )
}

/// The load average of the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Its name, and which of the instructions that matter here it has.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).map_or("", str::trim)
    };
    let name = match field("model name") {
        "" => std::env::consts::ARCH.to_owned(),
        name => format!("{name} (family {}, model {})", field("cpu family"), field("model")),
    };
    let flags = format!("{} {}", field("flags"), field("Features"));
    let matter = [
        "aes",
        "vaes",
        "pclmulqdq",
        "vpclmulqdq",
        "sha_ni",
        "avx2",
        "avx512f",
        "avx512ifma",
        "avx512vbmi",
        "pmull",
        "sha2",
    ];
    let has: Vec<&str> = matter.into_iter().filter(|flag| flags.split(' ').any(|has| has == *flag)).collect();
    format!("{name}, with {}", has.join(", "))
}

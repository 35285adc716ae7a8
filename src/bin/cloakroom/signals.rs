//! Signals that end the command: its partial files go first, since they may hold plaintext. What it did in a vault is rolled
//! back when that is next opened.

use cloakroom::whole_file;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::c_int;
use std::sync::mpsc;

/// From here on a signal that ends the command ends it with 128 and the signal's number. Where no thread can be had, the
/// system ends it as ever.
pub fn listen() {
    let (ready, is_ready) = mpsc::channel();
    let wait = move || {
        // Once they are caught, somebody has to wait for them.
        let ignored = ignored();
        let heard = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored & bit(*signal) == 0);
        let signals = Signals::new(heard);
        let _ = ready.send(());
        if let Ok(mut signals) = signals
            && let Some(signal) = signals.forever().next()
        {
            whole_file::exit(128 + signal)
        }
    };
    if std::thread::Builder::new().name("signals".into()).spawn(wait).is_ok() {
        let _ = is_ready.recv();
    }
}

/// The signals that whoever started the command had ignored, as `nohup` does and a shell for what runs in the background: they
/// stay so. Where the system does not tell, a hang-up is left alone.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(bit(SIGHUP))
}

/// Its bit in such a mask.
fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

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
        let signals =
            Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal)));
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

/// Whether whoever started the command had the signal ignored, as `nohup` does and a shell for what runs in the background:
/// then it stays so. Where the system does not tell, a hang-up is left alone.
fn is_ignored(signal: c_int) -> bool {
    let bit = 1 << (signal - 1);
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let mask = status.as_deref().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    });
    mask.map_or(signal == SIGHUP, |mask| mask & bit != 0)
}

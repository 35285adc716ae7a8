//! A test's process that is killed, or may abort, hang or ask for absurd memory: this very program again, which runs its
//! test `child` alone and is told by a variable what to do. It says line by line what came of it.
#![allow(dead_code, reason = "each test program uses its part of this")]

use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Splitmix: reproducible, and no two rounds alike.
pub fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

/// The number that a variable says, or 1.
pub fn setting(variable: &str) -> u64 {
    std::env::var(variable).map_or(1, |number| number.parse().unwrap())
}

/// In a child: the seed and the directory that [`Doomed::start`] gave it.
pub fn task(variable: &str) -> Option<(u64, PathBuf)> {
    let task = std::env::var(variable).ok()?;
    let (seed, dir) = task.split_once(' ').unwrap();
    // The line that the test harness has begun ends here.
    say("");
    Some((seed.parse().unwrap(), dir.into()))
}

/// Tells the parent.
pub fn say(line: &str) {
    // One call, past the test harness: a kill never leaves half a line that counts.
    let _ = stdout().write_all(format!("{line}\n").as_bytes());
    let _ = stdout().flush();
}

/// A child that works until it is killed, and says `open` when its vault is.
pub struct Doomed {
    child: Child,
    told: Receiver<String>,
    reader: JoinHandle<()>,
    said: Vec<String>,
}

impl Doomed {
    pub fn start(variable: &str, seed: u64, dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(variable, format!("{seed} {}", dir.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, told) = mpsc::channel();
        let out = lines_of(child.stdout.take().unwrap());
        let reader = thread::spawn(move || out.for_each(|line| lines.send(line).unwrap()));
        Self { child, told, reader, said: vec![] }
    }

    pub fn wait_until_open(&mut self) {
        while self.said.last().is_none_or(|line| line != "open") {
            match self.told.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("it does not open: {:?}", self.said);
                }
                // It has ended, and the kill says why.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Kills it: what it said. Panics if it had ended before, or if one of its threads had.
    pub fn kill(mut self) -> Vec<String> {
        let ended = self.child.try_wait().unwrap();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.extend(self.told);
        self.reader.join().unwrap();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let went_wrong = ended.is_some() || errors.contains("panicked");
        assert!(!went_wrong, "ended before it was killed: {errors}\n{}", self.said.join("\n"));
        self.said
    }
}

fn lines_of(out: ChildStdout) -> impl Iterator<Item = String> {
    BufReader::new(out).lines().map_while(Result::ok)
}

/// A child that ends by itself, with at most 4 GiB of address space and files of `file_blocks` × 512 bytes.
pub fn limited(variable: &str, task: &str, file_blocks: Option<u32>) -> Child {
    let blocks = file_blocks.map_or(String::new(), |blocks| format!("trap '' XFSZ; ulimit -f {blocks};"));
    Command::new("sh")
        .arg("-c")
        .arg(format!("{blocks} ulimit -v 4194304; exec \"$0\" --exact child --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .env(variable, task)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The child's lines, and how it ended if it did so in time; else it is killed.
pub fn finish(mut child: Child, within: Duration) -> (Vec<String>, Option<ExitStatus>) {
    let out = lines_of(child.stdout.take().unwrap());
    let err = BufReader::new(child.stderr.take().unwrap());
    let lines = thread::spawn(move || out.collect());
    let errors = thread::spawn(move || err.lines().map_while(Result::ok).count());
    let deadline = Instant::now() + within;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    errors.join().unwrap();
    (lines.join().unwrap(), status)
}

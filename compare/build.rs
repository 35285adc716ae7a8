//! Tells the program what it was built with, which it prints beside its figures.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").expect("cargo sets it");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs").stdout;
    let version = String::from_utf8(version).expect("a version is text");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=COMPARE_RUSTC={}", version.trim());
    println!("cargo::rustc-env=COMPARE_FLAGS={}", if flags.is_empty() { "default" } else { &flags });
}

//! The command-line tool: public API only.
#![forbid(unsafe_code)]

mod vectors;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Hand in a value, get a ticket; only the holder of the key gets the value back.
#[derive(Parser)]
#[command(name = "cloakroom", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs published test vectors through the code that protects data.
    VerifyVectors {
        /// Wycheproof JSON, or ACVP-AES-FF1 JSON that holds both `pt` and `ct`.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::VerifyVectors { files } => vectors::run(&files),
    }
}

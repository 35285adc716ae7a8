//! `report`: the record of processing of a vault (GDPR Art. 30), as a page and as JSON.

use crate::exit::Outcome;
use crate::files::say;
use crate::keys::now;
use crate::vault::open;
use crate::{KeySource, VaultPath, unlock};
use clap::Args;
use cloakroom::report::Register;
use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(group = clap::ArgGroup::new("output").required(true).multiple(true).args(["html", "json"]))]
pub struct Report {
    #[command(flatten)]
    vault: VaultPath,
    /// Writes it as one page for people, which needs no network and runs no script.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes it as JSON; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(Report { vault, html, json }: Report, key: &KeySource) -> Result<Outcome> {
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    // Both begin before anything is counted or logged: a place that cannot be written is found out at once.
    let json_file = json.as_deref().filter(|path| *path != Path::new("-")).map(begin).transpose()?;
    let html_file = html.as_deref().map(begin).transpose()?;
    let register = Register::of(&vault, now())?;
    let mut done = vec![];
    for (file, text) in [(html_file, Register::to_html as fn(&_) -> _), (json_file, Register::to_json)] {
        if let Some(mut file) = file {
            file.write_all(text(&register).as_bytes()).map_err(Error::io("write", file.place()))?;
            file.sync()?;
            done.push(file);
        }
    }
    done.into_iter().try_for_each(WholeFile::commit)?;
    if json.as_deref() == Some(Path::new("-")) {
        let mut out = std::io::stdout().lock();
        out.write_all(register.to_json().as_bytes()).map_err(Error::io("write", "standard output"))?;
    }
    for sentence in register.attention() {
        say(format_args!("{sentence}"));
    }
    Ok(Outcome::Done)
}

fn begin(path: &Path) -> Result<WholeFile> {
    WholeFile::create(path, Readers::Anyone)
}

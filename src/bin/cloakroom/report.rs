//! `report`: the record of processing of a vault (GDPR Art. 30), as a page and as JSON.

use crate::exit::Outcome;
use crate::files::say;
use crate::keys::now;
use crate::output::{Output, one_is_standard};
use crate::overwrite::{Written, check_paths, opened};
use crate::vault::open;
use crate::{KeySource, VaultPath, unlock};
use clap::Args;
use cloakroom::Result;
use cloakroom::report::Register;
use cloakroom::whole_file::Readers;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(group = clap::ArgGroup::new("output").required(true).multiple(true).args(["html", "json"]))]
pub struct Report {
    #[command(flatten)]
    vault: VaultPath,
    /// Writes it as one page for people, which needs no network and runs no script; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes it as JSON; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub fn run(Report { vault, html, json }: Report, key: &KeySource) -> Result<Outcome> {
    one_is_standard([html.as_deref(), json.as_deref()])?;
    let written = [&html, &json].map(|path| path.as_deref().map(Written::Result));
    check_paths(&written, &[], opened(&vault.vault, key))?;
    let vault = open(&vault.vault, &*unlock::existing(key)?)?;
    // Both begin before anything is counted or logged: a place that cannot be written is found out at once.
    let json = json.as_deref().map(begin).transpose()?;
    let html = html.as_deref().map(begin).transpose()?;
    let register = Register::of(&vault, now())?;
    let mut done = vec![];
    for (output, text) in [(html, Register::to_html as fn(&_) -> _), (json, Register::to_json)] {
        if let Some(mut output) = output {
            output.write_all(text(&register).as_bytes()).map_err(output.unwritten())?;
            output.sync()?;
            done.push(output);
        }
    }
    done.into_iter().try_for_each(Output::commit)?;
    for sentence in register.attention() {
        say(format_args!("{sentence}"));
    }
    Ok(Outcome::Done)
}

fn begin(path: &Path) -> Result<Output> {
    Output::create(path, Readers::Anyone)
}

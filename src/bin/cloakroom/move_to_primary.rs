//! `migrate` of a vault: everything to the primary key versions.

use crate::exit::Outcome;
use crate::files::{Ticker, say};
use crate::keys::now;
use crate::vault::open;
use crate::{KeySource, known_files, overdue, unlock};
use clap::Args;
use cloakroom::keys::KeyState;
use cloakroom::name::KeyVersion;
use cloakroom::vault::{Event, Migration, Progress, Vault};
use cloakroom::{Error, Result};
use std::path::Path;
use std::time::{Duration, Instant};

/// How a vault is migrated.
#[derive(Args)]
pub struct Moving {
    /// Give every subject a new data key, and seal everything of hers anew; otherwise her key is wrapped anew.
    #[arg(long, conflicts_with = "file")]
    pub reseal: bool,
    /// No more than so many subjects and tokens in a second.
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Open what a suspended or compromised version protects as well, to move it away from that.
    #[arg(long)]
    pub despite_state: bool,
}

pub fn migrate(path: &Path, moving: &Moving, key: &KeySource) -> Result<Outcome> {
    let vault = open(path, &*unlock::existing(key)?)?;
    overdue::warn(&vault.keyset());
    move_all(&vault, moving)
}

/// Moves everything in the vault, and says how it went.
pub fn move_all(vault: &Vault, moving: &Moving) -> Result<Outcome> {
    let how = Migration {
        reseal: moving.reseal,
        most_per_second: moving.rate,
        despite_state: moving.despite_state,
    };
    let (ticker, started) = (Ticker::new(), Instant::now());
    let done = vault.migrate_with(how, |progress| {
        let left = progress.remaining(started.elapsed()).map(minutes).unwrap_or_default();
        ticker.show(format_args!("{} of {} subjects and tokens{left}", progress.seen, progress.total));
    });
    ticker.clear();
    let done = done.map_err(|error| with_way_out(error, vault))?;
    let Progress { moved, resealed, indexed, lost, total, .. } = done;
    let primary = vault.keyset().primary_number();
    let mut result = format!("moved {moved} of {total} subjects and tokens to their primary key versions");
    if resealed > 0 {
        result += &format!(", sealed {resealed} fields anew");
    }
    if indexed > 0 {
        result += &format!(", wrote {indexed} index entries");
    }
    if lost > 0 {
        result += &format!(", left {lost} that are lost with a destroyed key version");
    }
    vault.log(&Event::new(now(), "migrate", format!("{result}; the primary is key version {primary}")))?;
    say(format_args!("{result}"));
    known_files::say_retirable(vault);
    known_files::say_behind(vault)?;
    Ok(Outcome::Done)
}

/// What is under a suspended or compromised version is moved when that is asked for.
fn with_way_out(error: Error, vault: &Vault) -> Error {
    let Error::KeyState { version, purpose: "reveal", .. } = error else { return error };
    let keyset = vault.keyset();
    match KeyVersion::new(version).and_then(|number| Ok(keyset.version(number)?.state())) {
        Ok(state @ (KeyState::Suspended | KeyState::Compromised)) => Error::KeyState {
            version,
            state: state.as_str(),
            purpose: "reveal what is to be moved, but with --despite-state",
        },
        _ => error,
    }
}

fn minutes(left: Duration) -> String {
    format!(", {}:{:02} to go", left.as_secs() / 60, left.as_secs() % 60)
}

//! `purge`: what is kept no longer goes.

use crate::exit::Outcome;
use crate::files::say;
use crate::instant::instant;
use crate::keys::now;
use crate::vault::open;
use crate::{KeySource, VaultPath, unlock};
use clap::Args;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Purged, PurgedLost};
use cloakroom::{Error, Result};
use serde_json::{Value, json};
use std::io::Write;

#[derive(Args)]
pub struct Purge {
    #[command(flatten)]
    vault: VaultPath,
    /// Deletes what was due then: a time with its offset (2026-11-25T10:00:00+02:00), a date, which begins at midnight UTC, or
    /// `now`.
    #[arg(long, value_name = "DATE", required_unless_present = "lost")]
    as_of: Option<String>,
    /// Deletes what is under destroyed key versions, which nobody can open any more.
    #[arg(long, conflicts_with = "as_of")]
    lost: bool,
    /// Deletes nothing, and says what would go; the date may be in the future.
    #[arg(long)]
    dry_run: bool,
    /// Prints the counts as JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Purge, key: &KeySource) -> Result<Outcome> {
    let as_of = match arguments.as_of.as_deref() {
        Some("now") => Some(now()),
        Some(date) => Some(instant("--as-of", date)?),
        None => None,
    };
    let vault = open(&arguments.vault.vault, &*unlock::existing(key)?)?;
    let Some(as_of) = as_of else {
        let purged = vault.purge_lost(arguments.dry_run)?;
        return tell(arguments, lost_json(&purged, arguments.dry_run), lost_lines(&purged));
    };
    let purged = vault.purge(as_of, arguments.dry_run)?;
    tell(arguments, json_of(&purged, as_of, arguments.dry_run), lines_of(&purged))
}

fn tell(arguments: &Purge, json: Value, lines: Vec<String>) -> Result<Outcome> {
    if arguments.json {
        writeln!(std::io::stdout(), "{json:#}").map_err(Error::io("write", "standard output"))?;
        return Ok(Outcome::Done);
    }
    let would = if arguments.dry_run { "would delete" } else { "deleted" };
    lines.iter().for_each(|line| say(format_args!("{}", line.replacen("deleted", would, 1))));
    Ok(Outcome::Done)
}

fn lines_of(purged: &Purged) -> Vec<String> {
    let Purged { records, fields, indexes, subjects, emptied, held, lost, tokens, by_field } = purged;
    let mut lines = vec![format!(
        "deleted {fields} fields, {records} records, {indexes} index entries, {subjects} subjects, {tokens} random tokens"
    )];
    for ((tenant, field), count) in by_field {
        lines.push(format!("{count} × field {field:?} of tenant {tenant:?}"));
    }
    for (count, what) in [
        (emptied, "subjects without a record keep their consents or tokens"),
        (held, "subjects passed over: a hold keeps their data"),
        (lost, "subjects passed over: their key version is destroyed, see --lost"),
    ] {
        if *count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines
}

fn json_of(purged: &Purged, as_of: Timestamp, dry_run: bool) -> Value {
    let Purged { records, fields, indexes, subjects, emptied, held, lost, tokens, by_field } = purged;
    let by_field = by_field
        .iter()
        .map(|((tenant, field), count)| json!({ "tenant": tenant, "field": field, "count": count }));
    json!({
        "as_of": as_of.to_string(),
        "dry_run": dry_run,
        "fields": fields,
        "records": records,
        "index_entries": indexes,
        "subjects": subjects,
        "subjects_without_records": emptied,
        "held_subjects": held,
        "lost_subjects": lost,
        "random_tokens": tokens,
        "by_field": by_field.collect::<Vec<_>>(),
    })
}

fn lost_lines(purged: &PurgedLost) -> Vec<String> {
    let PurgedLost { subjects, records, fields, indexes, tokens } = purged;
    vec![format!(
        "deleted {subjects} lost subjects, {records} records, {fields} fields, {indexes} index entries, {tokens} random \
         tokens"
    )]
}

fn lost_json(purged: &PurgedLost, dry_run: bool) -> Value {
    let PurgedLost { subjects, records, fields, indexes, tokens } = purged;
    json!({
        "dry_run": dry_run,
        "lost_subjects": subjects,
        "records": records,
        "fields": fields,
        "index_entries": indexes,
        "random_tokens": tokens,
    })
}

//! `index plan`: how many bits a blind index should have, and what more or fewer would do; `index define`, `drop` and
//! `list`; and `find`.

use crate::access::AccessArgs;
use crate::exit::Outcome;
use crate::files::say;
use crate::lines::Lines;
use crate::shown::Shown;
use crate::vault::{open, tenant_of};
use crate::{KeySource, VaultPath, unlock};
use clap::{Args, Subcommand};
use cloakroom::format::Natural;
use cloakroom::format::Normalization;
use cloakroom::name::{FieldName, TenantId};
use cloakroom::protect::{BlindIndex, IndexPlan};
use cloakroom::vault::Vault;
use cloakroom::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write;

#[derive(Subcommand)]
pub enum IndexCommand {
    /// Says how many bits an index should have, and what more or fewer would do. No key is needed.
    Plan(Plan),
    /// Defines an index, so that `find` finds records by values that are sealed.
    Define(Define),
    /// Drops an index.
    Drop(Named),
    /// Lists a tenant's indexes.
    List(Of),
}

/// A tenant of a vault.
#[derive(Args)]
pub struct Of {
    /// Whose; needed unless the vault has one tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    vault: VaultPath,
}

/// An index of a tenant.
#[derive(Args)]
pub struct Named {
    /// The index.
    name: String,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
pub struct Find {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Args)]
pub struct Define {
    #[command(flatten)]
    named: Named,
    /// A field that it is over, as in `email` or `email:email`: after the colon stands how values are made alike, by
    /// none, text, email or digits. Can be given several times; the order counts.
    #[arg(long = "field", value_name = "FIELD[:NORMALIZATION]", required = true)]
    fields: Vec<String>,
    /// How long its values are, 8 to 128: see `index plan`.
    #[arg(long, value_name = "N")]
    bits: u8,
}

#[derive(Args)]
pub struct Plan {
    /// How many rows will be indexed.
    #[arg(long, value_name = "ROWS")]
    population: u64,
    /// How many distinct values they have.
    #[arg(long, value_name = "VALUES")]
    distinct: u64,
}

pub fn run(command: IndexCommand, key: &KeySource) -> Result<Outcome> {
    match command {
        IndexCommand::Plan(arguments) => plan(arguments),
        IndexCommand::Define(arguments) => define(&arguments, key),
        IndexCommand::Drop(named) => drop_index(&named, key),
        IndexCommand::List(of) => list(&of, key),
    }
}

impl Of {
    fn open(&self, key: &KeySource) -> Result<(Vault, TenantId)> {
        let vault = open(&self.vault.vault, &*unlock::existing(key)?)?;
        let tenant = tenant_of(&vault, self.tenant.as_deref())?;
        Ok((vault, tenant))
    }
}

fn define(Define { named, fields, bits }: &Define, key: &KeySource) -> Result<Outcome> {
    let parts = fields.iter().map(|field| part(field)).collect::<Result<_>>()?;
    let index = BlindIndex::new(FieldName::new(&named.name)?, parts, *bits)?;
    let (vault, tenant) = named.of.open(key)?;
    let tenant = vault.tenant(&tenant);
    tenant.define_index(&index)?;
    let is_built = tenant.indexes().iter().any(|(other, is_built)| other.name() == index.name() && *is_built);
    say(format_args!("index {:?} is defined for tenant {:?}", named.name, tenant.name().as_str()));
    if !is_built {
        say(format_args!(
            "run `cloakroom migrate` to put in what the vault holds; until then `find` refuses it"
        ));
    }
    Ok(Outcome::Done)
}

/// A field, and how its values are made alike.
fn part(field: &str) -> Result<(FieldName, Normalization)> {
    let (name, normalization) = match field.rsplit_once(':') {
        None => (field, Normalization::None),
        Some((name, "none")) => (name, Normalization::None),
        Some((name, "text")) => (name, Normalization::Text),
        Some((name, "email")) => (name, Normalization::Email),
        Some((name, "digits")) => (name, Normalization::Digits),
        Some(_) => {
            let problem = "must end in none, text, email or digits, where it has a colon".into();
            return Err(Error::Setting { what: "--field", problem });
        }
    };
    Ok((FieldName::new(name)?, normalization))
}

fn drop_index(Named { name, of }: &Named, key: &KeySource) -> Result<Outcome> {
    let (vault, tenant) = of.open(key)?;
    if !vault.tenant(&tenant).drop_index(&FieldName::new(name)?)? {
        return Err(Error::NotFound { what: "the blind index", hint: "; they are per tenant" });
    }
    say(format_args!("index {name:?} is dropped; run `cloakroom migrate` to remove its entries"));
    Ok(Outcome::Done)
}

fn list(of: &Of, key: &KeySource) -> Result<Outcome> {
    let (vault, tenant) = of.open(key)?;
    let indexes = vault.tenant(&tenant).indexes();
    print_list(&indexes, &mut std::io::stdout().lock()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

fn print_list(indexes: &[(BlindIndex, bool)], out: &mut impl Write) -> std::io::Result<()> {
    for (index, is_built) in indexes {
        let part = |(field, normalization): &(FieldName, Normalization)| {
            let normalization = match normalization {
                Normalization::None => "none",
                Normalization::Text => "text",
                Normalization::Email => "email",
                Normalization::Digits => "digits",
            };
            format!("{}:{normalization}", field.as_str())
        };
        let parts = index.parts().iter().map(part).collect::<Vec<_>>().join(", ");
        let state = if *is_built { "complete" } else { "to be built by `cloakroom migrate`" };
        let (name, parts) = (Shown::whole(index.name().as_str()), Shown::whole(&parts));
        writeln!(out, "{name}  {} bits  {parts}  {state}", index.bits())?;
    }
    Ok(())
}

/// Prints the ids of the subjects whose records have these values, each once.
pub fn find(Find { named: Named { name, of }, access }: &Find, key: &KeySource) -> Result<Outcome> {
    /// More than any index has fields.
    const MOST: usize = 32;
    let access = access.access()?;
    let (vault, tenant) = of.open(key)?;
    let values = Lines::new().batch(MOST)?.into_iter().collect::<Result<Vec<_>>>()?;
    let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
    let index = FieldName::new(name)?;
    let hits = match access {
        Some(access) => vault.revealer(&tenant, access).find(&index, &values)?,
        None => vault.tenant(&tenant).find(&index, &values)?,
    };
    let subjects: BTreeSet<&str> = hits.iter().map(|hit| hit.subject.expose()).collect();
    let json = serde_json::json!(subjects);
    writeln!(std::io::stdout(), "{json}").map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

fn plan(Plan { population, distinct }: Plan) -> Result<Outcome> {
    let advised = BlindIndex::plan(population, distinct)?;
    print(&advised, &mut std::io::stdout().lock()).map_err(Error::io("write", "standard output"))?;
    Ok(Outcome::Done)
}

const MEANING: &str = "
A lookup opens the rows that it finds in vain, too. A value that is alone in its index value can be
followed from row to row, as by a whole hash. All this takes every value to be equally frequent: those
that are much more so stand out by their number of rows, whatever the bits.
";
const LEAKS: &str = "
So few values hardly share index values of any length: the index shows which rows are equal. Index the
field together with another one, or not at all.
";

fn print(advised: &IndexPlan, out: &mut impl Write) -> std::io::Result<()> {
    let whole = |n: u64| format!("{:#}", Natural::from(u128::from(n)));
    let (rows, values) = (whole(advised.population), whole(advised.distinct));
    writeln!(out, "rows    {rows}, of {values} distinct values: a lookup finds {}", count(advised.hits))?;
    writeln!(out, "advice  {} bits", advised.bits)?;
    writeln!(
        out,
        "\n{:>4}  {:>13}  {:>22}  {:>12}",
        "bits", "found in vain", "values per index value", "values alone"
    )?;
    for plan in [-4, -2, -1, 0, 1, 2, 4, 8]
        .iter()
        .filter_map(|more| advised.at(advised.bits.checked_add_signed(*more)?).ok())
    {
        let (in_vain, sharing) = (count(plan.false_positives), count(plan.values_per_index));
        let mark = if plan.bits == advised.bits { "  <- advised" } else { "" };
        let alone = 100.0 * plan.alone;
        writeln!(out, "{:>4}  {in_vain:>13}  {sharing:>22}  {alone:>10.1} %{mark}", plan.bits)?;
    }
    write!(out, "{MEANING}")?;
    if advised.leaks_equality {
        write!(out, "{LEAKS}")?;
    }
    Ok(())
}

/// As precisely as a person reads it.
fn count(n: f64) -> String {
    match n {
        0.0 => "0".to_owned(),
        ..0.01 => "< 0.01".to_owned(),
        ..100.0 => format!("{n:.2}"),
        _ => format!("{:#}", Natural::from(n.round() as u128)),
    }
}

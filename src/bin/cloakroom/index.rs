//! `index plan`: how many bits a blind index should have, and what more or fewer would do.

use crate::exit::Outcome;
use clap::Args;
use cloakroom::format::Natural;
use cloakroom::protect::{BlindIndex, IndexPlan};
use cloakroom::{Error, Result};
use std::io::Write;

#[derive(Args)]
pub struct Plan {
    /// How many rows will be indexed.
    #[arg(long, value_name = "ROWS")]
    population: u64,
    /// How many distinct values they have.
    #[arg(long, value_name = "VALUES")]
    distinct: u64,
}

pub fn plan(Plan { population, distinct }: Plan) -> Result<Outcome> {
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

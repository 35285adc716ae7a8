//! Cloakroom beside other crates, in one process.
//!
//! ```text
//! cargo run --release -p cloakroom-compare                   # a few minutes
//! cargo run --release -p cloakroom-compare -- --quick        # under one
//! ```
//!
//! First every result is compared with the peers'. Then they take turns: see `measure.rs` for the method. `ours.rs` has every
//! call into Cloakroom, `peers/` every call of the others.

use std::process::ExitCode;
use std::time::Instant;

use cpu_time::{ProcessTime, ThreadTime};

use measure::Method;
use table::{Table, grouped};

mod chart;
mod column;
mod ff1;
mod mac;
mod machine;
mod measure;
mod ours;
mod peers;
mod results;
mod seal;
mod table;
mod threads;

const HELP: &str = "\
Cloakroom beside other crates, in one process.

Usage: cargo run --release -p cloakroom-compare [-- OPTIONS]

  --quick      shorter slices, fewer values compared first: below a minute
  --portable   without the instructions of one processor family, as on a machine that lacks them
  --check      compares results with the peers', and measures nothing
  --write      puts the tables into benches/RESULTS.md, and writes benches/compare.csv and .svg
";

struct Options {
    quick: bool,
    portable: bool,
    check: bool,
    write: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = ["--quick", "--portable", "--check", "--write"];
    if arguments.iter().any(|argument| !known.contains(&argument.as_str())) {
        print!("{HELP}");
        return if arguments.iter().any(|a| a == "--help" || a == "-h") {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        };
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let options = Options {
        quick: has("--quick"),
        portable: has("--portable"),
        check: has("--check"),
        write: has("--write"),
    };
    if cfg!(debug_assertions) && !options.check {
        eprintln!("built without optimisation: add --release");
        return ExitCode::from(2);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> std::io::Result<()> {
    let (started, load) = (Instant::now(), machine::load());
    let both = rayon::ThreadPoolBuilder::new().num_threads(2).build_global();
    both.expect("nothing has used rayon's own pool before");
    if options.portable {
        ours::portable();
    }
    let compared = if options.quick || options.check { 5_000 } else { 100_000 };
    ff1::check(compared);
    mac::check(compared);
    seal::check();
    let checked = format!(
        "Before anything was timed, results were compared: {} values of each shape with `fpe` and a thousand with `cosmian_fpe`, \
         {0} messages and pseudonyms of each kind with `hmac`, `ring` and `aws-lc-rs`, and every sealed field with its peers, byte \
         for byte; ours also between all counts, and back.",
        grouped(compared as u64),
    );
    if options.check {
        println!("{checked}");
        return Ok(());
    }

    let method = if options.quick { Method::QUICK } else { Method::FULL };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut tables = alone.install(|| {
        let (process, thread) = (ProcessTime::now(), ThreadTime::now());
        let tables = one_thread(&method);
        let (process, thread) = (process.elapsed(), thread.elapsed());
        assert!(
            process.as_secs_f64() < 1.05 * thread.as_secs_f64(),
            "another thread of this process worked: the figures would not be those of one thread"
        );
        tables
    });
    tables.push(show(threads::table(&method)));

    let mut text = format!("{}\n\n", machine::describe(&load));
    text += &format!(
        "Medians of {} slices of {} ms or more, in which the candidates of a row take turns; nanoseconds a value, of one thread's \
         processor time. In parentheses: how many times the speed of the row's fastest peer. {checked}\n\n",
        method.rounds,
        method.slice.as_secs_f64() * 1e3,
    );
    if options.quick {
        text += "This was a short run.\n\n";
    }
    if options.portable {
        text += "Without the instructions of one processor family (`--portable`), as on a machine that lacks AVX-512 and the SHA \
                 instructions; the crates below and beside it use what they find.\n\n";
    }
    text += &tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n");
    println!("{}\n{} s", text.split("\n### ").next().unwrap_or_default(), started.elapsed().as_secs());
    if options.write {
        let csv = "table,row,candidate,values a call,median ns,min ns,max ns\n".to_owned()
            + &tables.iter().map(Table::csv).collect::<String>();
        if options.portable {
            results::write_section("compare-portable", &text)?;
            results::write("compare-portable.csv", &csv)?;
        } else {
            results::write_section("compare", &text)?;
            results::write("compare.csv", &csv)?;
            results::write("compare.svg", &chart::svg(&tables))?;
        }
    }
    Ok(())
}

fn one_thread(method: &Method) -> Vec<Table> {
    let parts = [ff1::tables, mac::tables, seal::tables];
    parts.iter().flat_map(|part| part(method)).map(show).collect()
}

/// Prints a table as soon as it is there.
fn show(table: Table) -> Table {
    println!("{}", table.markdown());
    table
}

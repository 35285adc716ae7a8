//! Tables of figures, as Markdown and as CSV.

use std::fmt::Write;

use crate::measure::{Candidate, Clock, Figure, Method};

pub struct Table {
    pub title: &'static str,
    /// What is in a row's first cell.
    pub row: &'static str,
    pub note: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub cells: Vec<Cell>,
}

pub struct Cell {
    pub role: Role,
    pub name: String,
    pub values: usize,
    pub figure: Figure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Peer,
    /// What the work cannot be faster than.
    Bound,
    Ours,
}

impl Row {
    /// Times the candidates of one row.
    pub fn time(method: &Method, clock: Clock, name: &str, candidates: Vec<(Role, Candidate<'_>)>) -> Self {
        let (roles, mut candidates): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        let figures = method.take_turns(clock, &mut candidates);
        let cells = roles.into_iter().zip(candidates).zip(figures);
        let cells = cells
            .map(|((role, candidate), figure)| Cell {
                role,
                name: candidate.name,
                values: candidate.values,
                figure,
            })
            .collect();
        Self { name: name.to_owned(), cells }
    }

    pub fn of(&self, role: Role) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.role == role)
    }

    /// The fastest of a role.
    pub fn fastest(&self, role: Role) -> Option<&Cell> {
        self.of(role).min_by(|a, b| a.figure.median.total_cmp(&b.figure.median))
    }

    /// How many times the speed of the fastest peer.
    pub fn ratio(&self, cell: &Cell) -> f64 {
        self.fastest(Role::Peer).map_or(f64::NAN, |peer| peer.figure.median / cell.figure.median)
    }
}

impl Table {
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n{}\n\n", self.title, self.note);
        let Some(first) = self.rows.first() else { return out };
        let has_bound = first.fastest(Role::Bound).is_some();
        let mut header = format!("| {} |", self.row);
        for cell in &first.cells {
            let whose = if cell.role == Role::Ours { "Cloakroom, " } else { "" };
            write!(header, " {whose}{} |", cell.name).expect("text");
        }
        header += " its fastest, values/s |";
        if has_bound {
            header += " times AES |";
        }
        let columns = header.matches('|').count() - 1;
        writeln!(out, "{header}\n{}|", "|---".repeat(columns)).expect("text");
        for row in &self.rows {
            write!(out, "| {} |", row.name).expect("text");
            for cell in &row.cells {
                let ns = digits(cell.figure.median);
                match cell.role {
                    Role::Ours => write!(out, " {ns} ({}×) |", digits(row.ratio(cell))),
                    _ => write!(out, " {ns} |"),
                }
                .expect("text");
            }
            let fastest = row.fastest(Role::Ours).expect("something of ours").figure.median;
            write!(out, " {} |", rate(fastest)).expect("text");
            if let Some(bound) = row.fastest(Role::Bound) {
                write!(out, " {:.2} |", fastest / bound.figure.median).expect("text");
            }
            out.push('\n');
        }
        out
    }

    /// Lines of `table,row,candidate,values a call,median,min,max`, the last three in nanoseconds a value.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        for (row, cell) in self.rows.iter().flat_map(|row| row.cells.iter().map(move |cell| (row, cell))) {
            let Figure { median, min, max } = cell.figure;
            writeln!(
                out,
                "\"{}\",\"{}\",\"{}\",{},{median:.2},{min:.2},{max:.2}",
                self.title, row.name, cell.name, cell.values
            )
            .expect("text");
        }
        out
    }
}

/// Three digits that count.
pub fn digits(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => grouped(number.round() as u64),
    }
}

/// Values a second, of nanoseconds a value.
pub fn rate(nanoseconds: f64) -> String {
    match 1e9 / nanoseconds {
        rate @ 1e6.. => format!("{} M", digits(rate / 1e6)),
        rate => grouped(rate.round() as u64),
    }
}

/// `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

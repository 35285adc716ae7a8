//! The same column on one thread and on two.

use std::hint::black_box;

use cloakroom::protect::Column;

use crate::column::{characters, texts};
use crate::measure::{Candidate, Clock, Method};
use crate::ours;
use crate::table::{Role, Row, Table, grouped};

/// `one thread` is the plain call, and `two threads` the other one, from the same thread, in rayon's own pool.
pub fn table(method: &Method) -> Table {
    assert_eq!(rayon::current_num_threads(), 2, "as `main` made it");
    let counts = [1024, 16_384, 65_536, 1 << 20];
    let rows = counts.iter().map(|count| tokens(method, *count));
    let rows = rows.chain(counts[..3].iter().map(|count| pseudonyms(method, *count))).collect();
    let note = "Time that passed, not processor time: other work on the machine shows.".to_owned();
    Table { title: "Two threads", row: "values", note, rows }
}

fn tokens(method: &Method, count: usize) -> Row {
    let ours = &ours::Ff1::new(b"0123456789", 16);
    let plain = &characters(b"0123456789", count * 16, 1);
    let (mut one, mut all) = (vec![0; plain.len()], vec![0; plain.len()]);
    let one = Candidate::new("one thread", count, move || ours.encrypt(black_box(plain), &mut one));
    let all =
        Candidate::new("two threads", count, move || ours.encrypt_on_threads(black_box(plain), &mut all));
    row(method, "tokens of 16 digits", count, one, all)
}

fn pseudonyms(method: &Method, count: usize) -> Row {
    let ours = &ours::Pseudonyms::new(&ours::Names::new());
    let column: &Column = &texts(count, 16, 16, 1).iter().map(String::as_str).collect();
    let (mut one, mut all) = (Column::new(), Column::new());
    let one = Candidate::new("one thread", count, move || ours.column(black_box(column), &mut one));
    let all =
        Candidate::new("two threads", count, move || ours.column_on_threads(black_box(column), &mut all));
    row(method, "pseudonyms of 16 bytes", count, one, all)
}

fn row<'a>(method: &Method, what: &str, count: usize, one: Candidate<'a>, all: Candidate<'a>) -> Row {
    let candidates = vec![(Role::Peer, one), (Role::Ours, all)];
    Row::time(method, Clock::Wall, &format!("{} {what}", grouped(count as u64)), candidates)
}

//! The same column on one thread and on two.

use std::hint::black_box;

use cloakroom::protect::Column;

use crate::column::{characters, texts};
use crate::measure::{Candidate, Clock, Method};
use crate::ours;
use crate::table::{Role, Row, Table, grouped};

pub fn table(method: &Method) -> Table {
    let counts = [1024, 16_384, 65_536, 1 << 20];
    let rows = counts.iter().map(|count| tokens(method, *count));
    let rows = rows.chain(counts[..3].iter().map(|count| pseudonyms(method, *count))).collect();
    let note = "Time that passed, not processor time: other work on the machine shows.".to_owned();
    Table { title: "Two threads", row: "values", note, rows }
}

fn tokens(method: &Method, count: usize) -> Row {
    let ours = &ours::Ff1::new(b"0123456789", 16);
    let plain = &characters(b"0123456789", count * 16, 1);
    row(method, "tokens of 16 digits", count, || {
        let mut out = vec![0; plain.len()];
        move || ours.encrypt_on_threads(black_box(plain), &mut out)
    })
}

fn pseudonyms(method: &Method, count: usize) -> Row {
    let ours = &ours::Pseudonyms::new(&ours::Names::new());
    let column: &Column = &texts(count, 16, 16, 1).iter().map(String::as_str).collect();
    row(method, "pseudonyms of 16 bytes", count, || {
        let mut out = Column::new();
        move || ours.column_on_threads(black_box(column), &mut out)
    })
}

fn row<F: FnMut() + Send>(method: &Method, what: &str, count: usize, candidate: impl Fn() -> F) -> Row {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let on = |threads, name, role| {
        let (pool, mut call) = (pool(threads), candidate());
        (role, Candidate::new(name, count, move || pool.install(&mut call)))
    };
    let candidates = vec![on(1, "one thread", Role::Peer), on(2, "two threads", Role::Ours)];
    Row::time(method, Clock::Wall, &format!("{} {what}", grouped(count as u64)), candidates)
}

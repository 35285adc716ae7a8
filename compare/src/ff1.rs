//! FF1, characters in and out, beside `fpe` and `cosmian_fpe`.

use std::hint::black_box;

use crate::column::{Windows, characters};
use crate::measure::{Candidate, Clock, Method};
use crate::ours;
use crate::peers::ff1::{AesOnly, CosmianFpe, Fpe};
use crate::table::{Role, Row, Table, grouped};

pub const COUNTS: [usize; 5] = [1, 8, 64, 1024, 100_000];
const LONGEST: usize = 100_000;

struct Shape {
    name: &'static str,
    characters: &'static [u8],
    length: usize,
}

const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SHAPES: [Shape; 9] = [
    Shape { name: "6 digits", characters: BASE36.split_at(10).0, length: 6 },
    Shape { name: "9 digits", characters: BASE36.split_at(10).0, length: 9 },
    Shape { name: "16 digits", characters: BASE36.split_at(10).0, length: 16 },
    Shape { name: "19 digits", characters: BASE36.split_at(10).0, length: 19 },
    Shape { name: "32 digits", characters: BASE36.split_at(10).0, length: 32 },
    Shape { name: "10 letters", characters: BASE36.split_at(10).1, length: 10 },
    Shape { name: "12 of radix 36", characters: BASE36, length: 12 },
    Shape { name: "32 of radix 36", characters: BASE36, length: 32 },
    Shape { name: "12 of radix 62", characters: BASE62, length: 12 },
];

impl Shape {
    fn column(&self) -> Vec<u8> {
        characters(self.characters, LONGEST * self.length, self.length as u64)
    }

    fn ours(&self) -> ours::Ff1 {
        ours::Ff1::new(self.characters, self.length)
    }
}

/// Every count, both ways: ours against `fpe` on `compared` values of each shape, and `cosmian_fpe` on some.
pub fn check(compared: usize) {
    for shape in &SHAPES {
        let (plain, ours, n) = (shape.column(), shape.ours(), shape.length);
        let fpe = Fpe::new(shape.characters, n);
        let mut tokens = vec![0; plain.len()];
        ours.encrypt(&plain, &mut tokens);
        let mut theirs = vec![0; compared * n];
        fpe.run::<true>(&plain[..compared * n], &mut theirs);
        assert!(theirs == tokens[..compared * n], "{}: not the tokens of fpe", shape.name);
        let some = n * compared.min(1000);
        fpe.run::<false>(&tokens[..some], &mut theirs[..some]);
        assert!(theirs[..some] == plain[..some], "{}: not the values of fpe", shape.name);
        let cosmian = CosmianFpe::new(shape.characters, n);
        cosmian.run::<true>(&plain[..some], &mut theirs[..some]);
        assert!(theirs[..some] == tokens[..some], "{}: not the tokens of cosmian_fpe", shape.name);
        cosmian.run::<false>(&tokens[..some], &mut theirs[..some]);
        assert!(theirs[..some] == plain[..some], "{}: not the values of cosmian_fpe", shape.name);

        let mut out = vec![0; plain.len()];
        for count in COUNTS {
            out.fill(0);
            for (input, out) in plain.chunks(count * n).zip(out.chunks_mut(count * n)) {
                ours.encrypt(input, out);
            }
            assert!(out == tokens, "{}: {count} at a time give other tokens", shape.name);
            out.fill(0);
            for (input, out) in tokens.chunks(count * n).zip(out.chunks_mut(count * n)) {
                ours.decrypt(input, out);
            }
            assert!(out == plain, "{}: {count} at a time give other values", shape.name);
        }
        out.fill(0);
        ours.encrypt_on_threads(&plain, &mut out);
        assert!(out == tokens, "{}: threads give other tokens", shape.name);
    }
}

pub fn tables(method: &Method) -> Vec<Table> {
    vec![table::<true>(method, "FF1, encrypt"), table::<false>(method, "FF1, decrypt")]
}

fn table<const ENCRYPT: bool>(method: &Method, title: &'static str) -> Table {
    let note = "AES-256, a tweak of 8 bytes, text in and text out. Ours by how many values a call takes. \"AES only\" is the ten \
                blocks that a value costs, by the `aes` crate's widest call."
        .to_owned();
    Table {
        title,
        row: "shape",
        note,
        rows: SHAPES.iter().map(|shape| row::<ENCRYPT>(method, shape)).collect(),
    }
}

fn row<const ENCRYPT: bool>(method: &Method, shape: &Shape) -> Row {
    const PEERS: usize = 16;
    let (plain, ours, n) = (shape.column(), shape.ours(), shape.length);
    let mut tokens = vec![0; plain.len()];
    ours.encrypt(&plain, &mut tokens);
    let (input, ours) = (if ENCRYPT { &plain } else { &tokens }, &ours);

    let fpe = Fpe::new(shape.characters, n);
    let cosmian = CosmianFpe::new(shape.characters, n);
    let mut aes = AesOnly::new();
    let (mut out, mut windows) = (vec![0; PEERS * n], Windows::new(PEERS * n, input.len()));
    let fpe = move || fpe.run::<ENCRYPT>(black_box(&input[windows.advance()]), &mut out);
    let (mut out, mut windows) = (vec![0; PEERS * n], Windows::new(PEERS * n, input.len()));
    let cosmian = move || cosmian.run::<ENCRYPT>(black_box(&input[windows.advance()]), &mut out);
    let mut candidates = vec![
        (Role::Peer, Candidate::new("fpe", PEERS, fpe)),
        (Role::Peer, Candidate::new("cosmian_fpe", PEERS, cosmian)),
        (Role::Bound, Candidate::new("AES only", AesOnly::VALUES, move || aes.run())),
    ];
    for count in COUNTS {
        let (mut out, mut windows) = (vec![0; count * n], Windows::new(count * n, input.len()));
        let call = move || {
            let values = black_box(&input[windows.advance()]);
            if ENCRYPT {
                ours.encrypt(values, &mut out)
            } else {
                ours.decrypt(values, &mut out)
            }
            black_box(&out);
        };
        candidates.push((Role::Ours, Candidate::new(grouped(count as u64), count, call)));
    }
    Row::time(method, Clock::Thread, shape.name, candidates)
}

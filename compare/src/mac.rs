//! HMAC-SHA256, and pseudonyms made of it, beside `hmac` and `sha2`, `ring` and `aws-lc-rs`.

use std::hint::black_box;

use cloakroom::protect::Column;

use crate::column::{Windows, texts};
use crate::measure::{Candidate, Clock, Method};
use crate::ours;
use crate::peers::mac::{AwsLc, Hmac, Keys, Pseudonyms, Ring, RustCrypto, TOGETHER, WIDTH};
use crate::table::{Role, Row, Table, grouped};

const LONGEST: usize = 100_000;
const COUNTS: [usize; 3] = [64, 1024, 100_000];
/// Names, and the shortest and longest length in bytes.
const SHAPES: [(&str, usize, usize); 2] = [("16 bytes", 16, 16), ("8 to 40 bytes", 8, 40)];

pub fn check(compared: usize) {
    let names = ours::Names::new();
    for (_, shortest, longest) in SHAPES {
        let values = texts(LONGEST, shortest, longest, 1);
        let (ours, peers) =
            (ours::Hmac::new(), (RustCrypto::new(&ours::KEY), Ring::new(&ours::KEY), AwsLc::new(&ours::KEY)));
        let messages: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
        let mut tags = vec![[0; 32]; LONGEST];
        ours.tags(&messages, &mut tags);
        for (message, tag) in messages.iter().zip(&tags).take(compared) {
            assert!(ours.tag(message) == *tag, "one tag is not that of many");
            assert!(peers.0.tag(message) == *tag, "not the tag of hmac");
            assert!(peers.1.tag(message) == *tag, "not the tag of ring");
            assert!(peers.2.tag(message) == *tag, "not the tag of aws-lc-rs");
        }
        let mut out = vec![[0; 32]; LONGEST];
        for count in COUNTS {
            messages
                .chunks(count)
                .zip(out.chunks_mut(count))
                .for_each(|(messages, out)| ours.tags(messages, out));
            assert!(out == tags, "{count} at a time give other tags");
        }

        let (ours, keys) = (ours::Pseudonyms::new(&names), ours::Pseudonyms::keys(&names));
        let mut theirs = vec![[0; WIDTH]; compared];
        check_pseudonyms::<RustCrypto>(&keys, &values[..compared], &mut theirs);
        let first = theirs.clone();
        check_pseudonyms::<Ring>(&keys, &values[..compared], &mut theirs);
        assert!(theirs == first);
        check_pseudonyms::<AwsLc>(&keys, &values[..compared], &mut theirs);
        assert!(theirs == first);
        let mut out = Column::new();
        ours.column(&values.iter().map(String::as_str).collect(), &mut out);
        for (i, theirs) in theirs.iter().enumerate() {
            assert!(out.get(i) == theirs, "not the pseudonym of the peers");
        }
        let mut shared = Column::new();
        ours.column_on_threads(&values.iter().map(String::as_str).collect(), &mut shared);
        assert!(shared.iter().eq(out.iter()), "threads give other pseudonyms");
        assert!((0..1000).all(|i| ours.one(&values[i]).as_bytes() == out.get(i)), "one is not that of many");
    }
}

fn check_pseudonyms<H: Hmac>(keys: &Keys, values: &[String], out: &mut [[u8; WIDTH]]) {
    let mut peer = Pseudonyms::<H>::new(keys);
    values.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER)).for_each(|(values, out)| peer.run(values, out));
}

pub fn tables(method: &Method) -> Vec<Table> {
    let tags = SHAPES.iter().map(|shape| tags(method, *shape)).collect();
    let pseudonyms = SHAPES.iter().map(|shape| pseudonyms(method, *shape)).collect();
    vec![
        Table {
            title: "HMAC-SHA256",
            row: "messages of",
            note: "32 bytes out, the key set up once. Ours by how many messages a call takes.".to_owned(),
            rows: tags,
        },
        Table {
            title: "Pseudonyms",
            row: "values of",
            note: "Both levels and base64url, as `Pseudonymizer` makes them: HMAC-SHA256 of the encoded value, AES-256 of the \
                   result, 22 characters. The peers' AES is the `aes` crate, 64 blocks a call, their base64 `base64`."
                .to_owned(),
            rows: pseudonyms,
        },
    ]
}

fn tags(method: &Method, (name, shortest, longest): (&str, usize, usize)) -> Row {
    fn peer<'a, H: Hmac + 'a>(name: &str, messages: &'a [&'a [u8]]) -> (Role, Candidate<'a>) {
        let (peer, mut out) = (H::new(&ours::KEY), vec![[0; 32]; TOGETHER]);
        let mut windows = Windows::new(TOGETHER, messages.len());
        let call = move || {
            let messages = black_box(&messages[windows.advance()]);
            messages.iter().zip(&mut out).for_each(|(message, out)| *out = peer.tag(message));
            black_box(&out);
        };
        (Role::Peer, Candidate::new(name, TOGETHER, call))
    }
    let values = texts(LONGEST, shortest, longest, 1);
    let messages: &Vec<&[u8]> = &values.iter().map(String::as_bytes).collect();
    let ours = &ours::Hmac::new();
    let mut windows = Windows::new(1, messages.len());
    let one = move || {
        black_box(ours.tag(black_box(messages[windows.advance().start])));
    };
    let mut candidates = vec![
        peer::<RustCrypto>("hmac, sha2", messages),
        peer::<Ring>("ring", messages),
        peer::<AwsLc>("aws-lc-rs", messages),
        (Role::Ours, Candidate::new("1", 1, one)),
    ];
    for count in COUNTS {
        let (mut out, mut windows) = (vec![[0; 32]; count], Windows::new(count, messages.len()));
        let call = move || {
            ours.tags(black_box(&messages[windows.advance()]), &mut out);
            black_box(&out);
        };
        candidates.push((Role::Ours, Candidate::new(grouped(count as u64), count, call)));
    }
    Row::time(method, Clock::Thread, name, candidates)
}

fn pseudonyms(method: &Method, (name, shortest, longest): (&str, usize, usize)) -> Row {
    fn peer<'a, H: Hmac + 'a>(name: &str, keys: &Keys, values: &'a [String]) -> (Role, Candidate<'a>) {
        let (mut peer, mut out) = (Pseudonyms::<H>::new(keys), vec![[0; WIDTH]; TOGETHER]);
        let mut windows = Windows::new(TOGETHER, values.len());
        let call = move || {
            peer.run(black_box(&values[windows.advance()]), &mut out);
            black_box(&out);
        };
        (Role::Peer, Candidate::new(name, TOGETHER, call))
    }
    let values = &texts(LONGEST, shortest, longest, 1);
    let names = ours::Names::new();
    let (ours, keys) = (&ours::Pseudonyms::new(&names), ours::Pseudonyms::keys(&names));
    let mut windows = Windows::new(1, values.len());
    let one = move || {
        black_box(ours.one(black_box(&values[windows.advance().start])));
    };
    let mut candidates = vec![
        peer::<RustCrypto>("hmac, sha2", &keys, values),
        peer::<Ring>("ring", &keys, values),
        peer::<AwsLc>("aws-lc-rs", &keys, values),
        (Role::Ours, Candidate::new("1", 1, one)),
    ];
    for count in COUNTS {
        let columns = values.chunks_exact(count).map(|values| values.iter().map(String::as_str).collect());
        let columns: Vec<Column> = columns.collect();
        let (mut out, mut windows) = (Column::new(), Windows::new(1, columns.len()));
        let call = move || {
            ours.column(black_box(&columns[windows.advance().start]), &mut out);
            black_box(&out);
        };
        candidates.push((Role::Ours, Candidate::new(grouped(count as u64), count, call)));
    }
    Row::time(method, Clock::Thread, name, candidates)
}

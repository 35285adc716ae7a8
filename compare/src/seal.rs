//! Sealed fields beside `ring`, `aws-lc-rs`, `aes-gcm` and `chacha20poly1305`.

use std::hint::black_box;
use std::rc::Rc;

use cloakroom::crypto::aead::Suite;
use cloakroom::protect::Column;

use crate::column::characters;
use crate::measure::{Candidate, Clock, Method};
use crate::ours::{self, Envelopes, Gcm, GcmColumn, HEADER, InPlace};
use crate::peers::aead::{Aead, AesGcm, AwsLc, Ring, XChaCha, xaes_key};
use crate::table::{Role, Row, Table};

const SIZES: [usize; 4] = [16, 64, 256, 4096];
const NONCE: usize = 24;
const TAG: usize = 16;

/// A column of fields of one size, and whose they are.
struct Fields {
    size: usize,
    plain: Vec<u8>,
    subjects: Vec<String>,
}

impl Fields {
    fn new(size: usize) -> Self {
        let count = if size > 1000 { 256 } else { 1024 };
        let plain = characters(b"abcdefghijklmnopqrstuvwxyz .-", size * count, size as u64);
        Self { size, plain, subjects: (0..count).map(|i| format!("customer-{i:07}")).collect() }
    }

    fn count(&self) -> usize {
        self.subjects.len()
    }

    fn cells(&self) -> Vec<&[u8]> {
        self.plain.chunks_exact(self.size).collect()
    }
}

/// Every field that we seal is, byte for byte, what the peers seal under the same key and nonce; and we open it.
pub fn check() {
    for size in SIZES {
        let fields = &Fields::new(size);
        check_gcm(fields);
        check_in_place(fields);
        check_envelopes(Suite::Xaes256Gcm, fields);
        check_envelopes(Suite::XChaCha20Poly1305, fields);
    }
}

fn check_gcm(fields: &Fields) {
    let (ours, cells) = (Gcm::new(), fields.cells());
    let (mut sealed, mut opened) = (vec![], vec![]);
    ours.seal(&cells.iter().copied().collect(), &mut sealed);
    let sealed = sealed.chunks_exact(NONCE + fields.size + TAG);
    for (sealed, plain) in sealed.clone().zip(cells) {
        check_xaes(&ours::KEY, sealed, &ours.aad(), plain);
    }
    ours.open(&sealed.collect(), &mut opened);
    assert!(opened == fields.plain, "other plaintexts");
}

fn check_in_place(fields: &Fields) {
    let (ours, size, aad) = (InPlace::new(), fields.size, Gcm::new().aad());
    let (mut texts, mut tags) = (fields.plain.clone(), vec![[0; TAG]; fields.count()]);
    ours.seal(&aad, size, &mut texts, &mut tags);
    for (i, (plain, sealed)) in fields.plain.chunks_exact(size).zip(texts.chunks_exact(size)).enumerate() {
        let (nonce, sealed) = (InPlace::nonce(i), [sealed, &tags[i]].concat());
        check_one(&Ring::new(&ours::KEY), &nonce, &aad, plain, &sealed);
    }
    ours.open(&aad, size, &mut texts, &mut tags);
    assert!(texts == fields.plain, "other plaintexts");
}

fn check_envelopes(suite: Suite, fields: &Fields) {
    let (ours, cells) = (Envelopes::new(suite), fields.cells());
    let (mut column, mut opened) = (Column::new(), Column::new());
    ours.seal(&fields.subjects, &cells, &mut column);
    ours.open(&fields.subjects, &column, &mut opened);
    assert!(opened.iter().eq(cells.iter().copied()), "other plaintexts");
    for (i, (subject, plain)) in fields.subjects.iter().zip(cells).enumerate() {
        let (one, aad) = (ours.seal_one(subject, plain), ours.aad(subject));
        assert!(ours.open_one(subject, &one).expose() == plain, "other plaintexts");
        for envelope in [column.get(i), &one] {
            let sealed = &envelope[HEADER..];
            match suite {
                Suite::Xaes256Gcm => check_xaes(&ours.key, sealed, &aad, plain),
                Suite::XChaCha20Poly1305 => {
                    let (nonce, sealed) = sealed.split_first_chunk().expect("a nonce");
                    check_one(&XChaCha::new(&ours.key), nonce, &aad, plain, sealed);
                }
            }
        }
    }
}

fn check_xaes(key: &[u8; 32], sealed: &[u8], aad: &[u8], plain: &[u8]) {
    let (prefix, rest) = sealed.split_first_chunk::<12>().expect("a nonce");
    let (nonce, sealed) = rest.split_first_chunk::<12>().expect("a nonce");
    let key = xaes_key(key, prefix);
    check_one(&Ring::new(&key), nonce, aad, plain, sealed);
    check_one(&AwsLc::new(&key), nonce, aad, plain, sealed);
    check_one(&AesGcm::new(&key), nonce, aad, plain, sealed);
}

fn check_one<const N: usize>(peer: &impl Aead<N>, nonce: &[u8; N], aad: &[u8], plain: &[u8], sealed: &[u8]) {
    let mut theirs = plain.to_vec();
    let tag = peer.seal(nonce, aad, &mut theirs);
    theirs.extend_from_slice(&tag);
    assert!(theirs == sealed, "not what the peer seals");
    peer.open(nonce, aad, &mut theirs);
    assert!(theirs[..plain.len()] == *plain, "not what the peer opens");
}

pub fn tables(method: &Method) -> Vec<Table> {
    let per_size = |row: fn(&Method, usize) -> [Row; 2]| {
        SIZES.iter().flat_map(|size| row(method, *size)).collect::<Vec<_>>()
    };
    vec![
        Table {
            title: "AES-256-GCM",
            row: "fields of",
            note: "One key, one AAD. The peers are called once a field, with counted nonces; ours is a batch of \
                   `aead`, whose XAES-256-GCM is AES-256-GCM under a key that is derived once for the column, and the opening of it."
                .to_owned(),
            rows: per_size(gcm),
        },
        Table {
            title: "AES-256-GCM, nonces given and in place",
            row: "fields of",
            note: "`hazmat::GcmColumn`, for reviewers: what the batches above call for fields of these sizes and one AAD, without drawing, \
                   writing and gathering anything. Both sides copy the column first."
                .to_owned(),
            rows: [16, 64].into_iter().flat_map(|size| in_place(method, size)).collect(),
        },
        Table {
            title: "Envelopes, XAES-256-GCM",
            row: "fields of",
            note: "`Sealer`: a header, a random nonce of 24 bytes, and an AAD that binds tenant, subject, field and key version. The \
                   peers do AES-256-GCM alone, with counted nonces and the same AADs, which they are given."
                .to_owned(),
            rows: per_size(xaes),
        },
        Table {
            title: "Envelopes, XChaCha20-Poly1305",
            row: "fields of",
            note: "As above; the peer does XChaCha20-Poly1305 alone, with counted nonces.".to_owned(),
            rows: per_size(xchacha),
        },
    ]
}

/// The column sealed by a peer, and opened. Each field has its AAD.
fn peer<'a, const N: usize>(
    name: &str,
    peer: impl Aead<N> + 'a,
    fields: &'a Fields,
    aads: &'a [Vec<u8>],
) -> [(Role, Candidate<'a>); 2] {
    let (size, count) = (fields.size, fields.count());
    let nonce = |i: usize| {
        let mut nonce = [0; N];
        nonce[..8].copy_from_slice(&(i as u64).to_be_bytes());
        nonce
    };
    let peer = Rc::new(peer);
    let seal = {
        let peer = Rc::clone(&peer);
        move |out: &mut Vec<u8>| {
            out.clear();
            for (i, (plain, aad)) in fields.plain.chunks_exact(size).zip(aads).enumerate() {
                let start = out.len();
                out.extend_from_slice(black_box(plain));
                let tag = peer.seal(&nonce(i), aad, &mut out[start..]);
                out.extend_from_slice(&tag);
            }
            black_box(&out);
        }
    };
    let mut sealed = vec![];
    seal(&mut sealed);
    let open = move |out: &mut Vec<u8>| {
        out.clear();
        for (i, (sealed, aad)) in sealed.chunks_exact(size + TAG).zip(aads).enumerate() {
            let start = out.len();
            out.extend_from_slice(black_box(sealed));
            peer.open(&nonce(i), aad, &mut out[start..]);
            out.truncate(start + size);
        }
        black_box(&out);
    };
    let (mut to_seal, mut to_open) = (vec![], vec![]);
    [
        (Role::Peer, Candidate::new(name, count, move || seal(&mut to_seal))),
        (Role::Peer, Candidate::new(name, count, move || open(&mut to_open))),
    ]
}

/// The rows of sealing and of opening, out of pairs of candidates.
fn rows(method: &Method, size: usize, pairs: Vec<[(Role, Candidate<'_>); 2]>) -> [Row; 2] {
    let (mut seal, mut open) = (vec![], vec![]);
    for [sealing, opening] in pairs {
        seal.push(sealing);
        open.push(opening);
    }
    [
        Row::time(method, Clock::Thread, &format!("{size} bytes, sealed"), seal),
        Row::time(method, Clock::Thread, &format!("{size} bytes, opened"), open),
    ]
}

fn gcm(method: &Method, size: usize) -> [Row; 2] {
    let (fields, ours) = (&Fields::new(size), &Gcm::new());
    let aads = vec![ours.aad(); fields.count()];
    let plain: &GcmColumn = &fields.cells().into_iter().collect();
    let (mut sealed, mut to_seal, mut to_open) = (vec![], vec![], vec![]);
    ours.seal(plain, &mut sealed);
    let sealed: &GcmColumn = &sealed.chunks_exact(NONCE + size + TAG).collect();
    let seal = move || ours.seal(black_box(plain), &mut to_seal);
    let open = move || ours.open(black_box(sealed), &mut to_open);
    let column = [
        (Role::Ours, Candidate::new("column", fields.count(), seal)),
        (Role::Ours, Candidate::new("column", fields.count(), open)),
    ];
    let pairs = vec![
        peer("ring", Ring::new(&ours::KEY), fields, &aads),
        peer("aws-lc-rs", AwsLc::new(&ours::KEY), fields, &aads),
        peer("aes-gcm", AesGcm::new(&ours::KEY), fields, &aads),
        column,
    ];
    rows(method, size, pairs)
}

fn in_place(method: &Method, size: usize) -> [Row; 2] {
    let (fields, ours) = (&Fields::new(size), &InPlace::new());
    let (count, aads) = (fields.count(), vec![Gcm::new().aad(); fields.count()]);
    let aad = &aads[0];
    let (mut sealed, mut tags) = (fields.plain.clone(), vec![[0; TAG]; count]);
    ours.seal(aad, size, &mut sealed, &mut tags);
    let (mut to_seal, mut to_open, mut made) = (sealed.clone(), sealed.clone(), tags.clone());
    let seal = move || {
        to_seal.copy_from_slice(black_box(&fields.plain));
        ours.seal(aad, size, &mut to_seal, &mut made);
        black_box((&to_seal, &made));
    };
    let open = move || {
        to_open.copy_from_slice(black_box(&sealed));
        ours.open(aad, size, &mut to_open, &mut tags.clone());
        black_box(&to_open);
    };
    let column = [
        (Role::Ours, Candidate::new("column", count, seal)),
        (Role::Ours, Candidate::new("column", count, open)),
    ];
    let pairs = vec![
        peer("ring", Ring::new(&ours::KEY), fields, &aads),
        peer("aws-lc-rs", AwsLc::new(&ours::KEY), fields, &aads),
        peer("aes-gcm", AesGcm::new(&ours::KEY), fields, &aads),
        column,
    ];
    rows(method, size, pairs)
}

/// A field a call, and a column a call.
fn envelopes<'a>(ours: &'a Envelopes, fields: &'a Fields) -> [[(Role, Candidate<'a>); 2]; 2] {
    let (cells, count, subjects) = (fields.cells(), fields.count(), &fields.subjects);
    let (mut sealed, mut to_seal, mut to_open) = (Column::new(), Column::new(), Column::new());
    ours.seal(subjects, &cells, &mut sealed);
    let one: Vec<Vec<u8>> = sealed.iter().map(<[u8]>::to_vec).collect();
    let one_cells = cells.clone();
    let seal_one = move || {
        for (subject, plain) in subjects.iter().zip(&one_cells) {
            black_box(ours.seal_one(subject, black_box(plain)));
        }
    };
    let open_one = move || {
        for (subject, envelope) in subjects.iter().zip(&one) {
            black_box(ours.open_one(subject, black_box(envelope)));
        }
    };
    let seal = move || ours.seal(subjects, black_box(&cells), &mut to_seal);
    let open = move || ours.open(subjects, black_box(&sealed), &mut to_open);
    [
        [
            (Role::Ours, Candidate::new("1", count, seal_one)),
            (Role::Ours, Candidate::new("1", count, open_one)),
        ],
        [
            (Role::Ours, Candidate::new("column", count, seal)),
            (Role::Ours, Candidate::new("column", count, open)),
        ],
    ]
}

fn xaes(method: &Method, size: usize) -> [Row; 2] {
    let (fields, ours) = (&Fields::new(size), &Envelopes::new(Suite::Xaes256Gcm));
    let aads: Vec<_> = fields.subjects.iter().map(|subject| ours.aad(subject)).collect();
    let [one, column] = envelopes(ours, fields);
    let pairs = vec![
        peer("ring", Ring::new(&ours.key), fields, &aads),
        peer("aws-lc-rs", AwsLc::new(&ours.key), fields, &aads),
        peer("aes-gcm", AesGcm::new(&ours.key), fields, &aads),
        one,
        column,
    ];
    rows(method, size, pairs)
}

fn xchacha(method: &Method, size: usize) -> [Row; 2] {
    let (fields, ours) = (&Fields::new(size), &Envelopes::new(Suite::XChaCha20Poly1305));
    let aads: Vec<_> = fields.subjects.iter().map(|subject| ours.aad(subject)).collect();
    let [one, column] = envelopes(ours, fields);
    rows(method, size, vec![peer("chacha20poly1305", XChaCha::new(&ours.key), fields, &aads), one, column])
}

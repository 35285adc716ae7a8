//! Sealed fields beside `ring`, `aws-lc-rs`, `aes-gcm` and `chacha20poly1305`.

use std::hint::black_box;
use std::rc::Rc;

use cloakroom::crypto::aead::Suite;

use crate::column::characters;
use crate::measure::{Candidate, Clock, Method};
use crate::ours::{self, Envelopes, Gcm, HEADER, OVERHEAD};
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
}

/// Every field that we seal is, byte for byte, what the peers seal under the same key and nonce; and we open it.
pub fn check() {
    for size in SIZES {
        let fields = Fields::new(size);
        let (gcm, aad) = (Gcm::new(), Gcm::aad());
        let (mut sealed, mut opened) = (vec![], vec![]);
        gcm.seal(&aad, &fields.plain, size, &mut sealed);
        for (sealed, plain) in sealed.chunks_exact(NONCE + size + TAG).zip(fields.plain.chunks_exact(size)) {
            check_xaes(&ours::KEY, sealed, aad.as_bytes(), plain);
        }
        gcm.open(&aad, &sealed, size, &mut opened);
        assert!(opened == fields.plain, "other plaintexts");

        for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
            let envelopes = Envelopes::new(suite);
            envelopes.seal(&fields.subjects, &fields.plain, size, &mut sealed);
            envelopes.open(&fields.subjects, &sealed, size, &mut opened);
            assert!(opened == fields.plain, "other plaintexts");
            let one = envelopes.seal_one(&fields.subjects[0], &fields.plain[..size]);
            let all = sealed.chunks_exact(size + OVERHEAD).chain([one.as_slice()]);
            for (i, envelope) in all.enumerate() {
                let i = i % fields.count();
                let plain = &fields.plain[i * size..][..size];
                let aad = envelopes.aad(&fields.subjects[i]);
                match suite {
                    Suite::Xaes256Gcm => check_xaes(&envelopes.key, &envelope[HEADER..], &aad, plain),
                    Suite::XChaCha20Poly1305 => {
                        let (nonce, sealed) = envelope[HEADER..].split_first_chunk().expect("a nonce");
                        check_one(&XChaCha::new(&envelopes.key), nonce, &aad, plain, sealed);
                    }
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
            note: "One key, one AAD. The peers are called once a field, with counted nonces; ours is `aead::Aead::batch`, whose \
                   XAES-256-GCM is AES-256-GCM under a key that is derived once for the column, and the opening of it."
                .to_owned(),
            rows: per_size(gcm),
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
    let (fields, ours, aad) = (&Fields::new(size), &Gcm::new(), &Gcm::aad());
    let aads = vec![aad.as_bytes().to_vec(); fields.count()];
    let mut sealed = vec![];
    ours.seal(aad, &fields.plain, size, &mut sealed);
    let (mut to_seal, mut to_open) = (vec![], vec![]);
    let seal = move || ours.seal(aad, black_box(&fields.plain), size, &mut to_seal);
    let open = move || ours.open(aad, black_box(&sealed), size, &mut to_open);
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

/// A field a call, and a column a call.
fn envelopes<'a>(ours: &'a Envelopes, fields: &'a Fields) -> [[(Role, Candidate<'a>); 2]; 2] {
    let (size, count) = (fields.size, fields.count());
    let mut sealed = vec![];
    ours.seal(&fields.subjects, &fields.plain, size, &mut sealed);
    let (mut to_seal, mut to_open, mut to_open_one, one) = (vec![], vec![], vec![], sealed.clone());
    let seal_one = move || {
        for (subject, plain) in fields.subjects.iter().zip(fields.plain.chunks_exact(size)) {
            black_box(ours.seal_one(subject, black_box(plain)));
        }
    };
    let open_one = move || {
        for (i, envelope) in one.chunks_exact(size + OVERHEAD).enumerate() {
            ours.open(&fields.subjects[i..=i], black_box(envelope), size, &mut to_open_one);
        }
    };
    let seal = move || ours.seal(&fields.subjects, black_box(&fields.plain), size, &mut to_seal);
    let open = move || ours.open(&fields.subjects, black_box(&sealed), size, &mut to_open);
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

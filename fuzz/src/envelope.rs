//! Byte formats of what is stored: what parses is written as the same bytes, and nothing opens but what was sealed.

use crate::fixed::{KEYSET, data_key, field, subject, tenant};
use cloakroom::crypto::aead::Suite;
use cloakroom::name::KeyVersion;
use cloakroom::protect::{ENVELOPE_PREFIX, Sealer, SubjectSealer};
use cloakroom::vault::References;
use cloakroom::wire::entry::{Entry, IndexEntry};
use cloakroom::wire::envelope::Envelope;
use cloakroom::wire::token::{FingerprintEntry, SpaceEntry, TokenEntry};

const PLACE: &[u8] = b"a locator...";

pub fn run(data: &[u8]) {
    parse(data);
    open(data);
    seal(data);
}

fn parse(data: &[u8]) {
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.to_bytes(), data);
    }
    if let Ok(entry) = Entry::parse(data) {
        assert_eq!(entry.to_bytes().unwrap(), data);
    }
    if let Ok(entry) = IndexEntry::parse(data) {
        assert_eq!(entry.to_bytes(), data);
    }
    if let Ok(entry) = TokenEntry::parse(data) {
        assert!(!entry.holders.is_empty());
        assert_eq!(entry.to_bytes().unwrap(), data);
    }
    if let Ok(entry) = FingerprintEntry::parse(data) {
        assert_eq!(entry.to_bytes(), data);
    }
    if let Ok(entry) = SpaceEntry::parse(data) {
        assert_eq!(entry.to_bytes(), data);
    }
}

/// Envelopes that others made: an error, or, for those among the seeds, a plaintext.
fn open(data: &[u8]) {
    for suite in [Suite::Xaes256Gcm, Suite::XChaCha20Poly1305] {
        let sealer = sealer(suite);
        let _ = sealer.open("10423", data);
        if let Ok(text) = std::str::from_utf8(data) {
            let _ = sealer.open_text("10423", text);
        }
    }
    let _ = SubjectSealer::of_sealed_id(&data_key(), KeyVersion::FIRST, &tenant(), PLACE, data);
    let _ = subject_sealer().open(0, &field("email"), data);
    if let Ok(text) = std::str::from_utf8(data) {
        let references = References::new(&KEYSET.primary().unwrap(), &tenant(), &field("email"));
        if let Ok(record) = references.parse(text, b"10423") {
            let mut again = vec![];
            references.write(record, b"10423", &mut again);
            assert_eq!(again, data, "one spelling of each reference");
        }
    }
}

/// The input as a plaintext, which comes back; and then as a change to the envelope, which does not open.
fn seal(data: &[u8]) {
    let sealer = sealer(Suite::Xaes256Gcm);
    let sealed = sealer.seal("10423", data).unwrap();
    assert_eq!(sealer.open("10423", &sealed).unwrap().expose(), data);
    assert!(sealer.open("10424", &sealed).is_err());
    if let Some((&[high, low, change], _)) = data.split_first_chunk() {
        let mut altered = sealed.clone();
        let at = usize::from(u16::from_be_bytes([high, low])) % altered.len();
        altered[at] ^= change.max(1);
        assert!(sealer.open("10423", &altered).is_err());
        assert!(sealer.open("10423", &sealed[..at]).is_err());
    }
    let mut cell = vec![];
    match sealer.batch().seal_text("10423", data, &mut cell) {
        Ok(()) => {
            let cell = std::str::from_utf8(&cell).unwrap();
            assert_eq!(sealer.open_text("10423", cell).unwrap().expose(), data);
        }
        Err(_) => assert!(data.trim_ascii_start().starts_with(ENVELOPE_PREFIX.as_bytes())),
    }
    let sealer = subject_sealer();
    let email = field("email");
    let sealed = sealer.seal([(3, &email, data)]).unwrap();
    assert_eq!(sealer.open(3, &email, &sealed[0]).unwrap().expose(), data);
    assert!(sealer.open(4, &email, &sealed[0]).is_err());
}

pub(crate) fn sealer(suite: Suite) -> Sealer {
    Sealer::new(&KEYSET.primary().unwrap(), suite, &tenant(), &field("email"))
}

fn subject_sealer() -> SubjectSealer {
    SubjectSealer::new(&data_key(), KeyVersion::FIRST, Suite::Xaes256Gcm, &tenant(), &subject("10423"))
}

/// One of each.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    use cloakroom::wire::entry::{Fields, Head, Indexed};
    use cloakroom::wire::token::{Holder, NO_KEY};
    let sealed = sealer(Suite::Xaes256Gcm).seal("10423", b"ada@example.org").unwrap();
    let chacha = sealer(Suite::XChaCha20Poly1305).seal("10423", b"ada@example.org").unwrap();
    let id = subject_sealer().seal_id(PLACE).unwrap();
    let mut cell = vec![];
    sealer(Suite::Xaes256Gcm).batch().seal_text("10423", b"ada@example.org", &mut cell).unwrap();
    let fields = || Fields { sealed: vec![("email", &sealed[..]), ("phone", b"")], ..Fields::default() };
    let index = |name, key_version| Indexed { name, key_version, tag: [3; 8], value: [6; 16] };
    let indexed = || Fields { indexes: vec![index("email", 2), index("a b", 1)], ..fields() };
    let token = |is_once, expires, value, space, holders| {
        let (tenant, field, token) = ("acme", "card", vec![1; 56]);
        let entry =
            TokenEntry { key_version: 3, tenant, field, is_once, expires, value, space, token, holders };
        entry.to_bytes().unwrap()
    };
    let holder = |link, run| Holder { link, run, envelope: sealed.clone() };
    let head = |first| {
        let head = Head {
            tenant: "acme",
            wrap_version: 2,
            generation: 1,
            next_record: 5,
            wrapped: &[7; 104],
            subject: &id,
            first,
        };
        Entry::Head(head).to_bytes().unwrap()
    };
    vec![
        ("record", Entry::Record(fields()).to_bytes().unwrap()),
        ("head", head(Some(fields()))),
        ("head_alone", head(None)),
        ("record_indexed", Entry::Record(indexed()).to_bytes().unwrap()),
        ("head_indexed", head(Some(indexed()))),
        ("link", Entry::Link([5; 16]).to_bytes().unwrap()),
        ("token", token(false, 0, [8; 16], [9; 16], vec![holder(None, None)])),
        ("token_once", token(true, 1_800_000_000, NO_KEY, NO_KEY, vec![holder(Some([4; 16]), None)])),
        (
            "token_shared",
            token(
                false,
                0,
                [8; 16],
                NO_KEY,
                vec![holder(None, None), holder(Some([4; 16]), None), holder(Some([5; 16]), Some([6; 16]))],
            ),
        ),
        ("fingerprint", FingerprintEntry { key_version: 2, token: [7; 16] }.to_bytes()),
        ("space", SpaceEntry { used: 900_000 }.to_bytes()),
        ("index", IndexEntry { key_version: 3, locator: [4; 12] }.to_bytes()),
        ("reference", b"ck1r_AAAAAAAAAAAAAAAAAAAAAA".to_vec()),
        ("xaes", sealed),
        ("xchacha", chacha),
        ("subject_id", id),
        ("cell", cell),
    ]
}

//! Keyset files: what parses is written as the same bytes, and of all the files there are, one unlocks.

use crate::fixed::{KEYSET, KEYSET_FILE, PROVIDER};
use cloakroom::keys::Keyset;
use cloakroom::keys::Passphrase;
use cloakroom::wire::keyset::{KeysetBody, KeysetFile, KeysetFormat};

pub fn run(data: &[u8]) {
    if let Ok(file) = KeysetFile::parse(data) {
        let header = KeysetFile::header(file.format, file.provider, file.wrapped).unwrap();
        assert_eq!(header, file.header);
        assert_eq!([&header, file.sealed].concat(), data);
        let _ = Passphrase::cost_of(file.wrapped);
    }
    for format in [KeysetFormat::One, KeysetFormat::Two] {
        if let Ok(body) = KeysetBody::parse(format, data) {
            assert_eq!(body.write().unwrap().as_bytes(), data);
        }
    }
    unlock(data);
    unlock(&altered(data));
}

fn unlock(file: &[u8]) {
    let unlocked = Keyset::unlock(file, &*PROVIDER);
    assert_eq!(unlocked.is_ok(), file == KEYSET_FILE);
    if let Ok(keyset) = unlocked {
        assert_eq!(format!("{keyset:?}"), format!("{:?}", *KEYSET));
    }
}

/// The valid file with changes: position, then what is XORed there or, at the end, appended.
fn altered(changes: &[u8]) -> Vec<u8> {
    let mut file = KEYSET_FILE.to_vec();
    for &[high, low, change] in changes.as_chunks().0 {
        let at = usize::from(u16::from_be_bytes([high, low])) % (file.len() + 2);
        if at < file.len() {
            file[at] ^= change;
        } else if at == file.len() {
            file.push(change);
        } else {
            file.truncate(change.into());
        }
    }
    file
}

/// The file, a body of each format, and changes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let body = [&[9; 16][..], &[0, 0, 0, 1, 0, 0, 0, 2, 0, 1], &[0, 0, 0, 2, 2], &[0; 16], &[5; 32]].concat();
    let body_2 = [
        &[9; 16][..],
        &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 90, 0, 0, 0, 1],
        &[0, 0, 0, 2, 2],
        &[0; 16],
        &[5; 32],
        b"\0\0\0\x01\x02\0\x04acme\0\x01s\0\0\0\x02",
    ]
    .concat();
    let twice_the_same = [0, 40, 1, 0, 40, 1].to_vec();
    vec![
        ("file", KEYSET_FILE.to_vec()),
        ("body", body),
        ("body_2", body_2),
        ("no_change", twice_the_same),
        ("change", vec![0, 90, 3]),
    ]
}

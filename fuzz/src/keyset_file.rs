//! Keyset files: what parses is written as the same bytes, and of all the files there are, one unlocks. Bodies that
//! somebody with the key has sealed: refused, or kept as they are.

use crate::fixed::{KEYSET, KEYSET_FILE, PROVIDER, data_key};
use cloakroom::crypto::aead::{Aead, Suite};
use cloakroom::crypto::context::{Context, Label};
use cloakroom::crypto::kdf;
use cloakroom::crypto::secret::{AeadKey, DataKey};
use cloakroom::keys::{KeyProvider, KeyState, Keyset, Passphrase};
use cloakroom::wire::keyset::{KeysetBody, KeysetFile, KeysetFormat};
use std::sync::LazyLock;

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
            unlock_body(format, data);
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

/// A body that parses, in a file as [`Keyset::lock`] makes it.
fn unlock_body(format: KeysetFormat, body: &[u8]) {
    static WRAPPED: LazyLock<Vec<u8>> = LazyLock::new(|| PROVIDER.wrap(&data_key()).unwrap());
    let mut file = KeysetFile::header(format, PROVIDER.id(), &WRAPPED).unwrap();
    let aad = Context::new(Label::KeysetBody).part(&file);
    aead(&data_key()).seal(&aad, body, &mut file).unwrap();
    let Ok(keyset) = Keyset::unlock(&file, &*PROVIDER) else { return };
    let locked = keyset.lock(&*PROVIDER).unwrap();
    let again = Keyset::unlock(&locked, &*PROVIDER).unwrap();
    assert_eq!(format!("{again:?} {:?}", again.period()), format!("{keyset:?} {:?}", keyset.period()));
    assert_eq!(again.identity_number(), keyset.identity_number());
    // The secret of a destroyed version is not written, whatever was in its place.
    let is_gone = keyset.versions().iter().any(|version| version.state() == KeyState::Destroyed);
    if format == KeysetFormat::Two && !is_gone {
        assert_eq!(body_of(&locked), body);
    }
    assert_eq!(body_of(&again.lock(&*PROVIDER).unwrap()), body_of(&locked));
}

/// What is sealed in a file.
fn body_of(file: &[u8]) -> Vec<u8> {
    let file = KeysetFile::parse(file).unwrap();
    let aad = Context::new(Label::KeysetBody).part(file.header);
    aead(&PROVIDER.unwrap(file.wrapped).unwrap()).open(&aad, file.sealed).unwrap().expose().to_vec()
}

fn aead(data_key: &DataKey) -> Aead {
    let key: AeadKey = kdf::derive(data_key, &Context::new(Label::KeysetBody));
    Aead::new(Suite::Xaes256Gcm, &key)
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
    let version = |number: u8, state: u8| {
        let secret = if state == KeyState::Destroyed as u8 { [0; 32] } else { [number; 32] };
        [&[0, 0, 0, number, state][..], &[0; 16], &secret].concat()
    };
    // Two primaries, and versions in every other state that is not before its time.
    let states = [
        &[9; 16][..],
        &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 142, 173, 0, 0, 0, 7],
        &version(1, KeyState::Destroyed as u8),
        &version(2, KeyState::Deactivated as u8),
        &version(3, KeyState::Retired as u8),
        &version(4, KeyState::Compromised as u8),
        &version(5, KeyState::Suspended as u8),
        &version(6, KeyState::Active as u8),
        &version(7, KeyState::Active as u8),
        b"\0\0\0\x02\x01\0\x04acme\0\x05email\0\0\0\x07\x02\0\x04acme\0\x01s\0\0\0\x05",
    ]
    .concat();
    let retired = [
        &[9; 16][..],
        &[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2],
        &version(1, KeyState::Retired as u8),
        &version(2, KeyState::Active as u8),
        b"\0\0\0\0",
    ]
    .concat();
    let twice_the_same = [0, 40, 1, 0, 40, 1].to_vec();
    vec![
        ("file", KEYSET_FILE.to_vec()),
        ("body", body),
        ("body_2", body_2),
        ("body_2_states", states),
        ("body_2_retired", retired),
        ("no_change", twice_the_same),
        ("change", vec![0, 90, 3]),
    ]
}

//! Two scopes share nothing: with a fixed key, over 20,000 values, no bit or byte of one scope's pseudonyms tells any
//! of the other's.

use cloakroom::Result;
use cloakroom::crypto::aead::{Aead, Suite};
use cloakroom::crypto::context::{Context, Label};
use cloakroom::crypto::kdf;
use cloakroom::crypto::secret::{AeadKey, DataKey};
use cloakroom::format::Normalization;
use cloakroom::keys::{KeyProvider, Keyset};
use cloakroom::name::{Scope, TenantId};
use cloakroom::protect::{Column, Pseudonymizer, Spelling};
use cloakroom::wire::keyset::{KeysetBody, KeysetFile, KeysetFormat, VersionRecord};
use std::collections::HashSet;
use zeroize::Zeroizing;

const VALUES: usize = 20_000;

/// A provider that hides nothing, for a keyset whose secret is known.
struct Open;

impl KeyProvider for Open {
    fn id(&self) -> &str {
        "open"
    }
    fn wrap(&self, key: &DataKey) -> Result<Vec<u8>> {
        Ok(key.expose().to_vec())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey> {
        Ok(DataKey::from_bytes(&mut wrapped.try_into().unwrap()))
    }
}

fn fixed_keyset() -> Keyset {
    let data_key = DataKey::from_bytes(&mut [1; 32]);
    let mut file = KeysetFile::header(KeysetFormat::Two, "open", data_key.expose()).unwrap();
    let aad = Context::new(Label::KeysetBody).part(&file);
    let key: AeadKey = kdf::derive(&data_key, &Context::new(Label::KeysetBody));
    let version =
        VersionRecord { number: 1, state: 2, created: 0, changed: 0, secret: Zeroizing::new([42; 32]) };
    let body = KeysetBody {
        format: KeysetFormat::Two,
        id: [0; 16],
        edits: 0,
        identity: 1,
        primary: 1,
        period: 0,
        versions: vec![version],
        uses: vec![],
    };
    Aead::new(Suite::Xaes256Gcm, &key).seal(&aad, body.write().unwrap().as_bytes(), &mut file).unwrap();
    Keyset::unlock(&file, &Open).unwrap()
}

/// The pseudonyms of the numbers from 0, in this scope.
fn pseudonyms(scope: &str, spelling: Spelling) -> Vec<[u8; 16]> {
    let keyset = fixed_keyset();
    let (identity, key) = (keyset.identity().unwrap(), keyset.primary().unwrap());
    let (acme, scope) = (TenantId::new("acme").unwrap(), Scope::new(scope).unwrap());
    let scope = Pseudonymizer::new(&identity, &key, &acme, &scope, Normalization::None, spelling);
    let values: Vec<String> = (0..VALUES).map(|i| i.to_string()).collect();
    let column: Column = values.iter().map(String::as_str).collect();
    let (mut out, mut failures) = (Column::new(), vec![]);
    scope.pseudonym_column(&column, &mut out, &mut failures);
    assert!(failures.is_empty());
    out.iter().map(|cell| spelling.parse(std::str::from_utf8(cell).unwrap()).unwrap()).collect()
}

/// For each pair of a bit here and a bit there, how far the number of rows where they agree is from one half, in
/// standard deviations.
fn bit_deviations(a: &[[u8; 16]], b: &[[u8; 16]], bits: usize) -> Vec<f64> {
    let columns = |rows: &[[u8; 16]]| -> Vec<Vec<u64>> {
        let column = |bit: usize| {
            let word = |rows: &[[u8; 16]]| {
                rows.iter().fold(0, |word, row| word << 1 | (u128::from_be_bytes(*row) >> bit & 1) as u64)
            };
            rows.chunks(64).map(word).collect()
        };
        (0..bits).map(column).collect()
    };
    let (a, b) = (columns(a), columns(b));
    let differing = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    let n = VALUES as f64;
    let deviation = |differing: u32| (f64::from(differing) - n / 2.0) / (n / 4.0).sqrt();
    a.iter().flat_map(|a| b.iter().map(move |b| deviation(differing(a, b)))).collect()
}

/// For each pair of a byte here and a byte there, chi-squared of the 65,536 pairs of their values, as standard
/// deviations from its mean.
fn byte_deviations(a: &[[u8; 16]], b: &[[u8; 16]], bytes: usize) -> Vec<f64> {
    let (cells, n) = (65_536.0, VALUES as f64);
    let deviation = |i: usize, j: usize| {
        let mut counts = vec![0u32; 65_536];
        a.iter().zip(b).for_each(|(a, b)| counts[usize::from(a[i]) << 8 | usize::from(b[j])] += 1);
        let squares: f64 = counts.iter().map(|count| f64::from(*count).powi(2)).sum();
        let chi_squared = squares * cells / n - n;
        (chi_squared - (cells - 1.0)) / (2.0 * (cells - 1.0) * (n - 1.0) / n).sqrt()
    };
    (16 - bytes..16)
        .flat_map(|i| (16 - bytes..16).map(move |j| (i, j)))
        .map(|(i, j)| deviation(i, j))
        .collect()
}

fn largest(deviations: &[f64]) -> f64 {
    deviations.iter().fold(0.0, |most, deviation| deviation.abs().max(most))
}

/// 16,384 normal deviates exceed 5.5 once in 1,600 keys; this key is fixed.
const BOUND: f64 = 5.5;

// SPEC: PSN-4
#[test]
fn no_bit_or_byte_of_one_scope_tells_one_of_another() {
    for (spelling, bits, bytes) in [(Spelling::Hex, 128, 16), (Spelling::int63(20_000).unwrap(), 63, 7)] {
        let (a, b) = (pseudonyms("analytics", spelling), pseudonyms("billing", spelling));
        let all: HashSet<&[u8; 16]> = a.iter().chain(&b).collect();
        assert_eq!(all.len(), 2 * VALUES, "no pseudonym is in both, none twice");

        let deviations = bit_deviations(&a, &b, bits);
        assert_eq!(deviations.len(), bits * bits);
        assert!(largest(&deviations) < BOUND, "{}", largest(&deviations));
        // All together: the sum of their squares is chi-squared with as many degrees of freedom.
        let degrees = deviations.len() as f64;
        let together = deviations.iter().map(|d| d * d).sum::<f64>() - degrees;
        assert!(together.abs() / (2.0 * degrees).sqrt() < BOUND, "{together}");

        let deviations = byte_deviations(&a, &b, bytes);
        assert!(largest(&deviations) < BOUND, "{}", largest(&deviations));
    }
}

#[test]
fn the_measures_notice_one_bit_and_one_byte_that_is_shared() {
    let (a, mut b) = (pseudonyms("analytics", Spelling::Hex), pseudonyms("billing", Spelling::Hex));
    // One bit that is shared in one row of twenty.
    for (a, b) in a.iter().zip(&mut b).step_by(20) {
        b[3] = b[3] & 0xFE | a[9] & 1;
    }
    assert!(largest(&bit_deviations(&a, &b, 128)) > BOUND);
    for (a, b) in a.iter().zip(&mut b).step_by(20) {
        b[3] = a[9];
    }
    assert!(largest(&byte_deviations(&a, &b, 16)) > BOUND);
}

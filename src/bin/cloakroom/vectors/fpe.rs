//! FF1 vectors: Wycheproof `fpe_str_test_schema` and `fpe_list_test_schema` (`key tweak msg ct result`), and NIST
//! ACVP-AES-FF1 (`key tweak pt ct`).
//!
//! Every vector runs in both directions along each path the crate has: one value, bulk numerals, and, where the
//! alphabet is ASCII, bulk text. In bulk it stands among others, so that a mix-up of lanes would show.

use super::document::{self, Expected, Object};
use super::report::Verdict;
use cloakroom::Error;
use cloakroom::crypto::ff1::{Aes128, Aes192, Aes256, AsciiAlphabet, BulkError, Domain, Ff1Key, KeySize};
use serde_json::Value;
use std::collections::HashMap;

/// What the strings or lists of a group are written in.
pub struct Spelling {
    radix: u32,
    /// Absent where the group has lists of numerals.
    alphabet: Option<Alphabet>,
}

struct Alphabet {
    numerals: HashMap<char, u32>,
    ascii: Option<AsciiAlphabet>,
}

/// The `radix` of a Wycheproof group, and its `alphabet` if it has strings.
pub fn wycheproof_group(group: &Object) -> Result<Spelling, String> {
    let radix = document::number(group, "radix")?;
    Spelling::new(
        radix,
        group.contains_key("alphabet").then(|| document::text(group, "alphabet")).transpose()?,
    )
}

/// The `alphabet` of an ACVP group, and its `radix` if it says so.
pub fn acvp_group(group: &Object) -> Result<Spelling, String> {
    if let Some(other) = group.get("testType").filter(|kind| *kind != "AFT") {
        return Err(format!("\"testType\" is {other}, and FF1 has only \"AFT\""));
    }
    if !matches!(document::text(group, "direction")?, "encrypt" | "decrypt") {
        return Err("\"direction\" is not \"encrypt\" or \"decrypt\"".into());
    }
    let alphabet = document::text(group, "alphabet")?;
    let radix = match group.contains_key("radix") {
        true => document::number(group, "radix")?,
        false => alphabet.chars().count() as u64,
    };
    Spelling::new(radix, Some(alphabet))
}

/// One Wycheproof test.
pub fn wycheproof(spelling: &Spelling, test: &Object) -> Result<Verdict, String> {
    let expected = document::expected(test)?;
    let vector = Vector::new(spelling, test, "msg", "ct")?;
    let domain = match Domain::hazmat(spelling.radix, vector.plaintext.numerals.len()) {
        Ok(domain) => domain,
        Err(error) => return Ok(refused_domain(expected, test, error)),
    };
    let runs = match vector.run(domain) {
        Some(Ok(runs)) => runs,
        Some(Err(error)) => return Ok(refused_domain(expected, test, error)),
        None => {
            return Ok(match expected {
                Expected::Invalid if document::has_flag(test, &["InvalidKeySize"]) => Verdict::Passed,
                _ => Verdict::Skipped("key of a size that AES does not have"),
            });
        }
    };
    Ok(match expected {
        Expected::Valid => all_agree(&runs),
        // Nothing can be wrong with a ciphertext that its plaintext has not: FF1 has no tag.
        Expected::Invalid => {
            match runs.iter().find(|run| run.direction == "encryption" && run.outcome.is_ok()) {
                Some(run) => Verdict::Failed(format!(
                    "{} ({}) took it, though marked invalid",
                    run.direction, run.path
                )),
                None => Verdict::Passed,
            }
        }
        Expected::Acceptable if runs.iter().all(|run| run.outcome.is_err()) => Verdict::Passed,
        Expected::Acceptable => all_agree(&runs),
    })
}

/// One ACVP test. Whichever direction its group asks for, the other is checked, too.
pub fn acvp(spelling: &Spelling, test: &Object) -> Result<Verdict, String> {
    if !(test.contains_key("pt") && test.contains_key("ct")) {
        return Ok(Verdict::Skipped("no expected value: a prompt has only half of each vector"));
    }
    let vector = Vector::new(spelling, test, "pt", "ct")?;
    if test.contains_key("tweakLen") && document::number(test, "tweakLen")? != vector.tweak.len() as u64 * 8 {
        return Err("\"tweak\" is not as long as \"tweakLen\" says".into());
    }
    Ok(match Domain::hazmat(spelling.radix, vector.plaintext.numerals.len()) {
        Err(error) => refused_domain(Expected::Valid, test, error),
        Ok(domain) => match vector.run(domain) {
            Some(Ok(runs)) => all_agree(&runs),
            Some(Err(error)) => refused_domain(Expected::Valid, test, error),
            None => return Err("\"key\" is of a size that AES does not have".into()),
        },
    })
}

/// What the refusal of a domain or tweak means.
///
/// A vector that is invalid for what its plaintext holds must not pass because its *length* was refused first.
fn refused_domain(expected: Expected, test: &Object, error: Error) -> Verdict {
    if expected == Expected::Invalid && document::has_flag(test, &["InvalidMessageSize"]) {
        return Verdict::Passed;
    }
    match (error, expected) {
        (Error::DomainTooSmall { .. }, _) => Verdict::Skipped("below the domain floor of 100 values"),
        (Error::TooLong { .. }, _) => Verdict::Skipped("message or tweak longer than the product's cap"),
        _ if document::has_flag(test, &["InvalidPlaintext"]) => {
            Verdict::Skipped("refused for its length before its characters were looked at")
        }
        (_, Expected::Invalid | Expected::Acceptable) => Verdict::Passed,
        (error, Expected::Valid) => Verdict::Failed(format!("refused: {error}")),
    }
}

fn all_agree(runs: &[Run]) -> Verdict {
    for Run { direction, path, outcome } in runs {
        match outcome {
            Ok(true) => {}
            Ok(false) => return Verdict::Failed(format!("{direction} ({path}) gives another value")),
            Err(error) => return Verdict::Failed(format!("{direction} ({path}) refused: {error}")),
        }
    }
    Verdict::Passed
}

/// A value in both of its forms.
struct Spelled<'a> {
    /// A numeral that `u16` cannot hold cannot be handed in; `None` stands for one.
    numerals: Vec<Option<u16>>,
    text: Option<&'a str>,
}

struct Vector<'a> {
    key: Vec<u8>,
    tweak: Vec<u8>,
    plaintext: Spelled<'a>,
    ciphertext: Spelled<'a>,
    ascii: Option<&'a AsciiAlphabet>,
}

/// One direction along one path: whether the expected value came out, or what was refused.
struct Run {
    direction: &'static str,
    path: &'static str,
    outcome: Result<bool, Error>,
}

impl<'a> Vector<'a> {
    fn new(
        spelling: &'a Spelling,
        test: &'a Object,
        plaintext: &str,
        ciphertext: &str,
    ) -> Result<Self, String> {
        Ok(Vector {
            key: document::hex(test, "key")?,
            tweak: document::hex(test, "tweak")?,
            plaintext: spelling.read(test, plaintext)?,
            ciphertext: spelling.read(test, ciphertext)?,
            ascii: spelling.alphabet.as_ref().and_then(|alphabet| alphabet.ascii.as_ref()),
        })
    }

    /// Every path in both directions; `None` for a key of a size that AES has not, an error for too long a tweak.
    fn run(&self, domain: Domain) -> Option<Result<Vec<Run>, Error>> {
        Some(match self.key.len() {
            16 => self.run_key::<Aes128>(Ff1Key::hazmat_128(self.key.first_chunk()?), domain),
            24 => self.run_key::<Aes192>(Ff1Key::hazmat_192(self.key.first_chunk()?), domain),
            32 => self.run_key::<Aes256>(Ff1Key::new(self.key.first_chunk()?), domain),
            _ => return None,
        })
    }

    fn run_key<K: KeySize>(&self, key: Ff1Key<K>, domain: Domain) -> Result<Vec<Run>, Error> {
        let plan = key.plan(domain, &self.tweak)?;
        let (plain, cipher) = (&self.plaintext, &self.ciphertext);
        let mut runs = vec![];
        let mut add = |direction, path, outcome| runs.push(Run { direction, path, outcome });
        add("encryption", "one value", one(plain, cipher, |x| plan.encrypt(x)));
        add("decryption", "one value", one(cipher, plain, |x| plan.decrypt(x)));
        add("encryption", "bulk", bulk(domain, plain, cipher, |x| plan.encrypt_columns(x)));
        add("decryption", "bulk", bulk(domain, cipher, plain, |x| plan.decrypt_columns(x)));
        if let (Some(abc), Some(plain), Some(cipher)) = (self.ascii, plain.text, cipher.text) {
            let encrypted = text(domain, abc, plain, cipher, |x, y| plan.encrypt_ascii(abc, x, y));
            let decrypted = text(domain, abc, cipher, plain, |x, y| plan.decrypt_ascii(abc, x, y));
            add("encryption", "bulk text", encrypted);
            add("decryption", "bulk text", decrypted);
        }
        Ok(runs)
    }
}

/// The numerals, or the refusal that the type `u16` is.
fn numerals(value: &Spelled<'_>) -> Result<Vec<u16>, Error> {
    let numerals = value.numerals.iter().copied().collect::<Option<Vec<u16>>>();
    numerals.ok_or(Error::Value { problem: "has a numeral outside of 0..=65535" })
}

fn one(
    from: &Spelled<'_>,
    to: &Spelled<'_>,
    permute: impl Fn(&mut [u16]) -> Result<(), Error>,
) -> Result<bool, Error> {
    let mut value = numerals(from)?;
    permute(&mut value)?;
    Ok(is(&value, to))
}

/// The value at every second place, and zeros between.
fn bulk(
    domain: Domain,
    from: &Spelled<'_>,
    to: &Spelled<'_>,
    permute: impl Fn(&mut [u16]) -> Result<(), BulkError>,
) -> Result<bool, Error> {
    let value = numerals(from)?;
    let n = domain.length();
    if value.len() != n {
        return Err(OTHER_LENGTH);
    }
    let pair = [&value[..], &vec![0; n]].concat();
    let mut column = pair.repeat(pairs(n));
    permute(&mut column)?;
    let zeros = &column[n..2 * n];
    Ok(column.chunks_exact(2 * n).all(|pair| is(&pair[..n], to) && &pair[n..] == zeros))
}

fn is(value: &[u16], expected: &Spelled<'_>) -> bool {
    value.iter().map(|&numeral| Some(numeral)).eq(expected.numerals.iter().copied())
}

/// As [`bulk`], through text.
fn text(
    domain: Domain,
    alphabet: &AsciiAlphabet,
    from: &str,
    to: &str,
    permute: impl Fn(&[u8], &mut [u8]) -> Result<(), BulkError>,
) -> Result<bool, Error> {
    let n = domain.length();
    // Foreign characters of several bytes are left to the code under test; the rest would only fill the memory.
    if from.len() > 4 * n {
        return Err(OTHER_LENGTH);
    }
    let zero = alphabet.character(0).unwrap_or(b'0');
    let column = [from.as_bytes(), &vec![zero; from.len()]].concat().repeat(pairs(n));
    let mut out = vec![0; column.len()];
    permute(&column, &mut out)?;
    Ok(from.len() == n && out.chunks_exact(n).step_by(2).all(|value| value == to.as_bytes()))
}

const OTHER_LENGTH: Error = Error::Value { problem: "is longer or shorter than its counterpart" };

/// Short values fill more than one group of lanes; long ones would only take long.
fn pairs(length: usize) -> usize {
    if length <= 20 { 34 } else { 2 }
}

impl Spelling {
    fn new(radix: u64, alphabet: Option<&str>) -> Result<Self, String> {
        let radix = u32::try_from(radix).ok().filter(|&radix| radix <= Domain::MAX_RADIX);
        let radix =
            radix.ok_or_else(|| format!("\"radix\" is over the greatest of {}", Domain::MAX_RADIX))?;
        let alphabet = alphabet.map(|characters| Alphabet::new(radix, characters)).transpose()?;
        Ok(Spelling { radix, alphabet })
    }

    fn read<'a>(&self, test: &'a Object, field: &str) -> Result<Spelled<'a>, String> {
        match &self.alphabet {
            Some(alphabet) => {
                let text = document::text(test, field)?;
                let numerals =
                    text.chars().map(|character| alphabet.numeral(self.radix, character)).collect();
                Ok(Spelled { numerals, text: Some(text) })
            }
            None => {
                let numerals = document::array(test, field)?.iter().map(list_numeral).collect::<Option<_>>();
                let numerals = numerals
                    .ok_or_else(|| format!("field {field:?} has something else than whole numbers"))?;
                Ok(Spelled { numerals, text: None })
            }
        }
    }
}

/// `None` for what is no whole number, `Some(None)` for one that `u16` does not hold.
fn list_numeral(value: &Value) -> Option<Option<u16>> {
    match value.as_u64() {
        Some(numeral) => Some(u16::try_from(numeral).ok()),
        None => value.as_i64().map(|_| None),
    }
}

impl Alphabet {
    fn new(radix: u32, characters: &str) -> Result<Self, String> {
        let mut numerals = HashMap::new();
        for (numeral, character) in (0..).zip(characters.chars()) {
            if numeral >= radix || numerals.insert(character, numeral).is_some() {
                return Err(format!("\"alphabet\" is not made of {radix} different characters"));
            }
        }
        if numerals.len() != radix as usize {
            return Err(format!("\"alphabet\" is not made of {radix} different characters"));
        }
        // Other characters have more bytes than one.
        let ascii = characters.is_ascii().then(|| AsciiAlphabet::new(characters.as_bytes()).ok());
        Ok(Alphabet { numerals, ascii: ascii.flatten() })
    }

    /// A character that is not in the alphabet becomes the radix, so that it is FF1 that refuses it.
    fn numeral(&self, radix: u32, character: char) -> Option<u16> {
        u16::try_from(*self.numerals.get(&character).unwrap_or(&radix)).ok()
    }
}

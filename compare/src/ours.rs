//! Every call into Cloakroom that is timed. The keys are fixed, so that peers can be given the same.

use cloakroom::crypto::aead::{Aead, Bound, Suite};
use cloakroom::crypto::context::{Context, Contexts, Label};
use cloakroom::crypto::ff1::{AsciiAlphabet, Domain, Plan};
use cloakroom::crypto::hazmat;
use cloakroom::crypto::kdf;
use cloakroom::crypto::prf::Prf;
use cloakroom::crypto::secret::{AeadKey, Plaintext, PrfKey, PrpKey};
use cloakroom::format::Normalization;
use cloakroom::keys::{Keyset, UsableKey};
use cloakroom::name::{FieldName, Scope, TenantId};
use cloakroom::protect::{Column, Pseudonymizer, Sealer, Spelling, in_parallel};
use cloakroom::time::Timestamp;
use cloakroom::wire::envelope;

pub const KEY: [u8; 32] = [0x5A; 32];
pub const TWEAK: &[u8] = b"8 bytes.";

/// From here on without the instructions of one processor family.
pub fn portable() {
    hazmat::use_portable_code(true);
}

/// FF1 under [`KEY`] and [`TWEAK`], characters in and characters out.
pub struct Ff1 {
    plan: Plan,
    alphabet: AsciiAlphabet,
}

impl Ff1 {
    pub fn new(characters: &[u8], length: usize) -> Self {
        let alphabet = AsciiAlphabet::new(characters).expect("an alphabet");
        let domain = Domain::new(alphabet.radix(), length).expect("a million values");
        Self { plan: Plan::new(&KEY, domain, TWEAK).expect("a short tweak"), alphabet }
    }

    pub fn encrypt(&self, input: &[u8], out: &mut [u8]) {
        self.plan.encrypt_ascii(&self.alphabet, input, out).expect("values of the domain");
    }

    pub fn decrypt(&self, input: &[u8], out: &mut [u8]) {
        self.plan.decrypt_ascii(&self.alphabet, input, out).expect("values of the domain");
    }

    /// On all threads of the pool that it runs in.
    pub fn encrypt_on_threads(&self, input: &[u8], out: &mut [u8]) {
        self.plan.par_encrypt_ascii(&self.alphabet, input, out).expect("values of the domain");
    }
}

/// HMAC-SHA256 under [`KEY`].
pub struct Hmac(Prf);

impl Hmac {
    pub fn new() -> Self {
        Self(Prf::new(&PrfKey::from_bytes(&mut { KEY })))
    }

    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        self.0.tag(&[message]).into_public()
    }

    pub fn tags(&self, messages: &[&[u8]], out: &mut [[u8; 32]]) {
        self.0.public_tags(b"", |i| messages[i], out);
    }
}

/// A key of a keyset, and names to use it under.
pub struct Names {
    key: UsableKey,
    tenant: TenantId,
    scope: Scope,
    field: FieldName,
}

impl Names {
    pub fn new() -> Self {
        Self {
            key: Keyset::generate(Timestamp(1_795_334_400))
                .and_then(|keyset| keyset.primary())
                .expect("a key"),
            tenant: TenantId::new("acme").expect("a name"),
            scope: Scope::new("analytics").expect("a name"),
            field: FieldName::new("email").expect("a name"),
        }
    }
}

/// Pseudonyms of both levels, as base64url.
pub struct Pseudonyms(Pseudonymizer);

impl Pseudonyms {
    pub fn new(names: &Names) -> Self {
        Self(Pseudonymizer::new(
            &names.key,
            &names.key,
            &names.tenant,
            &names.scope,
            Normalization::None,
            Spelling::Base64Url,
        ))
    }

    pub fn one(&self, value: &str) -> String {
        self.0.pseudonym(value).expect("a value")
    }

    /// In place of what `out` held.
    pub fn column(&self, values: &Column, out: &mut Column) {
        let mut failures = vec![];
        out.clear();
        self.0.pseudonym_column(values, out, &mut failures);
        assert!(failures.is_empty());
    }

    /// As `column`, on all threads of the pool that it runs in.
    pub fn column_on_threads(&self, values: &Column, out: &mut Column) {
        let mut failures = vec![];
        out.clear();
        in_parallel(values, out, &mut failures, |values, out, failures| {
            self.0.pseudonym_column(values, out, failures)
        });
        assert!(failures.is_empty());
    }

    /// The two keys, and what stands before a value and its length of four bytes in a message: for peers.
    pub fn keys(names: &Names) -> ([u8; 32], [u8; 32], Vec<u8>) {
        let identity = Context::new(Label::PseudonymIdentity).part(names.tenant.as_str());
        let scope =
            Context::new(Label::PseudonymScope).part(names.tenant.as_str()).part(names.scope.as_str());
        let identity: PrfKey = kdf::derive(names.key.secret(), &identity);
        let scope: PrpKey = kdf::derive(names.key.secret(), &scope.number(1));
        let prefix = Context::new(Label::PseudonymInput).part("").as_bytes().to_vec();
        (*identity.expose(), *scope.expose(), prefix)
    }
}

/// Values under one XAES-256-GCM key and one AAD: AES-256-GCM with a nonce prefix and a sub-key that are drawn once for a column.
pub struct Gcm {
    aead: Aead,
    contexts: Contexts,
}

/// Plaintexts, or what they were sealed to, ready to be handed over.
pub struct GcmColumn<'v>(Vec<Bound<'v>>);

impl<'v> FromIterator<&'v [u8]> for GcmColumn<'v> {
    fn from_iter<I: IntoIterator<Item = &'v [u8]>>(values: I) -> Self {
        Self(values.into_iter().map(|value| Bound { part: b"", value }).collect())
    }
}

impl Gcm {
    pub fn new() -> Self {
        let aead = Aead::new(Suite::Xaes256Gcm, &AeadKey::from_bytes(&mut { KEY }));
        Self { aead, contexts: Contexts::new(Context::new(Label::SealAad), |context| context) }
    }

    /// For peers.
    pub fn aad(&self) -> Vec<u8> {
        self.contexts.with(b"").as_bytes().to_vec()
    }

    /// Each `nonce ‖ ciphertext ‖ tag`, one behind the other, in place of what `out` held.
    pub fn seal(&self, plaintexts: &GcmColumn<'_>, out: &mut Vec<u8>) {
        out.clear();
        self.aead.batch().seal_many(&self.contexts, b"", &plaintexts.0, out).expect("short");
    }

    /// The plaintexts, one behind the other, in place of what `out` held.
    pub fn open(&self, sealed: &GcmColumn<'_>, out: &mut Vec<u8>) {
        out.clear();
        let mut genuine = vec![];
        self.aead.open_many(&self.contexts, &sealed.0, out, &mut genuine);
        assert!(genuine.iter().all(|genuine| *genuine));
    }
}

/// AES-256-GCM of up to 1,024 fields of one size, under one AAD and counted nonces.
pub struct InPlace {
    key: hazmat::GcmColumn,
    nonces: Vec<[u8; 12]>,
}

impl InPlace {
    pub fn new() -> Self {
        Self { key: hazmat::GcmColumn::new(&KEY), nonces: (0..1024).map(Self::nonce).collect() }
    }

    pub fn nonce(i: usize) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(i as u64).to_be_bytes());
        nonce
    }

    pub fn seal(&self, aad: &[u8], size: usize, texts: &mut [u8], tags: &mut [[u8; 16]]) {
        self.key.seal(&self.nonces[..tags.len()], aad, size, texts, tags).expect("as many");
    }

    pub fn open(&self, aad: &[u8], size: usize, texts: &mut [u8], tags: &mut [[u8; 16]]) {
        let mut failed = vec![];
        self.key.open(&self.nonces[..tags.len()], aad, size, texts, tags, &mut failed).expect("as many");
        assert!(failed.is_empty());
    }
}

/// Envelopes of one field, bound to the subjects of their rows.
pub struct Envelopes {
    sealer: Sealer,
    /// The key that the sealer derives, for peers.
    pub key: [u8; 32],
    names: Names,
}

/// Bytes of an envelope before the nonce.
pub const HEADER: usize = envelope::HEADER_LEN;

impl Envelopes {
    pub fn new(suite: Suite) -> Self {
        let names = Names::new();
        let context = Context::new(Label::SealKey).part(names.tenant.as_str()).part(names.field.as_str());
        let key: AeadKey = kdf::derive(names.key.secret(), &context.number(suite as u64));
        let sealer = Sealer::new(&names.key, suite, &names.tenant, &names.field);
        Self { sealer, key: *key.expose(), names }
    }

    /// What an envelope of this subject is bound to, for peers.
    pub fn aad(&self, subject: &str) -> Vec<u8> {
        let context = Context::new(Label::SealAad).part(self.names.tenant.as_str()).part(subject);
        let version = self.names.key.number().get().into();
        context.part(self.names.field.as_str()).number(version).number(1).as_bytes().to_vec()
    }

    pub fn seal_one(&self, subject: &str, plaintext: &[u8]) -> Vec<u8> {
        self.sealer.seal(subject, plaintext).expect("short")
    }

    pub fn open_one(&self, subject: &str, envelope: &[u8]) -> Plaintext {
        self.sealer.open(subject, envelope).expect("sealed so")
    }

    /// In place of what `out` held.
    pub fn seal(&self, subjects: &[String], plaintexts: &[&[u8]], out: &mut Column) {
        let mut failures = vec![];
        out.clear();
        self.sealer.seal_column(subjects, plaintexts, out, &mut failures);
        assert!(failures.is_empty());
    }

    /// In place of what `out` held.
    pub fn open(&self, subjects: &[String], envelopes: &Column, out: &mut Column) {
        let mut failures = vec![];
        out.clear();
        self.sealer.open_column(subjects, envelopes, out, &mut failures);
        assert!(failures.is_empty());
    }
}

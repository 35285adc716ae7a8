//! Rotation: everything moves to new key versions, whatever happens meanwhile, and old ones can be given up.

#[path = "../place/mod.rs"]
mod place;

mod any_sequence;
mod files;
#[cfg(feature = "sled")]
mod in_a_directory;
mod migration;
mod tampering;

use cloakroom::format::{Format, Normalization};
use cloakroom::keys::KeyUse;
use cloakroom::name::TenantId;
use cloakroom::protect::BlindIndex;
use cloakroom::vault::{
    FileColumn, Look, Migration, Mode, ProtectedFile, RandomTokens, Tenant, TokenRules, Vault,
};
use place::*;
use std::collections::BTreeMap;

const RESEAL: Migration = Migration { reseal: true, most_per_second: None, despite_state: false };
const DESPITE: Migration = Migration { reseal: false, most_per_second: None, despite_state: true };

fn acme(vault: &Vault) -> Tenant<'_> {
    tenant(vault, "acme")
}

fn cards(vault: &Vault) -> RandomTokens<'_> {
    acme(vault).random_tokens(&field("card"), TokenRules::new(Look::Like(Format::digits()))).unwrap()
}

fn use_of(name: &str) -> KeyUse {
    KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: field(name) }
}

fn by_email() -> BlindIndex {
    BlindIndex::field(field("email"), Normalization::Email, 12).unwrap()
}

/// What was put, to be compared with what is there later.
#[derive(Default)]
struct Kept {
    /// Of each subject, the emails of her records.
    records: BTreeMap<String, Vec<String>>,
    /// Token and value.
    tokens: BTreeMap<String, String>,
}

impl Kept {
    /// Puts things of every kind.
    fn put(&mut self, vault: &Vault, round: u32) {
        let acme = acme(vault);
        let _ = acme.define_index(&by_email());
        for n in 0..40 {
            let (who, mail) = (format!("s{round}-{n:02}"), format!("{n}@x{round}"));
            for _ in 0..=n % 3 {
                put(&acme, &who, &[("email", &mail), ("phone", "1")]);
                self.records.entry(who.clone()).or_default().push(mail.clone());
            }
            // Held by her, by her and the next, by nobody.
            let value = format!("5{round:03}{:04}", n / 2);
            let holder = subject(&who);
            let holder = (n % 5 != 0).then_some(&holder);
            let token = cards(vault).issue(&value, holder, NOW).unwrap().token;
            self.tokens.insert(token, value);
        }
        // One who has tokens and no record.
        let token = cards(vault).issue(&format!("77{round:05}"), Some(&subject("token only")), NOW).unwrap();
        self.tokens.insert(token.token, format!("77{round:05}"));
    }

    fn assert_is(&self, vault: &Vault) {
        let acme = acme(vault);
        for (who, mails) in &self.records {
            let records = acme.records(&subject(who)).unwrap();
            let is: Vec<_> = records.iter().map(|r| r.fields[0].1.expose_str().unwrap().to_owned()).collect();
            assert_eq!(is, *mails, "{who}");
            for record in &records {
                assert_eq!(acme.reveal(record.id, &field("phone")).unwrap().unwrap().expose(), b"1");
            }
            let hits = acme.find(&field("email"), &[&mails[0]]).unwrap();
            assert_eq!(hits.len(), mails.len());
            assert!(hits.iter().all(|hit| hit.subject == subject(who)));
        }
        for (token, value) in &self.tokens {
            assert_eq!(cards(vault).redeem(token, NOW).unwrap().expose_str(), Some(&value[..]));
            assert_eq!(cards(vault).issue(value, None, NOW).unwrap().token, *token);
        }
        assert_clean(vault);
    }
}

/// A file whose column `card` needs the first key version.
fn file(byte: u8, mode: Mode, count: u64) -> ProtectedFile {
    let column = FileColumn { field: field("card"), mode, version: version(1), count };
    let tenant = TenantId::new("acme").unwrap();
    ProtectedFile { sha256: [byte; 32], made: NOW, tenant, columns: vec![column] }
}

//! What data subjects may ask for: consents, restriction, holds, objections, what is held, rectification, exports.

mod consents;
mod exports;
mod holdings;
mod rectification;
mod restriction;

use cloakroom::Error;
use cloakroom::duties::{Access, Rules};
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, Note, Principal, Purpose, SubjectId, TenantId};
use cloakroom::policy::Policy;
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{RecordId, Revealed, Rights, Tenant, Vault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOW: u64 = 1_795_600_000;
const DAY: u64 = 86_400;

/// Alice sees e-mails for news (by consent) and support, phones masked; Dora answers subjects despite restrictions.
const POLICY: &str = r#"
version = 1
tenant = "acme"
[field.email]
protect = "seal"
category = "contact"
purposes = ["news", "support", "access"]
retention = "90d"
[field.phone]
protect = "seal"
purposes = ["support", "access"]
[field.health]
protect = "seal"
purposes = ["access"]
[purpose.news]
basis = "consent"
[purpose.support]
basis = "contract"
[purpose.access]
basis = "legal-obligation"
despite_restriction = true
recipients = ["the subject"]
[role.agent]
purposes = ["news", "support"]
[role.agent.reveal]
email = "full"
phone = "mask 0+2"
[role.desk]
purposes = ["access"]
[role.desk.reveal]
email = "full"
phone = "full"
[principal.alice]
roles = ["agent"]
[principal.dora]
roles = ["desk"]
"#;

/// A vault, and its clock.
struct Place {
    vault: Vault,
    clock: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let keyset = Keyset::generate(Timestamp(NOW)).unwrap();
        let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
        let time = Arc::clone(&clock);
        let vault = vault.with_clock(move || Timestamp(time.load(Ordering::Relaxed)));
        Self { vault, clock }
    }

    fn with_rules() -> Self {
        let place = Self::new();
        place.install(POLICY);
        place
    }

    fn install(&self, policy: &str) {
        self.vault.admin(Principal::new("root").unwrap()).set_rules(rules(policy), None).unwrap();
    }

    fn acme(&self) -> Tenant<'_> {
        self.vault.tenant(&TenantId::new("acme").unwrap())
    }

    fn rights(&self, id: &str) -> Rights<'_> {
        self.acme().rights_of(&subject(id))
    }

    fn put(&self, id: &str, fields: &[(&str, &str)]) -> RecordId {
        let names: Vec<_> = fields.iter().map(|(name, _)| field(name)).collect();
        let fields: Vec<_> =
            names.iter().zip(fields).map(|(name, (_, value))| (name, value.as_bytes())).collect();
        self.acme().put(&subject(id), &fields).unwrap()
    }

    /// The e-mail as this principal sees it, or the code of the reason.
    fn email(&self, who: &str, purpose: &str, record: RecordId) -> String {
        let revealer = self.vault.revealer(&TenantId::new("acme").unwrap(), access(who, purpose));
        match revealer.reveal(record, &field("email")) {
            Ok(Some(revealed)) => text(&revealed),
            Ok(None) => "gone".into(),
            Err(Error::Denied { code, .. }) => code.into(),
            Err(error) => panic!("{error}"),
        }
    }

    fn set_clock(&self, at: u64) {
        self.clock.store(at, Ordering::Relaxed);
    }

    fn clean(&self) {
        let report = self.vault.check().unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
    }
}

fn rules(policy: &str) -> Rules {
    Policy::parse(policy).unwrap().rules().clone()
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn access(who: &str, what_for: &str) -> Access {
    Access { principal: Principal::new(who).unwrap(), purpose: purpose(what_for) }
}

fn text(revealed: &Revealed) -> String {
    match revealed {
        Revealed::Token(_) => "a token".into(),
        shown => shown.value().unwrap().expose_str().unwrap().to_owned(),
    }
}

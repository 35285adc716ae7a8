//! Approvals of one protected file, as a program uses them: whatever it says that it reads, another file does not come back.
#![cfg(feature = "pipeline")]

use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::{Access, Action};
use cloakroom::keys::Keyset;
use cloakroom::name::{Principal, Purpose, TenantId};
use cloakroom::pipeline::{self, Inspected, Keys, Manifest, Options, inspect};
use cloakroom::policy::Policy;
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Revealer, Vault, file_target, reveal_target};
use cloakroom::{Error, Result};

const POLICY: &str = r#"version = 1
tenant = "acme"
subject = "id"

[field.id]
protect = "keep"

[field.card]
protect = "token"
format = "card"
purposes = ["support"]

[purpose.support]
basis = "contract"

[role.agent]
purposes = ["support"]
reveal = { card = "full" }

[principal.alice]
roles = ["agent"]

[principal.bob]
roles = []
key = "BOB"
approves = true

[approvals]
bulk = 1
"#;

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn access() -> Access {
    Access { principal: principal("alice"), purpose: Purpose::new("support").unwrap() }
}

fn bob() -> SigningKey {
    SigningKey::from_seed(&mut [7; 32])
}

struct Ruled(Vault, Policy);

impl Ruled {
    fn new() -> Self {
        let policy = Policy::parse(&POLICY.replace("BOB", &bob().verifying_key().to_string())).unwrap();
        let keyset = Keyset::generate(Timestamp(0)).unwrap();
        let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
        vault.set_rules(policy.rules().clone()).unwrap();
        Self(vault, policy)
    }

    fn protect(&self, table: &str) -> (Vec<u8>, Manifest) {
        let mut out = vec![];
        let keys = Keys::Vault(&self.0);
        let finished =
            pipeline::protect(table.as_bytes(), &mut out, &self.1, keys, Options::default()).unwrap();
        let manifest = finished.manifest.clone();
        finished.commit().unwrap();
        (out, manifest)
    }

    /// One to whom Bob agreed, for whatever this is.
    fn approved(
        &self,
        target: &str,
        with: impl FnOnce(Revealer<'_>, &cloakroom::duties::Approval) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let request = self.0.request(Action::BulkReveal, target, &principal("alice")).unwrap();
        let approval = request.approve(principal("bob"), &bob());
        with(self.0.revealer(&acme(), access()), &approval)
    }

    fn reveal(&self, file: &[u8], manifest: &Manifest, revealer: &Revealer<'_>) -> Result<Vec<u8>> {
        let mut out = vec![];
        let options = Options { revealer: Some(revealer), ..Options::default() };
        pipeline::reveal(file, &mut out, manifest, Keys::Vault(&self.0), options)?;
        Ok(out)
    }
}

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

const P: &str = "id,card\n1,4111111111111111\n2,5500005555555559\n";
const Q: &str = "id,card\n1,4012888888881881\n2,6011111111111117\n";

// SPEC: EYES-12
#[test]
fn who_was_approved_for_one_file_and_reads_another_is_refused_at_its_end() {
    let ruled = Ruled::new();
    let ((p, of_p), (q, of_q)) = (ruled.protect(P), ruled.protect(Q));
    let Inspected { sha256, values: 2 } = inspect(&p[..], &of_p, false).unwrap() else { panic!("2 cards") };
    let target = file_target(&sha256, 2, &acme(), &access());
    let done = ruled.approved(&target, |revealer, approval| {
        let revealer = revealer.with_approval_of_file(sha256, 2, approval)?;
        ruled.reveal(&q, &of_q, &revealer)
    });
    assert!(matches!(done, Err(Error::Approval { .. })), "{done:?}");
    let done = ruled.approved(&target, |revealer, approval| {
        let revealer = revealer.with_approval_of_file(sha256, 2, approval)?;
        ruled.reveal(&p, &of_p, &revealer)
    });
    assert_eq!(done.unwrap(), P.as_bytes());
}

// SPEC: EYES-12, EYES-4
#[test]
fn an_approval_without_a_file_is_for_values_wherever_they_are_and_none_of_a_file() {
    let ruled = Ruled::new();
    let (p, of_p) = ruled.protect(P);
    let Inspected { sha256, .. } = inspect(&p[..], &of_p, false).unwrap();
    let target = reveal_target(2, &acme(), &access());
    let refused = ruled.approved(&target, |revealer, approval| {
        revealer.with_approval_of_file(sha256, 2, approval).map(|_| vec![])
    });
    assert!(matches!(refused, Err(Error::Approval { .. })), "{refused:?}");
    // And one of a file is not for values without one.
    let of_file = file_target(&sha256, 2, &acme(), &access());
    let refused =
        ruled.approved(&of_file, |revealer, approval| revealer.with_approval(2, approval).map(|_| vec![]));
    assert!(
        matches!(&refused, Err(Error::Approval { problem }) if problem.starts_with("is for another target")),
        "{refused:?}"
    );
    let done = ruled.approved(&target, |revealer, approval| {
        let revealer = revealer.with_approval(2, approval)?;
        ruled.reveal(&p, &of_p, &revealer)
    });
    assert_eq!(done.unwrap(), P.as_bytes());
}

// SPEC: EYES-12
#[test]
fn what_an_approval_names_is_counted_in_the_file_and_not_taken_from_its_manifest() {
    let ruled = Ruled::new();
    let ((p, of_p), (q, _)) = (ruled.protect(P), ruled.protect(Q));
    let rows_of_q = q.splitn(2, |byte| *byte == b'\n').nth(1).unwrap();
    let both = [&p[..], rows_of_q].concat();
    assert_eq!(inspect(&both[..], &of_p, true).unwrap().values, 4);
    let part = &p[..p.len() - rows_of_q.len() / 2];
    assert_eq!(inspect(part, &of_p, true).unwrap().values, 1);
    assert_eq!(inspect(&b""[..], &of_p, true).unwrap().values, 0);
    for other in [&both[..], part, &q, b""] {
        assert!(matches!(inspect(other, &of_p, false), Err(Error::Manifest { .. })));
    }
}

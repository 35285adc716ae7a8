//! A file whose key version is given up before the vault counts it.

use cloakroom::Error;
use cloakroom::keys::{KeyState, Keyset};
use cloakroom::name::{FieldName, KeyVersion, SubjectId, TenantId};
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{FileColumn, Mode, ProtectedFile, Row, Vault};

const NOW: Timestamp = Timestamp(1_795_600_000);

// SPEC: VAULT-22
#[test]
fn a_file_is_not_made_under_a_version_that_was_given_up_meanwhile() {
    let keyset = Keyset::generate(NOW).unwrap();
    let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
    let acme = TenantId::new("acme").unwrap();
    let field = FieldName::new("card").unwrap();
    let column =
        FileColumn { field: field.clone(), mode: Mode::FileToken, version: KeyVersion::FIRST, count: 3 };
    let file = ProtectedFile { sha256: [1; 32], made: NOW, tenant: acme.clone(), columns: vec![column] };
    let run = vault.begin_run();
    let ann = SubjectId::new("ann").unwrap();
    run.put_many(&vault.tenant(&acme), &[Row { subject: &ann, fields: &[(&field, b"1")] }]).unwrap();

    let rotated = vault.keyset().rotated(NOW).unwrap();
    vault.adopt(rotated.with_identity(KeyVersion::new(2).unwrap(), NOW).unwrap()).unwrap();
    vault.migrate(|_| {}).unwrap();
    vault.adopt(vault.keyset().with_state(KeyVersion::FIRST, KeyState::Retired, NOW).unwrap()).unwrap();

    let error = run.commit(Some(&file)).unwrap_err();
    assert!(matches!(error, Error::KeyState { version: 1, state: "retired", .. }), "{error}");
    assert!(!vault.tenant(&acme).has(&ann).unwrap(), "the run is taken back");
    assert!(vault.files().unwrap().is_empty());
    assert!(vault.check().unwrap().is_clean());
}

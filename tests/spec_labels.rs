//! The table of labels in `SPEC.md` is that of the code, and no label is another's.

use cloakroom::crypto::context::Label;
use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names in `enum Label`.
fn names() -> Vec<String> {
    let source = read("src/crypto/context.rs");
    let body = source.split("pub enum Label {").nth(1).unwrap().split('}').next().unwrap();
    body.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

// SPEC: CTX-3
#[test]
fn the_table_is_the_codes() {
    use Label::*;
    let labels = [
        Ff1Key,
        Ff1Tweak,
        NetworkKey,
        PseudonymIdentity,
        PseudonymInput,
        PseudonymScope,
        IndexKey,
        IndexInput,
        IndexTag,
        PseudonymInteger,
        SealKey,
        SealAad,
        SubjectSealKey,
        SubjectSealAad,
        SubjectIdAad,
        WrapKey,
        WrapAad,
        RowKey,
        RowInput,
        ReferenceKey,
        ReferenceMask,
        TokenRowKey,
        TokenInput,
        FingerprintKey,
        FingerprintInput,
        TokenKey,
        TokenAad,
        TokenValueAad,
        TokenSpace,
        Census,
        Manifest,
        ManifestInput,
        Anchor,
        CheckValue,
        PassphraseKey,
        KeyFileKey,
        KeysetBody,
        AuditHead,
        AuditState,
        AuditSubject,
        AuditField,
        AuditDetail,
        SubjectState,
        SigningKey,
        Receipt,
        Approval,
        VaultRules,
        TwoFactorKey,
        ShareKey,
        ShareSet,
        ShareCheck,
        Pkcs11Key,
        SealedExport,
        AccessSegment,
        AccessState,
    ];
    let known: Vec<String> = labels.iter().map(|label| format!("{label:?}")).collect();
    assert_eq!(known, names(), "a new label belongs here and into SPEC.md");
    let spec = read("SPEC.md");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = spec.lines().filter(|line| line.contains("| `cloakroom/1/")).map(cells);
    let said: Vec<_> = rows.map(|row| (row[1].clone(), row[2].clone())).collect();
    let is: Vec<_> = labels.iter().map(|l| (format!("{l:?}"), format!("`{}`", l.as_str()))).collect();
    assert_eq!(said, is);
    assert_eq!(labels.iter().map(|l| l.as_str()).collect::<BTreeSet<_>>().len(), labels.len());
}

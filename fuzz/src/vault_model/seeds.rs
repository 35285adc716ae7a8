//! Operations as bytes, the way that `arbitrary` reads them.

use super::Op;
use arbitrary::{Arbitrary, Unstructured};

/// The operations by name, in the order of [`Op`].
const NAMES: [&str; 23] = [
    "Put",
    "PutMany",
    "PutTooMuch",
    "PutTwice",
    "PutNone",
    "RunPut",
    "RunCommit",
    "RunRollBack",
    "Erase",
    "Rotate",
    "Become",
    "Migrate",
    "Reopen",
    "Fail",
    "Issue",
    "RunIssue",
    "Delete",
    "RotateUse",
    "DefineIndex",
    "DropIndex",
    "Find",
    "MigrateWith",
    "MoveIdentity",
];

/// `number of the variant 4, scaled to 32 bits │ its fields, a byte for each number, truth or choice`.
fn encode(ops: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    for (name, fields) in ops {
        let number = NAMES.iter().position(|n| n == name).expect("an operation of this name") as u64;
        let scaled = (number << 32).div_ceil(NAMES.len() as u64) as u32;
        bytes.extend_from_slice(&scaled.to_le_bytes());
        bytes.extend_from_slice(fields);
    }
    let mut u = Unstructured::new(&bytes);
    for (name, _) in ops {
        let op = format!("{:?}", Op::arbitrary(&mut u).unwrap());
        assert_eq!(op.split([' ', '{']).next(), Some(*name), "NAMES has another order than Op");
    }
    assert!(u.is_empty(), "too many bytes for the fields");
    bytes
}

/// What each kind of operation is there for. States: 0 suspended, 1 active, 2 destroyed, 3 compromised, 4 retired.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    // Tenant, subject, a field that is indexed and one that is not, content, length.
    const ADA: (&str, &[u8]) = ("Put", &[0, 2, 0b0110, 96, 3]);
    const BOB: (&str, &[u8]) = ("Put", &[0, 3, 0b0010, 96, 3]);
    const FIND: (&str, &[u8]) = ("Find", &[0, b'a' - 33, 3]);
    vec![
        (
            "tokens",
            encode(&[
                ("Issue", &[0, 1, 2, 5]),
                ("Issue", &[0, 1, 3, 5]),
                ("Issue", &[0, 0, 5]),
                ("Issue", &[0, 0, 6]),
                ("Issue", &[1, 0, 6]),
                ("Erase", &[0, 2]),
                ("Delete", &[0, 5]),
                ("Delete", &[0, 5]),
                ("Erase", &[0, 3]),
            ]),
        ),
        (
            "tokens_of_runs",
            encode(&[
                ("RunIssue", &[0, 0, 2, 5, 3, 5]),
                ("RunIssue", &[1, 0, 2, 5, 2, 6]),
                ("RunPut", &[0, 0, 2, 2, 96, 3, 3, 2, 96, 4]),
                ("Delete", &[0, 6]),
                ("RunRollBack", &[0, 0]),
                ("RunCommit", &[1, 1, 9]),
                ("RunIssue", &[1, 0, 2, 5, 4, 7]),
                ("Reopen", &[1]),
            ]),
        ),
        (
            "tokens_move",
            encode(&[
                ("Issue", &[0, 1, 2, 5]),
                ("Issue", &[0, 0, 5]),
                ("Issue", &[0, 0, 6]),
                ("RotateUse", &[0, 1]),
                ("Issue", &[0, 0, 7]),
                ("Issue", &[0, 1, 3, 5]),
                ("Migrate", &[]),
                ("Rotate", &[]),
                ("MigrateWith", &[1, 0]),
                ("MoveIdentity", &[]),
                ("Become", &[0, 4]),
                ("Become", &[1, 4]),
                ("Become", &[0, 2]),
                ("Reopen", &[0]),
            ]),
        ),
        (
            "index",
            encode(&[
                ADA,
                ("DefineIndex", &[0, 0]),
                FIND,
                ("DefineIndex", &[0, 1]),
                ("Migrate", &[]),
                FIND,
                BOB,
                FIND,
                ("RotateUse", &[0, 0]),
                ("Put", &[0, 2, 0b0010, 97, 3]),
                FIND,
                ("DropIndex", &[0]),
                FIND,
                ("DefineIndex", &[0, 1]),
                ("MigrateWith", &[1, 0]),
                FIND,
                ("Erase", &[0, 2]),
                FIND,
            ]),
        ),
        (
            "index_of_a_run",
            encode(&[
                ("DefineIndex", &[0, 1]),
                ("RunPut", &[0, 0, 2, 2, 96, 3, 3, 2, 96, 3]),
                FIND,
                ("RunRollBack", &[0, 1]),
                FIND,
                ("DropIndex", &[0]),
                ("Migrate", &[]),
            ]),
        ),
        (
            "stopped",
            encode(&[
                ADA,
                ("Issue", &[0, 1, 2, 5]),
                ("DefineIndex", &[0, 0]),
                ("Migrate", &[]),
                ("RunPut", &[0, 0, 2, 2, 96, 3, 3, 2, 96, 3]),
                ("Become", &[0, 3]),
                FIND,
                BOB,
                ("Issue", &[0, 0, 5]),
                ("Delete", &[0, 5]),
                ("RunCommit", &[0, 0]),
                ("Rotate", &[]),
                ("Migrate", &[]),
                ("MigrateWith", &[0, 1]),
                FIND,
                ("Become", &[0, 2]),
                ("MoveIdentity", &[]),
                ("Become", &[0, 2]),
                ("Reopen", &[0]),
            ]),
        ),
        (
            "stopped_use",
            encode(&[
                ADA,
                ("DefineIndex", &[0, 0]),
                ("Issue", &[0, 1, 3, 5]),
                ("RotateUse", &[0, 1]),
                ("RotateUse", &[0, 0]),
                ("Become", &[1, 0]),
                ("Issue", &[0, 0, 6]),
                ("Migrate", &[]),
                FIND,
                ("Become", &[1, 1]),
                ("Become", &[2, 0]),
                BOB,
                ("Migrate", &[]),
                ("Become", &[2, 1]),
                ("Migrate", &[]),
                FIND,
            ]),
        ),
        (
            "stopped_drop_index",
            encode(&[
                ADA,
                ("DefineIndex", &[0, 0]),
                ("DefineIndex", &[1, 1]),
                ("Migrate", &[]),
                ("Become", &[0, 0]),
                ("DropIndex", &[0]),
                ("DropIndex", &[0]),
                FIND,
                ("DefineIndex", &[0, 1]),
                ("Migrate", &[]),
                ("Become", &[0, 3]),
                ("DropIndex", &[1]),
                ("Rotate", &[]),
                ("MigrateWith", &[0, 1]),
                ("DefineIndex", &[0, 1]),
                FIND,
            ]),
        ),
        ("crash_in_define_index", encode(&[("Fail", &[0, 1]), ("DefineIndex", &[0, 0]), ADA, FIND])),
        (
            "crash_in_drop_index",
            encode(&[("DefineIndex", &[0, 0]), ("Fail", &[0, 1]), ("DropIndex", &[0]), ADA, FIND]),
        ),
        (
            "crash_in_a_move",
            encode(&[
                ADA,
                ("Issue", &[0, 1, 2, 5]),
                ("Issue", &[0, 0, 6]),
                ("DefineIndex", &[0, 0]),
                ("Rotate", &[]),
                ("Fail", &[1, 0]),
                ("MigrateWith", &[1, 0]),
                FIND,
                ("Fail", &[2, 0]),
                ("MigrateWith", &[1, 0]),
                ("Migrate", &[]),
                FIND,
            ]),
        ),
        (
            "crash_in_issue",
            encode(&[
                ("Fail", &[0, 1]),
                ("Issue", &[0, 1, 2, 5]),
                ("Issue", &[0, 0, 5]),
                ("Fail", &[1, 0]),
                ("RunIssue", &[0, 0, 2, 5, 3, 6]),
                ("RunRollBack", &[0, 0]),
            ]),
        ),
    ]
}

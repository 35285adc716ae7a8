//! Writes the seeds that are made by code into `seeds/`; those that were found are beside them and stay.

use cloakroom_fuzz::{
    audit_leaf, columns, csv_roundtrip, envelope, format, keyset_file, policy, pseudonym, vault_model,
};
use std::path::Path;

fn main() -> std::io::Result<()> {
    for (target, seeds) in [
        ("envelope", envelope::seeds()),
        ("keyset_file", keyset_file::seeds()),
        ("policy", policy::seeds()),
        ("pseudonym", pseudonym::seeds()),
        ("format", format::seeds()),
        ("csv_roundtrip", csv_roundtrip::seeds()),
        ("vault_model", vault_model::seeds()),
        ("audit_leaf", audit_leaf::seeds()),
        ("columns", columns::seeds()),
    ] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        std::fs::create_dir_all(&directory)?;
        for (name, bytes) in seeds {
            std::fs::write(directory.join(name), bytes)?;
        }
    }
    Ok(())
}

//! A manifest as its vault keeps it: what in the file needs which key version.

use super::manifest::Manifest;
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, TenantId};
use crate::time::Timestamp;
use crate::vault::{FileColumn, Mode, ProtectedFile};

impl Manifest {
    /// The file that this manifest is of, for [`Vault::add_file`](crate::vault::Vault::add_file).
    ///
    /// # Errors
    /// [`Error::Manifest`] when it has no hash of the file; [`Error::Name`].
    pub fn protected_file(&self, made: Timestamp) -> Result<ProtectedFile> {
        let sha256 = super::manifest::unhex(&self.output_sha256).and_then(|bytes| bytes.try_into().ok());
        let sha256 = sha256.ok_or_else(|| Error::Manifest { problem: "has no hash of its file".into() })?;
        let mut columns = vec![];
        for column in &self.columns {
            let field = FieldName::new(column.name.trim())?;
            let mut add = |mode, version: Option<u32>| {
                let Some(version) = version.filter(|_| column.protected > 0) else { return Ok(()) };
                let version = KeyVersion::new(version)?;
                columns.push(FileColumn { field: field.clone(), mode, version, count: column.protected });
                Ok::<_, Error>(())
            };
            match column.mode.as_str() {
                "token" => add(Mode::FileToken, column.key_version)?,
                "pseudonym" => {
                    add(Mode::FilePseudonym, column.key_version)?;
                    add(Mode::FileIdentity, column.identity_version)?;
                }
                "seal" if self.vault => add(Mode::FileReference, column.key_version)?,
                "seal" => add(Mode::FileSeal, column.key_version)?,
                _ => {}
            }
        }
        // Without its manifest nothing in the file is revealed or moved.
        let mac_version = KeyVersion::new(self.mac_key_version)?;
        let can_move = |mode: &str| matches!(mode, "token" | "pseudonym" | "seal" | "random-token");
        let protected = self.columns.iter().find(|c| c.protected > 0 && can_move(&c.mode));
        if let Some(column) = protected.filter(|_| columns.iter().all(|c| c.version != mac_version)) {
            let field = FieldName::new(column.name.trim())?;
            columns.push(FileColumn { field, mode: Mode::FileManifest, version: mac_version, count: 1 });
        }
        Ok(ProtectedFile { sha256, made, tenant: TenantId::new(&self.tenant)?, columns })
    }
}

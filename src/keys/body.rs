//! A keyset to and from its bytes' layer. Coming back, it is held to the rules that bytes alone do not hold.

use super::key_use::KeyUse;
use super::keyset::{Keyset, KeysetId, MOST_USES, MOST_VERSIONS, Version};
use super::period::LONGEST_PERIOD_DAYS;
use super::state::KeyState;
use crate::crypto::secret::VersionSecret;
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion, Scope, TenantId};
use crate::time::Timestamp;
use crate::wire::keyset::{KeysetBody, KeysetFormat, UseRecord, VersionRecord};
use std::collections::BTreeSet;
use std::sync::Arc;
use zeroize::Zeroizing;

const FIELD: u8 = 1;
const SCOPE: u8 = 2;

impl Keyset {
    /// For saving, in the format that is written.
    pub(super) fn to_body(&self) -> KeysetBody {
        KeysetBody {
            format: KeysetFormat::Two,
            id: self.id.0,
            edits: self.edits,
            identity: self.identity.get(),
            primary: self.primary.get(),
            period: self.period.unwrap_or(0),
            versions: self.versions.iter().map(version_record).collect(),
            uses: self.uses().map(use_record).collect(),
        }
    }

    /// Checks the rules.
    pub(super) fn from_body(body: KeysetBody) -> Result<Self> {
        let format = body.format;
        let versions =
            body.versions.into_iter().map(|record| version(format, record)).collect::<Result<Vec<_>>>()?;
        if versions.is_empty() || versions.len() > MOST_VERSIONS {
            return Err(bad("has no version, or too many"));
        }
        if !versions.is_sorted_by(|a, b| a.number < b.number) {
            return Err(bad("has its versions out of order"));
        }
        let uses = body.uses.into_iter().map(key_use).collect::<Result<Vec<_>>>()?;
        if uses.len() > MOST_USES {
            return Err(bad("has too many uses"));
        }
        if !uses.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(bad("has its uses out of order"));
        }
        if body.period > LONGEST_PERIOD_DAYS {
            return Err(bad("has a cryptoperiod of over a century"));
        }
        let keyset = Self {
            id: KeysetId(body.id),
            edits: body.edits,
            versions,
            primary: KeyVersion::new(body.primary)?,
            identity: KeyVersion::new(body.identity)?,
            uses: uses.into_iter().collect(),
            period: (body.period != 0).then_some(body.period),
        };
        keyset.version(keyset.identity)?;
        keyset.check_primaries()?;
        Ok(keyset)
    }

    /// Each primary is a version that can be one, and no other version is active.
    fn check_primaries(&self) -> Result<()> {
        let primaries: BTreeSet<KeyVersion> =
            std::iter::once(self.primary).chain(self.uses.values().copied()).collect();
        for number in &primaries {
            if !self.version(*number)?.state.can_be_primary() {
                return Err(bad("has a primary that is not yet active, or was given up"));
            }
        }
        let stray = |v: &Version| v.state == KeyState::Active && !primaries.contains(&v.number);
        match self.versions.iter().any(stray) {
            true => Err(bad("has an active version that is the primary of nothing")),
            false => Ok(()),
        }
    }
}

fn bad(problem: &'static str) -> Error {
    Error::Malformed { what: "keyset", offset: 0, problem }
}

fn version_record(v: &Version) -> VersionRecord {
    VersionRecord {
        number: v.number.get(),
        state: v.state as u8,
        created: v.created.0,
        changed: v.changed.0,
        secret: Zeroizing::new(v.secret.as_ref().map_or([0; 32], |s| *s.expose())),
    }
}

fn version(format: KeysetFormat, mut record: VersionRecord) -> Result<Version> {
    let state = KeyState::from_number(record.state)
        .filter(|state| format == KeysetFormat::Two || *state != KeyState::Retired)
        .ok_or(bad("has a key state that this release does not know in this format"))?;
    let secret = &mut record.secret;
    Ok(Version {
        number: KeyVersion::new(record.number)?,
        state,
        created: Timestamp(record.created),
        changed: Timestamp(record.changed),
        secret: (state != KeyState::Destroyed).then(|| Arc::new(VersionSecret::from_bytes(secret))),
    })
}

fn use_record((use_, version): (&KeyUse, KeyVersion)) -> UseRecord {
    let (kind, tenant, name) = match use_ {
        KeyUse::Field { tenant, field } => (FIELD, tenant, field.as_str()),
        KeyUse::Scope { tenant, scope } => (SCOPE, tenant, scope.as_str()),
    };
    UseRecord { kind, tenant: tenant.as_str().into(), name: name.into(), version: version.get() }
}

fn key_use(record: UseRecord) -> Result<(KeyUse, KeyVersion)> {
    let tenant = TenantId::new(&record.tenant)?;
    let use_ = match record.kind {
        FIELD => KeyUse::Field { tenant, field: FieldName::new(&record.name)? },
        SCOPE => KeyUse::Scope { tenant, scope: Scope::new(&record.name)? },
        _ => return Err(bad("has a kind of use that this release does not know")),
    };
    Ok((use_, KeyVersion::new(record.version)?))
}

//! A file through a policy.

use super::actions::{Action, ColumnJob, Job};
use super::counted::CountedWrite;
use super::drive::drive;
use super::key_versions;
use super::manifest::{ColumnEntry, FORMAT, Manifest, hex};
use super::source::Source;
use super::{Keys, Options};
use crate::crypto::aead::Suite;
use crate::error::{Error, Result};
use crate::keys::{KeyUse, Keyset, UsableKey};
use crate::name::{FieldName, KeyVersion, Scope, TenantId};
use crate::policy::{Empty, Field, Policy, Rule, Settings, Unlisted};
use crate::protect::{Erasability, Pseudonymizer, Sealer, Tokenizer};
use crate::vault::{ProtectedFile, References, Run};
use std::io::{Read, Write};

/// Rows in a batch: enough to fill the lanes of FF1 many times over.
const ROWS: usize = 4096;
/// Rows in a batch that goes into a vault: two entries each, and the store does best with about two thousand.
const ROWS_INTO_VAULT: usize = 1000;

/// A file that was written whole, but does not count yet.
#[derive(Debug)]
pub struct Finished<'v> {
    /// What revealing it needs.
    pub manifest: Manifest,
    /// The manifest as a file.
    pub json: Vec<u8>,
    pub(super) run: Option<Run<'v>>,
    /// The output as the vault shall know it, if anything in it is protected.
    pub(super) file: Option<ProtectedFile>,
}

impl Finished<'_> {
    /// Makes what went into the vault count. Call it when the output is durable, and before it is put in its place:
    /// a reference never leads nowhere, and a failure in between leaves sealed fields that no file refers to.
    ///
    /// # Errors
    /// The vault's.
    pub fn commit(self) -> Result<()> {
        self.run.map_or(Ok(()), |run| run.commit(self.file.as_ref()))
    }
}

/// Protects `input` according to the policy, and writes the result to `output`.
///
/// Without `options.rejects` the first bad row is an error. In a vault, nothing counts until [`Finished::commit`]; a
/// [`Finished`] that is dropped takes everything back.
///
/// # Errors
/// [`Error::Input`] when the columns and the policy do not go together, or the vault made this very file; [`Error::Row`]
/// with line and column; [`Error::Setting`] when a vault is used and the policy names no subject; the vault's;
/// [`Error::Io`].
pub fn protect<'k>(
    input: impl Read,
    output: impl Write + Send,
    policy: &Policy,
    keys: Keys<'k>,
    options: Options<'_>,
) -> Result<Finished<'k>> {
    let keyset = keys.keyset();
    let (vault, rows_at_once) = match keys {
        Keys::Keyset(_) => (None, ROWS),
        Keys::Vault(vault) => (Some(vault), ROWS_INTO_VAULT),
    };
    let mut source = Source::open(input, options.delimiter, rows_at_once)?;
    let Plan { fields, mut columns, subject, binding } =
        plan(&source.header, policy, &keyset, vault.is_some())?;
    if options.key_version_columns {
        key_versions::stamp(&mut columns)?;
    }
    source.skip = columns.iter().map(|c| matches!(c.action, Action::Drop)).collect();
    if let Some(subject) = subject {
        source.skip[subject] = false; // whose row it is must be known, even where the column itself is dropped
    }
    for index in policy.fields.iter().filter_map(|field| field.index.as_ref()) {
        let problem =
            || format!("field {:?}: a blind index is kept in a vault: give one", index.name().as_str());
        let vault = vault.ok_or_else(|| Error::Setting { what: "index", problem: problem() })?;
        vault.tenant(&policy.tenant).define_index(index)?;
    }
    let run = vault.map(|v| v.begin_run());
    let (rejects, progress) = (options.rejects, options.progress);
    let job = Job {
        subject,
        binding,
        tenant: vault.map(|v| v.tenant(&policy.tenant)),
        run: run.as_ref(),
        showing: None,
        now: options.now,
        strict: rejects.is_none(),
        delimiter: options.delimiter,
        crlf: source.is_crlf(),
        bom: source.has_bom(),
        columns,
    };
    let mut output = CountedWrite::new(output);
    let tally = drive(&mut source, &job, &mut output, options.threads, rejects, progress)?;
    let input_sha256 = source.sha256();
    if let Some(vault) = vault
        && vault.made(&input_sha256)?
    {
        let problem = "was made by this vault: it is protected already, so protect the original".into();
        return Err(Error::Input { problem });
    }
    let output_sha256 = output.sha256();
    // A header without rows, or a file in which nothing had to be protected, may well come again as an original.
    let is_protected = tally.worked.iter().any(|n| *n > 0) && output_sha256 != input_sha256;
    let kept = job.columns.iter().zip(&fields).zip(&tally.worked);
    let kept = kept.filter(|((column, _), _)| !matches!(column.action, Action::Drop));
    let manifest = Manifest {
        cloakroom_manifest: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").into(),
        created: options.now.to_string(),
        policy_sha256: hex(&policy.sha256),
        tenant: policy.tenant.as_str().into(),
        keyset: keyset.id().to_string(),
        vault: vault.is_some(),
        subject: binding.map(|i| source.header[i].clone()),
        delimiter: char::from(options.delimiter).into(),
        rows_read: tally.progress.rows,
        rows_written: tally.progress.rows - tally.progress.rejected,
        rows_rejected: tally.progress.rejected,
        input_tag: Manifest::tag_of_input(&keyset, &input_sha256)?,
        output_sha256: hex(&output_sha256),
        output_bytes: output.bytes,
        columns: kept
            .flat_map(|((column, field), worked)| {
                let entry = entry(column, *field, *worked, &keyset, vault.is_some());
                let versions = column.stamp.map(|_| key_versions::entry_of(&entry));
                [Some(entry), versions].into_iter().flatten()
            })
            .collect(),
        dropped: dropped(&job),
        mac_key_version: 0,
        mac: String::new(),
    };
    drop(job);
    let json = manifest.to_json(&keyset)?;
    let manifest: Manifest = serde_json::from_slice(&json).expect("it was just written");
    let file = is_protected.then(|| manifest.protected_file(options.now)).transpose()?;
    Ok(Finished { manifest, json, run, file })
}

fn dropped(job: &Job<'_>) -> Vec<String> {
    let dropped = job.columns.iter().filter(|c| matches!(c.action, Action::Drop));
    dropped.map(|c| c.header.clone()).collect()
}

/// What a policy does to the columns of a file, in their order.
pub(super) struct Plan<'p> {
    /// The field of each column; `None` for one that is dropped unnamed.
    pub(super) fields: Vec<Option<&'p Field>>,
    pub(super) columns: Vec<ColumnJob>,
    /// The column that says whose row it is.
    pub(super) subject: Option<usize>,
    /// The column whose cells the sealed cells of their row are bound to.
    pub(super) binding: Option<usize>,
}

/// Brings a header and a policy together.
///
/// # Errors
/// As for [`protect`], before the first row.
pub(super) fn plan<'p>(
    header: &[String],
    policy: &'p Policy,
    keyset: &Keyset,
    in_vault: bool,
) -> Result<Plan<'p>> {
    let fields = assign(header, policy)?;
    let columns = header
        .iter()
        .zip(&fields)
        .map(|(header, field)| column_job(header, *field, policy, keyset, in_vault))
        .collect::<Result<Vec<_>>>()?;
    if columns.iter().all(|c| matches!(c.action, Action::Drop)) {
        return Err(Error::Input { problem: "has no column left: the policy drops them all".into() });
    }
    let subject = policy.subject.as_ref().and_then(|s| header.iter().position(|h| h.trim() == s.as_str()));
    if columns.iter().any(|c| matches!(c.action, Action::Store(_) | Action::Issue(_))) && subject.is_none() {
        let problem =
            "must name its `subject` column for sealed fields and random tokens to go into a vault".into();
        return Err(Error::Setting { what: "policy", problem });
    }
    let bindable = |i: &usize| {
        matches!(columns[*i].action, Action::Keep | Action::Tokenize(_) | Action::Pseudonymize(_))
    };
    let binding = subject.filter(bindable);
    Ok(Plan { fields, columns, subject, binding })
}

/// The field of each column; `None` for one that is dropped unnamed.
fn assign<'p>(header: &[String], policy: &'p Policy) -> Result<Vec<Option<&'p Field>>> {
    let input = |problem| Error::Input { problem };
    if let Some(missing) = policy.fields.iter().find(|f| header.iter().all(|h| h.trim() != f.name.as_str())) {
        return Err(input(format!("has no column {:?}, which the policy names", missing.name.as_str())));
    }
    header
        .iter()
        .map(|name| match (policy.field(name.trim()), policy.unlisted) {
            (Some(field), _) => Ok(Some(field)),
            (None, Unlisted::Drop) => Ok(None),
            (None, Unlisted::Error) => Err(input(format!(
                "has a column {:?} that the policy does not name; name it, or set unlisted = \"drop\"",
                name.trim()
            ))),
        })
        .collect()
}

fn column_job(
    header: &str,
    field: Option<&Field>,
    policy: &Policy,
    keyset: &Keyset,
    in_vault: bool,
) -> Result<ColumnJob> {
    let Some(field) = field else {
        let unnamed = FieldName::new("unlisted")?; // dropped, so the name is never used
        return Ok(ColumnJob {
            header: header.into(),
            field: unnamed,
            action: Action::Drop,
            empty: Empty::Keep,
            stamp: None,
        });
    };
    let key = || match &field.rule {
        Rule::Pseudonym { scope, .. } => primary_of_scope(keyset, &policy.tenant, scope),
        _ => primary_of_field(keyset, &policy.tenant, &field.name),
    };
    let action = match &field.rule {
        Rule::Keep => Action::Keep,
        Rule::Drop => Action::Drop,
        Rule::Mask(mask) => Action::Mask(*mask),
        Rule::Generalize(generalize) => Action::Generalize(generalize.clone()),
        Rule::Token(format) => {
            Action::Tokenize(Tokenizer::new(&key()?, &policy.tenant, &field.name, format.clone())?)
        }
        Rule::RandomToken(_) if !in_vault => {
            let problem =
                format!("field {:?}: random tokens are kept in a vault: give one", field.name.as_str());
            return Err(Error::Setting { what: "protect", problem });
        }
        Rule::RandomToken(rules) => Action::Issue(rules.clone()),
        Rule::Pseudonym { .. } => {
            Action::Pseudonymize(pseudonymizer(&field.rule, &key()?, keyset, &policy.tenant)?)
        }
        Rule::Seal(Suite::XChaCha20Poly1305) if in_vault => {
            let problem = format!(
                "field {:?}: a vault seals with xaes-256-gcm; leave `suite` out, or protect with a keyset",
                field.name.as_str()
            );
            return Err(Error::Setting { what: "suite", problem });
        }
        Rule::Seal(_) if in_vault => Action::Store(References::new(&key()?, &policy.tenant, &field.name)),
        Rule::Seal(suite) => Action::Seal(Sealer::new(&key()?, *suite, &policy.tenant, &field.name)),
    };
    let (header, name) = (header.to_owned(), field.name.clone());
    Ok(ColumnJob { header, field: name, action, empty: field.empty, stamp: None })
}

fn pseudonymizer(rule: &Rule, key: &UsableKey, keyset: &Keyset, tenant: &TenantId) -> Result<Pseudonymizer> {
    let Rule::Pseudonym { scope, kind, normalization, spelling } = rule else {
        return Err(Error::Setting { what: "rule", problem: "is no pseudonym".into() });
    };
    let identity = keyset.identity()?;
    Ok(Pseudonymizer::new(&identity, key, tenant, scope, *normalization, *spelling).of_kind(kind))
}

fn entry(
    column: &ColumnJob,
    field: Option<&Field>,
    protected: u64,
    keyset: &Keyset,
    in_vault: bool,
) -> ColumnEntry {
    let version = column.action.key_version();
    let identity = match &column.action {
        Action::Pseudonymize(pseudonymizer) => Some(pseudonymizer.identity_version()),
        _ => None,
    };
    let field = field.expect("columns without a field are dropped");
    ColumnEntry {
        name: column.header.clone(),
        mode: field.rule.mode().into(),
        erased_by: match field.rule.erasability(in_vault) {
            Erasability::DeleteRow => "delete-row",
            Erasability::ShredSubject => "shred-subject",
            Erasability::Clear => "clear",
        }
        .into(),
        key_version: version.map(KeyVersion::get),
        check_value: version.and_then(|version| check_value(keyset, version)),
        identity_version: identity.map(KeyVersion::get),
        protected,
        settings: Settings::clone(&field.settings),
    }
}

/// The check value of a key version, as a manifest has it.
pub(super) fn check_value(keyset: &Keyset, version: KeyVersion) -> Option<String> {
    Some(keyset.version(version).ok()?.check_value()?.to_string())
}

/// The key that protects a field, unless it makes pseudonyms.
pub(super) fn primary_of_field(keyset: &Keyset, tenant: &TenantId, field: &FieldName) -> Result<UsableKey> {
    keyset.primary_for(&KeyUse::Field { tenant: tenant.clone(), field: field.clone() })
}

/// The key that makes the pseudonyms of a scope.
pub(super) fn primary_of_scope(keyset: &Keyset, tenant: &TenantId, scope: &Scope) -> Result<UsableKey> {
    keyset.primary_for(&KeyUse::Scope { tenant: tenant.clone(), scope: scope.clone() })
}

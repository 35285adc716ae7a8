//! The command-line tool: public API only.
#![forbid(unsafe_code)]

mod access;
mod alarm;
mod approve;
mod audit;
mod audit_vault;
mod breach;
mod compromise;
mod consent;
mod erase;
mod exit;
mod export;
mod files;
mod format;
mod index;
mod instant;
mod key_source;
mod key_states;
mod keys;
mod keyset_holder;
mod known_files;
mod lines;
mod move_to_primary;
mod output;
mod overdue;
mod overwrite;
mod policy;
mod principal;
mod purge;
mod report;
mod rewrite;
mod rotate;
mod shown;
#[cfg(unix)]
mod signals;
mod span;
mod spec;
mod subject;
mod tokens;
mod unlock;
mod vault;
mod vectors;

use clap::{Args, Parser, Subcommand};
use key_source::{KeySource, NewKeySource, Split};
use key_states::VersionOf;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Hand in a value, get a ticket; only the holder of the key gets the value back.
#[derive(Parser)]
#[command(name = "cloakroom", version, after_help = exit::TABLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    key: KeySource,
}

/// What holds the keys.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Holder {
    /// Directory of a vault.
    #[arg(long, value_name = "DIR")]
    vault: Option<PathBuf>,
    /// Keyset file.
    #[arg(long, value_name = "FILE")]
    keyset: Option<PathBuf>,
}

impl Holder {
    fn path(&self) -> &Path {
        self.vault.as_deref().or(self.keyset.as_deref()).expect("clap demands one of the two")
    }
}

/// A vault, and how much memory it may use.
#[derive(Args)]
struct VaultPath {
    /// Directory of the vault.
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
}

/// A data subject in a vault.
#[derive(Args)]
struct SubjectOf {
    /// Her id, as in the subject column; `-` reads it from standard input, one line.
    id: String,
    #[command(flatten)]
    vault: VaultPath,
    /// Whose data; needed when the vault has several tenants.
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a vault.
    Init {
        /// The directory, which must not exist.
        dir: PathBuf,
        #[command(flatten)]
        split: Split,
    },
    /// Protects a CSV file according to a policy.
    Protect(files::Protect),
    /// Gives tokens and sealed fields of a protected file back as they were.
    Reveal(files::Reveal),
    /// What the vault holds of one data subject, and what she may ask for.
    #[command(subcommand)]
    Subject(SubjectCommand),
    /// What data subjects said about purposes.
    #[command(subcommand)]
    Consent(consent::ConsentCommand),
    /// Exports of a data subject's data that are sealed to a key.
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Adds a key version, which protects from now on: everything, or one field or scope.
    Rotate(rotate::Rotate),
    /// Moves everything in a vault to the primary key versions, or with --file a protected file.
    ///
    /// For a vault it goes on where it was cut off; a file is written whole or not at all.
    Migrate(rewrite::Migrate),
    /// Writes a protected file with the pseudonyms of one column in another scope.
    Bridge(rewrite::Bridge),
    /// Opens, verifies and recounts everything in a vault.
    Check {
        #[command(flatten)]
        vault: VaultPath,
        /// JSON of a head of the audit log that was handed out before: the log must begin with all it was of. A store that was
        /// put back as it once was does not.
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
        /// Public keys of the vault whose versions were destroyed since the head was signed.
        #[arg(long = "public-key", value_name = "FILE", requires = "head")]
        public_keys: Vec<PathBuf>,
    },
    /// Keysets.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The protected files that a vault counts, because revealing them needs its keys.
    #[command(subcommand)]
    Files(known_files::FilesCommand),
    /// What was done to the vault's keys, and with them to files.
    Log {
        #[command(flatten)]
        vault: VaultPath,
        /// Every leaf of the audit log instead: what, when, who, what for, and of how many data subjects.
        #[arg(long)]
        audit: bool,
    },
    /// Random tokens: drawn, not computed, and kept in a vault. Values and tokens come from standard input.
    #[command(subcommand)]
    Token(tokens::TokenCommand),
    /// Finds data subjects by sealed values.
    ///
    /// The values come from standard input, one line for each field of the index; printed are the subjects' ids, as JSON.
    Find(index::Find),
    /// Formats of tokens.
    #[command(subcommand)]
    Format(FormatCommand),
    /// Blind indexes.
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// What happens to each column of a file: to be tried before the file is protected. No key is needed.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Audit logs and proofs about them.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// What a breach can have touched.
    #[command(subcommand)]
    Breach(breach::BreachCommand),
    /// Writes the record of processing (GDPR Art. 30) of a vault: counts and names, no data of anybody.
    Report(report::Report),
    /// Signs the request of a command that takes another principal's approval.
    Approve(approve::Approve),
    /// Keys of people and services that sign approvals.
    #[command(subcommand)]
    Principal(principal::PrincipalCommand),
    /// Deletes what is kept no longer: fields whose retention is over, and random tokens that have ended.
    Purge(purge::Purge),
    /// Receipts of erasures.
    #[command(subcommand)]
    Receipt(erase::ReceiptCommand),
    /// Runs published test vectors through the code that protects data.
    VerifyVectors {
        /// Wycheproof JSON, or ACVP-AES-FF1 JSON that holds both `pt` and `ct`.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum SubjectCommand {
    #[command(flatten)]
    Rights(subject::RightsCommand),
    /// Deletes her key and all her records.
    Erase(erase::Erase),
}

#[derive(Subcommand)]
enum FormatCommand {
    /// Says what of a value stays, what guessing the rest costs, and shows an example.
    Explain(format::Explain),
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Makes a keyset file, for use without a vault.
    Create {
        /// The file, which must not exist.
        file: PathBuf,
        #[command(flatten)]
        split: Split,
    },
    /// Lists key versions, their states, ages and check values, and how much in a vault needs each.
    List {
        #[command(flatten)]
        holder: Holder,
    },
    /// Gives up a version that nothing needs any more: it reveals nothing from then on. Can be taken back.
    Retire {
        #[command(flatten)]
        of: VersionOf,
        /// For a keyset file, of which nobody counts what is under it.
        #[arg(long)]
        despite_data: bool,
    },
    /// Destroys a version that is retired or compromised, for good.
    Destroy {
        #[command(flatten)]
        of: VersionOf,
        /// Also when something needs it, which is lost then. The words that say so are to be typed on standard input.
        #[arg(long)]
        despite_data: bool,
        #[command(flatten)]
        eyes: approve::FourEyes,
    },
    /// Stops a version from protecting and revealing, until it is resumed.
    Suspend(VersionOf),
    /// Takes back that a version was suspended or retired.
    Resume(VersionOf),
    /// Marks a version that others may know: it reveals nothing, and never will again. Says what is concerned and who is to be
    /// told. Move files away from it before.
    Compromise(compromise::Compromise),
    /// Makes pseudonyms with the identity key of another version. All pseudonyms change.
    Identity(VersionOf),
    /// Sets the cryptoperiod: how old a primary may become.
    Period {
        /// Days, or `default`.
        #[arg(value_name = "DAYS", value_parser = span::days_or_default)]
        days: span::Days,
        #[command(flatten)]
        holder: Holder,
    },
    /// Locks the keyset with another key file or passphrase, both together, a key in shares, or the same passphrase at today's cost.
    Relock {
        #[command(flatten)]
        holder: Holder,
        #[command(flatten)]
        new: NewKeySource,
    },
}

fn main() -> ExitCode {
    exit::quiet_panics();
    let Arguments { command, key } = Arguments::parse();
    #[cfg(unix)]
    signals::listen();
    let done = match command {
        Command::Init { dir, split } => vault::init(&dir, &key, &split),
        Command::Protect(arguments) => files::protect(arguments, &key),
        Command::Reveal(arguments) => files::reveal(arguments, &key),
        Command::Subject(SubjectCommand::Rights(command)) => subject::run(command, &key),
        Command::Subject(SubjectCommand::Erase(arguments)) => erase::erase(arguments, &key),
        Command::Consent(command) => consent::run(command, &key),
        Command::Export(command) => export::run(&command),
        Command::Rotate(arguments) => rotate::rotate(arguments, &key),
        Command::Migrate(arguments) => rewrite::migrate(arguments, &key),
        Command::Bridge(arguments) => rewrite::bridge(arguments, &key),
        Command::Check { vault, head, public_keys } => {
            vault::check(&vault, head.as_deref(), &public_keys, &key)
        }
        Command::Keys(KeysCommand::Create { file, split }) => keys::create(&file, &key, &split),
        Command::Keys(KeysCommand::List { holder }) => keys::list(&holder, &key),
        Command::Keys(KeysCommand::Relock { holder, new }) => keys::relock(&holder, &key, new),
        Command::Format(FormatCommand::Explain(arguments)) => format::explain(arguments),
        Command::Keys(KeysCommand::Retire { of, despite_data }) => {
            key_states::retire(&of, despite_data, &key)
        }
        Command::Keys(KeysCommand::Destroy { of, despite_data, eyes }) => {
            key_states::destroy(&of, despite_data, &eyes, &key)
        }
        Command::Keys(KeysCommand::Suspend(of)) => key_states::suspend(&of, &key),
        Command::Keys(KeysCommand::Resume(of)) => key_states::resume(&of, &key),
        Command::Keys(KeysCommand::Compromise(arguments)) => compromise::compromise(&arguments, &key),
        Command::Keys(KeysCommand::Identity(of)) => key_states::identity(&of, &key),
        Command::Keys(KeysCommand::Period { days, holder }) => key_states::period(&holder, days, &key),
        Command::Files(command) => known_files::run(command, &key),
        Command::Log { vault, audit: true } => audit_vault::leaves(&vault, &key),
        Command::Log { vault, audit: false } => vault::log(&vault, &key),
        Command::Token(command) => tokens::run(command, &key),
        Command::Find(arguments) => index::find(&arguments, &key),
        Command::Index(command) => index::run(command, &key),
        Command::Policy(command) => policy::run(command, &key),
        Command::Audit(command) => audit::run(&command, &key),
        Command::Breach(command) => breach::run(&command, &key),
        Command::Report(arguments) => report::run(arguments, &key),
        Command::Approve(arguments) => approve::approve(&arguments),
        Command::Principal(command) => principal::run(&command),
        Command::Purge(arguments) => purge::run(&arguments, &key),
        Command::Receipt(command) => erase::receipt(&command),
        Command::VerifyVectors { files } => return vectors::run(&files),
    };
    exit::code(done)
}

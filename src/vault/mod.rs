//! The vault: data subjects, each with a key of her own; sealed fields, found by blind indexes; random tokens; counts of what
//! needs which key version.
//!
//! | map | key | value |
//! |---|---|---|
//! | index | the subject's id, blinded | where her entries are |
//! | entry | locator, record number | her wrapped key and sealed fields, and which tokens she holds |
//! | meta | `census`, `anchor` | counts, runs, indexes, fingerprint, how far a migration got, sealed; which keyset |
//! | run | run, number | entries that belong to a run which has not ended |
//! | output | SHA-256 | a file that this vault made, and which key versions it needs |
//! | token | a token, blinded | the token and its value, sealed |
//! | value | a value, blinded | which token it has |
//! | space | a layout, blinded | how many tokens of it are taken |
//! | blind | an index's tag and value, record | – |
//! | event | time, number | what was done to keys |
//! | audit | number | a leaf of the audit tree: one for each operation |
//! | due | time, locator, record number | – |
//! | access | number of a leaf | what that leaf and those after it say, packed |
//! | approval | nonce | when it expires |
//!
//! One operation is one atomic batch: data, census and a fingerprint of all entries. The byte layouts are in
//! [`wire`](crate::wire) and in SPEC.md.
//!
//! Who can write to the store but has no key:
//!
//! | does | then |
//! |---|---|
//! | alters or moves an envelope or a wrapped key | it does not open: [`Error::Rejected`](crate::Error::Rejected) |
//! | redirects an index entry | as above: the head names its subject, sealed |
//! | alters anything else, removes, adds or puts back entries | [`check`](Vault::check) reports it: the fingerprint differs |
//! | puts back the whole store as it once was | not noticed by itself; a head of the audit log that somebody keeps shows it, see [`check_against`](Vault::check_against) |

mod access_index;
mod access_segment;
mod admin;
mod ahead;
mod alarm;
mod approvals;
mod audit_export;
mod audit_walk;
mod blind;
mod census;
mod check;
mod consents;
mod detokenizer;
mod directory;
mod erase;
mod events;
mod export;
mod files;
mod holdings;
mod issue;
mod keyring;
mod ledger;
mod lifecycle;
mod listing;
mod log;
mod lost;
mod migrate;
mod move_subject;
mod open;
mod pages;
mod purge;
mod radius;
mod random_tokens;
mod receipt;
mod rectify;
mod reference;
mod retention;
mod reveal_finds;
mod reveal_tokens;
mod revealer;
mod rules;
mod run;
#[cfg(feature = "hpke")]
mod sealed_export;
mod seen;
mod shared;
mod signing;
mod statistics;
mod subject;
mod subject_cache;
mod subject_rights;
mod subject_state;
mod tenant;
mod token_rows;
mod tokenizer;

pub use admin::Admin;
pub use alarm::{Alarm, AlarmKind};
pub use approvals::{file_target, reveal_target, rules_target};
pub use blind::Hit;
pub use census::{Census, Line, Mode};
pub use check::CheckReport;
pub use consents::{Consents, Grant};
pub use detokenizer::Detokenizer;
pub use directory::Settings;
pub use erase::Erasure;
pub use events::Event;
pub use export::Export;
pub use files::{FileColumn, ProtectedFile};
pub use holdings::{HeldField, HeldRecord, HeldToken, Holdings};
pub use lifecycle::Despite;
pub use listing::Listing;
pub use lost::PurgedLost;
pub use migrate::{Migration, Progress};
pub use open::Vault;
pub use purge::Purged;
pub use radius::{FieldReached, KeyReached, Query, Radius};
pub use random_tokens::{Fill, Issued, Look, RandomTokens, TokenRequest, TokenRules};
pub use receipt::{Destroyed, Receipt, ReceiptOptions, RemainingColumn, RemainingFile, Remains};
pub use rectify::Which;
pub use reference::{RecordId, References};
pub use retention::Schedule;
pub use revealer::{Revealed, Revealer};
pub use run::Run;
#[cfg(feature = "hpke")]
pub use sealed_export::open_export;
pub use seen::Sighting;
pub use statistics::{LogStatistics, PurposeStatistics, Statistics, SubjectStatistics};
pub use subject_rights::Rights;
pub use tenant::{Record, Row, Tenant};
pub use tokenizer::{FieldTokenizer, TokenIssuer, Tokenizer};

use crate::store::Map;

const INDEX: Map = Map::new(1, "index");
const ENTRY: Map = Map::new(2, "entry");
const META: Map = Map::new(3, "meta");
const RUN: Map = Map::new(4, "run");
const OUTPUT: Map = Map::new(5, "output");
const TOKEN: Map = Map::new(6, "token");
const VALUE: Map = Map::new(7, "value");
const SPACE: Map = Map::new(8, "space");
const BLIND: Map = Map::new(9, "blind");
const EVENT: Map = Map::new(10, "event");
const AUDIT: Map = Map::new(11, "audit");
const DUE: Map = Map::new(12, "due");
const ACCESS: Map = Map::new(13, "access");
const APPROVAL: Map = Map::new(14, "approval");

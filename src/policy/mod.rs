//! `policy.toml`: which column is protected how. Read strictly: what it does not know, it refuses.
//!
//! ```toml
//! version  = 1
//! tenant   = "acme"
//! subject  = "customer_id"   # whose row it is; needed for a vault
//! unlisted = "error"         # or "drop": columns that are not named below
//!
//! [field.customer_id]
//! protect = "pseudonym"
//! scope   = "analytics"
//!
//! [field.card]
//! protect = "token"
//! format  = "card"
//! keep    = "6+4"
//!
//! [[bridge]]                 # as many as are needed
//! from = "analytics"
//! to   = "billing"
//! ```
//!
//! | protect | settings |
//! |---|---|
//! | `token` | one of `format`, `alphabet`, `template`, `regex`; see below |
//! | `pseudonym` | `scope`; `normalize` (`none`, `text`, `email`, `digits`), `spelling` (`base64url`, `hex`, `uuid`, `crockford`, `int63`), `population` for `int63`, `kind` |
//! | `random-token` | in a vault only: what makes a token, be there ever so few, or `opaque` (`base64url`, `hex`, `uuid`, `crockford`); `reuse` (`always`: one token for each value; `never`: a new one each time), `lifetime` (`"30d"`) |
//! | `seal` | `suite` (`xaes-256-gcm`, `xchacha20-poly1305`; the latter without a vault); in a vault `index` = 8 to 128, the bits of a blind index over `normalize` |
//! | `mask` | `keep`, `with` |
//! | `generalize` | `to` (`year`, `month`, `bucket`, `prefix`); `date` for the first two, `width` for a bucket, `length` for a prefix |
//! | `keep`, `drop` | – |
//!
//! | what makes a token | settings |
//! |---|---|
//! | `format` = `digits`, `lowercase`, `uppercase`, `letters`, `alphanumeric`, or `alphabet` = its characters | `keep` (`"6+4"`), `length` (`"7"`, `"6..9"`), `separators`; for digits `luhn` (`keep`, `break`, `ignore`) |
//! | `card` | the same, and `keep = "scheme+4"`; `luhn` is `break` unless given |
//! | `ssn`, `uuid`, `plate`, `passport`, `name`, `text`, `ipv4`, `ipv6`, `postal-uk`, `postal-ca`, `postal-de` | – |
//! | `iban` | `keep` (`country`, `bank`) |
//! | `email` | `domain` (`keep`, `token`) |
//! | `phone` | `keep` (`country`, `country+3`, `none`) |
//! | `date` | `date` (`"DD.MM.YYYY"`), `range` (`"1900-01-01..9999-12-31"`, always so written) |
//! | `datetime` | `date` (`"YYYY-MM-DD hh:mm:ss"`), `range`, written in that pattern |
//! | `integer`, `decimal` | `range` (`"0..9999999"`); `scale` for decimals |
//! | `ip` | `cipher` (`prefix-preserving`, `deterministic`) |
//! | `postal-us` | `length` (`"9"` for ZIP+4; five digits are too few) |
//! | `template` = [`keep(digits,6) token(digits,6) check(luhn)`](crate::format#templates) | `separators` |
//! | `regex` = [`[A-Z]{3}-[0-9]{4}`](crate::format#regular-expressions) | `length`, `separators` |
//!
//! Every field can have `empty`: `keep` (blank cells stay as they are, the default) or `error`.
//!
//! # Duties
//!
//! Who may see what, and why; `examples/duties.policy.toml` is whole. Without these sections a policy has no
//! [`Rules`](crate::duties::Rules), and what no rule permits is denied. A name that is declared nowhere is an error.
//!
//! | section | settings |
//! |---|---|
//! | `[purpose.support]` | `basis` (`consent`, `contract`, `legal-obligation`, `vital-interests`, `public-task`, `legitimate-interests`); `text`, `recipients` (a list); `special` (may use special categories without consent), `despite_restriction`, `despite_hold` (`true`) |
//! | `[role.agent]` | `purposes`; `budget` (values that a principal is shown in an hour, see below), `over_budget` (`refuse`, `alert`); `[role.agent.reveal]`: for each field `full`, `token`, or a mask like `"mask 0+4"` |
//! | `[principal.alice]` | `roles`; `key` (`cloakroom-public-key-1:…`), `approves = true` |
//! | `[approvals]` | `bulk` (values that a principal may be shown in an hour without one), `valid` (`"24h"`) |
//! | `[register]` | `controller`, `contact`, `dpo`: texts for the record of processing |
//! | a field | `purposes`; `category` (a text), `retention` (`"90d"`, `"2y"` of 365 days each), `special = true` (GDPR Art. 9) |
//!
//! `budget` and `bulk` count values and not people: each field of each record that is shown, whole, masked or as a token. Four
//! fields of one person are four, and the same field shown again is another one. What is denied counts nothing.
//!
//! # Bridges
//!
//! A `[[bridge]]` permits that pseudonyms of the scope `from` are moved into the scope `to`, and not back; what is not
//! declared is not permitted. Fields of this policy need not use either scope, since files for several recipients may
//! have policies of their own. `population` is how many different values of one kind the scope will ever see.

mod document;
mod duties;
mod random_token;
mod rule;
mod settings;
mod token_format;

pub use document::{Field, Policy};
pub use rule::Rule;
pub use settings::Settings;
pub use token_format::describe_format;

/// What happens to blank cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// They stay as they are.
    Keep,
    /// Their row is refused.
    Error,
}

/// What happens to columns that the policy does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// The file is refused.
    Error,
    /// They are left out.
    Drop,
}

//! What a value looks like: which characters take part, which are kept, what is checked.
//!
//! Every [`Format`] is a set of *spaces*. A value belongs to one, by its length, its separators and what of it is kept;
//! within the space it has a rank, and its token is another member of the space: same look, other rank. FF1 permutes the
//! ranks, so a space needs 1,000,000 members. [`Format::report`] says how many there are before the first token is made,
//! [`Format::members`] counts them.
//!
//! # Templates
//!
//! ```text
//! template  = part { white-space part }
//! part      = "token(" alphabet [ "," count ] ")"    takes part
//!           | "keep(" alphabet [ "," count ] ")"     stays
//!           | "check(" scheme ")"                    is computed; one at most, and last unless it is luhn
//!           | "'" text "'"                           stands there and stays; '' is a quote
//! alphabet  = digits | upper | lower | letters | alnum | base36 (0-9A-Z) | hex (0-9a-f)
//!           | "[" characters and ranges "]"          \u{4E00}, \], \- and \\ are escapes
//! count     = number | number ".." number            1 unless given
//! scheme    = luhn | verhoeff | damm | mod97 | iso7064-11-2 | iso7064-37-2 | iso7064-97-10 | iso7064-661-26
//!           | iso7064-1271-36 | iso7064-11-10 | iso7064-27-26 | iso7064-37-36
//! ```
//!
//! Spaces and punctuation that a template does not use may stand anywhere in a value, and stay.
//!
//! # Regular expressions
//!
//! The syntax is that of the crate `regex`, without look-around; the whole value is matched. `\d`, `\w` and `\s` are ASCII,
//! and `(?i)` is refused. Groups named `keep_…` stay. What has no end, like `a+`, needs a range of lengths; the limit is
//! 256 characters. What could be cut into kept and other parts in two ways is refused.

mod alphabet;
mod calendar;
mod calling_codes;
mod card_schemes;
#[cfg_attr(not(feature = "regex"), allow(dead_code, reason = "templates choose among the schemes"))]
mod check;
mod classes;
mod date;
mod date_time;
mod digit_fields;
mod digit_run;
mod draw;
mod email;
mod iban;
mod iban_layout;
mod look;
mod luhn;
mod members;
mod natural;
mod normalize;
mod number;
#[cfg(feature = "regex")]
mod pattern;
#[cfg(feature = "regex")]
mod patterned;
mod phone;
mod positions;
#[cfg_attr(not(feature = "regex"), allow(dead_code, reason = "patterns have several parts"))]
mod rank;
mod report;
mod run;
mod shape;
mod space;
mod text_layout;
mod uuid;

pub use alphabet::Alphabet;
pub use date::{Date, DatePattern};
pub use date_time::DateTimePattern;
pub(crate) use digit_run::{Cut, DigitRun, Digits, MOST_FREE};
pub(crate) use draw::Draw;
pub use iban_layout::IbanKeep;
pub use luhn::Luhn;
pub use members::Members;
pub use natural::Natural;
pub use normalize::Normalization;
pub use phone::PhoneKeep;
pub use report::{Report, SpaceReport};
pub use shape::{Format, NetworkCipher};
pub(crate) use shape::{Scratch, Side};
pub(crate) use space::Reading;

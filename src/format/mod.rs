//! What a value looks like: which characters take part, which are kept, what is checked.

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

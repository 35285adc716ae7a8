//! What a value looks like: which characters take part, which are kept, what is checked.

mod alphabet;
mod calendar;
#[allow(dead_code)]
mod calling_codes;
#[allow(dead_code)]
mod card_schemes;
#[allow(dead_code)]
mod check;
mod date;
#[allow(dead_code)]
mod date_time;
mod digit_fields;
#[allow(dead_code)]
mod iban;
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
mod report;
mod run;
mod shape;
mod space;
#[cfg(feature = "regex")]
mod template;
mod text_layout;
mod uuid;

pub use alphabet::Alphabet;
pub use calendar::DateTimePattern;
pub use date::{Date, DatePattern};
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

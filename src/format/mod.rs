//! What a value looks like: which characters take part, which are kept, what is checked.

mod alphabet;
#[cfg(feature = "regex")]
mod automaton;
mod calendar;
mod calling_codes;
mod card_schemes;
mod check;
mod classes;
mod date;
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

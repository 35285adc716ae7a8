//! What a value looks like: which characters take part, which are kept, what is checked.

mod alphabet;
#[allow(dead_code)]
mod check;
mod date;
mod luhn;
#[allow(dead_code)]
mod natural;
mod normalize;
#[cfg(feature = "regex")]
#[allow(dead_code)]
mod pattern;
mod shape;

pub use alphabet::Alphabet;
pub use date::{Date, DatePattern};
pub use luhn::Luhn;
pub use normalize::Normalization;
pub use shape::{Format, Reading};

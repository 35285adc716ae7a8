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
mod normalize;
mod shape;

pub use alphabet::Alphabet;
pub use date::{Date, DatePattern};
pub use luhn::Luhn;
pub use normalize::Normalization;
pub use shape::{Format, Reading};

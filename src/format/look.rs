//! What kind of value it is: which of its characters take part, and as what.

use super::email;
use super::iban_layout::{self, IbanKeep};
use super::phone::{self, PhoneKeep};
use super::positions::Scan;
use super::text_layout;
use super::uuid;
use crate::error::Result;

/// A kind of value whose characters each have an alphabet of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Name,
    Text,
    Plate,
    Passport,
    /// Whether the domain takes part, too.
    Email(bool),
    Uuid,
    Iban(IbanKeep),
    Phone(PhoneKeep),
}

impl Look {
    /// Finds an item for each character.
    ///
    /// # Errors
    /// [`Error::Character`](crate::error::Error::Character), [`Error::Value`](crate::error::Error::Value).
    pub(super) fn scan(self, text: &str, scan: &mut Scan) -> Result<()> {
        match self {
            Look::Name => text_layout::name(text, scan),
            Look::Text => text_layout::text(text, scan),
            Look::Plate => text_layout::plate(text, scan),
            Look::Passport => text_layout::passport(text, scan),
            Look::Email(domain) => email::scan(domain, text, scan),
            Look::Uuid => uuid::scan(text, scan),
            Look::Iban(keep) => iban_layout::scan(keep, text, scan),
            Look::Phone(keep) => phone::scan(keep, text, scan),
        }
    }

    /// Fills in what is computed from the other characters.
    pub(super) fn finish(self, text: &mut [u8]) {
        if let Look::Iban(_) = self {
            iban_layout::finish(text);
        }
    }

    /// A value of this kind, for reports.
    pub(super) fn example(self) -> &'static str {
        match self {
            Look::Name => "Anna Example",
            Look::Text => "Call 555-0100 before 9 am.",
            Look::Plate => "ABC-1234",
            Look::Passport => "C01X00T47",
            Look::Email(_) => "anna.example@example.com",
            Look::Uuid => "f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
            Look::Iban(_) => "DE89370400440532013000",
            Look::Phone(_) => "+1 202 555 0143",
        }
    }
}

/// A letter of the case that the whole value has, or a digit.
#[derive(Clone, Copy)]
pub(super) enum Case {
    Lower,
    Upper,
    Mixed,
}

impl Case {
    /// The case of these characters; lower where none is a letter.
    pub(super) fn of(text: &str) -> Self {
        let lower = text.bytes().any(|b| b.is_ascii_lowercase());
        let upper = text.bytes().any(|b| b.is_ascii_uppercase());
        match (lower, upper) {
            (true, true) => Case::Mixed,
            (false, true) => Case::Upper,
            _ => Case::Lower,
        }
    }
}

//! `card__kv` beside `card`: the key version of each cell of a column, in decimal, in a column of its own.
//!
//! A token has no room for its key version, so a file has one for each column, in its manifest. With this column a row
//! carries it along, and rows of files of different ages can stand in one.

use super::actions::{Action, ColumnJob};
use super::manifest::ColumnEntry;
use crate::error::{Error, Result};
use crate::name::{FieldName, KeyVersion};
use crate::policy::Settings;

/// The mode of such a column in a manifest.
pub(super) const MODE: &str = "key-version";

/// What such a column is called.
pub(super) fn header_of(header: &str) -> String {
    format!("{}__kv", header.trim())
}

/// Puts such a column behind every column that has a key.
///
/// # Errors
/// [`Error::Input`] when a column of the file has that name; [`Error::Name`] when it would be too long.
pub(super) fn stamp(columns: &mut [ColumnJob]) -> Result<()> {
    for column in columns.iter_mut() {
        column.stamp = column.action.key_version();
    }
    for column in columns.iter().filter(|c| c.stamp.is_some()) {
        let name = header_of(&column.header);
        FieldName::new(&name)?;
        if columns.iter().any(|c| !matches!(c.action, Action::Drop) && c.header.trim() == name) {
            let problem = format!(
                "has a column {name:?}, where the key versions of {:?} would stand: rename or drop it",
                column.header.trim()
            );
            return Err(Error::Input { problem });
        }
    }
    Ok(())
}

/// What the manifest says of the column with the key versions of another.
pub(super) fn entry_of(column: &ColumnEntry) -> ColumnEntry {
    ColumnEntry {
        name: header_of(&column.name),
        mode: MODE.into(),
        erased_by: "clear".into(),
        key_version: None,
        check_value: None,
        identity_version: None,
        protected: column.protected,
        settings: Settings { protect: MODE.into(), ..Settings::default() },
    }
}

/// The key version that a cell says.
///
/// # Errors
/// [`Error::Value`] for anything but a number in decimal, as it was written.
pub(super) fn parse(cell: &[u8]) -> Result<KeyVersion> {
    let text = cell.trim_ascii();
    let plain = text.first() != Some(&b'0') && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| plain).and_then(|text| text.parse().ok());
    number.and_then(|n| KeyVersion::new(n).ok()).ok_or(Error::Value { problem: "is no key version" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_as_it_was_written_is_a_key_version() {
        assert_eq!(parse(b"1").unwrap(), KeyVersion::FIRST);
        assert_eq!(parse(b" 4294967295 ").unwrap().get(), u32::MAX);
        for bad in [
            &b""[..],
            b" ",
            b"0",
            b"01",
            b"+1",
            b"-1",
            b"1.0",
            b"1e1",
            b"4294967296",
            b"one",
            b"\xFF",
            b"1 2",
        ] {
            assert!(matches!(parse(bad), Err(Error::Value { problem: "is no key version" })), "{bad:?}");
        }
    }
}

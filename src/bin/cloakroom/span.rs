//! A length of time as people write it: `90d`, `12h`, `30m`, `45s`.

const DAY: u64 = 86_400;

/// Its seconds; for the command line's parser, so the reason is a text.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "write a number and s, m, h or d, as in 30d".to_owned();
    let unit = match text.chars().last().ok_or_else(wrong)? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => DAY,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(|| "is longer than can be counted".to_owned())
}

/// Its days, of which it must be whole ones; a number alone is of days.
pub fn days(text: &str) -> Result<u32, String> {
    let days = match text.parse::<u64>() {
        Ok(days) => days,
        Err(_) => match seconds(text)? {
            seconds if seconds.is_multiple_of(DAY) => seconds / DAY,
            _ => return Err("must be whole days, as in 90d".to_owned()),
        },
    };
    u32::try_from(days).map_err(|_| "is longer than can be counted".to_owned())
}

/// As [`days`], or `None` for `default`.
pub fn days_or_default(text: &str) -> Result<Days, String> {
    match text {
        "default" => Ok(Days(None)),
        text => days(text).map(|days| Days(Some(days))),
    }
}

/// Days, or the default.
#[derive(Clone, Copy)]
pub struct Days(pub Option<u32>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(
            ["45s", "30m", "12h", "90d"].map(seconds).map(Result::unwrap),
            [45, 1800, 43_200, 7_776_000]
        );
        assert_eq!(["90", "90d", "48h"].map(days).map(Result::unwrap), [90, 90, 2]);
        for bad in ["", "d", "1", "-1d", "1y", "1 d", "ä", "99999999999999999999d", "999999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        for bad in ["36h", "", "x", "99999999999"] {
            assert!(days(bad).is_err(), "{bad}");
        }
        assert_eq!(days_or_default("default").unwrap().0, None);
        assert_eq!(days_or_default("7d").unwrap().0, Some(7));
    }
}

//! The cryptoperiod: how long a version may protect before it is overdue for rotation.

use super::key_use::KeyUse;
use super::keyset::Keyset;
use crate::error::{Error, Result};
use crate::name::KeyVersion;
use crate::time::Timestamp;

/// The cryptoperiod of a keyset that was given none: two years.
///
/// A version is the root of keys that encrypt data and wrap keys. For both the standard suggests an originator-usage
/// period of at most two years, and that data is read for at most three years more. For a key that only derives others
/// it suggests about one year: [`with_period(Some(365))`](Keyset::with_period).
///
/// # Source
/// NIST SP 800-57 Part 1 Rev. 5, section 5.3.6, table 1.
pub const DEFAULT_PERIOD_DAYS: u32 = 730;

/// A century; longer is as good as never.
pub(super) const LONGEST_PERIOD_DAYS: u32 = 36_525;

const SECONDS_PER_DAY: u64 = 86_400;

/// A primary whose cryptoperiod is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its number.
    pub version: KeyVersion,
    /// What it is the primary of; `None` for the keyset's primary.
    pub use_: Option<KeyUse>,
    /// Whole days since it was made.
    pub age_days: u64,
    /// The cryptoperiod.
    pub limit_days: u32,
}

impl Keyset {
    /// The cryptoperiod in days, or `None` for [`DEFAULT_PERIOD_DAYS`].
    pub fn period(&self) -> Option<u32> {
        self.period
    }

    /// With another cryptoperiod in days, or `None` for [`DEFAULT_PERIOD_DAYS`].
    ///
    /// # Errors
    /// [`Error::Setting`] unless it is 1 to 36,525 days.
    pub fn with_period(&self, days: Option<u32>) -> Result<Self> {
        if let Some(days) = days
            && !(1..=LONGEST_PERIOD_DAYS).contains(&days)
        {
            let problem = format!("cannot be {days} days: choose 1 to {LONGEST_PERIOD_DAYS}");
            return Err(Error::Setting { what: "cryptoperiod", problem });
        }
        let mut keyset = self.edited()?;
        keyset.period = days;
        Ok(keyset)
    }

    /// The primaries whose cryptoperiod is over, the keyset's first: rotate them. A version made after `now` is of
    /// age 0.
    pub fn overdue(&self, now: Timestamp) -> Vec<Overdue> {
        let limit_days = self.period.unwrap_or(DEFAULT_PERIOD_DAYS);
        let of_uses = self.uses().map(|(use_, number)| (number, Some(use_)));
        std::iter::once((self.primary, None))
            .chain(of_uses)
            .filter_map(|(version, use_)| {
                let created = self.version(version).ok()?.created;
                let age_days = now.0.saturating_sub(created.0) / SECONDS_PER_DAY;
                let over = age_days >= limit_days.into();
                over.then(|| Overdue { version, use_: use_.cloned(), age_days, limit_days })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{FieldName, TenantId};

    fn day(days: u64) -> Timestamp {
        Timestamp(1_000 + days * SECONDS_PER_DAY)
    }

    // SPEC: KEY-18
    #[test]
    fn a_primary_is_overdue_once_its_period_is_over() {
        let use_ =
            KeyUse::Field { tenant: TenantId::new("acme").unwrap(), field: FieldName::new("card").unwrap() };
        let keyset = Keyset::generate(day(0)).unwrap().rotated_for(&use_, day(100)).unwrap();
        assert_eq!(keyset.period(), None);
        let overdue = |keyset: &Keyset, now| -> Vec<_> {
            let all = keyset.overdue(now).into_iter();
            all.map(|o| (o.version.get(), o.use_.is_some(), o.age_days, o.limit_days)).collect()
        };
        assert_eq!(overdue(&keyset, Timestamp(day(730).0 - 1)), []);
        assert_eq!(overdue(&keyset, day(730)), [(1, false, 730, 730)]);
        assert_eq!(overdue(&keyset, day(830)), [(1, false, 830, 730), (2, true, 730, 730)]);
        assert_eq!(overdue(&keyset, Timestamp(0)), [], "a clock behind makes no negative age");
        assert_eq!(keyset.overdue(day(830))[1].use_.as_ref(), Some(&use_));

        let monthly = keyset.with_period(Some(30)).unwrap();
        assert_eq!(monthly.period(), Some(30));
        assert_eq!(overdue(&monthly, day(129)), [(1, false, 129, 30)]);
        assert_eq!(overdue(&monthly, day(130)), [(1, false, 130, 30), (2, true, 30, 30)]);
        assert_eq!(overdue(&monthly.rotated(day(130)).unwrap(), day(131)), []);
        assert_eq!(monthly.with_period(None).unwrap().period(), None);
        assert_eq!(overdue(&monthly, Timestamp(u64::MAX)).len(), 2);
    }

    // SPEC: KEY-18
    #[test]
    fn a_period_is_a_day_to_a_century() {
        let keyset = Keyset::generate(day(0)).unwrap();
        for days in [1, 36_525] {
            assert_eq!(keyset.with_period(Some(days)).unwrap().period(), Some(days));
        }
        for days in [0, 36_526, u32::MAX] {
            let error = keyset.with_period(Some(days)).unwrap_err();
            assert!(matches!(error, Error::Setting { what: "cryptoperiod", .. }), "{error}");
        }
    }
}

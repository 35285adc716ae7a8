//! What is decided, and why it is denied: numbers that stand in audit logs, fixed for ever.

use crate::protect::Mask;
use std::fmt;

/// What a principal gets of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The value.
    Full,
    /// The value, masked.
    Masked(Mask),
    /// A token in its place.
    Token,
    /// Nothing.
    Deny(Reason),
}

impl Decision {
    /// The number in the audit log: 1 full, 2 masked, 3 token, 4 denied.
    pub fn number(&self) -> u8 {
        match self {
            Decision::Full => 1,
            Decision::Masked(_) => 2,
            Decision::Token => 3,
            Decision::Deny(_) => 4,
        }
    }

    /// Why it is denied.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Decision::Deny(reason) => Some(*reason),
            _ => None,
        }
    }
}

/// Why something is denied. `Display` says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each has its text in TABLE")]
pub enum Reason {
    PrincipalUnknown = 1,
    PurposeUnknown = 2,
    RoleWithoutPurpose = 3,
    FieldWithoutPurpose = 4,
    SpecialCategory = 5,
    RoleWithoutField = 6,
    Restricted = 7,
    Objected = 8,
    ConsentNone = 9,
    ConsentWithdrawn = 10,
    ConsentExpired = 11,
    RetentionOver = 12,
    Held = 13,
    OverBudget = 14,
    ApprovalNeeded = 15,
}

/// Reason, code, and text.
const TABLE: [(Reason, &str, &str); 15] = {
    use Reason::*;
    [
        (
            PrincipalUnknown,
            "principal-unknown",
            "the rules know no such principal: add it to the policy, with its roles",
        ),
        (PurposeUnknown, "purpose-unknown", "the rules know no such purpose: declare it in the policy"),
        (
            RoleWithoutPurpose,
            "role-without-purpose",
            "no role of the principal has this purpose: name another purpose, or give a role this one",
        ),
        (
            FieldWithoutPurpose,
            "field-without-purpose",
            "the field is not for this purpose: add the purpose to the field in the policy, if it is lawful",
        ),
        (
            SpecialCategory,
            "special-category",
            "the field is of a special category (GDPR Art. 9), which takes a purpose by consent or marked `special`",
        ),
        (
            RoleWithoutField,
            "role-without-field",
            "no role of the principal with this purpose reveals the field: add it to the role's `reveal`",
        ),
        (
            Restricted,
            "restricted",
            "the subject's data is restricted (GDPR Art. 18): lift the restriction when its reason is gone",
        ),
        (Objected, "objected", "the subject objected to this purpose (GDPR Art. 21)"),
        (ConsentNone, "consent-none", "the subject gave no consent to this purpose: ask for it"),
        (
            ConsentWithdrawn,
            "consent-withdrawn",
            "the subject withdrew the consent to this purpose (GDPR Art. 7(3))",
        ),
        (ConsentExpired, "consent-expired", "the subject's consent to this purpose has ended: ask again"),
        (RetentionOver, "retention-over", "the field's retention is over: the value is due to be erased"),
        (
            Held,
            "held",
            "the field's retention is over and a hold keeps the value, for purposes marked `despite_hold` alone",
        ),
        (
            OverBudget,
            "over-budget",
            "the principal's budget for this hour is used up: wait, or have the budget of a role raised",
        ),
        (
            ApprovalNeeded,
            "approval-needed",
            "this takes an approval: write a request (`--request FILE`), have another principal who may approve sign it \
             (`cloakroom approve`), and try again with `--approval FILE`",
        ),
    ]
};

impl Reason {
    /// All reasons, by number.
    pub fn all() -> impl Iterator<Item = Reason> {
        TABLE.iter().map(|(reason, ..)| *reason)
    }

    /// The number in the audit log.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The reason with this number.
    pub fn from_number(number: u8) -> Option<Reason> {
        Self::all().find(|reason| reason.number() == number)
    }

    /// A short name for programs: `consent-withdrawn`.
    pub fn code(self) -> &'static str {
        TABLE[usize::from(self.number()) - 1].1
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TABLE[usize::from(self.number()) - 1].2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    // SPEC: DUTY-8
    #[test]
    fn numbers_and_codes_are_fixed() {
        let codes: Vec<_> = Reason::all().map(|r| (r.number(), r.code())).collect();
        assert_eq!(
            codes,
            [
                (1, "principal-unknown"),
                (2, "purpose-unknown"),
                (3, "role-without-purpose"),
                (4, "field-without-purpose"),
                (5, "special-category"),
                (6, "role-without-field"),
                (7, "restricted"),
                (8, "objected"),
                (9, "consent-none"),
                (10, "consent-withdrawn"),
                (11, "consent-expired"),
                (12, "retention-over"),
                (13, "held"),
                (14, "over-budget"),
                (15, "approval-needed"),
            ]
        );
        assert_eq!(Reason::all().map(|r| r.to_string()).collect::<BTreeSet<_>>().len(), codes.len());
        for number in 0..=u8::MAX {
            let known = Reason::from_number(number).map(Reason::number);
            assert_eq!(known, (1..=15).contains(&number).then_some(number));
        }
        let mask = Mask::new(0, 4, '*').unwrap();
        let decisions =
            [Decision::Full, Decision::Masked(mask), Decision::Token, Decision::Deny(Reason::Held)];
        assert_eq!(decisions.map(|d| d.number()), [1, 2, 3, 4]);
        assert_eq!(decisions.map(|d| d.reason()), [None, None, None, Some(Reason::Held)]);
    }
}

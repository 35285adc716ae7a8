//! What a key version can be the primary of, apart from the others: one field's tokens and seals, or one scope's
//! pseudonyms.

use crate::name::{FieldName, Scope, TenantId};
use std::fmt;

/// A use that can have a primary of its own, so that it can be rotated alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// What is protected as this field of this tenant.
    Field {
        /// Whose data it is.
        tenant: TenantId,
        /// Which column or attribute.
        field: FieldName,
    },
    /// The pseudonyms of this scope of this tenant.
    Scope {
        /// Whose data it is.
        tenant: TenantId,
        /// Within which pseudonyms join.
        scope: Scope,
    },
}

impl fmt::Display for KeyUse {
    /// `field "email" of tenant "acme"`, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyUse::Field { tenant, field } => {
                write!(f, "field {:?} of tenant {:?}", field.as_str(), tenant.as_str())
            }
            KeyUse::Scope { tenant, scope } => {
                write!(f, "scope {:?} of tenant {:?}", scope.as_str(), tenant.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_says_what_it_is() {
        let tenant = TenantId::new("acme").unwrap();
        let field = KeyUse::Field { tenant: tenant.clone(), field: FieldName::new("email").unwrap() };
        let scope = KeyUse::Scope { tenant, scope: Scope::new("analytics").unwrap() };
        assert_eq!(field.to_string(), "field \"email\" of tenant \"acme\"");
        assert_eq!(scope.to_string(), "scope \"analytics\" of tenant \"acme\"");
        assert!(field < scope, "the order of the file: kind first");
    }
}

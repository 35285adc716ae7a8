//! `access = principal, purpose`: who asks, and for what.

use crate::name::{Principal, Purpose};

/// Who asks for data, and for what. Every read and write of a vault has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// Who.
    pub principal: Principal,
    /// For what.
    pub purpose: Purpose,
}

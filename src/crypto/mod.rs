//! The audited core.

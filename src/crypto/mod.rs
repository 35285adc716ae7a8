//! The audited core.

pub mod ff1;

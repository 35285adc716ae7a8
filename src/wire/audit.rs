//! An audit log: its leaves and its heads.

pub mod head;
pub mod leaf;

pub use head::{Head, SignedHead};
pub use leaf::{Context, Detail, Item, Leaf};

#[cfg(test)]
mod tests;

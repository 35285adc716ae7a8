//! An audit log: its leaves, its heads, and proofs about it. [`leaf`] and [`head`] have the bytes, [`proof`] the JSON
//! that is handed to others.

pub mod head;
mod hex;
pub mod leaf;
pub mod proof;

pub use head::{Head, SignedHead};
pub use leaf::{Context, Detail, Item, Leaf};
pub use proof::{Consistency, Inclusion, Proof};

#[cfg(test)]
mod tests;

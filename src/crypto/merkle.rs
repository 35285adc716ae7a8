//! ```text
//! leaf(d)    = SHA-256(0x00 ‖ d)
//! node(l, r) = SHA-256(0x01 ‖ l ‖ r)
//! root([])   = SHA-256("")
//! root([d])  = leaf(d)
//! root(D)    = node(root(D[0..k]), root(D[k..n])),   k the largest power of two below n
//! ```
//!
//! The tree of an append-only log. Whoever holds a root can be shown that a leaf is in the log (inclusion), and that a
//! later log begins with all of an earlier one (consistency), with about log₂(n) hashes and no other leaf. Leaves are
//! numbered from 0.
//!
//! Source: RFC 6962 section 2.1; proofs are verified by the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
//!
//! Our own, not `ct-merkle`: that crate's tree holds every leaf and node in memory, and a vault's log is appended to by
//! processes that hold none. It is the tests' second opinion.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::Range;

/// A hash of a leaf, of a node or of the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut node = [1; 65];
    node[1..33].copy_from_slice(left);
    node[33..].copy_from_slice(right);
    Sha256::digest(node).into()
}

/// What of a log is needed to append to it: the roots of its complete subtrees, one for each 1 in the binary form of its
/// size, the largest first. Never more than 64 hashes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// A log again, from what [`size`](Self::size) and [`peaks`](Self::peaks) gave.
    ///
    /// # Errors
    /// [`Error::Audit`] when a log of this size has another number of peaks.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Result<Self> {
        // The largest number has no next one.
        if size == u64::MAX || peaks.len() != size.count_ones() as usize {
            return Err(problem("the state of the log is damaged: its size and its hashes do not fit"));
        }
        Ok(Self { size, peaks })
    }

    /// Appends the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each 1 of the size");
            root = node_hash(&left, &root);
        }
        self.peaks.push(root);
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let root = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        root.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

impl fmt::Debug for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frontier({} leaves)", self.size)
    }
}

/// The hashes that lead from leaf `index` to the root of the log's first `size` leaves, the lowest first.
///
/// `leaves` gives the leaves' hashes in order, from leaf 0; it is read up to leaf `size - 1`, once, and not kept.
///
/// # Errors
/// [`Error::Audit`] when `index` is not below `size` or there are fewer leaves; any error of `leaves`.
pub fn inclusion_proof(
    leaves: impl IntoIterator<Item = Result<Hash>>,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>> {
    if index >= size {
        return Err(Error::Audit {
            problem: format!("there is no leaf {index} in a log of {size}; leaves count from 0"),
        });
    }
    let mut siblings = vec![];
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let middle = split(&tree);
        let (own, sibling) = match index < middle {
            true => (tree.start..middle, middle..tree.end),
            false => (middle..tree.end, tree.start..middle),
        };
        siblings.push(sibling);
        tree = own;
    }
    siblings.reverse();
    roots(leaves, &siblings)
}

/// The hashes that show that the log's first `earlier` leaves are the beginning of its first `size`.
///
/// Empty when `earlier` is 0 or `size`, for then the roots alone show it. `leaves` is as for [`inclusion_proof`].
///
/// # Errors
/// [`Error::Audit`] when `earlier` is over `size` or there are fewer leaves; any error of `leaves`.
pub fn consistency_proof(
    leaves: impl IntoIterator<Item = Result<Hash>>,
    earlier: u64,
    size: u64,
) -> Result<Vec<Hash>> {
    if earlier > size {
        let problem = format!("a log of {size} leaves does not begin with one of {earlier}");
        return Err(Error::Audit { problem });
    }
    if earlier == 0 || earlier == size {
        return Ok(vec![]);
    }
    let mut subtrees = vec![];
    let mut tree = 0..size;
    while tree.end != earlier {
        let middle = split(&tree);
        let (own, other) = match earlier <= middle {
            true => (tree.start..middle, middle..tree.end),
            false => (middle..tree.end, tree.start..middle),
        };
        subtrees.push(other);
        tree = own;
    }
    // The verifier has the root of a subtree that is the whole earlier log.
    if tree.start > 0 {
        subtrees.push(tree);
    }
    subtrees.reverse();
    roots(leaves, &subtrees)
}

/// Verifies that the leaf with this hash is leaf `index` of the log of `size` leaves with this root.
///
/// # Errors
/// [`Error::Audit`].
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<()> {
    let refused =
        || problem("the proof does not lead from the leaf to the root: it is of another leaf or log");
    if index >= size {
        return Err(refused());
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(refused());
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            up_to_a_right_child(&mut at, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(refused()) }
}

/// Verifies that the log of `later.0` leaves with root `later.1` begins with all leaves of the log of `earlier.0` leaves
/// with root `earlier.1`.
///
/// # Errors
/// [`Error::Audit`].
pub fn verify_consistency(earlier: (u64, &Hash), later: (u64, &Hash), proof: &[Hash]) -> Result<()> {
    let refused = || problem("the later log does not begin with all of the earlier one");
    let shown = |shown: bool| if shown { Ok(()) } else { Err(refused()) };
    let ((size, root), (later_size, later_root)) = (earlier, later);
    if size > later_size {
        return Err(refused());
    }
    if size == 0 {
        return shown(proof.is_empty() && *root == Frontier::new().root());
    }
    if size == later_size {
        return shown(proof.is_empty() && root == later_root);
    }
    let (first, rest) = match size.is_power_of_two() {
        true => (root, proof),
        false => proof.split_first().ok_or_else(refused)?,
    };
    let (mut at, mut last) = (size - 1, later_size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut hash, mut later_hash) = (*first, *first);
    for node in rest {
        if last == 0 {
            return Err(refused());
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(node, &hash);
            later_hash = node_hash(node, &later_hash);
            up_to_a_right_child(&mut at, &mut last);
        } else {
            later_hash = node_hash(&later_hash, node);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    shown(last == 0 && hash == *root && later_hash == *later_root)
}

/// Passes the levels at which the last node has no sibling.
fn up_to_a_right_child(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        (*at, *last) = (*at >> 1, *last >> 1);
    }
}

/// Where a tree of two or more leaves divides.
fn split(tree: &Range<u64>) -> u64 {
    let leaves = tree.end - tree.start;
    tree.start + (1 << (leaves - 1).ilog2())
}

/// The roots of subtrees that have no leaf in common, in their order here, in one pass over the leaves.
fn roots(leaves: impl IntoIterator<Item = Result<Hash>>, subtrees: &[Range<u64>]) -> Result<Vec<Hash>> {
    let mut frontiers = vec![Frontier::new(); subtrees.len()];
    let end = subtrees.iter().map(|subtree| subtree.end).max().unwrap_or(0);
    let mut leaves = leaves.into_iter();
    let mut current = None;
    for number in 0..end {
        let leaf =
            leaves.next().ok_or_else(|| problem("the log has fewer leaves than it is said to have"))??;
        if !current.is_some_and(|i: usize| subtrees[i].contains(&number)) {
            current = subtrees.iter().position(|subtree| subtree.contains(&number));
        }
        if let Some(i) = current {
            frontiers[i].push(leaf);
        }
    }
    Ok(frontiers.iter().map(Frontier::root).collect())
}

fn problem(problem: &str) -> Error {
    Error::Audit { problem: problem.into() }
}

#[cfg(test)]
mod tests;

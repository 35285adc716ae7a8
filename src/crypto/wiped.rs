//! A vector that is wiped when it is dropped, in one fill.
//!
//! `Zeroizing<Vec<_>>` wipes element by element, which for a buffer that serves one column takes longer than filling it did.

use std::ops::{Deref, DerefMut};
use zeroize::optimization_barrier;

/// A vector of plain numbers or bytes whose memory, spare room included, is filled with `T::default()`, which is zero, when it is
/// dropped. As with `Zeroizing`, what it left behind when it moved to larger memory is not: reserve the room first.
#[derive(Default)]
pub(crate) struct WipedVec<T: Copy + Default>(Vec<T>);

impl<T: Copy + Default> WipedVec<T> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty one with room.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self(vec![T::default(); len])
    }
}

impl<T: Copy + Default> From<Vec<T>> for WipedVec<T> {
    fn from(vec: Vec<T>) -> Self {
        Self(vec)
    }
}

/// Wipes the vector's memory, spare room included, and leaves it empty.
pub(crate) fn wipe<T: Copy + Default>(vec: &mut Vec<T>) {
    vec.clear();
    // There is room for them: this is a fill.
    vec.resize(vec.capacity(), T::default());
    optimization_barrier(&vec[..]);
    vec.clear();
}

impl<T: Copy + Default> Drop for WipedVec<T> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl<T: Copy + Default> Deref for WipedVec<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Copy + Default> DerefMut for WipedVec<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_reaches_what_was_in_spare_room_and_allocates_nothing() {
        let mut bytes = WipedVec::with_capacity(100);
        bytes.resize(90, 7u8);
        bytes.truncate(3);
        let (room, place) = (bytes.capacity(), bytes.as_ptr());
        wipe(&mut bytes);
        assert_eq!((bytes.len(), bytes.capacity(), bytes.as_ptr()), (0, room, place));
        let zeros = WipedVec::<[u8; 16]>::zeros(3);
        assert_eq!(zeros[..], [[0; 16]; 3]);
    }
}

use super::natural::Natural;
use super::space::Rank;
use crate::error::Result;
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern;
pub(super) struct Layout;
impl Pattern {
    pub(super) fn expression(_: &str, _: Option<(usize, usize)>) -> Result<Self> {
        Ok(Self)
    }
    pub(super) fn template(_: &str) -> Result<Self> {
        Ok(Self)
    }
    pub(super) fn uses(&self, _: char) -> bool {
        false
    }
    pub(super) fn lengths(&self) -> Vec<(usize, Natural)> {
        vec![]
    }
    pub(super) fn example(&self) -> String {
        String::new()
    }
    pub(super) fn read(&self, _: &str) -> Result<(Layout, Rank)> {
        Ok((Layout, Rank::Small(0)))
    }
    pub(super) fn size(&self, _: &Layout) -> Rank {
        Rank::Small(1)
    }
    pub(super) fn write(&self, _: &str, _: &Layout, _: &Rank, _: &mut Vec<u8>) {}
}

//! A set of characters, counted in code point order: `index(nth(i)) = i`.

/// The index of an ASCII character that is not in the set.
const ABSENT: u32 = u32::MAX;

/// A set of characters.
pub(super) struct Characters {
    /// First and last character with the index of the first; sorted, apart from one another.
    ranges: Vec<(char, char, u32)>,
    ascii: [u32; 128],
    size: u32,
}

impl Characters {
    /// The union of these ranges.
    pub fn new(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        let mut characters = Self { ranges: vec![], ascii: [ABSENT; 128], size: 0 };
        for (first, last) in ranges {
            match characters.ranges.last_mut() {
                // Surrogates are no characters, so a range over them counts on from where it left.
                Some((_, end, _)) if *end >= first || (*end..=first).nth(1) == Some(first) => {
                    *end = last.max(*end)
                }
                _ => characters.ranges.push((first, last, 0)),
            }
        }
        for (first, last, index) in &mut characters.ranges {
            *index = characters.size;
            for c in (*first..=*last).take_while(char::is_ascii) {
                characters.ascii[c as usize] = *index + (c as u32 - *first as u32);
            }
            characters.size += distance(*first, *last) + 1;
        }
        characters
    }

    /// How many there are.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The ranges they make up, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (char, char)> {
        self.ranges.iter().map(|(first, last, _)| (*first, *last))
    }

    /// How many of the set come before `c`, when `c` is in it.
    pub fn index(&self, c: char) -> Option<u32> {
        if let Some(index) = self.ascii.get(c as usize) {
            return (*index != ABSENT).then_some(*index);
        }
        let after = self.ranges.partition_point(|(first, ..)| *first <= c);
        let (first, last, index) = self.ranges[after.checked_sub(1)?];
        (c <= last).then(|| index + distance(first, c))
    }

    /// The character that has this index.
    ///
    /// # Panics
    /// When there are no more than `index`.
    pub fn nth(&self, index: u32) -> char {
        let after = self.ranges.partition_point(|(_, _, least)| *least <= index);
        let (first, last, least) = self.ranges[after - 1];
        let code = first as u32 + (index - least);
        let skipped = if (first as u32) < 0xd800 && code >= 0xd800 { 0x800 } else { 0 };
        char::from_u32(code + skipped).filter(|c| *c <= last).expect("an index below the size")
    }
}

/// How many characters lie between, `last` included.
fn distance(first: char, last: char) -> u32 {
    let skipped = if (first as u32) < 0xd800 && last as u32 > 0xdfff { 0x800 } else { 0 };
    last as u32 - first as u32 - skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_up_across_ranges_and_surrogates() {
        let set =
            Characters::new(vec![('x', 'z'), ('a', 'c'), ('b', 'd'), ('\u{d7fe}', '\u{e001}'), ('😀', '😁')]);
        assert_eq!(set.ranges().count(), 4);
        let all: Vec<char> = set.ranges().flat_map(|(first, last)| first..=last).collect();
        assert_eq!(all.len() as u32, set.size());
        for (i, c) in all.iter().enumerate() {
            assert_eq!((set.index(*c), set.nth(i as u32)), (Some(i as u32), *c));
        }
        for c in ['e', 'w', '\0', '{', '\u{d7fd}', '\u{e002}', '😂', char::MAX] {
            assert_eq!(set.index(c), None, "{c:?}");
        }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let set =
            Characters::new(vec![('a', 'b'), ('c', 'd'), ('\u{d7ff}', '\u{d7ff}'), ('\u{e000}', '\u{e000}')]);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [('a', 'd'), ('\u{d7ff}', '\u{e000}')]);
        assert_eq!((set.size(), set.index('\u{e000}'), set.nth(5)), (6, Some(5), '\u{e000}'));
    }
}

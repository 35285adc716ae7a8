//! `rank = Σⱼ<ₖ S(j) + Σᵢ dᵢ·Πⱼ>ᵢ rⱼ`: values in which each character that takes part has an alphabet of its own.
//!
//! Position i has `rᵢ` characters to choose from, `dᵢ` is the one that stands there, and `S(k)` is how many strings have
//! `k` positions. Most spaces have one length; then the first sum is empty.
//!
//! **Marks.** Where letters and digits take each other's places, upper case shows only in strings with a letter. A value
//! in upper case has one, and so has its token: `S(k) = Π rᵢ − Π qᵢ`, with `qᵢ` the characters that show no case, and
//! strings that show none are not counted.
//!
//! **Short values.** Four letters are below the floor of FF1, and many names are shorter. So a name's last kind of
//! character may stand more or fewer times: all lengths from `lo` up to the first `hi` whose strings reach the floor are
//! one space. `lo` is the least length that has every separator, change of case and diacritic where the value has it.

use super::classes::Class;
use super::email;
use super::look::Look;
use super::natural::Natural;
use super::rank::Rank;
use super::space::{FLOOR, Reading, Space, Whole};
use crate::error::{Error, Result};
use zeroize::{DefaultIsZeroes, Zeroize, Zeroizing};

/// The most characters that take part: the arithmetic of FF1 is quadratic.
const LONGEST: usize = 4096;

/// Values of this look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Positions(pub(super) Look);

/// What a character of a text is to its format. It may be a part of a value, so there is no `Debug`.
#[derive(Clone, Copy, Default)]
pub(super) enum Item {
    /// It stays where it stands; so does what stands behind the last item.
    #[default]
    Keep,
    /// It takes part, as this digit of its class.
    Token(Class, u16),
    /// It is computed from the others.
    Check,
}

impl DefaultIsZeroes for Item {}

/// A text, character by character, up to the last that takes part or further. Wiped when dropped.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) items: Zeroizing<Vec<Item>>,
    /// Whether a short one shares its space with longer ones.
    pub(super) grows: bool,
    /// Whether a character that takes part must show the class.
    pub(super) marked: bool,
}

impl Scan {
    pub(super) fn clear(&mut self) {
        self.items.clear();
        (self.grows, self.marked) = (false, false);
    }

    /// Appends the character as itself, or says what should stand there.
    #[inline]
    pub(super) fn token(&mut self, class: Class, c: char, at: usize, expected: &'static str) -> Result<()> {
        let digit = class.digit(c).ok_or(Error::Character { at: at + 1, expected })?;
        self.items.push(Item::Token(class, digit));
        Ok(())
    }

    fn tokens(&self) -> impl DoubleEndedIterator<Item = (Class, u16)> + Clone {
        self.items.iter().filter_map(|item| match item {
            Item::Token(class, digit) => Some((*class, *digit)),
            _ => None,
        })
    }
}

/// How the strings of a text's space are counted.
enum Counting {
    /// One length, and one alphabet for all: the digits are FF1's numerals.
    Uniform,
    /// This length.
    Fixed(usize),
    /// All lengths from the first to the second.
    Grown(usize, usize),
}

impl Positions {
    /// Reads a text, and appends the numerals of its rank.
    ///
    /// # Errors
    /// What the look refuses; [`Error::DomainTooSmall`], [`Error::TooLong`].
    pub(super) fn read(&self, text: &str, scan: &mut Scan, numerals: &mut Vec<u16>) -> Result<Reading> {
        if let Look::Email(domain) = self.0 {
            let start = numerals.len();
            if email::read_plain(domain, text, numerals)? {
                let space = Space::of_strings(Class::LOWER_36.radix(), numerals.len() - start);
                return Ok(Reading { is_plain: true, ..space.into() });
            }
        }
        scan.clear();
        self.0.scan(text, scan)?;
        let length = scan.tokens().count();
        if length > LONGEST {
            return Err(Error::TooLong { what: "number of characters", actual: length, limit: LONGEST });
        }
        let counting = counting(scan, length);
        if let (Counting::Uniform, Some((class, _))) = (&counting, scan.tokens().next()) {
            let space = Space::of_strings(class.radix(), length);
            numerals.extend(scan.tokens().map(|(_, digit)| digit));
            return Ok(space.into());
        }
        let (mut rank, size) = rank_and_size(scan, &counting);
        let space = Space::of_size(&size)?;
        space.spell(&rank, numerals);
        rank.zeroize();
        Ok(space.into())
    }

    /// How many texts look like this one.
    pub(super) fn size(&self, shape: &str, scan: &mut Scan) -> Natural {
        match self.rescan(shape, scan) {
            Some(counting) => rank_and_size(scan, &counting).1.natural(),
            None => Natural::from(0),
        }
    }

    /// Whether the numerals are a rank below a size of more than 128 bits.
    pub(super) fn holds_big(
        &self,
        shape: &str,
        reading: &Reading,
        scan: &mut Scan,
        numerals: &[u16],
    ) -> bool {
        let Some(counting) = self.rescan(shape, scan) else { return true };
        let (_, size) = rank_and_size(scan, &counting);
        reading.space.rank(numerals).natural() < size.natural()
    }

    /// Appends the text that has `shape`'s kept characters, and the rank that the numerals spell.
    pub(super) fn write(
        &self,
        shape: &str,
        reading: &Reading,
        scan: &mut Scan,
        numerals: &[u16],
        out: &mut Vec<u8>,
    ) {
        if let (Look::Email(domain), true) = (self.0, reading.is_plain) {
            return email::write_plain(domain, shape, numerals, out);
        }
        let Some(counting) = self.rescan(shape, scan) else { return };
        let start = out.len();
        match counting {
            Counting::Uniform => put(shape, scan, numerals, out),
            _ => {
                let mut digits = Zeroizing::new(vec![]);
                let mut rank = reading.space.rank(numerals);
                unrank(scan, &counting, &rank, &mut digits);
                rank.zeroize();
                put(shape, scan, &digits, out);
            }
        }
        self.0.finish(&mut out[start..]);
    }

    /// Reads a text that was read before.
    fn rescan(&self, shape: &str, scan: &mut Scan) -> Option<Counting> {
        scan.clear();
        self.0.scan(shape, scan).ok()?;
        Some(counting(scan, scan.tokens().count()))
    }
}

/// Writes the shape with these digits, fewer or more than it has. What stands behind the last item stays.
fn put(shape: &str, scan: &Scan, digits: &[u16], out: &mut Vec<u8>) {
    let last = scan.items.iter().rposition(|item| matches!(item, Item::Token(..)));
    let (mut next, mut characters) = (digits.iter(), shape.chars());
    for (i, item) in scan.items.iter().enumerate() {
        let Some(c) = characters.next() else { return };
        let Item::Token(class, _) = item else {
            push(c, out);
            continue;
        };
        if let Some(digit) = next.next() {
            push(class.character(*digit), out);
        }
        if Some(i) == last {
            next.by_ref().for_each(|digit| push(class.character(*digit), out));
        }
    }
    out.extend_from_slice(characters.as_str().as_bytes());
}

#[inline]
fn push(c: char, out: &mut Vec<u8>) {
    match c.is_ascii() {
        true => out.push(c as u8),
        false => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn counting(scan: &Scan, length: usize) -> Counting {
    if let (true, Some((last, _))) = (scan.grows, scan.tokens().next_back()) {
        let low = least_length(scan);
        let mut high = 0;
        let (mut all, mut unmarked) = (1u128, if scan.marked { 1 } else { 0 });
        for class in scan.tokens().map(|(class, _)| class).chain(std::iter::repeat(last)) {
            // Both may have reached their end; then there are more than enough.
            if high >= low && (all == u128::MAX || all - unmarked >= FLOOR.into()) {
                break;
            }
            high += 1;
            all = all.saturating_mul(class.radix().into());
            unmarked = unmarked.saturating_mul(class.unmarked().into()).min(all);
        }
        if length <= high && low < high {
            return Counting::Grown(low, high);
        }
    }
    let mut radices = scan.tokens().map(|(class, _)| class.radix());
    let first = radices.next();
    match !scan.marked && radices.all(|radix| Some(radix) == first) {
        true => Counting::Uniform,
        false => Counting::Fixed(length),
    }
}

/// The fewest positions with which every separator and change of class is where it is, and none at the end is new.
fn least_length(scan: &Scan) -> usize {
    let (mut least, mut position, mut separated, mut before) = (1, 0, false, None);
    for item in scan.items.iter() {
        match item {
            Item::Token(class, _) => {
                if position > 0 && (separated || before != Some(*class)) {
                    least = position + 1;
                }
                (before, separated, position) = (Some(*class), false, position + 1);
            }
            _ => separated = true,
        }
    }
    least
}

/// Whether the space has certainly less than 2^128 strings.
fn is_small(scan: &Scan) -> bool {
    let bits = scan.tokens().map(|(class, _)| 32 - (class.radix() - 1).leading_zeros());
    bits.sum::<u32>() < 120
}

/// The rank of a text, and the size of its space.
fn rank_and_size(scan: &Scan, counting: &Counting) -> (Rank, Rank) {
    if is_small(scan) {
        let (rank, size) = Strings::<u128>::new(scan, counting).rank_and_size(scan);
        (Rank::Small(rank), Rank::Small(size))
    } else {
        let (rank, size) = Strings::<Natural>::new(scan, counting).rank_and_size(scan);
        (rank.into(), size.into())
    }
}

/// The digits of the string with this rank.
fn unrank(scan: &Scan, counting: &Counting, rank: &Rank, digits: &mut Vec<u16>) {
    match rank {
        Rank::Small(rank) if is_small(scan) => Strings::<u128>::new(scan, counting).unrank(*rank, digits),
        _ => Strings::<Natural>::new(scan, counting).unrank(rank.natural(), digits),
    }
}

/// The strings of one space, in order: shorter ones first, then by their digits from the left.
struct Strings<W> {
    /// For each position of the longest, how many characters there are, and how many of them show no case.
    choices: Vec<(u64, u64)>,
    shortest: usize,
    marked: bool,
    whole: std::marker::PhantomData<W>,
}

impl<W: Whole> Strings<W> {
    fn new(scan: &Scan, counting: &Counting) -> Self {
        let choice = |class: Class| (u64::from(class.radix()), u64::from(class.unmarked()));
        let mut choices: Vec<_> = scan.tokens().map(|(class, _)| choice(class)).collect();
        let shortest = match *counting {
            Counting::Grown(shortest, longest) => {
                let last = choices.last().copied().unwrap_or((1, 1));
                choices.resize(longest, last);
                shortest
            }
            Counting::Fixed(length) => length,
            Counting::Uniform => choices.len(),
        };
        Self { choices, shortest, marked: scan.marked, whole: std::marker::PhantomData }
    }

    /// How many strings of `length` positions there are from the i-th on: all, and those that show no case.
    fn suffixes(&self, length: usize) -> Vec<(W, W)> {
        let mut suffixes = vec![(W::from_small(1), W::from_small(1))];
        for (all, unmarked) in self.choices[..length].iter().rev() {
            let (mut a, mut u) = suffixes.last().expect("it begins with one").clone();
            a.mul_small(*all);
            u.mul_small(*unmarked);
            suffixes.push((a, u));
        }
        suffixes.reverse();
        suffixes
    }

    /// S(length).
    fn count(&self, length: usize) -> W {
        let (mut all, mut unmarked) = (W::from_small(1), W::from_small(1));
        for (a, u) in &self.choices[..length] {
            all.mul_small(*a);
            if self.marked {
                unmarked.mul_small(*u);
            }
        }
        if self.marked {
            all.sub(&unmarked);
        }
        all
    }

    fn rank_and_size(&self, scan: &Scan) -> (W, W) {
        let digits = scan.tokens().map(|(_, digit)| u64::from(digit));
        let length = digits.clone().count();
        let (mut rank, mut size) = (W::from_small(0), W::from_small(0));
        for k in self.shortest..=self.choices.len() {
            let count = self.count(k);
            if k < length {
                rank.add(&count);
            }
            size.add(&count);
        }
        let mut within = W::from_small(0);
        match self.marked {
            false => digits.zip(&self.choices).for_each(|(digit, (all, _))| {
                within.mul_small(*all);
                within.add(&W::from_small(digit));
            }),
            true => {
                let suffixes = self.suffixes(length);
                let mut shown = false;
                for (i, digit) in digits.enumerate() {
                    let (all, unmarked) = &suffixes[i + 1];
                    let hidden = if shown { 0 } else { digit.min(self.choices[i].1) };
                    let (mut of_hidden, mut of_shown) = (all.clone(), all.clone());
                    of_hidden.sub(unmarked);
                    of_hidden.mul_small(hidden);
                    of_shown.mul_small(digit - hidden);
                    within.add(&of_hidden);
                    within.add(&of_shown);
                    shown |= digit >= self.choices[i].1;
                }
            }
        }
        rank.add(&within);
        (rank, size)
    }

    fn unrank(&self, mut rank: W, digits: &mut Vec<u16>) {
        let mut length = self.shortest;
        while length < self.choices.len() {
            let count = self.count(length);
            if rank < count {
                break;
            }
            rank.sub(&count);
            length += 1;
        }
        digits.resize(length, 0);
        let mut from = 0;
        if self.marked {
            let suffixes = self.suffixes(length);
            let mut shown = false;
            while from < length && !shown {
                let (all, unmarked) = &suffixes[from + 1];
                let mut of_hidden = all.clone();
                of_hidden.sub(unmarked);
                let mut digit = 0;
                loop {
                    shown = digit >= self.choices[from].1;
                    let count = if shown { all } else { &of_hidden };
                    if rank < *count {
                        break;
                    }
                    rank.sub(count);
                    digit += 1;
                }
                digits[from] = digit as u16;
                from += 1;
            }
        }
        for (digit, (all, _)) in digits[from..].iter_mut().zip(&self.choices[from..]).rev() {
            *digit = rank.div_rem_small(*all) as u16;
        }
        rank.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Format, Natural};

    fn size(format: &Format, value: &str) -> u128 {
        format.members(value).unwrap().size().to_u128().unwrap()
    }

    fn rank(format: &Format, value: &str) -> u128 {
        format.members(value).unwrap().rank(value).unwrap().to_u128().unwrap()
    }

    // SPEC: POS-2
    #[test]
    fn short_names_share_the_space_of_lengths_up_to_the_floor() {
        let name = Format::name();
        // Title case: one capital, then up to the five letters that reach a million.
        let lengths = |from: u32| (from..=5).map(|k| 26u128.pow(k)).sum::<u128>();
        assert_eq!(size(&name, "Jo"), lengths(2));
        assert_eq!(size(&name, "Maria"), lengths(2));
        assert_eq!(size(&name, "Martha"), 26u128.pow(6));
        assert_eq!(size(&name, "JO"), lengths(1));
        assert_eq!(rank(&name, "Aa"), 0);
        assert_eq!(rank(&name, "Zz"), 26 * 26 - 1);
        assert_eq!(rank(&name, "Aaa"), 26 * 26);
        assert_eq!(rank(&name, "Zzzzz"), lengths(2) - 1);
        // The separator needs a letter behind it.
        assert_eq!(size(&name, "Al B"), lengths(3));
        // An accent stays where it is, and goes on: 17 letters have an acute.
        assert_eq!(size(&name, "Zoé"), 26 * 26 * (17 + 17 * 17 + 17 * 17 * 17));
    }

    // SPEC: POS-2
    #[test]
    fn marked_strings_are_those_with_a_capital() {
        let email = Format::email();
        assert_eq!(size(&email, "abcdef@x.org"), 36u128.pow(6));
        assert_eq!(size(&email, "abCdef@x.org"), 62u128.pow(6) - 36u128.pow(6));
        assert_eq!(rank(&email, "00000A@x.org"), 0);
        assert_eq!(rank(&email, "00001A@x.org"), 26);
        assert_eq!(rank(&email, "ZZZZZZ@x.org"), 62u128.pow(6) - 36u128.pow(6) - 1);
        let upper = "F81D4FAE-7DEC-41D0-1765-00A0C91E6BF6";
        assert_eq!(size(&Format::uuid(), upper), 16u128.pow(30) - 10u128.pow(30));
        assert_eq!(size(&Format::uuid(), &upper.replace("1765", "A765")), 16u128.pow(30));
    }

    // SPEC: POS-2
    #[test]
    fn ranks_count_the_strings_of_a_small_space() {
        // Every string of a growing space, in order: shorter ones first.
        let name = Format::name();
        let members = name.members("x'").unwrap();
        let mut before: Option<String> = None;
        for i in (0..members.size().to_u128().unwrap()).step_by(997) {
            let text = members.unrank(&Natural::from(i)).unwrap().to_string();
            assert!(text.ends_with('\''), "{text}");
            assert_eq!(members.rank(&text).unwrap(), Natural::from(i));
            if let Some(before) = before.replace(text.clone()) {
                assert!((before.len(), &before) < (text.len(), &text));
            }
        }
        assert_eq!(members.unrank(&members.size()), None);
    }

    // SPEC: POS-3, POS-4
    #[test]
    fn what_cannot_come_back_is_refused() {
        for (format, bad) in [
            (Format::name(), "Jose\u{301}"),
            (Format::name(), "Анна Smith"),
            (Format::name(), "Anna 2"),
            (Format::name(), "李雷"),
            (Format::name(), " - "),
            (Format::text(), "héllo wörld 123 \u{301}"),
            (Format::text(), "hello\0world"),
            (Format::text(), "１２３４５６"),
            (Format::text(), "٣٣٣٣٣٣٣"),
            (Format::text(), "…"),
            (Format::plate(), "ABCDEF"),
            (Format::plate(), "123456"),
            (Format::plate(), "A-1"),
            (Format::passport(), "C01X0"),
            (Format::passport(), "C01X00T4Ä"),
            (Format::email(), "a@b@c.de"),
            (Format::email(), "a..b@c.de"),
            (Format::email(), "a b@c.de"),
            (Format::email(), "ü@c.de"),
            (Format::email(), "a@c"),
            (Format::email(), "a@-c.de"),
            (Format::email(), "...@c.de"),
            (Format::uuid(), "f81d4fae-7dec-41d0-a765-00A0c91e6bf6"),
            (Format::uuid(), "f81d4fae7-dec-41d0-a765-00a0c91e6bf6"),
            (Format::uuid(), "g81d4fae-7dec-41d0-a765-00a0c91e6bf6"),
        ] {
            let error = format.members(bad).err().unwrap_or_else(|| panic!("{bad:?} was taken"));
            assert!(matches!(error, Error::Value { .. } | Error::Character { .. }), "{bad:?}: {error}");
        }
        let error = Format::name().members("Anna 2").unwrap_err().to_string();
        assert_eq!(error, "character 6 of the value is not a letter");
    }

    // SPEC: POS-5
    #[test]
    fn ibans_are_checked_and_telephone_numbers_keep_their_plan() {
        use crate::format::{IbanKeep, PhoneKeep};
        let iban = Format::iban(IbanKeep::Bank);
        assert_eq!(size(&iban, "DE89 3704 0044 0532 0130 00"), 10u128.pow(10));
        assert_eq!(
            size(&Format::iban(IbanKeep::Country), "gb29nwbk60161331926819"),
            26u128.pow(4) * 10u128.pow(14)
        );
        let members = iban.members("DE89370400440532013000").unwrap();
        for i in 0..100u128 {
            let other = members.unrank(&Natural::from(i * 99_999_989)).unwrap();
            assert!(other.starts_with("DE") && other[4..].starts_with("37040044"), "{}", &*other);
            assert_eq!(members.rank(&other).unwrap(), Natural::from(i * 99_999_989));
        }
        for bad in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "De89370400440532013000",
        ] {
            assert!(iban.members(bad).is_err(), "{bad}");
        }
        let phone = Format::phone(PhoneKeep::Country);
        assert_eq!(size(&phone, "+1 202 555 0143"), 64 * 10u128.pow(8));
        assert_eq!(size(&phone, "+49 30 123456"), 10u128.pow(8));
        assert_eq!(size(&Format::phone(PhoneKeep::Area(2)), "+49 30 1234567"), 10u128.pow(7));
        assert_eq!(size(&Format::phone(PhoneKeep::Nothing), "+49 30 123456"), 9 * 10u128.pow(9));
        for bad in ["030 1234567", "+999 1234567", "+49 30", "+49 30 1234567890123", "+49 30 12345x"] {
            assert!(phone.members(bad).is_err(), "{bad}");
        }
    }
}

//! CSV records out of a reader: where their cells are in its buffer, without a copy of the record.
//!
//! ```text
//! file   = [BOM] *( record line-end )           line-end = CR LF / CR / LF; blank lines are no records
//! record = cell *( delimiter cell )
//! cell   = *byte                                up to a delimiter or a line end
//!        / '"' *( byte / '""' ) '"' *byte       '""' is one quote; what stands behind the closing quote is taken as it is
//! ```
//!
//! It takes what the `csv` crate takes, and the tests hold it against that crate; but a quote that is still open at the
//! end of the input is told.

use super::counted::{BOM, CountedRead};
use crate::protect::Column;
use std::io::{ErrorKind, Read, Result};
use zeroize::Zeroizing;

/// The longest record: an unclosed quote must not take the whole file into memory.
const LONGEST: usize = 64 << 20;
/// How much is read at once, unless a record is longer.
const AT_ONCE: usize = 1 << 16;
/// Bytes behind what was read, so that whole blocks and short cells can be taken from anywhere in it.
const SLACK: usize = 64;
pub(super) const MOST_COLUMNS: usize = 16_384;
/// Cells of a record of which it is known where they are; more are counted only.
const MOST_CELLS: usize = MOST_COLUMNS + 1;

/// A CSV file, record by record.
pub(super) struct Records<R> {
    pub(super) input: CountedRead<R>,
    marks: Marks,
    buffer: Zeroizing<Vec<u8>>,
    /// How much of the buffer holds input.
    filled: usize,
    /// Whether there is no more input.
    ended: bool,
    /// Where the next record begins, and in which line.
    next: usize,
    next_line: u64,
    /// The record's cells, the first [`MOST_CELLS`] of them.
    cells: Vec<Cell>,
    count: usize,
    length: usize,
    line: u64,
}

/// Where a cell is in the buffer.
#[derive(Clone, Copy)]
struct Cell {
    start: usize,
    end: usize,
    /// Whether it begins with its opening quote, and quotes have to be taken out.
    raw: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Record,
    /// A record that goes over the end of the input, in an open quote.
    OpenQuote,
    /// A record that is longer than 64 MiB.
    OverLong,
    End,
}

/// What a look at the buffer found.
enum Found {
    Record {
        next: usize,
        quotes: bool,
    },
    /// The record goes on behind what was read.
    Partial,
    OpenQuote,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: CountedRead<R>, delimiter: u8) -> Self {
        Self {
            input,
            marks: Marks { delimiter, block: None, bits: 0, left: 0 },
            buffer: Zeroizing::new(vec![0; AT_ONCE + SLACK]),
            filled: 0,
            ended: false,
            next: 0,
            next_line: 1,
            cells: vec![],
            count: 0,
            length: 0,
            line: 1,
        }
    }

    /// Goes to the next record.
    ///
    /// # Errors
    /// The input's.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Next> {
        loop {
            self.skip_line_ends();
            if self.next < self.filled {
                match self.look() {
                    Found::Record { next, quotes } => {
                        let record = &self.buffer[self.next..next];
                        self.next_line += match quotes {
                            true => record.iter().filter(|byte| **byte == b'\n').count() as u64,
                            false => u64::from(record.ends_with(b"\n")),
                        };
                        self.length = record.len();
                        self.next = next;
                        return Ok(Next::Record);
                    }
                    Found::OpenQuote => return Ok(Next::OpenQuote),
                    Found::Partial if self.filled - self.next >= LONGEST => return Ok(Next::OverLong),
                    Found::Partial => {}
                }
            } else if self.ended {
                return Ok(Next::End);
            }
            self.read()?;
        }
    }

    /// How many cells the record has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The line in which the record begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes the record has, with its quotes, delimiters and line end.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Appends a cell to a column.
    #[inline]
    pub(super) fn append(&self, i: usize, column: &mut Column) {
        let Cell { start, end, raw } = self.cells[i];
        match raw {
            false => column.push_within(&self.buffer, start..end),
            true => column.push_with(&mut vec![], |out| {
                unquote(&self.buffer[start..end], out);
                Ok(())
            }),
        }
    }

    /// Reads what is left, for its hash alone.
    ///
    /// # Errors
    /// The input's.
    pub(super) fn drain(&mut self) -> Result<()> {
        while !self.ended {
            self.next = self.filled;
            self.read()?;
        }
        Ok(())
    }

    /// The line end behind a record is left here, and all of a blank line.
    #[inline]
    fn skip_line_ends(&mut self) {
        while self.next < self.filled && matches!(self.buffer[self.next], b'\r' | b'\n') {
            self.next_line += u64::from(self.buffer[self.next] == b'\n');
            self.next += 1;
        }
        self.line = self.next_line;
    }

    /// Looks for the record that begins at `next`, and at least one byte of it is there.
    #[inline]
    fn look(&mut self) -> Found {
        let (buffer, filled, cells) = (&self.buffer[..], self.filled, &mut self.cells);
        cells.clear();
        let (mut count, mut quotes) = (1, false);
        let mut start = self.next;
        let mut marks = self.marks;
        marks.go_on_from(start, buffer);
        loop {
            let mut cell = Cell { start, end: filled, raw: false };
            let mut closed = None;
            if start < filled && buffer[start] == b'"' {
                (quotes, cell.raw) = (true, true);
                let Some((closing, doubled)) = closing_quote(buffer, start + 1, filled) else {
                    self.count = count;
                    return if self.ended { Found::OpenQuote } else { Found::Partial };
                };
                closed = (!doubled).then_some(closing);
                marks.go_on_from(closing + 1, buffer);
            }
            let end = marks.next(buffer, filled).unwrap_or(filled);
            if end == filled && !self.ended {
                return Found::Partial;
            }
            cell.end = end;
            if closed == Some(end.wrapping_sub(1)) {
                cell = Cell { start: start + 1, end: end - 1, raw: false };
            }
            if count <= MOST_CELLS {
                cells.push(cell);
            }
            if end == filled || buffer[end] != marks.delimiter {
                (self.marks, self.count) = (marks, count);
                return Found::Record { next: filled.min(end + 1), quotes };
            }
            (start, count) = (end + 1, count + 1);
        }
    }

    /// Reads as much again as there is of the unfinished record, so that a long one is not looked at too often.
    #[cold]
    fn read(&mut self) -> Result<()> {
        self.buffer.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
        self.marks.block = None; // it was another place's, or not filled
        let room = self.buffer.len() - SLACK;
        if self.filled == room {
            let mut larger = Zeroizing::new(vec![0; LONGEST.min(2 * room) + SLACK]);
            larger[..room].copy_from_slice(&self.buffer[..room]);
            self.buffer = larger;
        }
        let room = self.buffer.len() - SLACK;
        let (first, enough) = (self.input.bytes == 0, room.min(2 * self.filled).max(self.filled + 1));
        while self.filled < enough && !self.ended {
            match self.input.read(&mut self.buffer[self.filled..room]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if first && self.input.bom {
            self.next = BOM.len();
        }
        Ok(())
    }
}

/// Where a quoted cell's closing quote is, and whether there are doubled ones before it; `None` when it is not among
/// what was read, or may be the first of two.
fn closing_quote(buffer: &[u8], from: usize, filled: usize) -> Option<(usize, bool)> {
    let (mut at, mut doubled) = (from, false);
    loop {
        let mut word = at;
        let quote = loop {
            if word >= filled {
                return None;
            }
            match equal(load(buffer, word), b'"') {
                0 => word += 8,
                found => break word + found.trailing_zeros() as usize / 8,
            }
        };
        if quote >= filled {
            return None;
        }
        if quote + 1 >= filled || buffer[quote + 1] != b'"' {
            return Some((quote, doubled));
        }
        (at, doubled) = (quote + 2, true);
    }
}

/// A cell without its quotes: the opening one, the closing one, and one of two in between.
fn unquote(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = &raw[1..];
    while let Some(quote) = rest.iter().position(|byte| *byte == b'"') {
        out.extend_from_slice(&rest[..quote]);
        match rest.get(quote + 1) {
            Some(b'"') => out.push(b'"'),
            _ => return out.extend_from_slice(&rest[quote + 1..]),
        }
        rest = &rest[quote + 2..];
    }
    out.extend_from_slice(rest);
}

/// The places of delimiters and line ends, a block of 64 bytes at a time.
#[derive(Clone, Copy)]
struct Marks {
    delimiter: u8,
    /// The block that was looked at, if any.
    block: Option<usize>,
    /// Bit i: byte i of the block is a mark; and those of them that come next.
    bits: u64,
    left: u64,
}

impl Marks {
    /// Goes on from a place, ahead of all that were given out.
    #[inline]
    fn go_on_from(&mut self, place: usize, buffer: &[u8]) {
        match self.block {
            Some(block) if place - block < 64 => self.left = self.bits & (u64::MAX << (place - block)),
            _ => self.find(place, buffer),
        }
    }

    #[inline]
    fn find(&mut self, block: usize, buffer: &[u8]) {
        self.block = Some(block);
        // There are as many bytes behind what was read.
        let bytes = buffer[block..].first_chunk().unwrap_or(&[0; 64]);
        self.bits = marks(bytes, self.delimiter);
        self.left = self.bits;
    }

    /// The next mark before `filled`.
    #[inline]
    fn next(&mut self, buffer: &[u8], filled: usize) -> Option<usize> {
        let mut block = self.block?;
        while self.left == 0 {
            block += 64;
            if block >= filled {
                return None;
            }
            self.find(block, buffer);
        }
        let mark = block + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        (mark < filled).then_some(mark)
    }
}

/// Bit i: byte i is a delimiter or a line end. In words, of which the compiler takes several at once.
fn marks(bytes: &[u8; 64], delimiter: u8) -> u64 {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        let bytes = u64::from_le_bytes(*bytes);
        *word = equal(bytes, delimiter) | equal(bytes, b'\n') | equal(bytes, b'\r');
    }
    words.iter().rev().fold(0, |bits, word| bits << 8 | gather(*word))
}

/// The highest bits of the eight bytes, the first one lowest; all other bits are 0.
///
/// Bit 8k of word / 128 times 2^(56 − 7j) is bit 56 + 8k − 7j. Those are all different, so nothing is carried; and of them only
/// those of j = k are among the highest eight: for k > j it is at least 64, and for k < j at most 55.
fn gather(word: u64) -> u64 {
    (word >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Eight bytes, the first one lowest. There are [`SLACK`] bytes behind what was read.
#[inline]
fn load(buffer: &[u8], at: usize) -> u64 {
    buffer[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The highest bit of each byte of the word that is `byte`.
///
/// For a byte x of word ⊕ byte: x = 0 exactly if neither x itself nor (x mod 128) + 127 has the highest bit. The sum is at
/// most 254, so nothing is carried into the next byte.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7F; 8]);
    let x = word ^ u64::from_ne_bytes([byte; 8]);
    !(((x & LOW) + LOW) | x | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record's cells, and the line in which it begins.
    type Lined = (u64, Vec<Vec<u8>>);

    /// Records with their lines, read from an input that comes in such pieces.
    fn read(text: &[u8], delimiter: u8, piece: usize) -> (Vec<Lined>, Next) {
        struct Pieces<'t>(&'t [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
                let n = self.1.min(buffer.len());
                (&mut self.0).take(n as u64).read(buffer)
            }
        }
        let mut records = Records::new(CountedRead::new(Pieces(text, piece)), delimiter);
        let mut all = vec![];
        loop {
            match records.next().unwrap() {
                Next::Record => {
                    let mut cells = Column::new();
                    (0..records.count()).for_each(|i| records.append(i, &mut cells));
                    all.push((records.line(), cells.iter().map(<[u8]>::to_vec).collect()));
                }
                end => return (all, end),
            }
        }
    }

    /// What the `csv` crate reads.
    fn oracle(text: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text);
        let cells =
            |record: csv::Result<csv::ByteRecord>| record.unwrap().iter().map(<[u8]>::to_vec).collect();
        reader.byte_records().map(cells).collect()
    }

    /// Text of what matters, long enough for several words.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop::sample::select(&b"\"\"\",,;\r\n\n\xEF\xBB\xBFabcdefgh\x01\x80\xAC\x8A\x00"[..]);
        let long = prop::collection::vec(prop::sample::select(&b"abcdefgh ,;\n"[..]), 0..60);
        prop::collection::vec(prop_oneof![4 => byte.prop_map(|b| vec![b]), 1 => long], 0..40)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn it_reads_what_the_csv_crate_reads(text in texts(), piece in 1..90usize, semicolon: bool) {
            let delimiter = if semicolon { b';' } else { b',' };
            let (records, end) = read(&text, delimiter, piece);
            let cells: Vec<_> = records.iter().map(|(_, cells)| cells.clone()).collect();
            let mut expected = oracle(&text, delimiter);
            if end == Next::OpenQuote {
                expected.pop();
            }
            prop_assert_eq!(cells, expected);
        }

        #[test]
        fn the_line_is_where_the_record_begins(
            rows in prop::collection::vec((0..3usize, "[a-z\"\n\r,]{0,12}"), 1..20),
            piece in 1..90usize,
            end in prop::sample::select(&["\n", "\r\n"][..]),
        ) {
            let (mut text, mut lines) = (String::new(), vec![]);
            for (blank, cell) in rows {
                text.push_str(&end.repeat(blank));
                lines.push(1 + text.matches('\n').count() as u64);
                text += &format!("x,\"{}\"{end}", cell.replace('"', "\"\""));
            }
            let (records, last) = read(text.as_bytes(), b',', piece);
            prop_assert_eq!(records.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), lines);
            prop_assert_eq!(last, Next::End);
        }

        #[test]
        fn a_byte_is_found_in_a_word_wherever_it_is(bytes: [u8; 8], byte: u8, at in 0..8usize) {
            for mut bytes in [bytes, bytes.map(|b| byte ^ (b & 0x81))] {
                bytes[at] = byte;
                let expected = bytes.map(|b| if b == byte { 0x80 } else { 0 });
                let found = equal(u64::from_le_bytes(bytes), byte);
                prop_assert_eq!(found.to_le_bytes(), expected);
                let bits = (0..8).filter(|i| bytes[*i] == byte).map(|i| 1 << i).sum::<u64>();
                prop_assert_eq!(gather(found), bits);
            }
        }
    }

    // Longer than the buffer several times, so that records and cells lie across its end and every place of a block.
    #[test]
    fn long_files_are_read_as_the_csv_crate_reads_them() {
        let mut state = 1u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 33) % n
        };
        for round in 0..12 {
            let mut text = if round % 3 == 0 { b"\xEF\xBB\xBF".to_vec() } else { vec![] };
            while text.len() < 5 * AT_ONCE {
                let length = if random(400) == 0 { random(3 * AT_ONCE as u64) } else { random(40) } as usize;
                let (quoted, letters) = (random(3) == 0, &b"abc \"\"\n\r,\0\xEF\xBB\xBF"[..]);
                let pick = |random: &mut dyn FnMut(u64) -> u64| {
                    let most = if quoted { letters.len() } else { 4 };
                    letters[random(most as u64) as usize]
                };
                let cell: Vec<u8> = (0..length).map(|_| pick(&mut random)).collect();
                if quoted {
                    text.push(b'"');
                    cell.iter().for_each(|byte| {
                        text.push(*byte);
                        // Sometimes a quote is not doubled, and the cell goes on without quotes.
                        if *byte == b'"' && random(50) > 0 {
                            text.push(b'"');
                        }
                    });
                    text.push(b'"');
                } else {
                    text.extend_from_slice(&cell);
                }
                text.extend_from_slice([&b","[..], b",", b",", b"\n", b"\r\n", b"\r"][random(6) as usize]);
            }
            for piece in [usize::MAX, AT_ONCE - 1, 4099, 61] {
                let (records, end) = read(&text, b',', piece);
                let mut expected = oracle(&text, b',');
                if end == Next::OpenQuote {
                    expected.pop();
                }
                assert!(records.into_iter().map(|(_, cells)| cells).eq(expected), "{round}, {piece}");
            }
        }
    }

    #[test]
    fn an_open_quote_is_told() {
        for (text, open) in [
            ("a\n\"b", true),
            ("a\n\"b\"\"", true),
            ("a\n\"", true),
            ("a\n\"b\"", false),
            ("a\n\"\"", false),
            ("a\nb\"", false),
            ("a\n\"b\"\"\"", false),
        ] {
            for piece in [1, 3, 100] {
                let (records, end) = read(text.as_bytes(), b',', piece);
                assert_eq!((records.len(), end == Next::OpenQuote), (2 - usize::from(open), open), "{text}");
            }
        }
    }

    #[test]
    fn long_records_are_read_up_to_the_limit() {
        for length in [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE] {
            let text = format!("{}\nx", "y".repeat(length));
            let (records, end) = read(text.as_bytes(), b',', 1 << 14);
            assert_eq!((records.len(), records[0].1[0].len(), end), (2, length, Next::End));
        }
        assert_eq!(read(&vec![b'y'; LONGEST + 1], b',', usize::MAX).1, Next::OverLong);
    }

    #[test]
    fn cells_beyond_the_most_are_counted() {
        let mut records = Records::new(CountedRead::new(&[b','; 1 << 20][..]), b',');
        assert_eq!(records.next().unwrap(), Next::Record);
        assert_eq!((records.count(), records.cells.len()), ((1 << 20) + 1, MOST_CELLS));
    }
}

//! The fast paths against the algorithms word for word.

use std::marker::PhantomData;

use aes::cipher::array::ArraySize;
use aes::cipher::inout::InOut;
use aes::cipher::{Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};
use aes::cipher::{ParBlocksSizeUser, consts};

use super::super::Ff1Key;
use super::super::reduce::{Half, Output};
use super::*;

/// SplitMix64: the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    pub(super) fn key(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next() as u8)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Mostly any numeral, often the least or the greatest.
    pub(super) fn numerals(&mut self, radix: u32, count: usize) -> Vec<u16> {
        let style = self.next() % 8;
        let any = (0..count).map(|_| match style {
            0 => 0,
            1 => (radix - 1) as u16,
            _ => (self.next() % u64::from(radix)) as u16,
        });
        any.collect()
    }
}

fn name(arithmetic: &Arithmetic) -> &'static str {
    match arithmetic {
        Arithmetic::Small(_) => "small",
        Arithmetic::Narrow(_) => "narrow",
        Arithmetic::Middle(_) => "middle",
        Arithmetic::Wide(_) => "wide",
        Arithmetic::Double(_) => "double",
        Arithmetic::Mask(_) => "mask",
        Arithmetic::DoubleMask(_) => "double mask",
        Arithmetic::General { .. } => "general",
    }
}

/// radix^m, or `None` for 2^128.
fn power(radix: u32, m: usize) -> Option<u128> {
    u128::from(radix).checked_pow(m as u32)
}

/// y mod m, where y is the first d bytes of the output.
fn remainder(s: Output, d: usize, m: Option<u128>) -> u128 {
    if d <= 16 {
        let y = s.first >> (128 - 8 * d);
        return m.map_or(y, |m| y % m);
    }
    let Some(m) = m else { return s.first << 32 | u128::from(s.next) };
    (0..32).rev().fold(s.first % m, |x, bit| {
        let double = plus(x, x, m);
        plus(double, u128::from(s.next >> bit & 1), m)
    })
}

/// (x + y) mod m, for x and y below m.
fn plus(x: u128, y: u128, m: u128) -> u128 {
    let (sum, carry) = x.overflowing_add(y);
    if carry || sum >= m { sum.wrapping_sub(m) } else { sum }
}

/// The output whose first d bytes are `top`·m + `add`, cut to d bytes.
fn output(y: (u128, u32), d: usize) -> Output {
    match d {
        20 => Output { first: y.0, next: y.1 },
        // The bytes behind S must not matter.
        _ => Output {
            first: y.0 << (128 - 8 * d) | (u128::MAX >> 1).checked_shr(8 * d as u32).unwrap_or(0),
            next: 0,
        },
    }
}

fn check_reduction<M: Modulus>(moduli: &[M; 2], domain: Domain, d: usize, random: &mut Random) -> u64
where
    u128: TryInto<M::Half>,
{
    let mut checked = 0;
    for (modulus, m) in moduli.iter().zip([domain.left(), domain.right()]) {
        let m = power(domain.radix(), m);
        let greatest = m.map_or(u128::MAX, |m| m - 1);
        let limit = if d >= 16 { u128::MAX } else { (1 << (8 * d)) - 1 };
        let mut ys =
            vec![(0, 0), (1, 1), (limit, u32::MAX), (limit, 0), (limit - 1, 7), (limit >> 1, u32::MAX)];
        if let Some(m) = m {
            // Multiples of m and their neighbours: small ones, the last, and any.
            let last = limit / m;
            for k in [1, 2, 3, last, last.saturating_sub(1), last / 2, random.wide() % (last + 1)] {
                let y = k.min(last) * m;
                ys.extend([(y, 0), (y.saturating_sub(1), u32::MAX), (y.saturating_add(1).min(limit), 1)]);
            }
            if d == 20 {
                // Multiples of m at the scale of y: y = k·m with k·m mod 2^32 below.
                for _ in 0..4 {
                    let k = random.next();
                    let (low, middle) =
                        (u128::from(k) * (m & u128::from(u64::MAX)), u128::from(k) * (m >> 64));
                    let top = middle + (low >> 64);
                    // k·m = top·2^64 + low mod 2^64, cut to 160 bits.
                    let first = (top & ((1 << 96) - 1)) << 32 | (low as u64 >> 32) as u128;
                    ys.extend([(first, low as u32), (first, (low as u32).wrapping_sub(1))]);
                }
            }
        }
        ys.extend([
            (random.wide() & limit, random.next() as u32),
            (random.wide() & limit, random.next() as u32),
        ]);
        for y in ys {
            let s = output(y, d);
            let y = remainder(s, d, m);
            let any = m.map_or(random.wide(), |m| random.wide() % m);
            for a in [0, 1, greatest, any, y] {
                let half = || a.try_into().ok().unwrap();
                let sum = m.map_or_else(|| a.wrapping_add(y), |m| plus(a, y, m));
                let negative = m.map_or_else(|| y.wrapping_neg(), |m| (m - y) % m);
                let difference = m.map_or_else(|| a.wrapping_add(negative), |m| plus(a, negative, m));
                assert_eq!(modulus.add(half(), s).wide(), sum, "{domain:?} {m:?} {a} + {y}");
                assert_eq!(modulus.subtract(half(), s).wide(), difference, "{domain:?} {m:?} {a} - {y}");
                checked += 1;
            }
        }
    }
    checked
}

/// All lengths of the radix whose halves fit 128 bits.
fn fast_domains(radix: u32) -> impl Iterator<Item = (Domain, usize)> {
    (2..=256)
        .filter_map(move |n| Domain::hazmat(radix, n).ok())
        .map_while(|domain| Some((domain, half_bytes(domain)?)))
}

#[test]
fn every_reduction_is_the_remainder() {
    let mut random = Random(1);
    let mut checked = std::collections::BTreeMap::new();
    let near_powers = (1..16).flat_map(|e| [(1 << e) - 1, 1 << e, (1 << e) + 1]);
    let radices = (2..=300).chain(near_powers).chain((301..65536).step_by(487)).chain(65400..=65536);
    for radix in radices.filter(|&r| r > 1) {
        for (domain, b) in fast_domains(radix) {
            let arithmetic = Arithmetic::new(domain, b);
            let d = 4 * b.div_ceil(4) + 4;
            *checked.entry(name(&arithmetic)).or_insert(0) += with_moduli!(&arithmetic,
                moduli => check_reduction(moduli, domain, d, &mut random),
                _tweak => unreachable!());
        }
    }
    println!("{checked:?}");
    assert_eq!(checked.len(), 7);
    assert!(checked.values().all(|&count| count > 10_000), "{checked:?}");
}

#[test]
fn moduli_at_the_edges_of_their_word() {
    let mut random = Random(2);
    for (radix, n, expected) in [
        (65536, 4, "narrow"),       // radix^v = 2^32, b = 4
        (65535, 4, "narrow"),       // just below 2^32
        (2, 64, "narrow"),          // 2^32 once more
        (2, 65, "mask"),            // 2^32 and 2^33
        (65535, 6, "middle"),       // just below 2^48
        (65536, 8, "mask"),         // 2^64
        (65535, 8, "wide"),         // just below 2^64
        (65535, 7, "wide"),         // left 2^48, right 2^64: still d = 12
        (65521, 9, "wide"),         // left below 2^64, right below 2^80: folds
        (65535, 12, "wide"),        // just below 2^96
        (65536, 13, "double mask"), // 2^96 and 2^112
        (65535, 13, "double"),      // just below 2^96 and 2^112
        (65535, 16, "double"),      // just below 2^128
        (65536, 16, "double mask"), // 2^128
        (2, 256, "double mask"),
        (10, 38, "wide"), // 10^19, just above 2^63
        (10, 76, "double"),
        (10, 5, "small"),
        (8, 4, "small"),     // 2^6, the least
        (65536, 2, "small"), // 2^16, the greatest
        (65535, 2, "small"), // just below it
        (10, 10, "narrow"),  // 10^5
        (11, 3, "narrow"),   // 11 and 121
        (5, 3, "narrow"),
    ] {
        let domain = Domain::hazmat(radix, n).unwrap();
        let b = half_bytes(domain).unwrap();
        let arithmetic = Arithmetic::new(domain, b);
        assert_eq!(name(&arithmetic), expected, "{domain:?}");
        for _ in 0..20 {
            with_moduli!(&arithmetic,
                moduli => { check_reduction(moduli, domain, 4 * b.div_ceil(4) + 4, &mut random); },
                _tweak => unreachable!());
        }
    }
    for (radix, n) in [(65536, 17), (65535, 17), (2, 257), (10, 77), (10, 78)] {
        assert!(half_bytes(Domain::new(radix, n).unwrap()).is_none(), "{radix}^{n}");
    }
}

// SPEC: FF1-4
#[test]
fn b_is_exact() {
    // By the definition: the least b with 256^b ≥ radix^v, on integers of any size by way of bytes.
    for radix in (2..=1025).chain(65400..=65536) {
        for (domain, b) in fast_domains(radix) {
            assert_eq!(b, numeral::byte_length(radix, domain.right()), "{domain:?}");
        }
    }
    // v · log₂(radix) is a whole number of bytes, or lies just off one.
    for (radix, v, b) in [
        (2, 8, 1),
        (2, 9, 2),
        (256, 1000, 1000),
        (255, 1000, 1000),
        (257, 1000, 1001),
        (65536, 2048, 4096),
        (65535, 2048, 4096),
        (4, 4, 1),
        (8, 8, 3),
        (32, 1024, 640),
        (64, 2048, 1536),
        (10, 2048, 851),
    ] {
        assert_eq!(numeral::byte_length(radix, v), b, "{radix}^{v}");
    }
}

// SPEC: FF1-1, FF1-8
#[test]
fn lockstep_agrees_with_the_words_at_all_lengths() {
    let mut random = Random(3);
    let mut seen = std::collections::BTreeMap::new();
    let counts = [1, 2, 3, 5, 16, 17, 31, 63, 64, 65, 80, 81, 130];
    let mut turn = 0;
    for radix in
        [2, 3, 5, 10, 16, 26, 36, 62, 64, 94, 128, 255, 256, 257, 1000, 4093, 4096, 65521, 65535, 65536]
    {
        let long = [130, 257, 300].map(|n| Domain::new(radix, n).unwrap());
        let domains = fast_domains(radix).map(|(domain, _)| domain).enumerate();
        // Each length of the greater radices, and each seventh of the small ones, which have many.
        let domains = domains.filter(|(i, _)| radix > 9 || i % 7 == 0).map(|(_, domain)| domain).chain(long);
        for domain in domains {
            turn += 1;
            let key = random.key();
            let tweak = random.bytes([0, 1, 7, 8, 11, 15, 16, 17, 40][turn % 9]);
            let plan = Plan::new(&key, domain, &tweak).unwrap();
            let general = matches!(plan.arithmetic, Arithmetic::General { .. });
            let count = if general { 2 } else { counts[turn % counts.len()] };
            *seen.entry(name(&plan.arithmetic)).or_insert(0) += count;
            let plain: Vec<Vec<u16>> = (0..count).map(|_| random.numerals(radix, domain.length())).collect();
            let mut columns = plain.concat();
            plan.encrypt_columns(&mut columns).unwrap();
            for (value, token) in plain.iter().zip(columns.chunks(domain.length())) {
                let mut expected = value.clone();
                numeral::encrypt(&plan.cipher, domain, &tweak, &mut expected);
                assert_eq!(token, expected, "{domain:?}, tweak of {}", tweak.len());
                let mut one = value.clone();
                plan.encrypt(&mut one).unwrap();
                assert_eq!(one, expected);
                plan.decrypt(&mut one).unwrap();
                assert_eq!(&one, value);
                numeral::decrypt(&plan.cipher, domain, &tweak, &mut expected);
                assert_eq!(&expected, value);
            }
            plan.decrypt_columns(&mut columns).unwrap();
            assert_eq!(columns, plain.concat(), "{domain:?}");
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 8);
}

#[test]
fn text_agrees_with_numerals() {
    let mut random = Random(4);
    let printable: Vec<u8> = (33..127).collect();
    let scattered: Vec<u8> = (0..=255u8).map(|x| x.wrapping_mul(167)).collect();
    for characters in [
        &b"0123456789"[..],
        b"9876543210",
        b"01",
        b"0123456789abcdefghijklmnopqrstuvwxyz",
        &printable,
        &scattered[..200],
        &scattered[..237],
        &scattered,
    ] {
        let alphabet = AsciiAlphabet::new(characters).unwrap();
        let radix = alphabet.radix();
        for n in (2..=90).chain([200, 300]) {
            let Ok(domain) = Domain::new(radix, n) else { continue };
            let plan = Plan::new(&random.key(), domain, b"tweak").unwrap();
            let count = [1, 2, 9, 64, 67][n % 5];
            let mut columns = random.numerals(radix, n * count);
            let text: Vec<u8> = columns.iter().map(|&x| characters[usize::from(x)]).collect();
            let (mut token, mut back) = (vec![0; text.len()], vec![0; text.len()]);
            plan.encrypt_ascii(&alphabet, &text, &mut token).unwrap();
            plan.decrypt_ascii(&alphabet, &token, &mut back).unwrap();
            assert_eq!(back, text, "{domain:?}");
            plan.encrypt_columns(&mut columns).unwrap();
            let expected: Vec<u8> = columns.iter().map(|&x| characters[usize::from(x)]).collect();
            assert_eq!(token, expected, "{domain:?}");
        }
    }
}

/// AES through a back end that takes `N` blocks at a time, as on other machines.
struct Groups<'a, N>(&'a aes::Aes256Enc, PhantomData<N>);

impl<N> BlockSizeUser for Groups<'_, N> {
    type BlockSize = consts::U16;
}

impl<N: ArraySize> ParBlocksSizeUser for Groups<'_, N> {
    type ParBlocksSize = N;
}

impl<N: ArraySize> BlockCipherEncBackend for Groups<'_, N> {
    fn encrypt_block(&self, mut block: InOut<'_, '_, Block<Self>>) {
        let mut copy = *block.get_in();
        self.0.encrypt_block(&mut copy);
        *block.get_out() = copy;
    }
}

impl<N: ArraySize> BlockCipherEncrypt for Groups<'_, N> {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = consts::U16>) {
        f.call(self);
    }
}

#[test]
fn lockstep_is_right_for_back_ends_of_every_width() {
    fn check<N: ArraySize>(random: &mut Random) {
        for (radix, n) in [(10, 16), (10, 19), (36, 32), (65535, 13), (2, 100), (256, 27)] {
            let domain = Domain::new(radix, n).unwrap();
            let plan = Plan::new(&random.key(), domain, b"width").unwrap();
            let backend = Groups::<N>(&plan.cipher, PhantomData);
            for count in (0..70).chain([100, 128, 129]) {
                with_moduli!(&plan.arithmetic,
                    moduli => lockstep(&plan, moduli, &backend, count, random),
                    _tweak => unreachable!());
            }
        }
    }
    fn lockstep<M: Modulus<Half: Number>, N: ArraySize>(
        plan: &Plan,
        moduli: &[M; 2],
        backend: &Groups<'_, N>,
        count: usize,
        random: &mut Random,
    ) {
        let radix = plan.domain.radix();
        let mut half = |length| M::Half::read(&random.numerals(radix, length), &plan.digits, u64::from);
        let (mut left, mut right): (Vec<_>, Vec<_>) =
            (0..count).map(|_| (half(plan.domain.left()), half(plan.domain.right()))).unzip();
        let wide = |halves: &[M::Half]| halves.iter().map(|x| x.wide()).collect::<Vec<_>>();
        let before = (wide(&left), wide(&right));
        let expected: (Vec<_>, Vec<_>) = left
            .iter()
            .zip(&right)
            .map(|(&a, &b)| plan.rounds(moduli).one::<_, true>(&plan.cipher, a, b))
            .map(|(a, b)| (a.wide(), b.wide()))
            .unzip();
        plan.rounds(moduli).many::<_, true>(backend, &mut left, &mut right);
        assert_eq!((wide(&left), wide(&right)), expected, "{count} by {}", N::USIZE);
        plan.rounds(moduli).many::<_, false>(backend, &mut left, &mut right);
        assert_eq!((wide(&left), wide(&right)), before, "{count} by {}", N::USIZE);
    }
    let mut random = Random(5);
    check::<consts::U1>(&mut random);
    check::<consts::U2>(&mut random);
    check::<consts::U4>(&mut random);
    check::<consts::U8>(&mut random);
    check::<consts::U30>(&mut random);
    check::<consts::U64>(&mut random);
    check::<consts::U100>(&mut random);
}

#[test]
fn values_in_groups_of_every_size() {
    let mut random = Random(6);
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    for (radix, n) in [
        (10, 16),
        (10, 7),
        (10, 6),
        (10, 18),
        (26, 10),
        (36, 12),
        (36, 11),
        (2, 20),
        (2, 16),
        (2, 64),
        (36, 4),
        (10, 19),
        (10, 32),
        (36, 15),
        (36, 31),
        (36, 32),
    ] {
        let alphabet = match radix {
            10 => AsciiAlphabet::digits(),
            _ => AsciiAlphabet::new(&letters[..radix as usize]).unwrap(),
        };
        let domain = Domain::hazmat(radix, n).unwrap();
        let plan = Ff1Key::new(&random.key()).plan(domain, b"groups").unwrap();
        let most = 2 * 128 + 1;
        let values: Vec<u16> = (0..most).flat_map(|_| random.numerals(radix, n)).collect();
        let mut tokens = values.clone();
        for value in tokens.chunks_mut(n) {
            numeral::encrypt(&plan.cipher, domain, b"groups", value);
        }
        let spell = |numerals: &[u16]| -> Vec<u8> {
            numerals.iter().map(|&x| alphabet.character(x as u8).unwrap()).collect()
        };
        let (text, token_text) = (spell(&values), spell(&tokens));
        for count in 0..=most {
            let mut column = values[..count * n].to_vec();
            plan.encrypt_columns(&mut column).unwrap();
            assert_eq!(column, tokens[..count * n], "{count} of {domain:?}");
            plan.decrypt_columns(&mut column).unwrap();
            assert_eq!(column, values[..count * n], "{count} of {domain:?}");
            let mut out = vec![0; count * n];
            plan.encrypt_ascii(&alphabet, &text[..count * n], &mut out).unwrap();
            assert_eq!(out, token_text[..count * n], "{count} of {domain:?}");
            plan.decrypt_ascii(&alphabet, &token_text[..count * n], &mut out).unwrap();
            assert_eq!(out, text[..count * n], "{count} of {domain:?}");
        }
    }
}

// SPEC: FF1-9
#[test]
fn the_first_value_that_cannot_be_taken_is_named() {
    let mut random = Random(7);
    let letters = || AsciiAlphabet::new(b"abcdefghij").unwrap();
    for (alphabet, n) in [(AsciiAlphabet::digits(), 16), (letters(), 9), (letters(), 19), (letters(), 40)] {
        let plan = Plan::new(&random.key(), Domain::new(10, n).unwrap(), b"").unwrap();
        let good: Vec<u8> =
            random.numerals(10, 300 * n).iter().map(|&x| alphabet.character(x as u8).unwrap()).collect();
        let mut tokens = vec![0; good.len()];
        plan.encrypt_ascii(&alphabet, &good, &mut tokens).unwrap();
        for (count, first) in
            [(1, 0), (7, 3), (8, 0), (8, 7), (64, 63), (130, 127), (130, 128), (130, 129), (300, 255)]
        {
            let mut text = good[..count * n].to_vec();
            for index in [first, count - 1] {
                text[index * n + index % n] = b'-';
            }
            let mut out = vec![b'?'; text.len()];
            let error = plan.encrypt_ascii(&alphabet, &text, &mut out).unwrap_err();
            assert_eq!(error, BulkError::Record { index: first, problem: bulk::FOREIGN_CHARACTER });
            // Tokens of the groups before, or nothing.
            assert!(out.iter().zip(&tokens).all(|(&out, &token)| out == token || matches!(out, b'?' | 0)));
            assert!(out[first * n..].iter().all(|&out| matches!(out, b'?' | 0)));
        }
        let mut numerals = vec![9; 40 * n];
        numerals[33 * n + 1] = 10;
        let before = numerals.clone();
        let error = plan.encrypt_columns(&mut numerals).unwrap_err();
        assert_eq!(error, BulkError::Record { index: 33, problem: FOREIGN_NUMERAL });
        assert_eq!(numerals, before);
    }
}

#[test]
fn columns_of_greater_radices_in_groups_of_every_size() {
    let mut random = Random(8);
    for (radix, n) in [(1000, 2), (65521, 2), (65536, 2), (300, 3), (65536, 4), (1000, 6)] {
        let domain = Domain::new(radix, n).unwrap();
        let plan = Plan::new(&random.key(), domain, b"").unwrap();
        let values = random.numerals(radix, 257 * n);
        let mut tokens = values.clone();
        tokens.chunks_mut(n).for_each(|value| numeral::encrypt(&plan.cipher, domain, b"", value));
        for count in 0..=257 {
            let mut column = values[..count * n].to_vec();
            plan.encrypt_columns(&mut column).unwrap();
            assert_eq!(column, tokens[..count * n], "{count} of {domain:?}");
            plan.decrypt_columns(&mut column).unwrap();
            assert_eq!(column, values[..count * n], "{count} of {domain:?}");
        }
    }
}

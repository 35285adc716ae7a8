//! The kernel against integers and the cipher of another crate.

use super::*;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// Below m; often the least or the greatest, or beside a carry.
    fn half(&mut self, m: u128) -> u128 {
        let beside = (1u128 << [32, 52, 64][self.next() as usize % 3]) - u128::from(self.next() % 2);
        match self.next() % 8 {
            0 => 0,
            1 => m - 1,
            2 => beside % m,
            _ => self.wide() % m,
        }
    }
}

/// Every modulus that some form takes, near the bounds of the forms, of the radices people use, and any; with d and L.
fn moduli(random: &mut Random) -> Vec<(u128, usize, usize)> {
    let mut all: Vec<u128> = (20..98).flat_map(|e| (1u128 << e) - 9..=(1u128 << e) + 9).collect();
    for radix in [3u128, 5, 7, 10, 26, 36, 52, 58, 62, 76] {
        all.extend((1..=60).map_while(|m| radix.checked_pow(m)).take_while(|m| *m < 1 << 97));
    }
    all.extend((0..600).map(|i| (random.wide() >> (31 + i % 75)).max(3)));
    let shapes = all.into_iter().flat_map(|m| [(m, 12, 1), (m, 12, 2), (m, 16, 2)]);
    shapes.filter(|&(m, d, words)| Modulus::new(m, d, words).is_some()).collect()
}

fn to_words<const L: usize>(halves: &[u128; LANES]) -> Vector<L> {
    std::array::from_fn(|l| {
        halves.map(|x| match L {
            1 => x as u64,
            _ => (x >> (52 * l) & MASK) as u64,
        })
    })
}

fn from_words<const L: usize>(vector: &Vector<L>) -> [u128; LANES] {
    std::array::from_fn(|j| {
        (0..L)
            .map(|l| {
                assert!(L == 1 || u128::from(vector[l][j]) <= MASK);
                u128::from(vector[l][j]) << (52 * l)
            })
            .sum()
    })
}

/// The combination of eight lanes; y is the first d bytes of each of R.
fn combine<const L: usize, const FORM: u8>(
    modulus: &Modulus,
    encrypt: bool,
    a: &[u128; LANES],
    r: &[u128; LANES],
) -> [u128; LANES] {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
    fn run<const L: usize, const FORM: u8>(
        modulus: &Modulus,
        encrypt: bool,
        a: &Vector<L>,
        [upper, lower]: [[u64; LANES]; 2],
    ) -> Vector<L> {
        let reduction = Reduction::<FORM>::new(modulus);
        let (upper, lower) = (load(&upper), load(&lower));
        let mut out = [[0; LANES]; L];
        if L == 1 {
            let c = match encrypt {
                true => reduction.one_word::<true>(load(&a[0]), upper, lower),
                false => reduction.one_word::<false>(load(&a[0]), upper, lower),
            };
            store(&mut out[0], c);
        } else {
            let a = (load(&a[0]), load(&a[1]));
            let c = match encrypt {
                true => reduction.two_words::<true>(a, upper, lower),
                false => reduction.two_words::<false>(a, upper, lower),
            };
            store(&mut out[0], c.0);
            store(&mut out[1], c.1);
        }
        out
    }
    let words = [r.map(|r| (r >> 64) as u64), r.map(|r| r as u64)];
    // SAFETY: the caller has a proof.
    from_words(&unsafe { run::<L, FORM>(modulus, encrypt, &to_words(a), words) })
}

#[test]
fn every_reduction_is_the_remainder() {
    let Some(_proof) = Avx512::detect_always() else { return };
    let mut random = Random(1);
    let mut forms = [0; 6];
    for (m, d, words) in moduli(&mut random) {
        let modulus = Modulus::new(m, d, words).unwrap();
        forms[usize::from(modulus.form) + 3 * (words - 1)] += 1;
        assert!(modulus.reciprocals.iter().all(|&x| x < 1 << 52));
        let limit = u128::MAX >> (128 - 8 * d);
        let last = limit / m;
        let mut ys = vec![0, 1, limit, limit - 1, limit >> 1, (limit >> 1) + 1];
        // Multiples of m and their neighbours, and numbers whose lower bits, which an estimate leaves away, are all set.
        for k in [1, 2, 3, last, last - 1, last / 2, random.wide() % last, random.wide() % last] {
            let k = k.min(last);
            ys.extend([(k * m).saturating_sub(1), k * m, (k * m).saturating_add(1).min(limit)]);
            for bits in [12, 26, 32, 44, 58, 76] {
                let low = (1 << bits) - 1;
                ys.extend([((k * m) | low).min(limit), (k * m) & !low]);
            }
        }
        while ys.len() % LANES != 0 {
            ys.push(random.wide() & limit);
        }
        for y in ys.as_chunks::<LANES>().0 {
            // What is behind y in R must not matter.
            let r = y.map(|y| {
                y << (128 - 8 * d) | (random.wide() & u128::MAX.checked_shr(8 * d as u32).unwrap_or(0))
            });
            for a in [[0; LANES], [m - 1; LANES], y.map(|y| y % m), std::array::from_fn(|_| random.half(m))] {
                for encrypt in [true, false] {
                    let c = match (words, modulus.form) {
                        (1, FOLDED) => combine::<1, FOLDED>(&modulus, encrypt, &a, &r),
                        (1, _) => combine::<1, PLAIN_96>(&modulus, encrypt, &a, &r),
                        (_, PLAIN_96) => combine::<2, PLAIN_96>(&modulus, encrypt, &a, &r),
                        _ => combine::<2, PLAIN_128>(&modulus, encrypt, &a, &r),
                    };
                    let expected = std::array::from_fn(|j| {
                        let y = y[j] % m;
                        (if encrypt { a[j] + y } else { a[j] + m - y }) % m
                    });
                    assert_eq!(c, expected, "{a:?} {encrypt} {y:?} mod {m}, {d} bytes");
                }
            }
        }
    }
    let [folded, plain_96, none, never, two_96, two_128] = forms;
    assert!([folded, plain_96, two_96, two_128].iter().all(|&count| count > 100), "{forms:?}");
    assert_eq!((none, never), (0, 0));
}

/// The rounds as they are written, value by value.
fn plain(
    ciph: &dyn Fn([u8; 16]) -> [u8; 16],
    encrypt: bool,
    constants: &[u128; 10],
    base: [u8; 16],
    (moduli, d): ([u128; 2], usize),
    mut halves: [u128; 2],
) -> [u128; 2] {
    for step in 0..10 {
        let i = if encrypt { step } else { 9 - step };
        let (target, source) = (i % 2, 1 - i % 2);
        let m = moduli[target];
        let input = constants[i] ^ u128::from_be_bytes(base) ^ halves[source];
        let r = u128::from_be_bytes(ciph(input.to_be_bytes()));
        let y = (r >> (128 - 8 * d)) % m;
        halves[target] = (halves[target] + if encrypt { y } else { m - y }) % m;
    }
    halves
}

fn check<const N: usize, const L: usize>(
    proof: Avx512,
    random: &mut Random,
    ciph: impl Fn(&[u8], [u8; 16]) -> [u8; 16],
) {
    let all = moduli(random);
    for turn in 0..60 {
        let d = if L == 1 || turn % 2 == 0 { 12 } else { 16 };
        let some: Vec<u128> = all.iter().filter(|(_, e, l)| (*e, *l) == (d, L)).map(|(m, ..)| *m).collect();
        let mut any = || some[(random.next() % some.len() as u64) as usize];
        let m = [any(), any()];
        let key: Vec<u8> = (0..4 * (N - 7)).map(|_| random.next() as u8).collect();
        let keys = RoundKeys::<N>::new(proof, &key);
        let constants = std::array::from_fn(|_| random.wide());
        let vectors = turn % (2 * GROUP + 2);
        let mut half = |m: u128| -> Vec<[u128; LANES]> {
            (0..vectors).map(|_| std::array::from_fn(|_| random.half(m))).collect()
        };
        let (left, right) = (half(m[0]), half(m[1]));
        let moduli = m.map(|m| Modulus::new(m, d, L).unwrap());
        let words = |halves: &[[u128; LANES]]| halves.iter().map(to_words::<L>).collect::<Vec<_>>();
        let bases: Vec<[[u8; 16]; LANES]> =
            (0..vectors).map(|_| std::array::from_fn(|_| random.wide().to_be_bytes())).collect();
        for (encrypt, bases) in
            [(true, None), (false, None), (true, Some(&bases[..])), (false, Some(&bases[..]))]
        {
            let base = |v: usize, j: usize| bases.map_or([0; 16], |bases| bases[v][j]);
            let (mut a, mut b) = (words(&left), words(&right));
            let run = |encrypt: bool, a: &mut [Vector<L>], b: &mut [Vector<L>]| match encrypt {
                true => rounds::<N, L, true>(proof, &keys, &constants, bases, &moduli, a, b),
                false => rounds::<N, L, false>(proof, &keys, &constants, bases, &moduli, a, b),
            };
            run(encrypt, &mut a, &mut b);
            for (v, j) in (0..vectors).flat_map(|v| (0..LANES).map(move |j| (v, j))) {
                let value = [left[v][j], right[v][j]];
                let expected = plain(&|x| ciph(&key, x), encrypt, &constants, base(v, j), (m, d), value);
                let token = [from_words(&a[v])[j], from_words(&b[v])[j]];
                assert_eq!(token, expected, "{m:?}, lane {j} of vector {v}");
            }
            run(!encrypt, &mut a, &mut b);
            assert_eq!((a, b), (words(&left), words(&right)), "{m:?} back");
        }
    }
}

#[test]
fn the_rounds_are_those_of_the_standard_for_every_key_size() {
    fn block(
        cipher: impl BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>,
        block: [u8; 16],
    ) -> [u8; 16] {
        let mut block = Array::from(block);
        cipher.encrypt_block(&mut block);
        block.0
    }
    let Some(proof) = Avx512::detect_always() else { return };
    let mut random = Random(2);
    check::<11, 1>(proof, &mut random, |key, x| block(aes::Aes128Enc::new_from_slice(key).unwrap(), x));
    check::<13, 2>(proof, &mut random, |key, x| block(aes::Aes192Enc::new_from_slice(key).unwrap(), x));
    check::<15, 1>(proof, &mut random, |key, x| block(aes::Aes256Enc::new_from_slice(key).unwrap(), x));
    check::<15, 2>(proof, &mut random, |key, x| block(aes::Aes256Enc::new_from_slice(key).unwrap(), x));
}

#[test]
fn a_modulus_out_of_every_range_is_none() {
    for (m, d, words) in [
        (1 << 40, 12, 1),
        ((1 << 26) - 1, 12, 1),
        ((1 << 61) + 1, 12, 1),
        ((1 << 44) - 1, 12, 2),
        ((1 << 76) - 1, 16, 2),
        ((1 << 96) + 1, 16, 2),
        ((1 << 50) + 1, 16, 1),
        ((1 << 80) + 1, 20, 2),
    ] {
        assert!(Modulus::new(m, d, words).is_none(), "{m} with {d} bytes in {words} words");
    }
}

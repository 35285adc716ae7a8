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

    /// Below m; often the least or the greatest.
    fn half(&mut self, m: u64) -> u64 {
        match self.next() % 8 {
            0 => 0,
            1 => m - 1,
            _ => self.next() % m,
        }
    }
}

/// Moduli at and around the bounds of the forms, powers of the radices people use, and any.
fn moduli(random: &mut Random) -> Vec<u64> {
    let near = |e: u32| (1u64 << e).saturating_sub(3).max(2)..=(1u64 << e) + 3;
    let mut all: Vec<u64> = (2..=300).collect();
    all.extend((2..32).flat_map(near));
    all.extend((1 << 32) - 40..=1 << 32);
    for radix in [3u64, 5, 7, 10, 26, 36, 52, 58, 62, 94, 255, 4095, 4096, 65535, 65536] {
        all.extend((1..=20).map_while(|m| radix.checked_pow(m)).take_while(|m| *m <= 1 << 32));
    }
    all.extend((0..400).map(|i| (random.next() >> (32 + i % 31)).max(2)));
    all
}

/// The combination of eight lanes.
fn combine<const FORM: u8>(
    modulus: &Modulus,
    encrypt: bool,
    a: &[u64; LANES],
    y: &[u64; LANES],
) -> [u64; LANES] {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi,vaes")]
    fn run<const FORM: u8>(
        modulus: &Modulus,
        encrypt: bool,
        a: &[u64; LANES],
        y: [[u8; 64]; 2],
    ) -> [u64; LANES] {
        let reduction = Reduction::<FORM>::new(modulus);
        let (first, second) = (load_bytes(&y[0]), load_bytes(&y[1]));
        let mut out = [0; LANES];
        let c = match encrypt {
            true => reduction.combine::<true>(load(a), first, second),
            false => reduction.combine::<false>(load(a), first, second),
        };
        store(&mut out, c);
        out
    }
    // y is the first half of each block; the other one must not matter.
    let mut blocks = [[0xA5; 64]; 2];
    for (block, y) in blocks.as_flattened_mut().chunks_exact_mut(16).zip(y) {
        block[..8].copy_from_slice(&y.to_be_bytes());
    }
    // SAFETY: the caller has a proof.
    unsafe { run::<FORM>(modulus, encrypt, a, blocks) }
}

#[test]
fn every_reduction_is_the_remainder() {
    let Some(_proof) = Avx512::detect_always() else { return };
    let mut random = Random(1);
    let mut forms = [0; 3];
    for m in moduli(&mut random) {
        let modulus = Modulus::new(m);
        let last = u64::MAX / m;
        let mut ys = vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1];
        // Multiples of m and their neighbours, and numbers whose lower bits, which the estimate leaves away, are all set.
        for k in [1, 2, 3, last, last - 1, last / 2, random.next() % last, random.next() % last] {
            ys.extend([k * m - 1, k * m, (k * m).saturating_add(1), (k * m) | 0xFFF, (k * m) & !0xFFF]);
            ys.extend([(k * m) | 0xFFFF_FFFF, (k * m) & !0xFFFF_FFFF]);
        }
        ys.extend([random.next(), random.next()]);
        while ys.len() % LANES != 0 {
            ys.push(random.next());
        }
        forms[usize::from(modulus.form)] += 1;
        for y in ys.as_chunks::<LANES>().0 {
            for a in [
                [0; LANES],
                [m - 1; LANES],
                std::array::from_fn(|j| y[j] % m),
                std::array::from_fn(|_| random.half(m)),
            ] {
                for encrypt in [true, false] {
                    let c = match modulus.form {
                        SMALL => combine::<SMALL>(&modulus, encrypt, &a, y),
                        MEDIUM => combine::<MEDIUM>(&modulus, encrypt, &a, y),
                        _ => combine::<LARGE>(&modulus, encrypt, &a, y),
                    };
                    let expected = std::array::from_fn(|j| {
                        let y = y[j] % m;
                        (if encrypt { a[j] + y } else { a[j] + m - y }) % m
                    });
                    assert_eq!(c, expected, "{a:?} {encrypt} {y:?} mod {m}");
                }
            }
        }
    }
    assert!(forms.iter().all(|&count| count > 50), "{forms:?}");
}

/// The rounds as they are written, value by value.
fn plain(
    ciph: &dyn Fn([u8; 16]) -> [u8; 16],
    encrypt: bool,
    constants: &[u128; 10],
    base: [u8; 16],
    moduli: [u64; 2],
    mut halves: [u64; 2],
) -> [u64; 2] {
    for step in 0..10 {
        let i = if encrypt { step } else { 9 - step };
        let (target, source) = (i % 2, 1 - i % 2);
        let input = constants[i] ^ u128::from_be_bytes(base) ^ u128::from(halves[source]);
        let m = moduli[target];
        let y = (u128::from_be_bytes(ciph(input.to_be_bytes())) >> 64) as u64 % m;
        halves[target] = (halves[target] + if encrypt { y } else { m - y }) % m;
    }
    halves
}

fn check<const N: usize>(proof: Avx512, random: &mut Random, ciph: impl Fn(&[u8], [u8; 16]) -> [u8; 16]) {
    let some = moduli(random);
    for turn in 0..60 {
        let key: Vec<u8> = (0..4 * (N - 7)).map(|_| random.next() as u8).collect();
        let keys = RoundKeys::<N>::new(proof, &key);
        let constants = std::array::from_fn(|_| u128::from(random.next()) << 64 | u128::from(random.next()));
        let mut any = || some[(random.next() % some.len() as u64) as usize];
        let m = match turn {
            0 => [1 << 12, (1 << 12) + 1],
            1 => [1 << 30, (1 << 30) + 1],
            2 => [1 << 32, (1 << 32) - 1],
            3 => [2, 1 << 32],
            _ => [any(), any()],
        };
        let vectors = turn % (2 * GROUP + 2);
        let mut half = |m: u64| -> Vec<[u64; LANES]> {
            (0..vectors).map(|_| std::array::from_fn(|_| random.half(m))).collect()
        };
        let (left, right) = (half(m[0]), half(m[1]));
        let bases: Vec<[[u8; 16]; LANES]> = (0..vectors)
            .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.next() as u8)))
            .collect();
        let moduli = m.map(Modulus::new);
        for bases in [None, Some(&bases[..])] {
            let base = |v: usize, j: usize| bases.map_or([0; 16], |bases| bases[v][j]);
            let (mut a, mut b) = (left.clone(), right.clone());
            rounds::<N, true>(proof, &keys, &constants, bases, &moduli, &mut a, &mut b);
            for (v, j) in (0..vectors).flat_map(|v| (0..LANES).map(move |j| (v, j))) {
                let value = [left[v][j], right[v][j]];
                let expected = plain(&|x| ciph(&key, x), true, &constants, base(v, j), m, value);
                assert_eq!([a[v][j], b[v][j]], expected, "{m:?}, lane {j} of vector {v}");
            }
            rounds::<N, false>(proof, &keys, &constants, bases, &moduli, &mut a, &mut b);
            assert_eq!((&a, &b), (&left, &right), "{m:?} back");
            rounds::<N, false>(proof, &keys, &constants, bases, &moduli, &mut a, &mut b);
            for (v, j) in (0..vectors).flat_map(|v| (0..LANES).map(move |j| (v, j))) {
                let value = [left[v][j], right[v][j]];
                let expected = plain(&|x| ciph(&key, x), false, &constants, base(v, j), m, value);
                assert_eq!([a[v][j], b[v][j]], expected, "{m:?}, lane {j} of vector {v}");
            }
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
    check::<11>(proof, &mut random, |key, x| block(aes::Aes128Enc::new_from_slice(key).unwrap(), x));
    check::<13>(proof, &mut random, |key, x| block(aes::Aes192Enc::new_from_slice(key).unwrap(), x));
    check::<15>(proof, &mut random, |key, x| block(aes::Aes256Enc::new_from_slice(key).unwrap(), x));
}

//! Values with a tweak each against a plan for each tweak.

use super::super::tests::Random;
use super::*;

/// Shapes of every arithmetic and of b from 1 to 16, with lengths for which the left half is shorter.
const SHAPES: [(u32, usize); 16] = [
    (10, 6),     // small
    (10, 16),    // narrow
    (36, 12),    // narrow, b = 4
    (10, 19),    // middle
    (10, 32),    // middle, b = 7
    (36, 32),    // wide, b = 11
    (62, 31),    // wide, b = 12
    (36, 45),    // double, b = 15
    (10, 77),    // general
    (36, 49),    // general
    (10, 75),    // double, b = 16
    (2, 40),     // narrow
    (2, 90),     // mask
    (256, 27),   // double mask, b = 14
    (256, 32),   // double mask, b = 16
    (65535, 15), // double, b = 16
];

fn value(random: &mut Random, domain: Domain) -> Vec<u16> {
    random.numerals(domain.radix(), domain.length())
}

/// Each value by the plan of its tweak.
fn one_by_one(key: &[u8; 32], domain: Domain, numerals: &[u16], tweaks: &[Vec<u8>]) -> Vec<u16> {
    let mut all = numerals.to_vec();
    for (value, tweak) in all.chunks_mut(domain.length()).zip(tweaks) {
        Plan::new(key, domain, tweak).unwrap().encrypt(value).unwrap();
    }
    all
}

#[test]
fn shapes_have_every_length_of_a_half_that_matters() {
    let bs: Vec<_> = SHAPES.iter().map(|&(r, n)| half_bytes(Domain::new(r, n).unwrap())).collect();
    for b in [Some(2), Some(4), Some(5), Some(7), Some(11), Some(12), Some(15), Some(16), None] {
        assert!(bs.contains(&b), "{b:?} in {bs:?}");
    }
}

// SPEC: FF1-1, FF1-8
#[test]
fn every_value_has_the_token_of_its_own_tweak() {
    let mut random = Random(11);
    for (radix, n) in SHAPES {
        let domain = Domain::new(radix, n).unwrap();
        let key = random.key();
        let general = half_bytes(domain).is_none();
        // All lengths of tweaks, in an order in which long and short ones meet in a group.
        let lengths: Vec<usize> =
            (0..=130).map(|i| i * 37 % 131).step_by(if general { 9 } else { 1 }).collect();
        let tweaks: Vec<Vec<u8>> = lengths.iter().map(|&t| random.bytes(t)).collect();
        let plain: Vec<u16> = tweaks.iter().flat_map(|_| value(&mut random, domain)).collect();
        let expected = one_by_one(&key, domain, &plain, &tweaks);
        for plan in by_kernels_and_without(&key, domain) {
            let mut columns = plain.clone();
            plan.encrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
            assert!(columns == expected, "{domain:?}");
            plan.decrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
            assert!(columns == plain, "{domain:?}");
            // One at a time, and each number of values.
            for count in (1..=8).chain([63, 64, 65, 100]).filter(|&count| count <= tweaks.len()) {
                let at = random.next() as usize % (tweaks.len() - count + 1);
                let mut some = plain[at * n..(at + count) * n].to_vec();
                plan.encrypt_columns(&mut some, |j| &tweaks[at + j]).unwrap();
                assert!(some == expected[at * n..(at + count) * n], "{count} of {domain:?}");
                plan.decrypt_columns(&mut some, |j| &tweaks[at + j]).unwrap();
                assert!(some == plain[at * n..(at + count) * n], "{count} of {domain:?}");
            }
        }
    }
}

/// With the processor's vectors, if it has them, and in portable code.
fn by_kernels_and_without(key: &[u8; 32], domain: Domain) -> [TweakedPlan; 2] {
    [TweakedPlan::new(key, domain), TweakedPlan::with_keys(Aes256::expand(key), None, domain)]
}

// SPEC: FF1-1, FF1-8
#[test]
fn every_lane_of_the_kernels_has_its_own_tweak_in_full_groups_and_in_part() {
    let mut random = Random(13);
    let radices = [2, 3, 10, 26, 36, 255, 256, 257, 4096, 65_535, 65_536];
    let domains = radices.into_iter().flat_map(|radix| (2..=48).map(move |n| (radix, n)));
    let domains = domains.filter_map(|(radix, n)| Domain::new(radix, n).ok());
    let domains: Vec<Domain> = domains.filter(|domain| half_bytes(*domain).is_some_and(|b| b < 16)).collect();
    let (mut short, mut long, mut vectors) = (0, 0, true);
    for (turn, domain) in domains.into_iter().enumerate() {
        let key = random.key();
        let [plan, portable] = by_kernels_and_without(&key, domain);
        short += usize::from(plan.plan.short.is_some());
        long += usize::from(plan.plan.long.is_some());
        vectors &= plan.plan.vector_keys.is_some();
        // A few groups of the kernels and any rest of one, tweaks of 0 to 40 bytes.
        let count = 10 + turn * 7 % 291;
        let lengths: Vec<usize> = (0..count).map(|_| random.next() as usize % 41).collect();
        let tweaks: Vec<Vec<u8>> = lengths.iter().map(|&t| random.bytes(t)).collect();
        let plain: Vec<u16> = tweaks.iter().flat_map(|_| value(&mut random, domain)).collect();
        let expected = one_by_one(&key, domain, &plain, &tweaks);
        let mut columns = plain.clone();
        plan.encrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
        assert!(columns == expected, "{domain:?}");
        plan.decrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
        assert!(columns == plain, "{domain:?}");
        portable.encrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
        assert!(columns == expected, "{domain:?}");
        if domain.radix() > 256 {
            continue;
        }
        let characters: Vec<u8> = (0..domain.radix()).map(|x| x as u8).collect();
        let alphabet = AsciiAlphabet::new(&characters).unwrap();
        let spell = |columns: &[u16]| -> Vec<u8> { columns.iter().map(|&x| x as u8).collect() };
        let (text, mut out, mut back) = (spell(&plain), vec![0; plain.len()], vec![0; plain.len()]);
        plan.encrypt_ascii(&alphabet, &text, |j| &tweaks[j], &mut out).unwrap();
        assert!(out == spell(&expected), "{domain:?}");
        plan.decrypt_ascii(&alphabet, &out, |j| &tweaks[j], &mut back).unwrap();
        assert!(back == text, "{domain:?}");
    }
    assert!(!vectors || (short > 30 && long > 30), "{short} and {long}");
}

// SPEC: FF1-1, FF1-8
#[test]
fn a_tweak_in_a_context_is_the_whole_encoding() {
    use crate::crypto::context::Label;
    let mut random = Random(14);
    for (turn, (radix, n)) in SHAPES.into_iter().cycle().take(4 * SHAPES.len()).enumerate() {
        let domain = Domain::new(radix, n).unwrap();
        let key = random.key();
        // So that the own part begins at each byte of a block.
        let before = Context::new(Label::Ff1Tweak).part(random.bytes(turn * 7 % 33));
        let parts: Vec<Vec<u8>> = (0..100).map(|i| random.bytes(i * 37 % 67)).collect();
        let tweaks: Vec<Vec<u8>> =
            parts.iter().map(|part| before.clone().part(part).as_bytes().to_vec()).collect();
        let plan = TweakedPlan::in_contexts(&key, domain, &before);
        for count in [1, 9, 100] {
            let count = if half_bytes(domain).is_none() { count.min(9) } else { count };
            let plain: Vec<u16> = (0..count).flat_map(|_| value(&mut random, domain)).collect();
            let expected = one_by_one(&key, domain, &plain, &tweaks[..count]);
            let mut columns = plain.clone();
            plan.encrypt_columns(&mut columns, |j| &parts[j]).unwrap();
            assert!(columns == expected, "{domain:?}");
            plan.decrypt_columns(&mut columns, |j| &parts[j]).unwrap();
            assert!(columns == plain, "{domain:?}");
            let Ok(alphabet) = AsciiAlphabet::new(&(0..=255).take(radix as usize).collect::<Vec<u8>>())
            else {
                continue;
            };
            if alphabet.radix() == radix {
                let text: Vec<u8> = plain.iter().map(|&x| x as u8).collect();
                let mut out = vec![0; text.len()];
                plan.encrypt_ascii(&alphabet, &text, |j| &parts[j], &mut out).unwrap();
                assert!(out.iter().map(|&x| u16::from(x)).eq(expected), "{domain:?}");
            }
        }
    }
    let before = Context::new(Label::Ff1Tweak);
    let plan = TweakedPlan::in_contexts(&[1; 32], Domain::new(10, 6).unwrap(), &before);
    let most = vec![0; Plan::MAX_TWEAK - before.as_bytes().len() - 4];
    let more = vec![0; most.len() + 1];
    assert!(plan.encrypt_columns(&mut [0; 6], |_| &most).is_ok());
    assert!(matches!(plan.encrypt_columns(&mut [0; 6], |_| &more), Err(BulkError::Record { index: 0, .. })));
}

#[test]
fn padding_is_what_the_bytes_say() {
    let bytes: Vec<u8> = (1..=40).collect();
    for length in 0..=bytes.len() {
        for from in 0..=length + 20 {
            let byte = |i: usize| bytes[..length].get(from + i).copied().unwrap_or(0);
            assert_eq!(padded(&bytes[..length], from).to_be_bytes(), std::array::from_fn(byte));
        }
    }
}

#[test]
fn text_agrees_with_numerals() {
    let mut random = Random(12);
    let scattered: Vec<u8> = (0..=255u8).map(|x| x.wrapping_mul(167)).collect();
    for characters in [&b"0123456789"[..], b"0123456789abcdefghijklmnopqrstuvwxyz", &scattered] {
        let alphabet = AsciiAlphabet::new(characters).unwrap();
        for n in [6, 8, 9, 12, 16, 19, 31, 32, 40, 76, 100] {
            let domain = Domain::new(alphabet.radix(), n).unwrap();
            let key = random.key();
            let plan = TweakedPlan::new(&key, domain);
            let tweaks: Vec<Vec<u8>> = (0..70).map(|i| random.bytes(i % 23)).collect();
            let mut columns: Vec<u16> = tweaks.iter().flat_map(|_| value(&mut random, domain)).collect();
            let spell = |columns: &[u16]| -> Vec<u8> {
                columns.iter().map(|&x| characters[usize::from(x)]).collect()
            };
            let text = spell(&columns);
            let (mut token, mut back) = (vec![0; text.len()], vec![0; text.len()]);
            plan.encrypt_ascii(&alphabet, &text, |j| &tweaks[j], &mut token).unwrap();
            plan.decrypt_ascii(&alphabet, &token, |j| &tweaks[j], &mut back).unwrap();
            assert!(back == text, "{domain:?}");
            plan.encrypt_columns(&mut columns, |j| &tweaks[j]).unwrap();
            assert!(token == spell(&columns), "{domain:?}");
        }
    }
}

#[test]
fn a_tweak_that_is_too_long_is_refused_by_its_record_and_nothing_changes() {
    let plan = TweakedPlan::new(&[1; 32], Domain::new(10, 6).unwrap());
    let (long, most) = (vec![0; Plan::MAX_TWEAK + 1], vec![0; Plan::MAX_TWEAK]);
    let tweak = |j: usize| if j == 70 { &long[..] } else { b"" };
    let mut numerals = vec![3; 6 * 100];
    let refused = BulkError::Record { index: 70, problem: "has a tweak over 65,536 bytes" };
    assert_eq!(plan.encrypt_columns(&mut numerals, tweak), Err(refused));
    assert_eq!(plan.decrypt_columns(&mut numerals, tweak), Err(refused));
    assert!(numerals.iter().all(|&x| x == 3));
    plan.encrypt_columns(&mut numerals[..12], |_| &most).unwrap();
    let mut one = [3; 6];
    Plan::new(&[1; 32], plan.domain(), &most).unwrap().encrypt(&mut one).unwrap();
    assert_eq!(numerals[6..12], one);
}

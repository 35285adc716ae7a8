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
        let plan = TweakedPlan::new(&key, domain);
        let general = half_bytes(domain).is_none();
        // All lengths of tweaks, in an order in which long and short ones meet in a group.
        let lengths: Vec<usize> =
            (0..=130).map(|i| i * 37 % 131).step_by(if general { 9 } else { 1 }).collect();
        let tweaks: Vec<Vec<u8>> = lengths.iter().map(|&t| random.bytes(t)).collect();
        let plain: Vec<u16> = tweaks.iter().flat_map(|_| value(&mut random, domain)).collect();
        let expected = one_by_one(&key, domain, &plain, &tweaks);
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

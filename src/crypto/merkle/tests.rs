use super::*;
use proptest::prelude::*;

fn hash(hex: &str) -> Hash {
    let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// RFC 6962 section 2.1, word for word.
fn root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            let (left, right) = (root(&leaves[..k]), root(&leaves[k..]));
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

fn hashes(leaves: &[Vec<u8>]) -> impl Iterator<Item = Result<Hash>> {
    leaves.iter().map(|leaf| Ok(leaf_hash(leaf)))
}

fn frontier(leaves: &[Vec<u8>]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(leaf_hash(leaf)));
    frontier
}

/// The leaves of the tests of certificate-transparency's own implementation.
fn reference() -> Vec<Vec<u8>> {
    vec![
        vec![],
        vec![0x00],
        vec![0x10],
        vec![0x20, 0x21],
        vec![0x30, 0x31],
        (0x40..0x44).collect(),
        (0x50..0x58).collect(),
        (0x60..0x70).collect(),
    ]
}

// SPEC: AUDIT-1
#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves = reference();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, expected) in roots.into_iter().enumerate() {
        assert_eq!(frontier(&leaves[..size]).root(), hash(expected), "{size} leaves");
    }
}

// SPEC: AUDIT-1
#[test]
fn proofs_are_those_of_certificate_transparency() {
    let leaves = reference();
    let inclusion = [
        (0, 1, vec![]),
        (
            0,
            8,
            vec![
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            vec![
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, vec!["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            vec![
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (index, size, path) in inclusion {
        let path: Vec<Hash> = path.into_iter().map(hash).collect();
        assert_eq!(inclusion_proof(hashes(&leaves), index, size).unwrap(), path, "leaf {index} of {size}");
    }
    let consistency = [
        (1, 1, vec![]),
        (
            1,
            8,
            vec![
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            vec![
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            vec![
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (earlier, size, path) in consistency {
        let path: Vec<Hash> = path.into_iter().map(hash).collect();
        assert_eq!(consistency_proof(hashes(&leaves), earlier, size).unwrap(), path, "{earlier} of {size}");
    }
}

/// As many leaves, no two alike.
fn numbered(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|n| n.to_be_bytes().to_vec()).collect()
}

// SPEC: AUDIT-1, AUDIT-2
#[test]
fn every_leaf_of_every_small_log_is_shown_at_its_own_number_and_at_no_other() {
    for size in 0..=33 {
        let leaves = numbered(size);
        let root = root(&leaves);
        assert_eq!(frontier(&leaves).root(), root);
        for index in 0..size {
            let proof = inclusion_proof(hashes(&leaves), index, size).unwrap();
            for other in 0..=size {
                let leaf = leaf_hash(&other.to_be_bytes());
                let shown = verify_inclusion(&leaf, index, size, &proof, &root);
                assert_eq!(shown.is_ok(), other == index, "leaf {other} as {index} of {size}");
                let leaf = leaf_hash(&index.to_be_bytes());
                let shown = verify_inclusion(&leaf, other, size, &proof, &root);
                assert_eq!(shown.is_ok(), other == index, "leaf {index} as {other} of {size}");
            }
        }
        assert!(inclusion_proof(hashes(&leaves), size, size).is_err());
    }
}

// SPEC: AUDIT-1, AUDIT-2
#[test]
fn every_small_log_is_shown_to_begin_every_longer_one_and_none_that_differs() {
    for later in 0..=33 {
        let leaves = numbered(later);
        let later_root = root(&leaves);
        for earlier in 0..=later {
            let earlier_root = root(&leaves[..earlier as usize]);
            let proof = consistency_proof(hashes(&leaves), earlier, later).unwrap();
            verify_consistency((earlier, &earlier_root), (later, &later_root), &proof).unwrap();
            if earlier == 0 {
                continue; // the empty log begins any
            }
            let mut edited = leaves[..earlier as usize].to_vec();
            edited[0].push(0);
            for (size, root) in [(earlier, root(&edited)), (earlier - 1, earlier_root)] {
                verify_consistency((size, &root), (later, &later_root), &proof).unwrap_err();
            }
        }
        assert!(consistency_proof(hashes(&leaves), later + 1, later).is_err());
    }
}

#[test]
fn a_log_that_is_too_short_for_its_size_has_no_proof() {
    let leaves = numbered(4);
    assert!(inclusion_proof(hashes(&leaves), 0, 5).is_err());
    assert!(consistency_proof(hashes(&leaves), 2, 5).is_err());
    let failing = || [Err(Error::Rejected)];
    assert!(matches!(inclusion_proof(failing(), 0, 2), Err(Error::Rejected)));
}

// SPEC: AUDIT-3
#[test]
fn a_frontier_is_its_parts_and_no_others() {
    let whole = frontier(&numbered(11));
    let again = Frontier::from_parts(11, whole.peaks().to_vec()).unwrap();
    assert_eq!((again.root(), again.size()), (whole.root(), 11));
    for size in 0..40 {
        let mut appended = Frontier::from_parts(size, frontier(&numbered(size)).peaks().to_vec()).unwrap();
        appended.push(leaf_hash(&size.to_be_bytes()));
        assert_eq!(appended.root(), root(&numbered(size + 1)), "{size} leaves and one more");
    }
    for size in [0, 8, 12, u64::MAX] {
        assert!(Frontier::from_parts(size, whole.peaks().to_vec()).is_err(), "{size}");
    }
    assert!(Frontier::from_parts(u64::MAX, vec![[0; 32]; 64]).is_err());
    let mut largest = Frontier::from_parts(u64::MAX - 1, vec![[0; 32]; 63]).unwrap();
    largest.push([0; 32]);
    assert_eq!(largest.size(), u64::MAX);
    assert_eq!(format!("{whole:?}"), "Frontier(11 leaves)");
}

// SPEC: AUDIT-1
#[test]
fn another_implementation_has_the_same_roots_and_proofs() {
    let mut theirs = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=70 {
        let leaves = numbered(size);
        theirs.push(leaves.last().unwrap().clone());
        assert_eq!(theirs.root().as_bytes()[..], frontier(&leaves).root());
        for at in 0..size {
            let ours = inclusion_proof(hashes(&leaves), at, size).unwrap();
            assert_eq!(theirs.prove_inclusion(at as usize).as_bytes(), ours.concat(), "{at} of {size}");
            if at > 0 {
                let ours = consistency_proof(hashes(&leaves), at, size).unwrap();
                let proof = theirs.prove_consistency((size - at) as usize);
                assert_eq!(proof.as_bytes(), ours.concat(), "{at} to {size}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // SPEC: AUDIT-1, AUDIT-2
    #[test]
    fn any_log_is_as_the_definition_says(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..200),
        a: prop::sample::Index,
        b: prop::sample::Index,
    ) {
        let size = leaves.len() as u64;
        let whole = root(&leaves);
        prop_assert_eq!(frontier(&leaves).root(), whole);
        let index = a.index(leaves.len());
        let proof = inclusion_proof(hashes(&leaves), index as u64, size).unwrap();
        let leaf = leaf_hash(&leaves[index]);
        verify_inclusion(&leaf, index as u64, size, &proof, &whole).unwrap();
        for i in 0..proof.len() {
            let mut altered = proof.clone();
            altered[i][b.index(32)] ^= 1;
            prop_assert!(verify_inclusion(&leaf, index as u64, size, &altered, &whole).is_err());
            altered.remove(i);
            prop_assert!(verify_inclusion(&leaf, index as u64, size, &altered, &whole).is_err());
        }
        let longer = [&proof[..], &[whole]].concat();
        prop_assert!(verify_inclusion(&leaf, index as u64, size, &longer, &whole).is_err());

        let earlier = b.index(leaves.len()) + 1;
        let earlier_root = root(&leaves[..earlier]);
        let proof = consistency_proof(hashes(&leaves), earlier as u64, size).unwrap();
        let consistent = |proof: &[Hash]| {
            verify_consistency((earlier as u64, &earlier_root), (size, &whole), proof)
        };
        consistent(&proof).unwrap();
        for i in 0..proof.len() {
            let mut altered = proof.clone();
            altered[i][a.index(32)] ^= 1;
            prop_assert!(consistent(&altered).is_err());
            altered.remove(i);
            prop_assert!(consistent(&altered).is_err());
        }
        prop_assert!(consistent(&[&proof[..], &[whole]].concat()).is_err());
    }

    #[test]
    fn no_proof_is_too_odd_to_be_refused(
        index: u64,
        size: u64,
        earlier: u64,
        proof in prop::collection::vec(any::<Hash>(), 0..70),
        root: Hash,
    ) {
        prop_assert!(verify_inclusion(&root, index, size, &proof, &root).is_err() || size == 1);
        prop_assert!(verify_consistency((earlier, &root), (size, &root), &proof).is_err() || size == earlier);
    }
}

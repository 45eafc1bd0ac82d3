//! The tree against the reference values of the certificate-transparency project, and against itself at every size.

use super::*;
use proptest::prelude::*;

/// The leaves of the reference tree (certificate-transparency, `merkletree` tests), in hex.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Its roots at sizes 1 to 8.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf (from 1), size, path.
const PATHS: [(usize, usize, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hash(hex: &str) -> Hash {
    bytes(hex).try_into().unwrap()
}

fn hashes(list: &[&str]) -> Vec<Hash> {
    list.iter().map(|hex| hash(hex)).collect()
}

fn reference() -> Vec<Hash> {
    LEAVES.iter().map(|hex| leaf(&bytes(hex))).collect()
}

fn some_leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf(&n.to_be_bytes())).collect()
}

#[test]
fn the_roots_are_those_of_the_reference() {
    assert_eq!(empty_root(), hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_eq!(Frontier::default().root(), empty_root());
    let (leaves, mut frontier) = (reference(), Frontier::default());
    for (n, want) in ROOTS.iter().enumerate() {
        frontier.push(leaves[n]);
        assert_eq!(root(&leaves[..=n]), hash(want), "size {}", n + 1);
        assert_eq!(frontier.root(), hash(want), "frontier of {}", n + 1);
    }
}

#[test]
fn the_paths_are_those_of_the_reference() {
    let leaves = reference();
    for (nth, size, path) in PATHS {
        let want = hashes(path);
        assert_eq!(inclusion(&leaves[..size], nth - 1).unwrap(), want, "leaf {nth} of {size}");
        let root = hash(ROOTS[size - 1]);
        assert!(includes(&root, size as u64, nth as u64 - 1, leaves[nth - 1], &want), "leaf {nth} of {size}");
    }
    assert_eq!(inclusion(&leaves, 8), None);
    assert_eq!(inclusion(&[], 0), None);
}

#[test]
fn at_every_size_every_proof_holds_and_none_holds_for_another_place() {
    for size in 1..=33_usize {
        let leaves = some_leaves(size);
        let whole = root(&leaves);
        for index in 0..size {
            let path = inclusion(&leaves, index).unwrap();
            assert!(includes(&whole, size as u64, index as u64, leaves[index], &path));
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!includes(&whole, size as u64, other as u64, leaves[index], &path), "{index} as {other}");
            }
            assert!(!includes(&whole, size as u64, index as u64, leaf(b"another"), &path));
            let longer = [path.clone(), vec![whole]].concat();
            assert!(!includes(&whole, size as u64, index as u64, leaves[index], &longer));
        }
    }
}

proptest! {
    #[test]
    fn a_frontier_that_was_kept_goes_on_where_it_was(before in 0_usize..200, after in 0_usize..60) {
        let leaves = some_leaves(before + after);
        let mut first = Frontier::default();
        leaves[..before].iter().for_each(|l| first.push(*l));
        let mut kept = Frontier::from_bytes(before as u64, &first.to_bytes()).unwrap();
        prop_assert_eq!(&kept, &first);
        leaves[before..].iter().for_each(|l| kept.push(*l));
        prop_assert_eq!(kept.root(), root(&leaves));
        prop_assert_eq!(kept.size(), leaves.len() as u64);
        prop_assert_eq!(Frontier::from_bytes(before as u64 + 1, &first.to_bytes()).is_some(),
            (before + 1).count_ones() == before.count_ones());
        prop_assert_eq!(Frontier::from_bytes(before as u64, &[first.to_bytes(), vec![0]].concat()), None);
    }
}

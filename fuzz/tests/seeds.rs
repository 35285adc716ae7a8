//! Every seed through its target, on any toolchain.

use cloakroom_fuzz::TARGETS;
use std::path::Path;

#[test]
fn every_seed_passes() {
    for (name, run) in TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut seeds: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            println!("{}", seed.display());
            run(&std::fs::read(seed).unwrap());
        }
    }
}

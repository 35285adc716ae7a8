//! Files that need a key version hold it, until they are forgotten.

use super::file;
use crate::place::*;
use cloakroom::Error;
use cloakroom::keys::KeyState;
use cloakroom::vault::Mode;

// SPEC: VAULT-22
#[test]
fn files_are_counted_until_they_are_forgotten() {
    everywhere(|place| {
        let vault = place.vault();
        vault.add_file(&file(1, Mode::FileToken, 5)).unwrap();
        vault.add_file(&file(1, Mode::FileToken, 7)).unwrap();
        vault.add_file(&file(2, Mode::FileIdentity, 1)).unwrap();
        assert_eq!(vault.files().unwrap(), [file(1, Mode::FileToken, 7), file(2, Mode::FileIdentity, 1)]);
        assert_eq!((vault.census().total(Mode::FileToken), vault.census().needing(version(1))), (7, 8));
        for mode in [Mode::Seal, Mode::Token, Mode::Index] {
            let refused = vault.add_file(&file(3, mode, 1));
            assert!(matches!(refused, Err(Error::Setting { what: "protected file", .. })), "{refused:?}");
        }
        for count in [u64::MAX, 1 << 48] {
            assert!(matches!(vault.add_file(&file(3, Mode::FileToken, count)), Err(Error::Setting { .. })));
        }
        assert!(vault.made(&[1; 32]).unwrap() && !vault.made(&[3; 32]).unwrap());
        assert_clean(vault);
        place.rotate();
        place.vault().migrate(|_| {}).unwrap();
        let refused = place.edit(&|keyset| keyset.with_state(version(1), KeyState::Retired, NOW));
        let Err(error @ Error::KeyNeeded { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("token in files of field \"card\""), "{error}");
        assert!(
            place.vault().forget_file(&[1; 32]).unwrap() && !place.vault().forget_file(&[1; 32]).unwrap()
        );
        assert!(place.vault().forget_file(&[2; 32]).unwrap());
        assert_eq!(place.vault().census().lines().count(), 0);
        assert_clean(place.vault());
    });
}

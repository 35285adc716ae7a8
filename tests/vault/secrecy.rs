//! Nothing that is shown, of whatever kind, has a secret in it.

use crate::place::*;
use cloakroom::Error;
use cloakroom::keys::Keyset;
use cloakroom::name::SubjectId;
use cloakroom::vault::Row;

// SPEC: VAULT-2, SECRET-1
#[test]
fn nothing_shows_a_subject_a_value_or_a_key() {
    const SUBJECT: &str = "Ann-Kathrin-10423";
    const VALUE: &str = "4111-1111-1111-1111";
    let place = InMemory::new();
    let vault = &place.vault;
    let acme = tenant(vault, "acme");
    let (ann, card) = (subject(SUBJECT), field("card"));
    let fields = [(&card, VALUE.as_bytes())];
    let id = acme.put(&ann, &fields).unwrap();
    let row = Row { subject: &ann, fields: &fields };
    let run = vault.begin_run();
    run.put_many(&acme, &[row]).unwrap();
    let references = acme.references(&card, version(1)).unwrap();
    let mut shown = format!(
        "{vault:?} {acme:?} {row:?} {run:?} {id:?} {:?} {:?} {:?} {references:?} {:?} {:?}",
        acme.records(&ann).unwrap(),
        acme.reveal(id, &card).unwrap(),
        vault.census(),
        vault.check().unwrap(),
        vault.keyset(),
    );
    drop(run);
    let mut show = |error: Error| shown.push_str(&format!(" {error} {error:?}"));
    show(acme.put(&ann, &[fields[0], fields[0]]).unwrap_err());
    show(acme.put(&ann, &[(&card, VALUE.repeat(100_000).as_bytes())]).unwrap_err());
    show(SubjectId::new(&format!("{SUBJECT}\n{SUBJECT}")).unwrap_err());
    show(references.parse(VALUE, SUBJECT.as_bytes()).unwrap_err());
    show(vault.adopt(Keyset::generate(NOW).unwrap()).unwrap_err());
    // Every byte of every entry altered, one at a time.
    for map in [INDEX, ENTRY] {
        for (key, value) in place.store.all(map) {
            for at in 0..value.len() {
                let mut altered = value.clone();
                altered[at] ^= 0x21;
                place.store.set(map, &key, Some(&altered));
                shown.push_str(&format!(" {:?}", vault.check().unwrap()));
                let mut show = |error: Error| shown.push_str(&format!(" {error} {error:?}"));
                let _ = acme.records(&ann).map_err(&mut show);
                let _ = acme.reveal(id, &card).map_err(&mut show);
            }
            place.store.set(map, &key, Some(&value));
        }
    }
    assert!(vault.check().unwrap().is_clean());
    shown.push_str(&format!(" {:?}", acme.erase(&ann).unwrap()));
    let secret = *vault.keyset().primary().unwrap().secret().expose();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for planted in [SUBJECT, VALUE, "Kathrin", &hex[..16], &format!("{:?}", &secret[..8])[1..20]] {
        assert!(!shown.contains(planted), "{planted:?} is shown");
    }
    for planted in [SUBJECT.as_bytes(), VALUE.as_bytes()] {
        assert!(!format!("{shown:?}").contains(&format!("{planted:?}")[1..30]));
    }
}

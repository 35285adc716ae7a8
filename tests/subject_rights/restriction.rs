//! Restriction, objection and hold.

use super::{DAY, NOW, Place, note, purpose};

#[test]
fn restriction_objection_and_hold_decide_and_can_be_taken_back() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    let (rights, seen) = (place.rights("ann"), |what_for: &str| place.email("alice", what_for, record));
    assert!(rights.restrict(&note("contested")).unwrap());
    assert!(!rights.restrict(&note("again")).unwrap());
    assert_eq!(seen("support"), "restricted");
    assert_eq!(place.email("dora", "access", record), "ann@example.com", "despite the restriction");
    assert!(rights.lift().unwrap() && !rights.lift().unwrap());
    assert_eq!(seen("support"), "ann@example.com");

    assert!(rights.object(&purpose("support")).unwrap() && !rights.object(&purpose("support")).unwrap());
    assert_eq!(seen("support"), "objected");
    assert!(rights.retract(&purpose("support")).unwrap() && !rights.retract(&purpose("support")).unwrap());
    assert_eq!(seen("support"), "ann@example.com");

    assert!(rights.hold(&note("case 4")).unwrap() && !rights.hold(&note("case 4")).unwrap());
    place.set_clock(NOW + 90 * DAY);
    assert_eq!(seen("support"), "held");
    assert!(rights.release(&note("case 4")).unwrap() && !rights.release(&note("case 4")).unwrap());
    assert_eq!(seen("support"), "retention-over");
    assert!(rights.canary(true).unwrap() && !rights.canary(true).unwrap() && rights.canary(false).unwrap());
    place.clean();
}

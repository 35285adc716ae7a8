//! What data subjects may ask for: consents, restriction, holds, objections, what is held, rectification, exports.

use cloakroom::duties::{Access, Action, Approval, Consent, ConsentEvent, ConsentStatus, Rules};
use cloakroom::format::Normalization;
use cloakroom::keys::Keyset;
use cloakroom::name::{FieldName, Note, Principal, Purpose, SubjectId, TenantId};
use cloakroom::policy::Policy;
use cloakroom::protect::BlindIndex;
use cloakroom::store::memory::MemoryStore;
use cloakroom::time::Timestamp;
use cloakroom::vault::{Grant, Holdings, RecordId, Revealed, Rights, Tenant, Vault, Which};
use cloakroom::{Error, crypto::sign::SigningKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const NOW: u64 = 1_795_600_000;
const DAY: u64 = 86_400;

/// Alice sees e-mails for news (by consent) and support, phones masked; Dora answers subjects despite restrictions.
const POLICY: &str = r#"
version = 1
tenant = "acme"
[field.email]
protect = "seal"
category = "contact"
purposes = ["news", "support", "access"]
retention = "90d"
[field.phone]
protect = "seal"
purposes = ["support", "access"]
[field.health]
protect = "seal"
purposes = ["access"]
[purpose.news]
basis = "consent"
[purpose.support]
basis = "contract"
[purpose.access]
basis = "legal-obligation"
despite_restriction = true
recipients = ["the subject"]
[role.agent]
purposes = ["news", "support"]
[role.agent.reveal]
email = "full"
phone = "mask 0+2"
[role.desk]
purposes = ["access"]
[role.desk.reveal]
email = "full"
phone = "full"
[principal.alice]
roles = ["agent"]
[principal.dora]
roles = ["desk"]
"#;

/// A vault, and its clock.
struct Place {
    vault: Vault,
    clock: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let keyset = Keyset::generate(Timestamp(NOW)).unwrap();
        let vault = Vault::create_in(Box::new(MemoryStore::new()), keyset).unwrap();
        let time = Arc::clone(&clock);
        let vault = vault.with_clock(move || Timestamp(time.load(Ordering::Relaxed)));
        Self { vault, clock }
    }

    fn with_rules() -> Self {
        let place = Self::new();
        place.install(POLICY);
        place
    }

    fn install(&self, policy: &str) {
        self.vault.admin(Principal::new("root").unwrap()).set_rules(rules(policy), None).unwrap();
    }

    fn acme(&self) -> Tenant<'_> {
        self.vault.tenant(&TenantId::new("acme").unwrap())
    }

    fn rights(&self, id: &str) -> Rights<'_> {
        self.acme().rights_of(&subject(id))
    }

    fn put(&self, id: &str, fields: &[(&str, &str)]) -> RecordId {
        let names: Vec<_> = fields.iter().map(|(name, _)| field(name)).collect();
        let fields: Vec<_> =
            names.iter().zip(fields).map(|(name, (_, value))| (name, value.as_bytes())).collect();
        self.acme().put(&subject(id), &fields).unwrap()
    }

    /// The e-mail as this principal sees it, or the code of the reason.
    fn email(&self, who: &str, purpose: &str, record: RecordId) -> String {
        let revealer = self.vault.revealer(&TenantId::new("acme").unwrap(), access(who, purpose));
        match revealer.reveal(record, &field("email")) {
            Ok(Some(revealed)) => text(&revealed),
            Ok(None) => "gone".into(),
            Err(Error::Denied { code, .. }) => code.into(),
            Err(error) => panic!("{error}"),
        }
    }

    fn set_clock(&self, at: u64) {
        self.clock.store(at, Ordering::Relaxed);
    }

    fn clean(&self) {
        let report = self.vault.check().unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
    }
}

fn rules(policy: &str) -> Rules {
    Policy::parse(policy).unwrap().rules().clone()
}

fn subject(id: &str) -> SubjectId {
    SubjectId::new(id).unwrap()
}

fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn access(who: &str, what_for: &str) -> Access {
    Access { principal: Principal::new(who).unwrap(), purpose: purpose(what_for) }
}

fn text(revealed: &Revealed) -> String {
    match revealed {
        Revealed::Token(_) => "a token".into(),
        shown => shown.value().unwrap().expose_str().unwrap().to_owned(),
    }
}

fn consent(to: &str, event: ConsentEvent, at: u64) -> Consent {
    Consent { purpose: purpose(to), event, at: Timestamp(at), source: Some(note("web")), wording: None }
}

fn granted(to: &str, at: u64) -> Consent {
    consent(to, ConsentEvent::Granted { expires: None }, at)
}

// SPEC: RIGHT-1
#[test]
fn a_withdrawal_counts_from_the_next_reveal_on() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    assert_eq!(place.email("alice", "news", record), "consent-none");
    assert!(rights.grant(&purpose("news"), Grant::default()).unwrap());
    assert!(!rights.grant(&purpose("news"), Grant::default()).unwrap(), "the very same second and words");
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    assert!(rights.withdraw(&purpose("news"), None, Some(note("call"))).unwrap());
    assert_eq!(place.email("alice", "news", record), "consent-withdrawn");
    assert_eq!(place.email("alice", "support", record), "ann@example.com", "a contract asks for no consent");
    place.set_clock(NOW + 10);
    let expires = Some(Timestamp(NOW + 20));
    assert!(rights.grant(&purpose("news"), Grant { expires, ..Grant::default() }).unwrap());
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    place.set_clock(NOW + 20);
    assert_eq!(place.email("alice", "news", record), "consent-expired");
    let consents = rights.consents().unwrap();
    assert_eq!(consents.history.len(), 3);
    assert_eq!(consents.status[&purpose("news")], ConsentStatus::Expired);
    place.clean();
}

// SPEC: RIGHT-1, LOG-8
#[test]
fn once_a_withdrawal_returned_no_thread_is_shown_anything() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    for round in 0..20 {
        place.set_clock(NOW + round);
        place.rights("ann").grant(&purpose("news"), Grant::default()).unwrap();
        let (withdrawn, stop, shown) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let was_withdrawn = withdrawn.load(Ordering::SeqCst);
                        let seen = place.email("alice", "news", record);
                        assert!(!(was_withdrawn && seen.contains('@')), "shown after the withdrawal: {seen}");
                        shown.fetch_add(u64::from(seen.contains('@')), Ordering::SeqCst);
                    }
                });
            }
            while shown.load(Ordering::SeqCst) < 3 {
                thread::yield_now();
            }
            place.rights("ann").withdraw(&purpose("news"), None, None).unwrap();
            withdrawn.store(true, Ordering::SeqCst);
            for _ in 0..5 {
                assert_eq!(place.email("alice", "news", record), "consent-withdrawn");
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
}

// SPEC: RIGHT-1
#[test]
fn a_clock_that_goes_back_revives_no_consent() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    place.set_clock(NOW + 50);
    rights.grant(&purpose("news"), Grant::default()).unwrap();
    place.set_clock(NOW + 100);
    rights.grant(&purpose("news"), Grant::default()).unwrap();
    place.set_clock(NOW + 90);
    rights.withdraw(&purpose("news"), None, None).unwrap();
    for at in [60, 90, 100, 101, 1000] {
        place.set_clock(NOW + at);
        assert_eq!(place.email("alice", "news", record), "consent-withdrawn", "{at}");
    }
    let expires = Some(Timestamp(NOW + 2000));
    rights.grant(&purpose("news"), Grant { expires, ..Grant::default() }).unwrap();
    place.set_clock(NOW + 2000);
    place.put("bob", &[("email", "bob@example.com")]);
    assert_eq!(place.email("alice", "news", record), "consent-expired");
    place.clean();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let place = Place::with_rules();
    place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann");
    let setting = |result: cloakroom::Result<bool>, says: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Setting { .. }) && error.to_string().contains(says), "{error}");
    };
    let grant = |at, expires| Grant { at, expires, ..Grant::default() };
    setting(rights.grant(&purpose("fun"), Grant::default()), "is none of the rules in force");
    setting(rights.withdraw(&purpose("fun"), None, None), "is none of the rules in force");
    setting(rights.object(&purpose("fun")), "is none of the rules in force");
    setting(rights.grant(&purpose("news"), grant(Some(Timestamp(NOW + 1)), None)), "in the future");
    setting(rights.withdraw(&purpose("news"), Some(Timestamp(NOW + 1)), None), "in the future");
    setting(rights.grant(&purpose("news"), grant(None, Some(Timestamp(NOW)))), "ends before it begins");
    let nobody = place.rights("nobody");
    for refused in [
        nobody.grant(&purpose("news"), Grant::default()),
        nobody.withdraw(&purpose("news"), None, None),
        nobody.restrict(&note("contested")),
        nobody.lift(),
        nobody.hold(&note("case 4")),
        nobody.release(&note("case 4")),
        nobody.object(&purpose("news")),
        nobody.retract(&purpose("news")),
        nobody.canary(true),
        nobody.rectify(&field("email"), b"x", Which::Only).map(|_| true),
        nobody.consents().map(|_| true),
        nobody.seen().map(|_| true),
        nobody.holdings(Some(&access("dora", "access"))).map(|_| true),
        nobody.export(Some(&access("dora", "access")), None).map(|_| true),
    ] {
        assert!(matches!(refused, Err(Error::NotFound { what: "the subject", .. })));
    }
    assert!(Note::new("a\nb").is_err() && Note::new(" ").is_err() && Purpose::new("").is_err());
    assert_eq!(rights.consents().unwrap().history, []);
    place.clean();
}

// SPEC: RIGHT-2
#[test]
fn an_import_can_be_repeated_and_a_bad_row_stops_no_good_one() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "ann@example.com")]);
    place.put("bob", &[("email", "bob@example.com")]);
    let [ann, bob, nobody] = ["ann", "bob", "nobody"].map(subject);
    let ends = consent("news", ConsentEvent::Granted { expires: Some(Timestamp(NOW - 9)) }, NOW - 8);
    let said = [
        (&ann, granted("news", NOW - 5)),
        (&nobody, granted("news", NOW - 5)),
        (&bob, granted("fun", NOW - 5)),
        (&bob, granted("news", NOW + 1)),
        (&bob, ends),
        (&ann, consent("news", ConsentEvent::Withdrawn, NOW - 4)),
        (&bob, granted("news", NOW - 3)),
        (&ann, granted("news", NOW - 5)),
        (&ann, granted("news", NOW - 2)),
    ];
    let rows: Vec<_> = said.iter().map(|(subject, consent)| (*subject, consent)).collect();
    let results = place.acme().import_consents(&rows).unwrap();
    let new: Vec<Option<bool>> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(new, [yes, None, None, None, None, yes, yes, no, yes]);
    for (i, says) in
        [(1, "the subject"), (2, "is none of the rules"), (3, "in the future"), (4, "ends before")]
    {
        let error = results[i].as_ref().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(place.email("alice", "news", record), "ann@example.com");
    let before = place.vault.check().unwrap();
    let again = place.acme().import_consents(&rows).unwrap();
    assert!(again.iter().all(|result| !matches!(result, Ok(true))));
    assert_eq!(place.vault.check().unwrap().leaves, before.leaves, "no leaf for nothing");
    assert_eq!(place.rights("ann").consents().unwrap().history.len(), 3);
    assert!(place.acme().import_consents(&[]).unwrap().is_empty());
    place.clean();
}

#[test]
fn without_rules_every_purpose_is_taken() {
    let place = Place::new();
    place.put("ann", &[("email", "ann@example.com")]);
    assert!(place.rights("ann").grant(&purpose("whatever"), Grant::default()).unwrap());
    let status = place.rights("ann").consents().unwrap().status;
    assert_eq!(status.into_iter().collect::<Vec<_>>(), [(purpose("whatever"), ConsentStatus::Granted)]);
}

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

/// Field, how it is shown, and the value, of each field of each record.
fn shown(holdings: &Holdings) -> Vec<(u32, String, &'static str, Option<String>)> {
    let of_record = |record: &cloakroom::vault::HeldRecord| {
        let number = record.number;
        let one = |f: &cloakroom::vault::HeldField| {
            (number, f.name.to_string(), f.shown_as().0, f.shown.as_ref().ok().map(text))
        };
        record.fields.iter().map(one).collect::<Vec<_>>()
    };
    holdings.records.iter().flat_map(of_record).collect()
}

#[test]
fn what_is_held_is_shown_as_the_rules_let_the_principal_see_it() {
    let place = Place::with_rules();
    place.put("ann", &[("email", "ann@example.com"), ("phone", "5550199")]);
    place.put("ann", &[("health", "well")]);
    place.put("bob", &[("email", "bob@example.com")]);
    let rights = place.rights("ann").because(&note("ticket 7"));
    let denied = |access: Option<&Access>, code| match rights.holdings(access) {
        Err(Error::Denied { code: found, .. }) => assert_eq!(found, code),
        other => panic!("{other:?}"),
    };
    denied(None, "no-principal");
    denied(Some(&access("mallory", "support")), "principal-unknown");
    denied(Some(&access("alice", "fun")), "purpose-unknown");
    denied(Some(&access("alice", "access")), "role-without-purpose");
    let holdings = rights.holdings(Some(&access("alice", "support"))).unwrap();
    assert_eq!(
        shown(&holdings),
        [
            (0, "email".into(), "full", Some("ann@example.com".into())),
            (0, "phone".into(), "masked", Some("*****99".into())),
            (1, "health".into(), "denied", None),
        ]
    );
    let email = &holdings.records[0].fields[0];
    assert_eq!(email.kept_until, Some(Timestamp(NOW + 90 * DAY)));
    assert_eq!(email.purposes.len(), 3);
    assert_eq!(holdings.records[0].since, Some(Timestamp(NOW)));
    assert_eq!(holdings.records[1].fields[0].shown_as(), ("denied", Some("field-without-purpose")));
    assert_eq!(format!("{holdings:?}"), "Holdings(2 records, ..)");

    let seen = rights.seen().unwrap();
    let reveal: Vec<_> = seen.iter().filter(|s| s.kind == "reveal").collect();
    let decisions: Vec<_> = reveal.iter().map(|s| (s.decision, s.reason, s.fields.join(","))).collect();
    assert_eq!(
        decisions,
        [
            (Some("full"), None, "email".to_owned()),
            (Some("masked"), None, "phone".to_owned()),
            (Some("denied"), Some("field-without-purpose"), "health".to_owned()),
        ]
    );
    assert!(
        reveal.iter().all(|s| s.principal == "alice" && s.purpose == "support" && s.because == ["ticket 7"])
    );
    let show: Vec<_> = seen.iter().filter(|s| s.kind == "show").map(|s| s.fields.join(",")).collect();
    assert_eq!(show, ["email,phone"], "what was denied was not touched");
    assert_eq!(seen.iter().filter(|s| s.kind == "put").count(), 2);
    let bob = place.rights("bob").seen().unwrap();
    assert!(bob.iter().all(|s| s.kind != "reveal"), "{bob:?}");
    place.clean();
}

#[test]
fn without_rules_all_is_shown_and_the_log_says_so() {
    let place = Place::new();
    place.put("ann", &[("email", "ann@example.com")]);
    let rights = place.rights("ann").because(&note("letter of 3 May"));
    let holdings = rights.holdings(None).unwrap();
    assert_eq!(shown(&holdings), [(0, "email".into(), "full", Some("ann@example.com".into()))]);
    let seen = rights.seen().unwrap();
    let show = seen.iter().find(|s| s.kind == "show").unwrap();
    assert_eq!(
        (show.decision, &show.fields, &show.because),
        (None, &vec!["email".into()], &vec!["letter of 3 May".into()])
    );
}

// SPEC: RIGHT-3
#[test]
fn a_rectified_value_takes_the_place_of_the_old_one() {
    let place = Place::new();
    let acme = place.acme();
    acme.define_index(&BlindIndex::field(field("email"), Normalization::Email, 24).unwrap()).unwrap();
    let first = place.put("ann", &[("email", "old@example.com"), ("phone", "1")]);
    place.set_clock(NOW + 5);
    let second = place.put("ann", &[("email", "other@example.com")]);
    let third = place.put("ann", &[("phone", "3")]);
    place.set_clock(NOW + 9);
    let rights = place.rights("ann").because(&note("letter"));
    let email =
        |record| acme.reveal(record, &field("email")).unwrap().map(|v| v.expose_str().unwrap().to_owned());
    let find = |value: &str| acme.find(&field("email"), &[value]).unwrap().len();

    let several = rights.rectify(&field("email"), b"new@example.com", Which::Only).unwrap_err();
    assert!(
        matches!(several, Error::Setting { .. }) && several.to_string().contains("2 records"),
        "{several}"
    );
    for (name, which) in [("fax", Which::Only), ("email", Which::Number(2)), ("email", Which::Number(9))] {
        let error = rights.rectify(&field(name), b"x", which).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    assert!(matches!(rights.rectify(&field("email"), b"  ", Which::Number(0)), Err(Error::Value { .. })));
    assert_eq!((find("old@example.com"), find("other@example.com")), (1, 1));

    assert_eq!(rights.rectify(&field("email"), b"new@example.com", Which::Number(0)).unwrap(), 1);
    assert_eq!(email(first).unwrap(), "new@example.com");
    assert_eq!(email(second).unwrap(), "other@example.com");
    assert_eq!((find("old@example.com"), find("new@example.com"), find("other@example.com")), (0, 1, 1));
    assert_eq!(rights.rectify(&field("email"), b"one@example.com", Which::All).unwrap(), 2);
    assert_eq!(
        (email(first), email(second)),
        (Some("one@example.com".into()), Some("one@example.com".into()))
    );
    assert_eq!((find("new@example.com"), find("one@example.com")), (0, 2));
    assert_eq!(rights.rectify(&field("phone"), b"33", Which::Number(2)).unwrap(), 1);
    let phone = acme.reveal(third, &field("phone")).unwrap().unwrap();
    assert_eq!(phone.expose(), b"33");
    let since: Vec<_> = rights.holdings(None).unwrap().records.iter().map(|record| record.since).collect();
    assert_eq!(since, [NOW, NOW + 5, NOW + 5].map(|at| Some(Timestamp(at))));
    let rectified: Vec<_> = rights.seen().unwrap().into_iter().filter(|s| s.kind == "rectify").collect();
    assert_eq!(rectified.len(), 3);
    assert_eq!(rectified[0].because, ["rectified; letter"]);
    place.clean();
}

// SPEC: RIGHT-3
#[test]
fn a_rectified_value_is_due_as_the_old_one_was() {
    let place = Place::with_rules();
    let record = place.put("ann", &[("email", "old@example.com")]);
    place.set_clock(NOW + 80 * DAY);
    place.rights("ann").rectify(&field("email"), b"new@example.com", Which::Only).unwrap();
    assert_eq!(place.email("dora", "access", record), "new@example.com");
    place.set_clock(NOW + 90 * DAY);
    assert_eq!(place.email("dora", "access", record), "retention-over");
    place.clean();
}

// SPEC: RIGHT-6
#[test]
fn a_shared_record_is_erased_for_each_alone() {
    let place = Place::new();
    let (acme, email) = (place.acme(), field("email"));
    let [ann, bob] = ["ann", "bob"].map(subject);
    let ids = acme.put_shared(&[&ann, &bob], &[(&email, b"both@example.com")]).unwrap();
    let reveal = |i: usize| acme.reveal(ids[i], &email).unwrap().map(|v| v.expose().to_vec());
    assert_eq!(
        (reveal(0), reveal(1)),
        (Some(b"both@example.com".to_vec()), Some(b"both@example.com".to_vec()))
    );
    place.rights("bob").rectify(&email, b"bob@example.com", Which::Only).unwrap();
    assert_eq!(reveal(0).unwrap(), b"both@example.com");
    acme.erase(&ann).unwrap().unwrap();
    assert_eq!((reveal(0), reveal(1)), (None, Some(b"bob@example.com".to_vec())));
    assert!(matches!(acme.put_shared(&[], &[]), Err(Error::Setting { .. })));
    assert!(matches!(acme.put_shared(&[&bob, &bob], &[(&email, b"x")]), Err(Error::Setting { .. })));
    assert_eq!(acme.records(&bob).unwrap().len(), 1);
    place.clean();
}

// SPEC: RIGHT-4
#[test]
fn an_export_fits_its_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../docs/subject-export.schema.json")).unwrap();
    let place = Place::with_rules();
    place.put("ann", &[("email", "ann@example.com"), ("phone", "5550199")]);
    place.put("ann", &[("health", "well")]);
    let bytes: [(&FieldName, &[u8]); 1] = [(&field("phone"), &[0xFF, 0xFE])];
    place.acme().put(&subject("ann"), &bytes).unwrap();
    let rights = place.rights("ann");
    let expires = Some(Timestamp(NOW + DAY));
    rights.grant(&purpose("news"), Grant { expires, source: Some(note("web")), ..Grant::default() }).unwrap();
    rights.withdraw(&purpose("news"), None, None).unwrap();
    rights.restrict(&note("contested")).unwrap();
    rights.object(&purpose("support")).unwrap();
    rights.hold(&note("case 4")).unwrap();
    let export = rights.export(Some(&access("dora", "access")), None).unwrap();
    let json: serde_json::Value = serde_json::from_str(export.json()).unwrap();
    fits(&schema, &schema, &json, "$").unwrap();
    assert_eq!((export.withheld, &json["complete"]), (1, &false.into()));
    assert_eq!(json["subject"], "ann");
    assert_eq!(json["records"][0]["fields"][1]["value"], "5550199");
    assert_eq!(json["records"][1]["fields"][0]["reason"], "role-without-field");
    assert_eq!(json["records"][2]["fields"][0]["value_base64"], "//4=");
    assert_eq!(json["consent_status"]["news"], "withdrawn");
    assert!(!format!("{export:?}").contains("ann@"));
    assert_eq!(rights.seen().unwrap().iter().filter(|s| s.kind == "export").count(), 1);

    for (from, to) in [
        ("\"full\"", "\"seen\""),
        ("\"complete\"", "\"whole\""),
        ("\"version\": 1", "\"version\": 2"),
        ("\"record\": 0", "\"record\": \"0\""),
    ] {
        let broken = export.json().replacen(from, to, 1);
        assert_ne!(broken, export.json());
        let broken: serde_json::Value = serde_json::from_str(&broken).unwrap();
        assert!(fits(&schema, &schema, &broken, "$").is_err(), "{from}");
    }
    let free = Place::new();
    free.put("ann", &[("email", "ann@example.com")]);
    let export = free.rights("ann").export(None, None).unwrap();
    let json: serde_json::Value = serde_json::from_str(export.json()).unwrap();
    fits(&schema, &schema, &json, "$").unwrap();
    assert_eq!(json["complete"], true);
}

/// Whether a value fits a schema, as far as this schema goes: type, const, enum, properties, required,
/// additionalProperties, items and $ref.
fn fits(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    value: &serde_json::Value,
    place: &str,
) -> Result<(), String> {
    use serde_json::Value;
    for (keyword, says) in schema.as_object().unwrap() {
        let fails = || Err(format!("{place}: {keyword} {says}"));
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" => {}
            "$ref" => {
                let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
                fits(root, root.pointer(pointer).unwrap(), value, place)?;
            }
            "type" => {
                let name = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let types = says.as_array().cloned().unwrap_or_else(|| vec![says.clone()]);
                if !types.iter().any(|one| one == name) {
                    return fails();
                }
            }
            "const" if value != says => return fails(),
            "enum" if !says.as_array().unwrap().contains(value) => return fails(),
            "const" | "enum" => {}
            "required" if value.is_object() => {
                if says.as_array().unwrap().iter().any(|name| value.get(name.as_str().unwrap()).is_none()) {
                    return fails();
                }
            }
            "properties" | "additionalProperties" | "required" => {}
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(root, says, item, &format!("{place}[{i}]"))?;
                }
            }
            other => panic!("the schema uses {other}, which this test does not know"),
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, member) in value.as_object().into_iter().flatten() {
        let inner = format!("{place}.{name}");
        match (properties.and_then(|all| all.get(name)), schema.get("additionalProperties")) {
            (Some(schema), _) => fits(root, schema, member, &inner)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{inner}: is no member")),
            (None, Some(schema @ Value::Object(_))) => fits(root, schema, member, &inner)?,
            (None, _) => {}
        }
    }
    Ok(())
}

// SPEC: RIGHT-4
#[test]
fn an_export_during_an_erasure_is_all_or_nothing() {
    let place = Place::with_rules();
    for _ in 0..20 {
        for i in 0..30 {
            place.put("ann", &[("email", &format!("{i}@example.com"))]);
        }
        let (exports, nobody) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        match place.rights("ann").export(Some(&access("dora", "access")), None) {
                            Ok(export) => {
                                let json: serde_json::Value = serde_json::from_str(export.json()).unwrap();
                                assert_eq!(json["records"].as_array().unwrap().len(), 30);
                                assert_eq!(export.withheld, 0);
                                exports.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(Error::NotFound { .. }) => {
                                nobody.fetch_add(1, Ordering::SeqCst);
                                break;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            while exports.load(Ordering::SeqCst) < 2 {
                thread::yield_now();
            }
            place.acme().erase(&subject("ann")).unwrap().unwrap();
        });
        assert_eq!(nobody.load(Ordering::SeqCst), 2);
    }
    place.clean();
}

#[test]
fn an_export_takes_an_approval_where_somebody_approves() {
    let place = Place::new();
    let bob = SigningKey::generate().unwrap();
    let approver =
        format!("[principal.bob]\nroles = []\nkey = \"{}\"\napproves = true\n", bob.verifying_key());
    place.install(&format!("{POLICY}{approver}"));
    place.put("ann", &[("email", "ann@example.com")]);
    place.put("eve", &[("email", "eve@example.com")]);
    let (rights, dora) = (place.rights("ann"), access("dora", "access"));
    let refused = rights.export(Some(&dora), None);
    assert!(matches!(refused, Err(Error::Denied { code: "approval-needed", .. })));
    let approve = |target: String| -> Approval {
        let request = place.vault.request(Action::Export, &target, &dora.principal).unwrap();
        request.approve(Principal::new("bob").unwrap(), &bob)
    };
    let of_eve = approve(place.rights("eve").export_target().unwrap());
    assert!(matches!(rights.export(Some(&dora), Some(&of_eve)), Err(Error::Approval { .. })));
    let approved = approve(rights.export_target().unwrap());
    assert!(matches!(
        rights.export(Some(&access("alice", "support")), Some(&approved)),
        Err(Error::Approval { .. })
    ));
    assert_eq!(rights.export(Some(&dora), Some(&approved)).unwrap().withheld, 0);
    assert!(
        matches!(rights.export(Some(&dora), Some(&approved)), Err(Error::Approval { .. })),
        "each is good once"
    );
}

// SPEC: RIGHT-5
#[cfg(feature = "hpke")]
#[test]
fn a_sealed_export_opens_for_its_recipient_alone() {
    use cloakroom::crypto::hpke::RecipientSecret;
    use cloakroom::vault::open_export;
    let place = Place::new();
    place.put("ann", &[("email", "ann@example.com")]);
    let export = place.rights("ann").export(None, None).unwrap();
    let (secret, other) = (RecipientSecret::generate().unwrap(), RecipientSecret::generate().unwrap());
    let sealed = export.sealed_to(&secret.public()).unwrap();
    assert_eq!(&sealed[..15], b"ckexport\x01\x00\x20\x00\x01\x00\x03");
    assert_eq!(open_export(&secret, &sealed).unwrap().expose_str(), Some(export.json()));
    assert!(matches!(open_export(&other, &sealed), Err(Error::Rejected)));
    for i in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[i] ^= 1;
        assert!(open_export(&secret, &altered).is_err(), "byte {i}");
    }
    for end in 0..sealed.len() {
        assert!(open_export(&secret, &sealed[..end]).is_err(), "{end} bytes");
    }
    assert!(!sealed.windows(4).any(|bytes| bytes == b"ann@"));
}

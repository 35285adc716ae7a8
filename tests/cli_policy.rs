//! `format explain` and `policy check`, `preview`, `suggest`: what they say, what they refuse, and that they show no more
//! than they should.

mod tool;

use tool::{Ran, Tool};

const POLICY: &str = r#"
version = 1
tenant = "acme"
subject = "id"
[field.id]
protect = "pseudonym"
scope = "a"
[field.name]
protect = "seal"
[field.card]
protect = "token"
format = "card"
keep = "6+4"
[field.born]
protect = "generalize"
to = "year"
[field.note]
protect = "drop"
"#;

const GOOD: &str = "id,name,card,born,note\n\
    7001,Ann Planted,4111 1111 1111 1111,1985-03-12,secretive\n\
    7002,Bob Planted,5555 5555 5555 4444,1990-11-30,\"a,b\"\n";

fn ready() -> Tool {
    let tool = Tool::new();
    tool.write("p.toml", POLICY);
    tool.write("in.csv", GOOD);
    tool
}

/// Runs a command whose arguments hold blanks.
fn explain(tool: &Tool, arguments: &[&str]) -> Ran {
    let output =
        tool.command("format explain").args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    Ran { exit: output.status.code(), out: output.stdout, err }
}

#[test]
fn a_format_is_explained_with_an_example() {
    let tool = Tool::new();
    for (spec, says) in [
        (
            "card",
            &["format   card\n", "tokens fail it", "tokens  ", "  before  4111111111111111\n", "thrown away"]
                [..],
        ),
        ("card keep=4+4 luhn=keep", &["the first 4 and the last 4", "values and tokens pass the Luhn check"]),
        ("card keep=scheme+4", &["the digits that tell the scheme, the last 4", "  after   4"]),
        ("ssn", &["888,931,098", "  before  123-45-6789\n"]),
        ("iban", &["the country, spaces", "  after   DE"]),
        ("email", &["the domain", "@example.com\n"]),
        ("phone", &["the country code", "  after   +1 "]),
        ("integer range=0..9999999", &["10,000,000", "  before  6180000\n"]),
        ("decimal range=-1000.00..1000000.00 scale=2", &["the number as a whole"]),
        ("uuid", &["version, variant, hyphens"]),
        ("ipv4", &["4,294,967,296"]),
        ("ip", &["how many leading bits two addresses have in common", "  before  192.0.2.17\n"]),
        ("name", &["diacritics"]),
        ("text", &["  after   "]),
        ("plate", &["each letter into a letter"]),
        ("alphabet=ABC0123 length=8..9", &["values of 8 characters", "values of 9 characters"]),
        (
            "digits length=9 separators= -",
            &["format   digits length=9 separators= -\n", "separators that were named"],
        ),
    ] {
        let ran = explain(&tool, &[spec]).with_exit(spec, 0);
        for says in says {
            assert!(ran.text().contains(says), "{spec}: {says:?} is not in\n{}", ran.text());
        }
        assert!(ran.text().contains("\n  after   "), "{spec} has no example:\n{}", ran.text());
        assert_eq!(ran.err, "", "{spec}");
    }
    assert!(tool.listing().is_empty(), "a key file or something else was made");
}

#[test]
fn patterns_and_dates_are_explained() {
    let tool = Tool::new();
    for (spec, says) in [
        ("regex=[A-Z]{3}-[0-9]{4}", "175,760,000"),
        ("template=keep(digits,6) token(digits,9)", "1,000,000,000"),
        ("postal-ca", "spaces, hyphens and case"),
        ("date", "3,652,059"),
        ("date range=0001-01-01..9999-12-31 date=DD.MM.YYYY", "3,652,059"),
    ] {
        let ran = explain(&tool, &[spec]).with_exit(spec, 0);
        assert!(ran.text().contains(says) && ran.text().contains("\n  after   "), "{spec}: {}", ran.text());
    }
    let ran = explain(&tool, &["date range=1900-01-01..2099-12-31"]).with_exit("two centuries", 0);
    assert!(ran.text().contains("73,049") && ran.text().contains("ways out: "), "{}", ran.text());
    for bad in ["regex=[A-Z", "regex=a*", "template=keep(", "date range=x..y", "date date=YY"] {
        let ran = explain(&tool, &[bad]).with_exit(bad, 2);
        assert!(ran.out.is_empty(), "{bad}");
    }
}

#[test]
fn a_value_has_an_account_of_its_own() {
    let tool = Tool::new();
    let ran = explain(&tool, &["digits keep=2+0", "12-3456789"]).with_exit("digits", 0);
    assert!(
        ran.text().contains("the value given:\nvalues of 9 characters, of which 7 take part"),
        "{}",
        ran.text()
    );
    assert!(ran.text().contains("  before  12-3456789\n  after   12-"), "{}", ran.text());
    for line in ["+1 202 555 0143\n", "+1 202 555 0143\r\nanother", "+1 202 555 0143"] {
        let ran = tool.run_with("format explain phone -", line.as_bytes()).with_exit(line, 0);
        assert!(ran.text().contains("  before  +1 202 555 0143\n  after   +1 "), "{}", ran.text());
    }
    let ran = explain(&tool, &["integer range=-99999999..0", "-12345678"]).with_exit("a negative number", 0);
    assert!(ran.text().contains("  before  -12345678\n"));
}

#[test]
fn a_format_that_is_too_small_is_explained_with_ways_out() {
    let tool = Tool::new();
    for spec in ["digits length=5", "postal-us", "card keep=8+4", "integer range=0..9"] {
        let ran = explain(&tool, &[spec]).with_exit(spec, 0);
        for says in ["FF1 refuses it: ", "ways out: ", "no example: FF1 refuses the format"] {
            assert!(ran.text().contains(says), "{spec}: {}", ran.text());
        }
    }
    let ran = explain(&tool, &["digits", "12345"]).with_exit("a short value", 0);
    assert!(
        ran.text().contains("ways out: ") && ran.text().contains("no example: a domain of "),
        "{}",
        ran.text()
    );
}

#[test]
fn what_is_no_format_is_refused() {
    let tool = Tool::new();
    for (spec, says) in [
        ("", "format: is missing"),
        ("kard", "format: must be one of digits, "),
        ("card colour=red", "format: must be one of digits, "),
        ("card domain=keep", "domain: does not go with this format"),
        ("card keep=6", "keep: must be two numbers"),
        ("card keep=1+1 keep=1+1", "keep: is given twice"),
        ("card length=x", "length: must be a number or a range"),
        ("card regex=a", "regex: contradicts `format`"),
        ("letters luhn=keep", "the Luhn check is for digits"),
        ("integer", "range: is missing"),
        ("integer range=9", "range: must be the least and the most"),
        ("integer range=9..0", "range: is empty"),
        ("decimal range=0..9 scale=x", "scale: must be a number of decimal places"),
        ("alphabet=aa", "alphabet: "),
        ("digits length=9..5", "lengths must be 1 to 4,096"),
    ] {
        let ran = explain(&tool, &[spec]).with_exit(spec, 2);
        assert!(ran.err.contains(says), "{spec}: {}", ran.err);
        assert!(ran.out.is_empty(), "{spec}");
    }
}

#[test]
fn a_value_of_another_format_is_refused_without_being_shown() {
    let tool = Tool::new();
    for (spec, value) in [
        ("card", "4111 1111 1111 1112"),
        ("ssn", "planted-secret"),
        ("iban", "DE88370400440532013000"),
        ("email", "plantedsecret"),
        ("ip", "plantedsecret"),
        ("integer range=0..9999999", "99999999"),
    ] {
        let ran = explain(&tool, &[spec, value]).with_exit(spec, 3);
        assert!(ran.out.is_empty() && !ran.err.contains(value), "{spec}: {}", ran.err);
        let ran = tool
            .command("format explain")
            .args([spec, "-"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(3), "{spec}: an empty line");
    }
    tool.fails_with(3, "format explain text -", b"plant\xFFed\n", "input: is not UTF-8");
    tool.fails_with(3, "format explain text -", &vec![b'x'; 100_000], "over the limit");
}

#[test]
fn a_policy_is_checked() {
    let tool = ready();
    let ran = tool.ok("policy check p.toml");
    let out = ran.text();
    assert!(out.starts_with("tenant \"acme\", subject \"id\", other columns refused\n"), "{out}");
    let line = |name: &str| {
        let line =
            out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}:\n{out}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("card"), "card token card keep=6+4 delete-row yes");
    assert_eq!(line("name"), "name seal shred-subject (without a vault: delete-row) yes");
    assert_eq!(line("id"), "id pseudonym scope=a delete-row no");
    assert_eq!(line("born"), "born generalize year clear no");
    assert_eq!(line("note"), "note drop - no");
    assert_eq!(tool.ok("policy check p.toml in.csv").text(), out);
    assert_eq!(tool.run_with("policy check p.toml -", GOOD.as_bytes()).text(), out);

    let drawn = POLICY.replace(
        "[field.card]\nprotect = \"token\"\nformat = \"card\"\nkeep = \"6+4\"",
        "[field.card]\nprotect = \"random-token\"\nopaque = \"uuid\"\nreuse = \"never\"\nlifetime = \"1d\"",
    );
    tool.write("p.toml", drawn.replace("protect = \"seal\"", "protect = \"seal\"\nindex = 17"));
    let out = tool.ok("policy check p.toml").text();
    assert!(out.contains(" opaque=uuid reuse=never lifetime=1d "), "{out}");
    assert!(out.contains(" index=17 "), "{out}");

    tool.write("p.toml", POLICY.replace("subject = \"id\"\n", ""));
    assert!(tool.ok("policy check p.toml").err.contains("without a `subject`"));
}

#[test]
fn a_header_that_does_not_fit_is_refused_as_protect_does() {
    let tool = ready();
    tool.ok("keys create k");
    let header = GOOD.lines().next().unwrap();
    for (input, exit) in [
        (String::new(), 3),
        (header.replace("card", "kard"), 3),
        (format!("{header},more"), 3),
        (header.replace("card", "name"), 3),
        (header.replace(',', ";"), 3),
    ] {
        tool.write("bad.csv", input + "\n");
        let protect = tool.run("protect bad.csv --policy p.toml --keyset k -o out.csv");
        for line in ["policy check p.toml bad.csv", "policy preview bad.csv --policy p.toml"] {
            let ran = tool.fails(exit, line, "input: ");
            assert_eq!(ran.err, protect.err, "{line}");
        }
    }
    tool.ok("policy check p.toml in.csv --delimiter ,");
    tool.write("semicolons.csv", GOOD.replace("\"a,b\"", "x").replace(',', ";"));
    tool.ok("policy check p.toml semicolons.csv --delimiter ;");
    tool.fails(2, "policy check p.toml in.csv --delimiter ab", "--delimiter: must be one ASCII character");
    tool.fails(2, "policy check p.toml in.csv --delimiter \"", "delimiter: cannot be a quote");
    tool.fails(7, "policy check none.toml", "none.toml");
    tool.fails(7, "policy check p.toml none.csv", "none.csv");
    tool.write("bad.toml", POLICY.replace("token", "hide"));
    tool.fails(2, "policy check bad.toml", "policy line 11, field \"card\": `protect` must be one of");
    tool.fails(2, "policy preview in.csv --policy bad.toml", "policy line 11");
}

#[test]
fn a_preview_shows_rows_before_and_after_and_writes_nothing() {
    let tool = ready();
    tool.write("in.csv", format!("{GOOD}7003,Cid,4111 1111 1111 1112,1985-02-30,\n7004,Dan\n"));
    let (listing, before) = (tool.listing(), tool.read("in.csv"));
    let ran = tool.ok("policy preview in.csv --policy p.toml");
    let out = ran.text();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "line 2");
    assert_eq!(words(lines[1])[..2], ["id", "7001"]);
    assert_eq!(words(lines[1])[2].len(), 22, "a pseudonym");
    let sealed = words(lines[2]);
    assert_eq!(sealed[..3], ["name", "Ann", "Planted"]);
    assert!(
        sealed[3].starts_with("ck1") && sealed[3].ends_with('…') && sealed[3].chars().count() == 12,
        "{sealed:?}"
    );
    let card = words(lines[3]);
    assert_eq!(card[..6], ["card", "4111", "1111", "1111", "1111", "4111"]);
    assert!(card[6].starts_with("11") && card[8] == "1111", "{card:?}");
    assert_eq!(words(lines[4]), ["born", "1985-03-12", "1985"]);
    assert_eq!(words(lines[5]), ["note", "secretive", "(dropped)"]);
    assert_eq!(lines[12], "line 4: rejected");
    assert_eq!(words(lines[13]), ["id", "7003"], "a rejected row has nothing after");
    assert!(lines[15].ends_with("rejected: value fails the Luhn check"), "{out}");
    assert!(lines[16].contains("rejected: value is no calendar date"), "{out}");
    assert_eq!(lines[18], "line 5: rejected: the row has 2 cells, the header 5");
    assert!(ran.err.starts_with("4 rows shown, 2 of them would be rejected"), "{}", ran.err);
    assert_eq!((tool.listing(), tool.read("in.csv")), (listing, before), "something was written");

    let one = tool.ok("policy preview in.csv --policy p.toml --rows 1").text();
    assert_eq!(one.lines().count(), 6, "{one}");
    let piped = tool.run_with("policy preview - --policy p.toml --rows 1", GOOD.as_bytes());
    assert_eq!(piped.text().lines().count(), 6);
}

#[test]
fn a_preview_is_no_more_than_a_terminal_can_take() {
    let tool = ready();
    tool.write("in.csv", GOOD.replace("secretive", "\x1b[31mred").replace("Ann", &"long ".repeat(100)));
    let out = tool.ok("policy preview in.csv --policy p.toml").text();
    assert!(!out.contains('\x1b') && out.contains("\\u{1b}[31mred"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() < 120), "{out}");
}

#[test]
fn what_cannot_be_previewed_is_refused() {
    let tool = ready();
    for rows in ["0", "1001", "-1", "x"] {
        let line = format!("policy preview in.csv --policy p.toml --rows={rows}");
        let ran = tool.run(&line).with_exit(&line, 2);
        assert!(ran.out.is_empty());
    }
    tool.fails(2, "policy preview in.csv --policy p.toml --delimiter äö", "--delimiter");
    tool.fails(7, "policy preview none.csv --policy p.toml", "none.csv");
    tool.fails(3, "policy preview . --policy p.toml", "is a directory");
    tool.write("empty.csv", "");
    tool.fails(3, "policy preview empty.csv --policy p.toml", "is empty");
    tool.write("header.csv", GOOD.lines().next().unwrap());
    let ran = tool.ok("policy preview header.csv --policy p.toml");
    assert!(ran.out.is_empty() && ran.err.starts_with("0 rows shown"), "{}", ran.err);
    tool.write("quote.csv", format!("{GOOD}7003,\"planted"));
    let ran = tool.run("policy preview quote.csv --policy p.toml").with_exit("an open quote", 3);
    assert!(ran.err.contains("line 4") && !ran.err.contains("planted"), "{}", ran.err);

    tool.ok("keys create k");
    tool.ok("protect in.csv --policy p.toml --keyset k -o safe.csv");
    for line in
        ["policy preview safe.csv --policy p.toml", "policy check p.toml safe.csv", "policy suggest safe.csv"]
    {
        tool.fails(3, line, "is protected already");
    }
}

/// A table of which every cell but those of `country` is planted.
fn customers() -> (String, Vec<String>) {
    let (mut csv, mut planted) =
        ("customer_id,given_name,Mail,mobile,birth_date,country,comment\n".to_owned(), vec![]);
    for i in 0..300u32 {
        let letters =
            |n: u32| -> String { (0..4).map(|p| char::from(b'a' + (n >> (3 * p) & 7) as u8)).collect() };
        let cells = [
            format!("{}", 730_000 + i * 13),
            format!("Zq{}", letters(i)),
            format!("zq{}@planted.example", letters(i)),
            format!("+1 202 555 {:04}", 1000 + i),
            format!("19{:02}-{:02}-17", 40 + i % 59, 1 + i % 12),
            format!("planted words {} for {}", letters(i), letters(i + 1)),
        ];
        let country = ["DE", "FR", "US"][i as usize % 3];
        csv += &format!(
            "{},{},{},{},{},{country},{}\n",
            cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
        );
        planted.extend(cells);
    }
    (csv, planted)
}

#[test]
fn a_suggested_policy_protects_the_file_it_was_made_for_and_shows_no_value() {
    let tool = Tool::with_vault();
    tool.ok("keys create k");
    let (csv, planted) = customers();
    tool.write("in.csv", &csv);
    let listing = tool.listing();
    let ran = tool.ok("policy suggest in.csv");
    assert_eq!(tool.listing(), listing, "something was written");
    for value in &planted {
        assert!(!ran.text().contains(value.as_str()) && !ran.err.contains(value.as_str()), "{value}");
    }
    let out = ran.text();
    assert!(out.contains("subject = \"customer_id\""), "{out}");
    assert!(
        out.contains(
            "# all 300 cells are e-mail addresses\n# cells with a value: 300; distinct: 300; blank: 0\n"
        ),
        "{out}"
    );
    tool.write("p.toml", &out);
    let check: Vec<String> = tool
        .ok("policy check p.toml in.csv")
        .text()
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        check,
        [
            "Mail token email",
            "birth_date generalize year",
            "comment drop -",
            "country keep clear",
            "customer_id pseudonym scope=analytics",
            "given_name token name",
            "mobile token phone",
        ]
    );
    for holder in ["--keyset k", "--vault v"] {
        tool.ok(&format!("protect in.csv --policy p.toml {holder} -o out.csv"));
        std::fs::remove_file(tool.path("out.csv.manifest.json")).unwrap();
    }
    let few = tool.ok("policy suggest in.csv --rows 7").text();
    assert!(few.contains("first 7 rows") && few.contains("# all 7 cells are e-mail addresses\n"), "{few}");
    assert_eq!(tool.run_with("policy suggest -", csv.as_bytes()).text(), out);
    let tabs = csv.replace(',', "\t");
    assert_eq!(tool.run_with("policy suggest - --delimiter tab", tabs.as_bytes()).text(), out);
}

#[test]
fn odd_names_of_columns_survive_a_suggestion() {
    let tool = Tool::with_keyset();
    tool.write(
        "in.csv",
        "  padded ,\"it's \"\"quoted\"\"\",back\\slash,größe,a.b[c]=d,# no comment,\"with, comma\",\u{1F600}\n1,2,3,4,5,6,7,8\n",
    );
    tool.write("p.toml", tool.ok("policy suggest in.csv").out);
    tool.ok("policy check p.toml in.csv");
    tool.ok("protect in.csv --policy p.toml --keyset k -o out.csv");
}

#[test]
fn what_no_policy_can_be_suggested_for_is_refused_without_being_shown() {
    let tool = Tool::new();
    for (csv, says) in [
        ("", "is empty: not even a header"),
        ("a,b\n", "has a header, but no row"),
        ("a,b\n1\n2,3,4\n", "has a header, but no row"),
        ("plantedname,31337\n1,2\n", "looks like data: in column 2 it has a number"),
        ("x,planted@example.org\n1,2\n", "looks like data: in column 2 it has an e-mail address"),
        ("4111111111111111,y\n1,2\n", "looks like data: in column 1 it has a card number"),
        ("planted,1985-03-12\n1,2\n", "looks like data: in column 2 it has a date"),
        ("planted,,x\n1,2,3\n", "looks like data: in column 2 it has nothing"),
        ("planted,b,planted\n1,2,3\n", "one name twice, in columns 1 and 3"),
        ("b,\"plan\nted\"\n1,2\n", "a header whose column 2 contains a control character"),
        ("a,b\nx,\"planted", "a quote is opened and not closed"),
    ] {
        tool.write("in.csv", csv);
        let ran = tool.fails(3, "policy suggest in.csv", says);
        for planted in ["planted", "plan\nted", "31337", "1985", "4111"] {
            assert!(!ran.err.contains(planted) && ran.out.is_empty(), "{csv}: {}", ran.err);
        }
    }
    tool.write("in.csv", "a,b\n1,2\n");
    tool.fails(7, "policy suggest none.csv", "none.csv");
    tool.fails(2, "policy suggest in.csv --delimiter ab", "--delimiter: must be one ASCII character");
    for rows in ["0", "1000001", "x"] {
        let line = format!("policy suggest in.csv --rows {rows}");
        tool.run(&line).with_exit(&line, 2);
    }
}

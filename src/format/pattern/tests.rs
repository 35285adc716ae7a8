use super::*;
use crate::format::natural::Natural;
use proptest::prelude::*;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Where the matches end that begin at a byte of the text, straight from the definition.
fn ends(expression: &Hir, text: &str, from: usize) -> BTreeSet<usize> {
    match expression.kind() {
        HirKind::Empty => BTreeSet::from([from]),
        HirKind::Literal(literal) => {
            let follows = text.as_bytes()[from..].starts_with(&literal.0);
            follows.then_some(from + literal.0.len()).into_iter().collect()
        }
        HirKind::Class(class) => {
            let Some(c) = text[from..].chars().next() else { return BTreeSet::new() };
            let within = match class {
                Class::Unicode(class) => class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&c)),
                Class::Bytes(class) => {
                    class.ranges().iter().any(|r| (r.start()..=r.end()).contains(&(c as u8)))
                }
            };
            within.then_some(from + c.len_utf8()).into_iter().collect()
        }
        HirKind::Look(_) => panic!("look-around"),
        HirKind::Capture(group) => ends(&group.sub, text, from),
        HirKind::Concat(all) => all.iter().fold(BTreeSet::from([from]), |starts, one| {
            starts.into_iter().flat_map(|start| ends(one, text, start)).collect()
        }),
        HirKind::Alternation(all) => all.iter().flat_map(|one| ends(one, text, from)).collect(),
        HirKind::Repetition(repetition) => {
            let mut found = BTreeSet::new();
            let mut starts = BTreeSet::from([from]);
            for times in 0..=repetition.max.unwrap_or(u32::MAX).min(repetition.min + text.len() as u32) {
                if times >= repetition.min {
                    found.extend(&starts);
                }
                starts = starts.into_iter().flat_map(|start| ends(&repetition.sub, text, start)).collect();
                if starts.is_empty() {
                    break;
                }
            }
            found
        }
    }
}

fn matches(expression: &Hir, text: &str) -> bool {
    ends(expression, text, 0).contains(&text.len())
}

/// All texts over an alphabet of up to so many characters, by length and then in code point order.
fn texts(alphabet: &str, longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last.iter().flat_map(|text| alphabet.chars().map(move |c| format!("{text}{c}"))).collect();
        all.extend(last.clone());
    }
    all
}

fn small(rank: &Rank) -> u128 {
    rank.natural().to_u128().unwrap()
}

fn written(pattern: &Pattern, shape: &str, layout: &Layout, rank: u128) -> String {
    let mut out = b"before".to_vec();
    pattern.write(shape, layout, &Rank::Small(rank), &mut out);
    String::from_utf8(out).unwrap().split_off(6)
}

/// Holds a pattern without kept parts against a list of all texts that it should take.
fn assert_ranks(pattern: &Pattern, all: &[String], taken: impl Fn(&str) -> bool) {
    let mut next: BTreeMap<usize, u128> = BTreeMap::new();
    for text in all {
        match pattern.read(text) {
            Ok((layout, rank)) => {
                assert!(taken(text), "{pattern:?} takes {text:?}");
                let expected = next.entry(layout.length()).or_default();
                assert_eq!(small(&rank), *expected, "{pattern:?}, {text:?}");
                assert_eq!(written(pattern, text, &layout, *expected), *text);
                *expected += 1;
            }
            Err(error) => {
                assert!(!taken(text), "{pattern:?} refuses {text:?}: {error}");
                assert!(matches!(error, Error::Character { .. } | Error::Value { .. }), "{error:?}");
            }
        }
    }
    for layout in pattern.layouts() {
        if let Some(count) = next.get(&layout.length()) {
            assert_eq!(small(&pattern.size(&layout)), *count, "{pattern:?}");
        }
    }
}

/// Holds a pattern against all texts over an alphabet: with their ranks when it uses no other characters.
fn hold(pattern: &Pattern, alphabet: &str, all: &[String], taken: impl Fn(&str) -> bool) {
    match ('\0'..=char::MAX).all(|c| alphabet.contains(c) || !pattern.uses(c)) {
        true => assert_ranks(pattern, all, taken),
        false => all
            .iter()
            .for_each(|text| assert_eq!(pattern.read(text).is_ok(), taken(text), "{pattern:?} {text}")),
    }
}

fn setting(pattern: Result<Pattern>) -> String {
    match pattern {
        Err(Error::Setting { problem, .. }) => problem,
        Err(other) => panic!("{other:?}"),
        Ok(pattern) => panic!("{pattern:?} is taken"),
    }
}

// SPEC: PAT-1
#[test]
fn every_text_of_small_expressions_has_its_place_in_order() {
    for (regex, lengths) in [
        ("a", None),
        ("a|b|", None),
        ("[abc]{1,5}", None),
        ("(a|bc|abc){1,3}", None),
        ("a*", Some((1, 5))),
        ("(ab|c)*|b{2}", Some((2, 5))),
        ("(a|b)*a(a|b)", Some((1, 6))),
        ("(aa)*|(aaa)*", Some((1, 6))),
        (r"[\d\w]b?c", None),
        ("[aA][bB]{0,2}[cC]", None),
        ("[a-b]{2}-[a-b]", None),
        ("é?[aé😀]{1,3}", None),
        (r"[\u{e9}\u{e8}\u{1F600}-\u{1F64F}a]{2,3}", None),
        ("[[a-c]&&[b-d]]{1,4}", None),
    ] {
        let pattern = Pattern::expression(regex, lengths).unwrap();
        let expression = regex_syntax::parse(regex).unwrap();
        let declared = |text: &str| {
            let length = text.chars().count();
            length > 0 && lengths.is_none_or(|(s, l)| (s..=l).contains(&length))
        };
        // Alphabets are in order, so that texts are.
        for (alphabet, longest) in [("abc", 6), ("-ab", 5), ("aèé😀", 4)] {
            let all = texts(alphabet, longest);
            let taken = |text: &str| declared(text) && matches(&expression, text);
            hold(&pattern, alphabet, &all, taken);
        }
    }
}

/// Random expressions over a, b, é and -.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("é".to_owned()),
        Just("[ab]".to_owned()),
        Just("[aé]".to_owned()),
        Just("[-b]".to_owned()),
        Just("(ab|é-)".to_owned()),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|all| all.concat()),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("({})", all.join("|"))),
            (inner.clone(), 0u32..3, 0u32..3)
                .prop_map(|(one, least, more)| { format!("({one}){{{least},{}}}", least + more) }),
            inner.clone().prop_map(|one| format!("({one})?")),
            inner.prop_map(|one| format!("({one})*")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_expressions_rank_what_they_match(regex in any_expression(), least in 1usize..3) {
        let expression = regex_syntax::parse(&regex).unwrap();
        let all = texts("-abé", 5);
        let taken = |text: &str| text.chars().count() >= least && matches(&expression, text);
        match Pattern::expression(&regex, Some((least, 5))) {
            Ok(pattern) => {
                assert_ranks(&pattern, &all, taken);
                prop_assert!(taken(&pattern.example()));
            }
            Err(Error::Setting { .. }) => prop_assert!(!all.iter().any(|text| taken(text))),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn random_texts_are_written_back_from_their_rank(
        regex in any_expression(), kept in any_expression(), end in any_expression(), seed: u64
    ) {
        let regex = format!("{regex}(?P<keep_x>{kept}){end}");
        let expression = regex_syntax::parse(&regex).unwrap();
        let Ok(pattern) = Pattern::expression(&regex, Some((1, 12))) else { return Ok(()) };
        for layout in pattern.layouts() {
            let size = pattern.size(&layout).natural();
            let shape = pattern.compiled.middle(&layout);
            prop_assert!(matches(&expression, &shape));
            let (read, rank) = pattern.read(&shape).unwrap();
            prop_assert!(read == layout && rank.natural() < size);
            let other = size.sub(&Natural::from(1)).unwrap().div_rem(&Natural::from(u128::from(seed % 5 + 1))).0;
            let text = written(&pattern, &shape, &layout, other.to_u128().unwrap());
            let (again, rank) = pattern.read(&text).unwrap();
            prop_assert!(again == layout && rank.natural() == other);
        }
    }

    #[test]
    fn random_templates_are_written_back_from_their_rank(parts in proptest::collection::vec(
        (0usize..3, 0usize..4, 0usize..4, 0usize..40), 1..6), seed: u128
    ) {
        let part = |(kind, alphabet, least, more): &(usize, usize, usize, usize)| {
            let alphabet = ["digits", "upper", "[α-ω\\u{1F600}-\\u{1F610}]", "base36"][*alphabet];
            match kind {
                0 => format!("keep({alphabet}, {least}..{})", least + more % 4 + 1),
                1 => format!("token({alphabet},{least}..{})", least + more + 1),
                _ => format!("'-{least}' token( {alphabet} , {} )", more + 1),
            }
        };
        let template = parts.iter().map(part).collect::<Vec<_>>().join(" ");
        let Ok(pattern) = Pattern::template(&template) else { return Ok(()) };
        for layout in pattern.layouts() {
            let size = pattern.size(&layout).natural();
            let shape = pattern.example();
            let (layout_of_shape, _) = pattern.read(&shape).unwrap();
            let rank = Natural::from(seed).mul_small(u64::MAX).div_rem(&pattern.size(&layout_of_shape).natural()).1;
            let mut out = vec![];
            pattern.write(&shape, &layout_of_shape, &rank.clone().into(), &mut out);
            let (again, back) = pattern.read(std::str::from_utf8(&out).unwrap()).unwrap();
            prop_assert!(again == layout_of_shape && back.natural() == rank);
            prop_assert!(!size.is_zero());
        }
    }
}

#[test]
fn templates_are_the_expressions_they_stand_for() {
    for (template, regex) in [
        ("token([a-c],2)", "[a-c]{2}"),
        ("'a' token([ab], 1..3) 'c'", "a[ab]{1,3}c"),
        ("token([ab],0..2) token([c\\-]) 'b'", "[ab]{0,2}[c-]b"),
        ("token([b]) token([a-c],3)", "b[a-c]{3}"),
    ] {
        let expression = regex_syntax::parse(regex).unwrap();
        for alphabet in ["abc", "-ab"] {
            let (pattern, all) = (Pattern::template(template).unwrap(), texts(alphabet, 5));
            let taken = |text: &str| matches(&expression, text);
            hold(&pattern, alphabet, &all, taken);
        }
    }
    let (run, automaton) = (
        Pattern::template("token(alnum, 40)").unwrap(),
        Pattern::expression("[0-9A-Za-z]{40}", None).unwrap(),
    );
    let text = "Zx09".repeat(10);
    let ((layout, a), (_, b)) = (run.read(&text).unwrap(), automaton.read(&text).unwrap());
    assert!(a == b && run.size(&layout) == automaton.size(&layout) && matches!(a, Rank::Big(_)));
    let (mut one, mut other) = (vec![], vec![]);
    run.write(&text, &layout, &a, &mut one);
    automaton.write(&text, &layout, &a, &mut other);
    assert!(one == text.as_bytes() && other == one);
}

// SPEC: PAT-1
#[test]
fn kept_groups_stay_and_take_no_part_in_the_rank() {
    let pattern = Pattern::expression("(?P<keep_area>[A-Z]{1,2})-([0-9]{3})(?P<keep_end>x?)", None).unwrap();
    let (layout, rank) = pattern.read("AB-042").unwrap();
    assert_eq!((layout.length(), small(&rank), small(&pattern.size(&layout))), (6, 42, 1000));
    assert_eq!(written(&pattern, "AB-042", &layout, 999), "AB-999");
    let (layout, rank) = pattern.read("A-007x").unwrap();
    assert_eq!((small(&rank), written(&pattern, "A-007x", &layout, 8)), (7, "A-008x".into()));
    let error = pattern.read("AB042").err().unwrap();
    assert!(matches!(error, Error::Character { at: 3, .. }), "{error:?}");

    let two = Pattern::expression("(?P<keep_a>é+)[0-9]{2}(?P<keep_b>é)[a-c]", Some((1, 9))).unwrap();
    let (layout, rank) = two.read("éé12éb").unwrap();
    assert_eq!((small(&rank), small(&two.size(&layout))), (12 * 3 + 1, 300));
    assert_eq!(written(&two, "éé12éb", &layout, 299), "éé99éc");
    assert!(two.layouts().iter().map(Layout::length).eq(5..=9));
}

#[test]
fn the_longest_part_with_no_fixed_length_follows_from_the_whole() {
    let pattern = Pattern::expression(r"(?P<keep_a>[0-9]+)[0-9]{6}", Some((7, 20))).unwrap();
    let (layout, rank) = pattern.read("1234000042").unwrap();
    assert_eq!((small(&rank), written(&pattern, "1234000042", &layout, 7)), (42, "1234000007".into()));
}

// SPEC: PAT-2
#[test]
fn expressions_that_split_in_two_ways_are_refused() {
    for regex in [
        "(?P<keep_a>[0-9]+)[0-9]+",
        "(?P<keep_a>a?)(ab)?b?",
        "(?P<keep_a>[0-9]+)x?(?P<keep_b>[0-9]*)x",
        "[a-z]{2,3}(?P<keep_a>[a-c]{1,2})",
    ] {
        let problem = setting(Pattern::expression(regex, Some((1, 12))));
        assert!(problem.contains("two ways"), "{regex}: {problem}");
    }
    for regex in ["(?P<keep_a>[0-9]+)[a-z]+", "(?P<keep_a>.*)@[a-z]*", "(?P<keep_a>a?)(bc)?b?"] {
        Pattern::expression(regex, Some((1, 12))).map(drop).unwrap_or_else(|error| {
            assert!(regex.contains('.') && error.to_string().contains("two ways"), "{regex}: {error}");
        });
    }
    assert!(setting(Pattern::template("token(digits,1..3) token(hex,1..3)")).contains("two ways"));
    Pattern::template("token(digits,1..3) token(upper,1..3)").unwrap();
}

// SPEC: PAT-3
#[test]
fn check_characters_are_verified_and_computed() {
    let card = Pattern::template("keep(digits,6) token(digits,5) keep(digits,4) check(luhn)").unwrap();
    let (layout, rank) = card.read("4111111111111111").unwrap();
    assert_eq!((small(&rank), small(&card.size(&layout))), (11111, 100_000));
    assert!(matches!(card.read("4111111111111112"), Err(Error::Value { problem: "fails the check" })));
    assert!(matches!(card.read("411111111111111１"), Err(Error::Value { problem: "fails the check" })));
    let token = written(&card, "4111111111111111", &layout, 54321);
    assert!(token.starts_with("411111543211111") && card.read(&token).is_ok(), "{token}");

    let middle = Pattern::template("'ID-' token(digits,4..6) check(luhn) '/' keep(digits,2)").unwrap();
    let example = middle.example();
    let (layout, rank) = middle.read(&example).unwrap();
    let token = written(&middle, &example, &layout, small(&rank) / 3);
    assert_eq!(small(&middle.read(&token).unwrap().1), small(&rank) / 3);

    for name in Check::names() {
        let check = Check::parse(name).unwrap();
        let alphabet = if check.takes(b'0') { "digits" } else { "upper" };
        let pattern = Pattern::template(&format!("token({alphabet},7) check({name})")).unwrap();
        let example = pattern.example();
        let (layout, rank) = pattern.read(&example).unwrap();
        for rank in 0..100 {
            let text = written(&pattern, &example, &layout, rank);
            assert_eq!(small(&pattern.read(&text).unwrap().1), rank, "{name}");
            assert!(text.chars().all(|c| pattern.uses(c)), "{name}: {text}");
            let other = text.chars().next_back().map(|c| if c == '1' { '2' } else { '1' }).unwrap();
            let wrong = format!("{}{other}", &text[..text.len() - 1]);
            assert!(matches!(pattern.read(&wrong), Err(Error::Value { .. })), "{name}: {wrong}");
        }
        assert!(small(&rank) < small(&pattern.size(&layout)));
    }
}

#[test]
fn errors_name_the_place_and_never_the_value() {
    let plate = Pattern::expression("[A-Z]{1,3}-[A-Z]{1,2} [0-9]{1,4}", None).unwrap();
    for (text, at) in [("b-AB 12", 1), ("ABCD-AB 12", 4), ("B-A 12x", 7), ("B-É 123", 3), ("B-AB-123", 5)] {
        match plate.read(text).err().unwrap() {
            Error::Character { at: found, .. } => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in ["", "B-A", "ABC-AB 12345"] {
        assert!(matches!(plate.read(text), Err(Error::Value { .. })), "{text}");
    }
    let parts = Pattern::template("'DE' token(digits,2..4) '-' keep(upper,1..2)").unwrap();
    for (text, at) in [("DX12-A", 2), ("DE1x-A", 4), ("DE12-a", 6), ("DE12345-A", 7)] {
        match parts.read(text).err().unwrap() {
            Error::Character { at: found, .. } => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(parts.read("DE12-"), Err(Error::Value { .. })));
}

// SPEC: PAT-2
#[test]
fn expressions_that_cannot_be_formats_say_why() {
    let long = "a".repeat(4097);
    for (regex, lengths, why) in [
        ("^a$", None, "leave out ^"),
        (r"\bab", None, "leave out ^"),
        (r"(?m)a(?:$|b)", None, "leave out ^"),
        (r"(a)\1", None, "at character 4: backreferences"),
        ("(?=a)b", None, "look-around"),
        ("a(b", None, "at character 2: unclosed"),
        (r"(?-u:\xFF)", None, "invalid UTF-8"),
        ("(?-u:.)", None, "invalid UTF-8"),
        ("[a&&b]", None, "matches nothing"),
        ("", None, "empty"),
        ("a{0}|(b{0})*", None, "empty"),
        ("a+", None, "{1,20}"),
        (r"\d*", None, "declare `length`"),
        ("[a-z]{257}", None, "256"),
        ("a*", Some((1, 257)), "256"),
        ("a*", Some((0, 5)), "lengths"),
        ("a*", Some((6, 5)), "lengths"),
        ("a{9}", Some((1, 5)), "declared lengths"),
        ("(aa)*", Some((3, 3)), "declared lengths"),
        ("(?P<keep_a>a)*b", Some((1, 9)), "inside a repetition"),
        ("(?P<keep_a>a)b|c", None, "inside a repetition or an alternative"),
        ("((?P<keep_a>a)x){2}", None, "inside a repetition"),
        ("(?P<keep_a>a{3})", None, "nothing is left"),
        (&long, None, "4096"),
    ] {
        let problem = setting(Pattern::expression(regex, lengths));
        assert!(problem.contains(why) && !problem.contains('\n'), "{regex}: {problem}");
    }
}

#[test]
fn templates_that_cannot_be_formats_say_where() {
    for (template, why) in [
        ("", "token(…)"),
        ("keep(digits,3)", "token(…)"),
        ("token(digits,3", "at character 15: ')'"),
        ("token(digits,3)token(digits)", "at character 16: white space"),
        ("token digits", "at character 7: '('"),
        ("tokens(digits)", "at character 1: a part is"),
        ("  token(digit)", "at character 9: an alphabet is"),
        ("token(digits,)", "at character 14: a count"),
        ("token(digits,3..2)", "at character 13: a count must"),
        ("token(digits,0)", "at character 13: a count must"),
        ("token(digits,3.4)", "at character 16: a count"),
        ("token(digits,4097)", "at character 14: a count"),
        ("token(digits,4096) token(digits)", "at character 20: values"),
        ("token(digits,99999999999999999999999)", "at character 14: a count"),
        ("token([])", "at character 7: the list is empty"),
        ("token([z-a])", "at character 8: the range"),
        ("token([a-])", "at character 10: a range has no end"),
        ("token([-a])", "at character 8: write"),
        ("token([^a])", "at character 8: a list cannot"),
        ("token([ab", "at character 7: the list is never"),
        ("token([\\x])", "at character 8: escapes"),
        ("token([\\u{D800}])", "at character 8: \\u"),
        ("token([\\u{61])", "at character 8: \\u"),
        ("token([\u{1}])", "at character 8: a control"),
        ("token([\\u{0}-z])", "at character 8: a control"),
        ("token([a\\u{301}])", "at character 9: a combining"),
        ("'a' 'b", "at character 5: the quote"),
        ("token(digits) ''", "at character 15: literal"),
        ("token(digits) 'a\tb'", "at character 17: a control"),
        ("token(digits) check(crc)", "at character 21: a check is one of luhn"),
        ("token(digits) check(luhn) check(damm)", "at character 27: a second"),
        ("token(digits) check(damm) 'x'", "at character 15: this check must be the last"),
        ("token(upper) check(luhn)", "at character 1: the alphabet"),
        ("token(digits) keep(hex) check(mod97)", "at character 15: the alphabet"),
    ] {
        let problem = setting(Pattern::template(template));
        assert!(problem.contains(why), "{template}: {problem}");
    }
}

#[test]
fn large_inputs_are_refused_or_done_in_good_time() {
    let kept = |i| format!("(?<keep_{i}>(?:[ab]*a[ab]{{9}})?)-");
    let many_parts = (0..60).map(kept).collect::<String>() + "[0-9]{6}";
    let nested = format!("{}a{}", "(".repeat(800), ")".repeat(800));
    let folded = r"[\pL\pN]".repeat(340);
    let unions = format!("[{}]{{9}}", r"\pL\pN\pS".repeat(450));
    for (regex, lengths, why) in [
        ("(a|b)*a(a|b){1000}", Some((1, 256)), "states"),
        ("(a|b)*a(a|b){200}", Some((1, 256)), "states"),
        ("(a|b)*a(a|b){11}", Some((1, 256)), "64 MiB"),
        ("((((((a{99}){99}){99}){99}){99}){99}){99}", None, "states"),
        ("((((((a{0,9}){0,9}){0,9}){0,9}){0,9}){0,9}){0,9}", Some((1, 256)), "states"),
        ("(?:){1000000000}a", None, ""),
        ("(((a?){1000}){1000}){1000}", Some((1, 20)), "states"),
        (r"\pL{256}", None, "states"),
        (r"[\p{Lu}\p{Ll}]{1,256}", None, "states"),
        ("[!-~]*", Some((1, 256)), ""),
        ("[!-~]*a[!-~]{12}", Some((1, 256)), "64 MiB"),
        ("([!-~]*,){3}[!-~]*", Some((1, 256)), ""),
        ("(?P<keep_a>(a|b)*a(a|b){6})x*(?P<keep_b>(a|b)*b(a|b){6})", Some((1, 256)), "two ways"),
        (&many_parts, Some((1, 256)), "states"),
        (&nested, None, "nest"),
        (&folded, None, "states"),
        (&unions, None, "name those"),
    ] {
        let start = Instant::now();
        let problem = match Pattern::expression(regex, lengths) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        let took = start.elapsed();
        assert!(problem.contains(why) && problem.is_empty() == why.is_empty(), "{regex:.40}: {problem}");
        assert!(took < Duration::from_secs(20), "{regex:.40} took {took:?}");
    }
    for template in [
        "token(digits,2..2000) token(upper,2..2000)",
        "token([一-鿋\\u{20000}-\\u{2A6DF}],4000)",
        "token([Ā-ɏ],1..4096)",
        "token(alnum,1..4096)",
        "token(alnum,1..2000) '-' token(alnum,1..2000)",
    ] {
        let start = Instant::now();
        let pattern = Pattern::template(template).unwrap();
        let example = pattern.example();
        let (layout, rank) = pattern.read(&example).unwrap();
        let mut out = vec![];
        pattern.write(&example, &layout, &rank, &mut out);
        assert_eq!(out, example.as_bytes());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "{template} took {took:?}");
    }
}

#[test]
fn characters_are_those_of_all_texts() {
    let pattern =
        Pattern::expression(r"sk_[0-9a-f]{4}(-|é|[\u{4E00}-\u{9FFF}]|[\u{D000}-\u{E100}])", None).unwrap();
    for c in ('\0'..='\u{3ff}')
        .chain('\u{4d00}'..='\u{a100}')
        .chain('\u{cf00}'..='\u{e200}')
        .chain(['😀', char::MAX])
    {
        let expected = "sk_0123456789abcdef-é".contains(c)
            || ('\u{4E00}'..='\u{9FFF}').contains(&c)
            || ('\u{D000}'..='\u{E100}').contains(&c);
        assert_eq!(pattern.uses(c), expected, "{c:?}");
    }
    // What is kept can be anything; what takes part is named.
    let all = Pattern::expression("(?P<keep_a>(?s:.))[ab]", None).unwrap();
    assert!(('\0'..=char::MAX).all(|c| all.uses(c)));
    for (vague, _) in [(".", 0), ("(?s).", 0), ("[^a]", 0), (r"\W", 0), (r"[a\u{301}]", 0)] {
        assert!(Pattern::expression(vague, None).unwrap_err().to_string().contains("name those"), "{vague}");
    }
}

#[test]
fn patterns_are_equal_by_their_text() {
    let pattern = Pattern::expression("[a-c]{3}", None).unwrap();
    assert_eq!(pattern, pattern.clone());
    assert_ne!(pattern, Pattern::expression("[a-c]{3}", Some((3, 3))).unwrap());
    assert_ne!(pattern, Pattern::template("token([a-c],3)").unwrap());
    assert_eq!(format!("{pattern:?}"), "Pattern(\"[a-c]{3}\")");
}

#[test]
fn an_api_key_has_more_texts_than_128_bits() {
    let key = Pattern::expression("sk_live_[0-9a-zA-Z]{24}", None).unwrap();
    let text = "sk_live_zzzzzzzzzzzzzzzzzzzzzzzz";
    let (layout, rank) = key.read(text).unwrap();
    let size = key.size(&layout).natural();
    assert!(size == Natural::from(62).pow(24) && size.bits() == 143);
    assert!(rank.natural().add(&Natural::from(1)) == size);
    let mut out = vec![];
    key.write(text, &layout, &rank, &mut out);
    assert_eq!(out, text.as_bytes());
    assert_eq!(written(&key, text, &layout, 0), format!("sk_live_{}", "0".repeat(24)));
}

//! Formats and values: a token of whatever format there can be comes back as its value, and nothing panics.
//!
//! ```text
//! format=card          a line for each setting
//! keep=6+4
//!                      an empty line
//! 4111111111111111     the value: all the rest
//! ```

use crate::fixed::{KEYSET, field, tenant};
use cloakroom::format::{Format, Natural};
use cloakroom::policy::{Rule, Settings, describe_format};
use cloakroom::protect::{Column, Tokenizer, is_blank};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((settings, value)) = text.split_once("\n\n") else { return };
    let Some(settings) = read(settings) else { return };
    let rule = Rule::new(&settings);
    let Ok(format) = describe_format(&settings) else { return assert!(rule.is_err()) };
    let report = format.report(None);
    assert_eq!(rule.is_ok(), format.check().is_ok(), "{rule:?}");
    let _ = report.map(|report| report.to_string());
    let _ = format.report(Some(value)).map(|report| report.to_string());
    counting(&format, value);
    let Ok(tokenizer) = Tokenizer::new(&KEYSET.primary().unwrap(), &tenant(), &field("f"), format) else {
        return;
    };
    tokenizing(&tokenizer, value);
}

/// Settings by their names.
fn read(lines: &str) -> Option<Settings> {
    let mut settings = Settings { protect: "token".into(), ..Settings::default() };
    for line in lines.split('\n') {
        let (name, value) = line.split_once('=')?;
        let setting = match name {
            "format" => &mut settings.format,
            "alphabet" => &mut settings.alphabet,
            "template" => &mut settings.template,
            "regex" => &mut settings.regex,
            "keep" => &mut settings.keep,
            "length" => &mut settings.length,
            "luhn" => &mut settings.luhn,
            "separators" => &mut settings.separators,
            "domain" => &mut settings.domain,
            "range" => &mut settings.range,
            "cipher" => &mut settings.cipher,
            "date" => &mut settings.date,
            "scale" => {
                settings.scale = Some(value.parse().ok()?);
                continue;
            }
            _ => return None,
        };
        *setting = Some(value.to_owned());
    }
    Some(settings)
}

/// Ranks and values are inverse, at the value and at either end.
fn counting(format: &Format, value: &str) {
    let Ok(like) = format.members(value) else { return };
    if let Ok(rank) = like.rank(value) {
        assert!(rank < like.size());
        assert_eq!(like.unrank(&rank).as_deref().map(String::as_str), Some(value));
    }
    let mut ranks = vec![Natural::from(0)];
    ranks.extend(like.size().to_u128().map(|size| Natural::from(size - 1)));
    for rank in ranks {
        let member = like.unrank(&rank).expect("a rank below the size");
        assert!(like.rank(&member).is_ok_and(|same| same == rank), "{:?}", member.as_str());
    }
    assert!(like.unrank(&like.size()).is_none());
}

/// There and back, by itself and in a column; and back and there, as if it were a token.
fn tokenizing(tokenizer: &Tokenizer, value: &str) {
    let token = tokenizer.tokenize(value);
    if let Ok(token) = &token {
        let back = tokenizer.detokenize(token).expect("a token comes back");
        assert_eq!(back.expose(), value.as_bytes());
    }
    if let Ok(back) = tokenizer.detokenize(value) {
        let back = back.expose_str().expect("a value is text");
        assert_eq!(tokenizer.tokenize(back).as_deref().ok(), Some(value));
    }
    if is_blank(value.as_bytes()) {
        return;
    }
    let (mut column, mut failures) = (Column::new(), vec![]);
    tokenizer.tokenize_column(&[value][..], &mut column, &mut failures);
    assert_eq!(failures.is_empty(), token.is_ok());
    assert_eq!(column.get(0), token.unwrap_or_default().as_bytes());
}

/// Every preset, templates and expressions.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let seeds = [
        ("digits", "format=digits\nkeep=1+2\nlength=9..12\nseparators= -\n\n12 345-678 901"),
        ("digits_luhn", "format=digits\nluhn=keep\n\n79927398713"),
        ("lowercase", "format=lowercase\n\nabcdef-ghi"),
        ("uppercase", "format=uppercase\n\nABCDEF"),
        ("letters", "format=letters\nkeep=0+1\n\nAbCdEf"),
        ("alphanumeric", "format=alphanumeric\n\nx7F/99 12ab"),
        ("alphabet", "alphabet=äöüß🎫жз\nseparators=·\n\näöü·ß🎫жз·äöüß"),
        ("card", "format=card\nkeep=6+4\n\n4111 1111 1111 1111"),
        ("card_scheme", "format=card\nkeep=scheme+4\nluhn=ignore\n\n378282246310005"),
        ("ssn", "format=ssn\n\n123-45-6789"),
        ("iban", "format=iban\n\nDE89 3704 0044 0532 0130 00"),
        ("iban_bank", "format=iban\nkeep=bank\n\ngb29nwbk60161331926819"),
        ("email", "format=email\n\nAn@example.com"),
        ("email_domain", "format=email\ndomain=token\n\nanna.example@mail.example.org"),
        ("email_long", "format=email\n\nAbcdefghijklmnopqrstuvwxyz0123.z@example.com"),
        ("email_kept", "format=email\n\n_____________________________________________________________a@b.de"),
        ("phone", "format=phone\n\n+1 (202) 555-0143"),
        ("phone_none", "format=phone\nkeep=none\n\n030 1234567"),
        ("phone_area", "format=phone\nkeep=country+2\n\n+49 30 12345678"),
        ("date", "format=date\nrange=1000-01-01..9999-12-31\ndate=DD.MM.YYYY\n\n29.02.2024"),
        (
            "datetime",
            "format=datetime\nrange=1900-01-01T00:00:00..2099-12-31T23:59:59\n\n2024-02-29T23:59:59",
        ),
        ("integer", "format=integer\nrange=-5000000..5000000\n\n-42"),
        ("decimal", "format=decimal\nscale=2\nrange=-99999.99..99999.99\n\n-0.05"),
        ("uuid", "format=uuid\n\n{F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6}"),
        ("ipv4", "format=ipv4\n\n192.0.2.1"),
        ("ipv6", "format=ipv6\n\n2001:db8::1"),
        ("ip", "format=ip\ncipher=deterministic\n\n192.0.2.1"),
        ("postal_us", "format=postal-us\nlength=9\n\n90210-1234"),
        ("postal_de", "format=postal-de\n\n10115"),
        ("postal_uk", "format=postal-uk\n\nsw1a 1aa"),
        ("postal_ca", "format=postal-ca\n\nK1A 0B1"),
        ("plate", "format=plate\n\nM-AB 1234"),
        ("passport", "format=passport\n\nC01X00T47"),
        ("name", "format=name\n\nZoë O'Ny"),
        ("text", "format=text\n\nRuf 0123 an, Ångström: жук! 🎫"),
        ("template", "template=keep(upper) token(letters, 2..4) '-' token(digits, 6)\n\nKabC-123 456"),
        ("template_check", "template=keep([0-9], 3) token(digits, 7) check(luhn)\n\n79927398713"),
        ("template_check_wide", "template=keep([0-9], 3) token(digits, 7) check(luhn)\n\n7992739871１"),
        ("template_checks", "template='X' token(base36, 8) check(iso7064-37-36)\n\nX12345678X"),
        ("regex", "regex=[A-Z]{3}-[0-9]{4}\n\nABC-1234"),
        (
            "regex_keep",
            "regex=(?<keep_kind>DE|FR)[0-9]{3}(?:[a-f]+|x)[0-9]{6}\nlength=6..30\n\nDE123abc987654",
        ),
    ];
    seeds.map(|(name, seed)| (name, seed.as_bytes().to_vec())).to_vec()
}

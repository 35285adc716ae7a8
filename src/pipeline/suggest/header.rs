//! What the name of a column says about its values.

/// What a column is for, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Birth,
    Mail,
    Phone,
    Ssn,
    Account,
    Card,
    Postal,
    Address,
    Notes,
    Id,
    Name,
    Age,
    Amount,
    Unknown,
}

/// Words of a name; and beginnings or ends of its words, or of all of them written together. The first line that fits has
/// it, so what is more telling stands higher.
const HINTS: [(Hint, &[&str], &[&str]); 13] = [
    (Hint::Birth, &["birth", "born", "dob", "bday"], &["birth", "geburt"]),
    (Hint::Mail, &["mail", "email"], &["email", "mailaddress"]),
    (Hint::Phone, &["phone", "tel", "mobile", "cell", "fax"], &["phone", "telefon", "mobile"]),
    (Hint::Ssn, &["ssn"], &["socialsecurity", "socsec"]),
    (Hint::Card, &["card", "pan"], &["creditcard", "cardnum"]),
    (Hint::Account, &["iban", "account", "acct", "konto"], &["iban", "account"]),
    (Hint::Postal, &["zip", "postcode", "postal", "plz"], &["zipcode", "postcode", "postalcode"]),
    (Hint::Address, &["street", "address", "addr", "road"], &["street", "address", "strasse", "straße"]),
    (
        Hint::Notes,
        &["note", "notes", "comment", "comments", "remark", "remarks", "description", "message"],
        &["comment"],
    ),
    (Hint::Id, &["id", "uid", "uuid", "guid", "identifier"], &[]),
    (
        Hint::Name,
        &["name", "given", "first", "last", "sur", "forename", "nachname", "vorname"],
        &["surname", "firstname", "lastname", "givenname", "fullname", "username"],
    ),
    (Hint::Age, &["age", "ages", "alter"], &[]),
    (
        Hint::Amount,
        &["amount", "salary", "income", "price", "balance", "total", "sum", "cost", "wage"],
        &["amount"],
    ),
];

/// Words of those who can be data subjects, or of the row itself.
const SUBJECTS: [&str; 14] = [
    "customer",
    "client",
    "person",
    "patient",
    "user",
    "member",
    "subject",
    "employee",
    "cust",
    "emp",
    "rec",
    "record",
    "participant",
    "student",
];

impl Hint {
    /// What the name says.
    pub(super) fn of(name: &str) -> Self {
        let words = words(name);
        let all = words.concat();
        let fits = |whole: &[&str], joined: &[&str]| {
            let is_joined = |word: &String| joined.iter().any(|j| word.starts_with(j) || word.ends_with(j));
            words.iter().any(|word| whole.contains(&word.as_str()))
                || words.iter().chain([&all]).any(is_joined)
        };
        let hint = HINTS.iter().find(|(_, whole, joined)| fits(whole, joined));
        hint.map_or(Hint::Unknown, |(hint, ..)| *hint)
    }
}

/// How well a column with an id would do as the subject; the least is the best.
pub(super) fn subject_order(name: &str) -> u8 {
    let words = words(name);
    match words.iter().any(|word| SUBJECTS.contains(&word.as_str())) {
        true => 0,
        false => 1 + u8::from(words.len() > 1),
    }
}

/// `"customerId"`, `"customer_id"`, `"CUSTOMER ID"` → `["customer", "id"]`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        let begins = !c.is_alphabetic() || (c.is_uppercase() && after_lower);
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_word_by_word() {
        for name in ["customerId", "customer_id", "CUSTOMER ID", " customer-id ", "customer.id2"] {
            assert_eq!(words(name), ["customer", "id"], "{name}");
        }
        assert_eq!(words("42"), [""; 0]);
    }

    #[test]
    fn hints() {
        for (hint, names) in [
            (
                Hint::Birth,
                &["birth_date", "DOB", "dateOfBirth", "date_of_birth", "Geburtsdatum", "birthdate"][..],
            ),
            (Hint::Mail, &["email", "E-Mail", "mail", "emailAddress", "email_address"]),
            (Hint::Phone, &["phone", "Tel.", "mobile", "home_phone", "phonenumber", "telephone"]),
            (Hint::Ssn, &["ssn", "soc_sec_id", "Social Security Number"]),
            (Hint::Account, &["iban", "account_no", "accountNumber"]),
            (Hint::Card, &["card", "PAN", "card_number", "creditcard"]),
            (Hint::Postal, &["zip", "postcode", "postal code", "ZIPCode", "plz"]),
            (Hint::Address, &["street", "address_1", "street_number", "streetAddress"]),
            (Hint::Notes, &["notes", "Comment", "remarks"]),
            (Hint::Id, &["id", "order_id", "userId", "uuid"]),
            (Hint::Name, &["name", "given_name", "surname", "firstName", "lastname", "Last Name"]),
            (Hint::Age, &["age"]),
            (Hint::Amount, &["amount", "total_price", "salary-class"]),
            (Hint::Unknown, &["paid", "language", "state", "width", "größe", "", "page"]),
        ] {
            for name in names {
                assert_eq!(Hint::of(name), hint, "{name}");
            }
        }
    }

    #[test]
    fn whose_id_it_is_counts() {
        assert!(subject_order("customer_id") < subject_order("id"));
        assert!(subject_order("id") < subject_order("order_id"));
    }
}

//! Fields of a JSON object, each with an error that names the field. Nothing here trusts the file.

use serde_json::{Map, Value};

pub type Object = Map<String, Value>;

/// The value as an object.
pub fn object(value: &Value) -> Result<&Object, String> {
    value.as_object().ok_or_else(|| format!("is {} where an object belongs", kind(value)))
}

/// The field as an array.
pub fn array<'a>(object: &'a Object, field: &str) -> Result<&'a [Value], String> {
    let value = required(object, field)?;
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong_kind(field, value, "an array"))
}

/// The field as a string.
pub fn text<'a>(object: &'a Object, field: &str) -> Result<&'a str, String> {
    let value = required(object, field)?;
    value.as_str().ok_or_else(|| wrong_kind(field, value, "a string"))
}

/// The field as a whole number that is not negative.
pub fn number(object: &Object, field: &str) -> Result<u64, String> {
    let value = required(object, field)?;
    value.as_u64().ok_or_else(|| wrong_kind(field, value, "a whole number of 0 or more"))
}

/// The field as the bytes that its hexadecimal digits spell, in either case.
pub fn hex(object: &Object, field: &str) -> Result<Vec<u8>, String> {
    let digits = text(object, field)?.as_bytes();
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(format!("field {field:?} has an odd number of hexadecimal digits"));
    }
    let digit = |character: u8| char::from(character).to_digit(16);
    let mut bytes = Vec::with_capacity(pairs.len());
    for (i, &[high, low]) in pairs.iter().enumerate() {
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err(format!("field {field:?}: byte {i} is not in hexadecimal"));
        };
        bytes.push((high << 4 | low) as u8);
    }
    Ok(bytes)
}

fn required<'a>(object: &'a Object, field: &str) -> Result<&'a Value, String> {
    object.get(field).ok_or_else(|| format!("field {field:?} is missing"))
}

fn wrong_kind(field: &str, value: &Value, wanted: &str) -> String {
    format!("field {field:?} is {} where {wanted} belongs", kind(value))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Wycheproof's `result`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// To be accepted, with exactly this output.
    Valid,
    /// To be refused.
    Invalid,
    /// To be refused, or accepted with exactly this output.
    Acceptable,
}

/// The `result` of a Wycheproof test.
pub fn expected(test: &Object) -> Result<Expected, String> {
    match text(test, "result")? {
        "valid" => Ok(Expected::Valid),
        "invalid" => Ok(Expected::Invalid),
        "acceptable" => Ok(Expected::Acceptable),
        other => Err(format!("field \"result\" is {other:?}, not valid, invalid or acceptable")),
    }
}

/// Whether the `flags` of a Wycheproof test hold one of these. They say *why* an invalid vector is invalid.
pub fn has_flag(test: &Object, wanted: &[&str]) -> bool {
    let flags = test.get("flags").and_then(Value::as_array);
    flags.is_some_and(|flags| flags.iter().filter_map(Value::as_str).any(|flag| wanted.contains(&flag)))
}

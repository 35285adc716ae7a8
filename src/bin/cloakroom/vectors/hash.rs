//! Wycheproof `mac_test_schema` (`key msg tag result`) and `hkdf_test_schema` (`ikm salt info size okm result`).

use super::document::{self, Expected, Object};
use super::report::Verdict;
use cloakroom::crypto::hazmat;

/// The longest output of HKDF-SHA256: 255 blocks.
const HKDF_LIMIT: u64 = 255 * 32;

/// The bits of each tag of the group.
pub fn hmac_group(group: &Object) -> Result<u64, String> {
    document::number(group, "tagSize")
}

/// Computes and verifies one tag, whole or truncated.
pub fn hmac(&tag_bits: &u64, test: &Object) -> Result<Verdict, String> {
    let expected = document::expected(test)?;
    let [key, message, tag] =
        [document::hex(test, "key")?, document::hex(test, "msg")?, document::hex(test, "tag")?];
    if tag.len() as u64 * 8 != tag_bits {
        return match expected {
            Expected::Invalid => Ok(Verdict::Skipped("tag of another length than its group's")),
            _ => Err("the tag is not as long as the group's \"tagSize\" says".into()),
        };
    }
    let computed = hazmat::hmac_sha256(&key, &message);
    let same = computed.get(..tag.len()).is_some_and(|computed| computed == tag);
    let verified = hazmat::verify_hmac_sha256(&key, &message, &tag).is_ok();
    Ok(match expected {
        Expected::Valid if !same => Verdict::Failed("computed another tag".into()),
        Expected::Valid if !verified => Verdict::Failed("did not verify the tag it computes".into()),
        Expected::Invalid if verified => Verdict::Failed("verified, though marked invalid".into()),
        Expected::Acceptable if verified != same => {
            Verdict::Failed("verified another tag than it computes".into())
        }
        _ => Verdict::Passed,
    })
}

/// Derives one output.
pub fn hkdf((): &(), test: &Object) -> Result<Verdict, String> {
    let expected = document::expected(test)?;
    let [ikm, salt, info] =
        [document::hex(test, "ikm")?, document::hex(test, "salt")?, document::hex(test, "info")?];
    let (size, okm) = (document::number(test, "size")?, document::hex(test, "okm")?);
    if expected != Expected::Invalid && okm.len() as u64 != size {
        return Err("\"okm\" is not as long as \"size\" says".into());
    }
    // One byte too many stands for every absurd size: allocating what a file asks for would be the file's choice.
    let mut derived = vec![0; size.min(HKDF_LIMIT + 1) as usize];
    Ok(match (expected, hazmat::hkdf_sha256(&salt, &ikm, &info, &mut derived)) {
        (Expected::Invalid, Ok(())) => Verdict::Failed("derived, though marked invalid".into()),
        (Expected::Invalid | Expected::Acceptable, Err(_)) => Verdict::Passed,
        (Expected::Valid, Err(error)) => Verdict::Failed(format!("refused: {error}")),
        (_, Ok(())) if derived != okm => Verdict::Failed("derived another output".into()),
        (_, Ok(())) => Verdict::Passed,
    })
}

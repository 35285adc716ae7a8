//! Four eyes: one principal asks for an action, another who may approve signs that very request.
//!
//! ```text
//! signature = Ed25519(approver's key, context(Approval, vault, action, target, requester, nonce, expires, approver))
//! ```
//!
//! As files, request and approval are JSON: vault and nonce in hex, the signature in base64url, `expires` as in RFC 3339.
//!
//! ```json
//! {"request": {"vault": "00…", "action": "destroy-key", "target": "2", "requester": "alice", "nonce": "00…",
//!              "expires": "2026-11-25T10:00:00Z"},
//!  "approver": "bob", "signature": "…"}
//! ```

use super::Rules;
use crate::crypto::context::{Context, Label};
use crate::crypto::rng;
use crate::crypto::sign::{Signature, SigningKey};
use crate::error::{Error, Result};
use crate::name::Principal;
use crate::time::Timestamp;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

/// Bytes of a target, at most.
const LONGEST_TARGET: usize = 1024;

/// What takes an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their codes say it")]
pub enum Action {
    BulkReveal,
    Export,
    DestroyKey,
    CompromiseKey,
    SetRules,
    ListSubjects,
    AdminReveal,
}

/// Codes, in the order of the documentation.
const ACTIONS: [(Action, &str); 7] = [
    (Action::BulkReveal, "bulk-reveal"),
    (Action::Export, "export"),
    (Action::DestroyKey, "destroy-key"),
    (Action::CompromiseKey, "compromise-key"),
    (Action::SetRules, "set-rules"),
    (Action::ListSubjects, "list-subjects"),
    (Action::AdminReveal, "admin-reveal"),
];

impl Action {
    /// All actions.
    pub fn all() -> impl Iterator<Item = Action> {
        ACTIONS.iter().map(|(action, _)| *action)
    }

    /// The name: `destroy-key`.
    pub fn code(self) -> &'static str {
        ACTIONS.iter().find(|(action, _)| *action == self).map_or("", |(_, code)| code)
    }

    /// The action of this name.
    pub fn from_code(code: &str) -> Option<Action> {
        ACTIONS.iter().find(|(_, known)| *known == code).map(|(action, _)| *action)
    }
}

/// What is to be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In which vault.
    pub vault: [u8; 16],
    /// What.
    pub action: Action,
    /// To what: a key version, a file, the SHA-256 of new rules.
    pub target: String,
    /// Who asks.
    pub requester: Principal,
    /// Tells it from any other request. The vault takes each once.
    pub nonce: [u8; 16],
    /// The first second in which it is worth nothing.
    pub expires: Timestamp,
}

/// What is about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which vault.
    pub vault: [u8; 16],
    /// What.
    pub action: Action,
    /// To what.
    pub target: String,
    /// By whom.
    pub requester: Principal,
}

/// A request with another principal's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What was approved.
    pub request: Request,
    /// By whom.
    pub approver: Principal,
    /// The signature.
    pub signature: Signature,
}

impl Request {
    /// Refuses what no approval of this principal at this time would be of any use for. More is known where it is used.
    ///
    /// # Errors
    /// [`Error::Approval`] when the request has expired, or is the approver's own.
    pub fn check_approvable(&self, approver: Option<&Principal>, now: Timestamp) -> Result<()> {
        let refused = |problem| Err(Error::Approval { problem });
        if now >= self.expires {
            return refused(
                "would be of no use, since the request has expired: have a new one made (`--request FILE`)",
            );
        }
        match approver == Some(&self.requester) {
            true => refused("would be the requester's own: another principal must approve"),
            false => Ok(()),
        }
    }

    /// Approves the request. Whether the approver may, the rules say when the approval is used.
    pub fn approve(self, approver: Principal, key: &SigningKey) -> Approval {
        let signature = key.sign(&self.signed(&approver));
        Approval { request: self, approver, signature }
    }

    fn signed(&self, approver: &Principal) -> Context {
        Context::new(Label::Approval)
            .part(self.vault)
            .part(self.action.code())
            .part(&self.target)
            .part(self.requester.as_str())
            .part(self.nonce)
            .number(self.expires.0)
            .part(approver.as_str())
    }

    /// Reads a request's file.
    ///
    /// # Errors
    /// [`Error::Approval`].
    pub fn parse(json: &str) -> Result<Self> {
        let file: RequestFile = serde_json::from_str(json).map_err(|_| NO_REQUEST)?;
        file.try_into()
    }

    /// A request's file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&RequestFile::from(self)).expect("texts")
    }
}

impl Approval {
    /// Reads an approval's file. Nothing of it is verified.
    ///
    /// # Errors
    /// [`Error::Approval`].
    pub fn parse(json: &str) -> Result<Self> {
        let file: ApprovalFile = serde_json::from_str(json).map_err(|_| NO_APPROVAL)?;
        let signature = BASE64.decode(&file.signature).map_err(|_| NO_APPROVAL)?;
        let signature = signature.try_into().map_err(|_| NO_APPROVAL)?;
        Ok(Self {
            request: file.request.try_into()?,
            approver: file.approver,
            signature: Signature::from_bytes(&signature),
        })
    }

    /// An approval's file.
    pub fn to_json(&self) -> String {
        let file = ApprovalFile {
            request: RequestFile::from(&self.request),
            approver: self.approver.clone(),
            signature: BASE64.encode(self.signature.to_bytes()),
        };
        serde_json::to_string_pretty(&file).expect("texts")
    }
}

const NO_REQUEST: Error = Error::Approval { problem: "has a request that cannot be read: make a new one" };
const NO_APPROVAL: Error = Error::Approval { problem: "cannot be read: have the request approved again" };

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestFile {
    vault: String,
    action: String,
    target: String,
    requester: Principal,
    nonce: String,
    expires: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalFile {
    request: RequestFile,
    approver: Principal,
    signature: String,
}

impl From<&Request> for RequestFile {
    fn from(request: &Request) -> Self {
        Self {
            vault: hex(&request.vault),
            action: request.action.code().into(),
            target: request.target.clone(),
            requester: request.requester.clone(),
            nonce: hex(&request.nonce),
            expires: request.expires.to_string(),
        }
    }
}

impl TryFrom<RequestFile> for Request {
    type Error = Error;

    fn try_from(file: RequestFile) -> Result<Self> {
        let RequestFile { vault, action, target, requester, nonce, expires } = file;
        Ok(Self {
            vault: unhex(&vault).ok_or(NO_REQUEST)?,
            action: Action::from_code(&action)
                .ok_or(Error::Approval { problem: "is for an action that this release does not know" })?,
            target: checked_target(target)?,
            requester,
            nonce: unhex(&nonce).ok_or(NO_REQUEST)?,
            expires: Timestamp::parse(&expires).map_err(|_| NO_REQUEST)?,
        })
    }
}

/// A target is shown to the approver, who must see all of it.
fn checked_target(target: String) -> Result<String> {
    match target.len() > LONGEST_TARGET || target.chars().any(char::is_control) {
        true => Err(Error::Approval { problem: "has a target over 1,024 bytes or with control characters" }),
        false => Ok(target),
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let bytes = u128::from_str_radix(text, 16).ok()?.to_be_bytes();
    (hex(&bytes) == text).then_some(bytes)
}

impl Rules {
    /// A request for what is wanted, valid from now for as long as the rules say.
    ///
    /// # Errors
    /// [`Error::Approval`] for a target over 1,024 bytes or with control characters; [`Error::Setting`] for a requester whom the
    /// rules do not know.
    pub fn request(&self, wanted: Wanted, now: Timestamp) -> Result<Request> {
        let Wanted { vault, action, target, requester } = wanted;
        if !self.principals.contains_key(&requester) {
            return Err(Error::Setting {
                what: "principal",
                problem: format!(
                    "{:?} is not known to the rules: correct the name, or add it to the policy and install that",
                    requester.as_str()
                ),
            });
        }
        let target = checked_target(target)?;
        let expires = Timestamp(now.0.saturating_add(self.approvals.valid));
        Ok(Request { vault, action, target, requester, nonce: rng::bytes(), expires })
    }

    /// Whether this approval is one of what is wanted, by another principal who may approve, now. That it is used once is the
    /// vault's to see to, by the nonce.
    ///
    /// # Errors
    /// [`Error::Approval`], which says what is wrong.
    pub fn verify_approval(&self, approval: &Approval, wanted: &Wanted, now: Timestamp) -> Result<()> {
        let Approval { request, approver, signature } = approval;
        let wrong = |problem| Err(Error::Approval { problem });
        if request.vault != wanted.vault {
            return wrong("is for another vault");
        }
        if request.action != wanted.action {
            return wrong("is for another action");
        }
        if request.target != wanted.target {
            return wrong(
                "is for another target: it says which, and takes just what was asked for; for this, make a new request \
                 (`--request FILE`)",
            );
        }
        if request.requester != wanted.requester {
            return wrong(
                "was asked for by another principal, for whom alone it is: name that one with `--principal`, or make a new \
                 request (`--request FILE`)",
            );
        }
        if !self.principals.contains_key(&request.requester) {
            return wrong(
                "was asked for by a principal that the rules do not know: add it to the policy and install that",
            );
        }
        if now >= request.expires {
            return wrong("has expired: make a new request");
        }
        if request.expires.0 - now.0 > self.approvals.valid {
            return wrong("is valid for longer than the rules allow: make a new request");
        }
        if *approver == request.requester {
            return wrong("is the requester's own: another principal must approve");
        }
        let Some(principal) = self.principals.get(approver) else {
            return wrong("is by a principal that the rules do not know");
        };
        if !principal.approves {
            return wrong("is by a principal that may not approve: `approves = true` permits it");
        }
        let Some(key) = &principal.key else {
            return wrong("is by a principal without a key: the policy must name its public key");
        };
        if self.principals.get(&request.requester).is_some_and(|p| p.key.as_ref() == Some(key)) {
            return wrong("is by the requester's own key: another principal has a key of its own");
        }
        let forged = "has a signature that is not the approver's, or was altered since: have it signed again";
        key.verify(&request.signed(approver), signature).map_err(|_| Error::Approval { problem: forged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duties::PrincipalRules;

    const NOW: Timestamp = Timestamp(1_795_334_405);

    fn principal(name: &str) -> Principal {
        Principal::new(name).unwrap()
    }

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(&mut [name.as_bytes()[0]; 32])
    }

    fn rules() -> Rules {
        let mut rules = Rules::default();
        for (name, approves, has_key) in
            [("alice", true, true), ("bob", true, true), ("carol", false, true), ("dave", true, false)]
        {
            let key = has_key.then(|| key(name).verifying_key());
            rules
                .principals
                .insert(principal(name), PrincipalRules { approves, key, ..PrincipalRules::default() });
        }
        rules
    }

    fn wanted() -> Wanted {
        let (action, target) = (Action::DestroyKey, "key version 2".to_owned());
        Wanted { vault: [7; 16], action, target, requester: principal("alice") }
    }

    fn request() -> Request {
        rules().request(wanted(), NOW).unwrap()
    }

    fn problem(approval: &Approval, wanted: &Wanted, now: Timestamp) -> String {
        rules().verify_approval(approval, wanted, now).unwrap_err().to_string()
    }

    // SPEC: DUTY-6
    #[test]
    fn another_principal_who_may_approve_approves() {
        let approval = request().approve(principal("bob"), &key("bob"));
        rules().verify_approval(&approval, &wanted(), NOW).unwrap();
        let back = Approval::parse(&approval.to_json()).unwrap();
        assert_eq!(back, approval);
        rules().verify_approval(&back, &wanted(), NOW).unwrap();
        assert_eq!(Request::parse(&request().to_json()).unwrap().expires, request().expires);
        assert_ne!(request().nonce, request().nonce);
    }

    // SPEC: DUTY-6
    #[test]
    fn it_is_for_this_vault_action_target_and_requester_alone() {
        let approval = request().approve(principal("bob"), &key("bob"));
        for (other, why) in [
            (Wanted { vault: [8; 16], ..wanted() }, "another vault"),
            (Wanted { action: Action::CompromiseKey, ..wanted() }, "another action"),
            (Wanted { target: "key version 3".into(), ..wanted() }, "another target"),
            (Wanted { requester: principal("carol"), ..wanted() }, "by another principal"),
        ] {
            let found = problem(&approval, &other, NOW);
            assert!(found.contains(why), "{found}");
        }
    }

    // SPEC: DUTY-6
    #[test]
    fn nobody_approves_alone_or_without_the_right_or_unknown() {
        for (approver, why) in [
            ("alice", "the requester's own"),
            ("carol", "may not approve"),
            ("dave", "without a key"),
            ("eve", "do not know"),
        ] {
            let found = problem(&request().approve(principal(approver), &key(approver)), &wanted(), NOW);
            assert!(found.contains(why), "{approver}: {found}");
        }
    }

    // SPEC: DUTY-6
    #[test]
    fn what_the_approver_did_not_sign_is_no_approval() {
        let forged = problem(&request().approve(principal("bob"), &key("carol")), &wanted(), NOW);
        assert!(forged.contains("not the approver's"), "{forged}");
        let signed = request().approve(principal("bob"), &key("bob"));
        let mut later = signed.clone();
        later.request.expires = Timestamp(signed.request.expires.0 - 1);
        let mut again = signed.clone();
        again.request.nonce[0] ^= 1;
        for altered in [later, again] {
            assert!(problem(&altered, &wanted(), NOW).contains("altered"));
        }
        let mut other_target = signed.clone();
        other_target.request.target = "key version 3".into();
        let wants_it = Wanted { target: "key version 3".into(), ..wanted() };
        assert!(problem(&other_target, &wants_it, NOW).contains("altered"));
        // Signed by one who may, said to be by another who may.
        let mut rules = rules();
        rules.principals.get_mut(&principal("carol")).unwrap().approves = true;
        let lent = Approval { approver: principal("carol"), ..signed };
        assert!(rules.verify_approval(&lent, &wanted(), NOW).is_err());
    }

    #[test]
    fn what_would_be_of_no_use_is_not_approved() {
        let request = request();
        let check = |by: Option<&str>, now| request.check_approvable(by.map(principal).as_ref(), now);
        check(Some("bob"), NOW).unwrap();
        check(None, Timestamp(request.expires.0 - 1)).unwrap();
        assert!(check(Some("alice"), NOW).unwrap_err().to_string().contains("the requester's own"));
        for by in [None, Some("bob")] {
            assert!(check(by, request.expires).unwrap_err().to_string().contains("has expired"));
        }
    }

    #[test]
    fn who_is_not_known_cannot_ask_and_no_approval_is_spoken_of() {
        let wanted = Wanted { requester: principal("tpyo"), ..wanted() };
        let refused = rules().request(wanted, NOW).unwrap_err().to_string();
        assert!(
            refused.starts_with("principal: \"tpyo\" is not known") && !refused.contains("approval"),
            "{refused}"
        );
    }

    // SPEC: DUTY-6
    #[test]
    fn it_is_valid_until_the_second_before_it_expires() {
        let approval = request().approve(principal("bob"), &key("bob"));
        let end = approval.request.expires;
        assert_eq!(end.0 - NOW.0, 86_400);
        rules().verify_approval(&approval, &wanted(), Timestamp(end.0 - 1)).unwrap();
        for now in [end, Timestamp(end.0 + 1), Timestamp(u64::MAX)] {
            assert!(problem(&approval, &wanted(), now).contains("expired"));
        }
        let early = problem(&approval, &wanted(), Timestamp(NOW.0 - 1));
        assert!(early.contains("longer than the rules allow"), "{early}");
    }

    // SPEC: DUTY-6
    #[test]
    fn a_second_name_is_no_second_person() {
        let mut rules = rules();
        rules.principals.get_mut(&principal("bob")).unwrap().key = Some(key("alice").verifying_key());
        let approval = request().approve(principal("bob"), &key("alice"));
        let error = rules.verify_approval(&approval, &wanted(), NOW).unwrap_err().to_string();
        assert!(error.contains("the requester's own key"), "{error}");
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        let json = request().approve(principal("bob"), &key("bob")).to_json();
        for (from, to) in [
            ("{", "["),
            ("\"approver\"", "\"more\": 1, \"approver\""),
            ("\"bob\"", "\" bob\""),
            ("destroy-key", "destroy"),
            ("07070707", "07G70707"),
            ("07070707", "0707070"),
            ("07070707", "+7070707"),
            ("2026-", "26-"),
            ("key version 2", "key\\n2"),
            ("key version 2", &"x".repeat(1025)),
            ("\"signature\": \"", "\"signature\": \"AAAA"),
            ("\"signature\": \"", "\"signature\": \"="),
        ] {
            assert!(json.contains(from), "{json}");
            assert!(Approval::parse(&json.replacen(from, to, 1)).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn actions_have_names() {
        for action in Action::all() {
            assert_eq!(Action::from_code(action.code()), Some(action));
        }
        assert_eq!((Action::all().count(), Action::from_code("")), (7, None));
    }
}

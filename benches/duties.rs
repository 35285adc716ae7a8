//! `Judge::decide`: what a decision adds to each field that a vault reads. The goal is 100 ns.
//!
//! `cargo bench --bench duties`. The policy is the example's; each decision passes all questions. "consents" is the length of
//! the subject's history, of several purposes, the one that counts being the first.

use std::hint::black_box;

use cloakroom::duties::{Access, Judge, SubjectState};
use cloakroom::name::{FieldName, Note, Principal, Purpose};
use cloakroom::policy::Policy;
use cloakroom::time::Timestamp;
use criterion::Criterion;

const POLICY: &str = include_str!("../examples/duties.policy.toml");
const NOW: Timestamp = Timestamp(1_795_334_405);

fn judge(principal: &str, purpose: &str) -> Judge {
    let (principal, purpose) = (Principal::new(principal).unwrap(), Purpose::new(purpose).unwrap());
    Policy::parse(POLICY).unwrap().rules().judge(&Access { principal, purpose })
}

/// A subject who consented to the newsletter, and then so often to something else.
fn state(others: u64) -> SubjectState {
    let mut state = SubjectState::default();
    let end = Some(Timestamp(NOW.0 + 86_400));
    state.grant(Purpose::new("newsletter").unwrap(), Timestamp(1), end, None, None).unwrap();
    for i in 0..others {
        let purpose = Purpose::new(&format!("purpose {}", i % 7)).unwrap();
        state.grant(purpose, Timestamp(2 + i), end, None, None).unwrap();
    }
    state.hold(Note::new("case 4").unwrap(), Timestamp(1)).unwrap();
    state.object(Purpose::new("profiling").unwrap(), Timestamp(1)).unwrap();
    state
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decide");
    let email = FieldName::new("email").unwrap();
    let since = Some(Timestamp(NOW.0 - 86_400));
    for (name, judge, state) in [
        ("contract", judge("alice", "support"), state(2)),
        ("consent, 3 consents", judge("mailer", "newsletter"), state(2)),
        ("consent, 30 consents", judge("mailer", "newsletter"), state(29)),
        ("denied", judge("alice", "newsletter"), state(2)),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| judge.decide(black_box(&email), black_box(&state), since, black_box(NOW)))
        });
    }
    group.finish();
    let rules = Policy::parse(POLICY).unwrap().rules().clone();
    let access =
        Access { principal: Principal::new("bob").unwrap(), purpose: Purpose::new("claims").unwrap() };
    criterion.bench_function("judge", |b| b.iter(|| black_box(&rules).judge(black_box(&access))));
    criterion.final_summary();
}

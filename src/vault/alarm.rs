//! What somebody has to be told at once.

use super::open::Vault;
use crate::duties::Access;
use crate::time::Timestamp;
use std::fmt;

/// Something that should not happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What.
    pub kind: AlarmKind,
    /// Who asked, and for what.
    pub access: Access,
    /// When.
    pub at: Timestamp,
}

/// What raises an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A field of a canary was shown: a subject who does not exist, and whom nobody has a reason to look at.
    Canary,
    /// A principal was shown more in an hour than its budget.
    OverBudget,
}

impl AlarmKind {
    /// A short name for programs.
    pub fn code(self) -> &'static str {
        match self {
            AlarmKind::Canary => "canary",
            AlarmKind::OverBudget => "over-budget",
        }
    }
}

impl Alarm {
    pub(super) fn canary(access: &Access, at: Timestamp) -> Self {
        Self { kind: AlarmKind::Canary, access: access.clone(), at }
    }

    pub(super) fn over_budget(access: &Access, at: Timestamp) -> Self {
        Self { kind: AlarmKind::OverBudget, access: access.clone(), at }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Access { principal, purpose } = &self.access;
        write!(f, "{} {}: principal {principal}, purpose {purpose}", self.at, self.kind.code())
    }
}

/// Who is told.
pub(super) type Hook = Box<dyn Fn(&Alarm) + Send + Sync>;

impl Vault {
    /// Calls `hook` for every alarm, in the thread that raised it, after its leaf is durable and before the value is handed
    /// out.
    #[must_use]
    pub fn with_alarm(mut self, hook: impl Fn(&Alarm) + Send + Sync + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    pub(super) fn raise(&self, alarm: &Alarm) {
        if let Some(hook) = &self.hook {
            hook(alarm);
        }
    }
}

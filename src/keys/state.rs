//! The states of a key version, and the ways from one to another.

use std::fmt;

/// The states of NIST SP 800-57 Part 1, section 7, and one of ours. The number is the one on the wire.
///
/// | state | protects | reveals | may become |
/// |---|---|---|---|
/// | pre-active | no | no | active, suspended, destroyed, compromised |
/// | active | as primary | yes | suspended, deactivated, compromised |
/// | suspended | no | no, until active again | active, deactivated, destroyed, compromised |
/// | deactivated | no | yes | retired, destroyed, compromised |
/// | destroyed | no | never: the secret is gone | – |
/// | compromised | no | no | destroyed |
/// | retired | no | no | deactivated, destroyed, compromised |
///
/// A retired version was deactivated, and then found to be needed by nothing. SP 800-57 has no such state: it stands
/// between deactivated and destroyed, so that an old file that turns up can be read after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the table above")]
pub enum KeyState {
    PreActive = 1,
    Active = 2,
    Suspended = 3,
    Deactivated = 4,
    Destroyed = 5,
    Compromised = 6,
    Retired = 7,
}

impl KeyState {
    const ALL: [KeyState; 7] = {
        use KeyState::*;
        [PreActive, Active, Suspended, Deactivated, Destroyed, Compromised, Retired]
    };

    /// The state's name, as SP 800-57 spells it where it has it.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::PreActive => "pre-active",
            KeyState::Active => "active",
            KeyState::Suspended => "suspended",
            KeyState::Deactivated => "deactivated",
            KeyState::Destroyed => "destroyed",
            KeyState::Compromised => "compromised",
            KeyState::Retired => "retired",
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as u8 == number)
    }

    /// Whether the table has this transition.
    pub fn may_become(self, next: KeyState) -> bool {
        use KeyState::*;
        match self {
            PreActive => matches!(next, Active | Suspended | Destroyed | Compromised),
            Active => matches!(next, Suspended | Deactivated | Compromised),
            Suspended => matches!(next, Active | Deactivated | Destroyed | Compromised),
            Deactivated => matches!(next, Retired | Destroyed | Compromised),
            Compromised => matches!(next, Destroyed),
            Retired => matches!(next, Deactivated | Destroyed | Compromised),
            Destroyed => false,
        }
    }

    /// What a version cannot do that cannot change to this state.
    pub(super) fn becoming(self) -> &'static str {
        match self {
            KeyState::PreActive | KeyState::Active => "become active",
            KeyState::Suspended => "be suspended",
            KeyState::Deactivated => "be deactivated",
            KeyState::Destroyed => "be destroyed",
            KeyState::Compromised => "be marked as compromised",
            KeyState::Retired => "be retired",
        }
    }

    /// Whether what is under it may be opened.
    pub fn reveals(self) -> bool {
        matches!(self, KeyState::Active | KeyState::Deactivated)
    }

    /// Whether a version in this state can be the primary of anything: it protects, or it did until it was stopped.
    pub(super) fn can_be_primary(self) -> bool {
        matches!(self, KeyState::Active | KeyState::Suspended | KeyState::Compromised)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC: KEY-8, KEY-9, WIRE-1
    #[test]
    fn the_states_and_their_transitions_are_those_of_the_specification() {
        let spec = include_str!("../../SPEC.md");
        for state in KeyState::ALL {
            let row = format!("| {state} | {} | ", state as u8);
            let row = spec.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{row}"));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert_eq!(cells[4] == "yes", state.reveals(), "{row}");
            let next: Vec<&str> = cells[5].split(", ").filter(|cell| *cell != "–").collect();
            for other in KeyState::ALL {
                assert_eq!(next.contains(&other.as_str()), state.may_become(other), "{state} to {other}");
            }
            assert_eq!(KeyState::from_number(state as u8), Some(state));
        }
        assert_eq!([0, 8, 255].map(KeyState::from_number), [None; 3]);
    }
}

//! What in a register asks somebody to act.

use super::register::Register;
use super::visible::{counted, grouped};
use crate::keys::KeyState;

impl Register {
    /// One sentence for each thing that asks somebody to act, the gravest first.
    pub fn attention(&self) -> Vec<String> {
        let mut all = vec![];
        let mut say = |when: bool, text: String| all.extend(when.then_some(text));
        for key in self.keys.iter().filter(|key| key.state == KeyState::Compromised.as_str()) {
            let items = key.in_vault.saturating_add(key.in_files);
            let needed = counted(items, "item still needs it", "items still need it");
            say(items > 0, format!("Key version {} is compromised, and {needed}.", key.version));
        }
        let audit = &self.audit;
        say(audit.alarms > 0, format!("{} in the log.", counted(audit.alarms, "alarm", "alarms")));
        let overdue = self.erasure.overdue;
        let are = counted(overdue, "record is", "records are");
        say(overdue > 0, format!("{are} past the retention period: due for purge (Art. 5(1)(e))."));
        for key in self.keys.iter().filter(|key| key.overdue) {
            let days = grouped(key.age_days);
            let limit = grouped(key.cryptoperiod_days.into());
            say(true, format!("Key version {} is {days} days old, over its {limit}: rotate.", key.version));
        }
        let endless = self.fields.iter().filter(|field| field.retention_seconds.is_none()).count() as u64;
        let have = counted(endless, "field has", "fields have");
        say(endless > 0, format!("{have} no retention period (Art. 30(1)(f))."));
        let aimless = self.fields.iter().filter(|field| field.purposes.is_empty()).count() as u64;
        let serve = counted(aimless, "field serves", "fields serve");
        say(aimless > 0, format!("{serve} no purpose (Art. 5(1)(b))."));
        let baseless = self.purposes.iter().filter(|purpose| purpose.basis.is_empty()).count() as u64;
        let have = counted(baseless, "purpose has", "purposes have");
        say(baseless > 0, format!("{have} no legal basis (Art. 6(1))."));
        let unsaid = self.controller.name.is_empty() || self.controller.contact.is_empty();
        say(unsaid, "The controller and its contact are not both given (Art. 30(1)(a)).".into());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn whatever_is_wrong_is_said_and_nothing_else() {
        let example = include_str!("../../tests/registers/example.json");
        let mut register: Register = serde_json::from_str(example).unwrap();
        let said = register.attention().join("\n").replace(['\u{a0}', '\u{202f}'], " ");
        for part in [
            "version 1 is compromised, and 310 items",
            "1 alarm",
            "38 records are past",
            "version 3 is 742 days old",
            "1 field has no retention",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(register.attention().len(), 5, "{said}");
        register.keys.iter_mut().for_each(|key| (key.overdue, key.in_vault) = (false, 0));
        register.fields.iter_mut().for_each(|field| field.retention_seconds = Some(1));
        (register.audit.alarms, register.erasure.overdue) = (0, 0);
        assert_eq!(register.attention(), [""; 0]);
    }

    #[test]
    fn an_empty_vault_lacks_only_its_controller() {
        let said = Register::empty("00", Timestamp(0)).attention();
        assert_eq!(said, ["The controller and its contact are not both given (Art. 30(1)(a))."]);
    }
}

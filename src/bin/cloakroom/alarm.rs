//! Telling somebody of alarms: a program of the organisation's, which pages whoever is on duty.
//!
//! ```text
//! CLOAKROOM_ALARM = a program, started once for each alarm
//! its input       = {"alarm": "canary", "principal": "…", "purpose": "…", "at": "2026-11-25T10:00:00Z"}
//! ```
//!
//! Without a program nobody is told but by the log: whoever trips an alarm must not learn of it here. The value waits for it: whoever sees a canary has been reported already. That it fails is no reason to refuse, because
//! the audit log has the access, so it is a warning.

use crate::files::say;
use crate::shown::Shown;
use cloakroom::vault::{Alarm, Vault};
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

const PROGRAM: &str = "CLOAKROOM_ALARM";

/// Has the vault's alarms told.
pub fn attach(vault: Vault) -> Vault {
    let program = std::env::var_os(PROGRAM).filter(|program| !program.is_empty());
    vault.with_alarm(move |alarm| {
        if let Some(program) = &program {
            tell(program, alarm);
        }
    })
}

fn tell(program: &OsString, alarm: &Alarm) {
    let json = serde_json::json!({
        "alarm": alarm.kind.code(),
        "principal": alarm.access.principal.as_str(),
        "purpose": alarm.access.purpose.as_str(),
        "at": alarm.at.to_string(),
    });
    let run = || {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // Who does not read its input may have its reasons; how it ends is what counts.
            let _ = stdin.write_all(format!("{json}\n").as_bytes());
        }
        child.wait()
    };
    let failed = match run() {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    say(format_args!("warning: the program in {PROGRAM} failed ({})", Shown::whole(&failed)));
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use cloakroom::duties::Access;
    use cloakroom::name::{Principal, Purpose};
    use cloakroom::time::Timestamp;
    use cloakroom::vault::AlarmKind;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_program_has_the_alarm_as_json_and_no_value() {
        let dir = std::env::temp_dir().join(format!("cloakroom-alarm-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let (program, told) = (dir.join("alarm"), dir.join("told"));
        fs::write(&program, format!("#!/bin/sh\ncat > {}\n", told.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let access =
            Access { principal: Principal::new("alice").unwrap(), purpose: Purpose::new("support").unwrap() };
        let alarm = Alarm { kind: AlarmKind::OverBudget, access, at: Timestamp(0) };
        tell(&program.clone().into(), &alarm);
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&told).unwrap()).unwrap();
        let expected = serde_json::json!({
            "alarm": "over-budget", "principal": "alice", "purpose": "support", "at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(json, expected);
        // What fails is a warning: neither of these panics or waits.
        tell(&dir.join("no such program").into(), &alarm);
        fs::write(&program, "#!/bin/sh\nexit 3\n").unwrap();
        tell(&program.into(), &alarm);
        fs::remove_dir_all(&dir).unwrap();
    }
}

//! A double-click on Windows: the console would close before it can be read, so the report is saved and opened, and the
//! console stays until Enter is pressed.
//!
//! No safe Windows function detects a double-click, and this workspace forbids unsafe code. But shells leave traces in the
//! environment: `PROMPT` is cmd's, `WT_SESSION` Windows Terminal's, and PowerShell adds the user's own modules to
//! `PSModulePath`. A start that is mistaken for a double-click only gets a report and the request to press Enter.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use easelect_report::Lang;

use crate::words::say;

type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Whether a double-click started this process.
pub(crate) fn is_one(args: &[OsString]) -> bool {
    let on_screen = io::stdin().is_terminal() && io::stdout().is_terminal();
    cfg!(windows)
        && on_screen
        && args.is_empty()
        && is_without_shell(&|name| std::env::var_os(name))
}

fn is_without_shell(environment: Environment<'_>) -> bool {
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
    let modules = environment("PSModulePath").unwrap_or_default();
    let modules = modules.to_string_lossy().to_ascii_lowercase();
    let home = environment("USERPROFILE").unwrap_or_default();
    let home = home.to_string_lossy().to_ascii_lowercase();
    let powershell = !home.is_empty() && modules.contains(&home);
    !is_set("PROMPT") && !is_set("WT_SESSION") && !is_set("SHELL") && !powershell
}

/// Returns the folder of the report: the desktop, or without one the user's folder.
pub(crate) fn folder() -> PathBuf {
    folder_in(&|name| std::env::var_os(name))
}

fn folder_in(environment: Environment<'_>) -> PathBuf {
    let home = environment("USERPROFILE")
        .map(PathBuf::from)
        .filter(|home| home.is_dir());
    let Some(home) = home else {
        return PathBuf::from(".");
    };
    let desktops = [home.join("Desktop"), home.join("OneDrive").join("Desktop")];
    desktops
        .into_iter()
        .find(|one| one.is_dir())
        .unwrap_or(home)
}

/// Keeps the console open until Enter is pressed.
pub(crate) fn wait(lang: Lang) {
    let told = say(
        "\nPress Enter to close this window.",
        "\n按回车键关闭窗口。",
    );
    let _ = writeln!(io::stdout(), "{}", told.of(lang));
    let _ = io::stdin().read_line(&mut String::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_leave_traces() {
        const MACHINES: &str = r"C:\Program Files\WindowsPowerShell\Modules";
        const USERS: &str = r"C:\Users\li\Documents\WindowsPowerShell\Modules;C:\Program Files";
        for (set, alone) in [
            (&[][..], true),
            (&[("PSModulePath", MACHINES)], true),
            (&[("PSModulePath", USERS)], false),
            (&[("PROMPT", "$P$G"), ("PSModulePath", MACHINES)], false),
            (&[("WT_SESSION", "8c5a")], false),
            (&[("SHELL", "/usr/bin/bash")], false),
            (&[("PROMPT", "")], true),
        ] {
            let environment = |name: &str| {
                let own = [("USERPROFILE", r"C:\Users\li")];
                let found = set.iter().chain(&own).find(|(one, _)| *one == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(is_without_shell(&environment), alone, "{set:?}");
        }
    }

    #[test]
    fn a_report_is_put_where_it_is_found() {
        let home = std::env::temp_dir().join(format!("easelect-home-{}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let environment =
            |name: &str| (name == "USERPROFILE").then(|| home.clone().into_os_string());
        assert_eq!(folder_in(&environment), home);
        std::fs::create_dir_all(home.join("Desktop")).unwrap();
        assert_eq!(folder_in(&environment), home.join("Desktop"));
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(folder_in(&environment), PathBuf::from("."));
    }
}

//! The names of all commands.

pub(crate) const COMMANDS: [&str; 9] = [
    "diagnose",
    "connect",
    "list",
    "advise",
    "explain",
    "compare",
    "page",
    "server-json",
    "completions",
];

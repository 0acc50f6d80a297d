//! A bench's figures: printed, and kept in `bench-report.json` in the target folder.
//!
//! Each bench replaces its own figures there and keeps those of the others, so that the report is complete
//! whichever ran last. Less is always better: a figure that should be large, such as the share of correct
//! rankings, is reported as its opposite.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of the report's format. It changes with the meaning of a field.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Report {
    schema: u32,
    machine: String,
    figures: Vec<Figure>,
}

/// One figure. `goal` is the highest value that meets the goal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    goal: Option<f64>,
    met: Option<bool>,
}

/// The figures of one bench. Their names begin with the bench's.
pub(crate) struct Figures {
    bench: &'static str,
    figures: Vec<Figure>,
    passed_limits: Vec<String>,
}

impl Figures {
    pub(crate) fn of(bench: &'static str) -> Self {
        Figures {
            bench,
            figures: Vec::new(),
            passed_limits: Vec::new(),
        }
    }

    /// Reports a figure without a goal.
    pub(crate) fn tell(&mut self, name: &str, value: f64, unit: &str) {
        self.add(name, value, unit, None);
    }

    /// Reports a figure that should be at most `goal`: a timing, which a busy machine may spoil.
    pub(crate) fn aim(&mut self, name: &str, value: f64, unit: &str, goal: f64) {
        self.add(name, value, unit, Some(goal));
    }

    /// Reports a figure that repeats exactly or nearly so. The bench fails if it is above `limit`.
    pub(crate) fn limit(&mut self, name: &str, value: f64, unit: &str, limit: f64) {
        self.add(name, value, unit, Some(limit));
        if value.is_nan() || value > limit {
            let line = format!("{}/{name}: {value:.4} {unit}, limit {limit}", self.bench);
            self.passed_limits.push(line);
        }
    }

    fn add(&mut self, name: &str, value: f64, unit: &str, goal: Option<f64>) {
        let name = format!("{}/{name}", self.bench);
        if !value.is_finite() {
            println!("{name:<52}  not measured");
            return;
        }
        let met = goal.map(|goal| value <= goal);
        let verdict = match (goal, met) {
            (Some(goal), Some(true)) => format!("  at most {goal}: met"),
            (Some(goal), _) => format!("  at most {goal}: NOT MET"),
            (None, _) => String::new(),
        };
        println!("{name:<52} {value:>12.4} {unit}{verdict}");
        self.figures.push(Figure {
            name,
            value,
            unit: unit.to_owned(),
            goal,
            met,
        });
    }

    /// Writes the report, and ends the process with an error if a limit was passed.
    pub(crate) fn finish(self) {
        let path = path();
        let kept = std::fs::read_to_string(&path).ok();
        let kept = kept.and_then(|text| serde_json::from_str::<Report>(&text).ok());
        let prefix = format!("{}/", self.bench);
        let others = kept.filter(|report| report.schema == SCHEMA);
        let mut figures = others.map_or_else(Vec::new, |report| report.figures);
        figures.retain(|one| !one.name.starts_with(&prefix));
        figures.extend(self.figures);
        let report = Report {
            schema: SCHEMA,
            machine: machine(),
            figures,
        };
        let text = serde_json::to_string_pretty(&report).expect("plain data");
        std::fs::write(&path, text + "\n").expect("the target folder can be written");
        println!("{}: {}", self.bench, path.display());
        if !self.passed_limits.is_empty() {
            eprintln!("limit exceeded:\n{}", self.passed_limits.join("\n"));
            std::process::exit(1);
        }
    }
}

fn path() -> PathBuf {
    // Cargo's scratch folder is in the target folder.
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    scratch.with_file_name("bench-report.json")
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let how = if super::is_short() {
        " (short run: timings are rough)"
    } else {
        ""
    };
    format!("{os} {arch}, {cores} cores, {model}{how}")
}

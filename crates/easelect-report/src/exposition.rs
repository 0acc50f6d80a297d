//! Writes Prometheus' text formats: the classic one (version 0.0.4) and OpenMetrics 1.0.0.
//!
//! No library writes both: the crate `prometheus` has only the classic format, `prometheus-client` only
//! OpenMetrics. The formats differ in the family names of counters and infos, in the escapes of HELP, and in
//! the end of the text.

use std::fmt::Write;

use crate::texts::shown;

/// One of Prometheus' text formats.
///
/// This enum is exhaustive: there are two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// `text/plain; version=0.0.4`.
    Classic,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl ExpositionFormat {
    /// Returns the value for `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            ExpositionFormat::Classic => "text/plain; version=0.0.4; charset=utf-8",
            ExpositionFormat::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }
}

/// The type of a metric family.
///
/// This enum is exhaustive, so that the compiler reports a writer that lacks a new type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows while the process runs. Its name ends with `_total`.
    Counter,
    /// Information in labels; the value is 1. Its name ends with `_info`.
    Info,
    /// Counts of values up to each bound. [`Exposition::histogram`] writes its samples.
    Histogram,
}

/// The most characters of a label's value.
const LONGEST: usize = 300;

/// A writer of one of Prometheus' text formats, family by family.
///
/// ```
/// use easelect_report::{Exposition, ExpositionFormat, MetricKind};
///
/// let mut text = Exposition::new(ExpositionFormat::OpenMetrics, &[("site", "hq")]);
/// text.family("x_probes_total", MetricKind::Counter, "Probes made.");
/// text.sample(&[("result", "success")], 3.0);
/// assert_eq!(
///     text.finish(),
///     "# HELP x_probes Probes made.\n# TYPE x_probes counter\n\
///      x_probes_total{result=\"success\",site=\"hq\"} 3\n# EOF\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Exposition {
    format: ExpositionFormat,
    /// The labels of every series, already formatted.
    everywhere: String,
    text: String,
    family: String,
    /// HELP and TYPE of the current family, written with its first sample. A family without samples is left out.
    head: String,
}

impl Exposition {
    /// Creates an empty text. Every series gets these labels in addition to its own.
    #[must_use]
    pub fn new(format: ExpositionFormat, everywhere: &[(&str, &str)]) -> Self {
        let mut labels = String::new();
        push_labels(&mut labels, everywhere);
        Exposition {
            format,
            everywhere: labels,
            text: String::new(),
            family: String::new(),
            head: String::new(),
        }
    }

    /// Begins a family; its samples follow. Begin each name only once in a text.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        let is_open = self.format == ExpositionFormat::OpenMetrics;
        let (called, kind) = match kind {
            MetricKind::Gauge => (name, "gauge"),
            MetricKind::Histogram => (name, "histogram"),
            MetricKind::Counter if is_open => {
                (name.strip_suffix("_total").unwrap_or(name), "counter")
            }
            MetricKind::Counter => (name, "counter"),
            MetricKind::Info if is_open => (name.strip_suffix("_info").unwrap_or(name), "info"),
            MetricKind::Info => (name, "gauge"),
        };
        let mut help = help.replace('\\', "\\\\").replace('\n', "\\n");
        if is_open {
            help = help.replace('"', "\\\"");
        }
        self.head = format!("# HELP {called} {help}\n# TYPE {called} {kind}\n");
        name.clone_into(&mut self.family);
    }

    /// Writes a sample of the current family. Labels must be unique within a family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.push("", labels, value);
    }

    /// Writes a histogram of the current family.
    ///
    /// `counts[i]` is the number of values above `bounds[i - 1]` and at most `bounds[i]`. The last count, one
    /// more than there are bounds, is the number of values above all bounds. `sum` is the sum of all values.
    pub fn histogram(&mut self, labels: &[(&str, &str)], bounds: &[f64], counts: &[u64], sum: f64) {
        let mut so_far = 0;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(counts) {
            so_far += count;
            // Always with a decimal point, as OpenMetrics requires, so that both formats have the same series.
            let bound = match bound.is_finite() {
                true => format!("{bound:?}"),
                false => "+Inf".to_owned(),
            };
            let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
            self.push("_bucket", &labels, so_far as f64);
        }
        self.push("_sum", labels, sum);
        self.push("_count", labels, so_far as f64);
    }

    fn push(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(&std::mem::take(&mut self.head));
        self.text.push_str(&self.family);
        self.text.push_str(suffix);
        let mut all = String::new();
        push_labels(&mut all, labels);
        if !all.is_empty() && !self.everywhere.is_empty() {
            all.push(',');
        }
        all.push_str(&self.everywhere);
        if !all.is_empty() {
            let _ = write!(self.text, "{{{all}}}");
        }
        let value = match value {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            other => other.to_string(),
        };
        let _ = writeln!(self.text, " {value}");
    }

    /// Returns the text, with the end marker that its format requires.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == ExpositionFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn push_labels(text: &mut String, labels: &[(&str, &str)]) {
    for (place, (name, value)) in labels.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let value = shown(value, LONGEST)
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Exposition)) -> [String; 2] {
        [ExpositionFormat::Classic, ExpositionFormat::OpenMetrics].map(|format| {
            let mut text = Exposition::new(format, &[("site", "a\"b\\c")]);
            write(&mut text);
            text.finish()
        })
    }

    #[test]
    fn each_format_has_its_own_names() {
        let [classic, open] = both(|text| {
            text.family("x_total", MetricKind::Counter, "Says \"so\".");
            text.sample(&[], 1.0);
            text.family("never", MetricKind::Gauge, "Has no sample.");
            text.family("y_info", MetricKind::Info, "Labels.");
            text.sample(&[("version", "1")], 1.0);
        });
        assert_eq!(
            classic,
            "# HELP x_total Says \"so\".\n# TYPE x_total counter\nx_total{site=\"a\\\"b\\\\c\"} 1\n\
             # HELP y_info Labels.\n# TYPE y_info gauge\ny_info{version=\"1\",site=\"a\\\"b\\\\c\"} 1\n"
        );
        assert_eq!(
            open,
            "# HELP x Says \\\"so\\\".\n# TYPE x counter\nx_total{site=\"a\\\"b\\\\c\"} 1\n\
             # HELP y Labels.\n# TYPE y info\ny_info{version=\"1\",site=\"a\\\"b\\\\c\"} 1\n# EOF\n"
        );
    }

    #[test]
    fn a_histogram_counts_up() {
        let [classic, _] = both(|text| {
            text.family("t_seconds", MetricKind::Histogram, "Times.");
            text.histogram(&[("host", "h")], &[0.5, 1.0], &[2, 0, 3], 7.25);
        });
        let samples: Vec<&str> = classic.lines().skip(2).collect();
        let expected = [
            "t_seconds_bucket{host=\"h\",le=\"0.5\",site=\"a\\\"b\\\\c\"} 2",
            "t_seconds_bucket{host=\"h\",le=\"1.0\",site=\"a\\\"b\\\\c\"} 2",
            "t_seconds_bucket{host=\"h\",le=\"+Inf\",site=\"a\\\"b\\\\c\"} 5",
            "t_seconds_sum{host=\"h\",site=\"a\\\"b\\\\c\"} 7.25",
            "t_seconds_count{host=\"h\",site=\"a\\\"b\\\\c\"} 5",
        ];
        assert_eq!(samples, expected);
    }
}

//! Prometheus' text formats: the classic one (version 0.0.4) and OpenMetrics 1.0.0.
//!
//! One writer for both, since no library has them: the crate `prometheus` writes the classic one alone,
//! `prometheus-client` OpenMetrics alone. What differs is little: the name of a family of counters or
//! information, what HELP escapes, the end.

use std::fmt::Write;

use crate::texts::shown;

/// Which of Prometheus' text formats.
///
/// Exhaustive: there are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// `text/plain; version=0.0.4`.
    Classic,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl ExpositionFormat {
    /// The value of `Content-Type`.
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

/// What a family of series is.
///
/// Exhaustive: whoever writes should learn of another one from the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows while the process runs. Its name ends with `_total`.
    Counter,
    /// Labels that tell something; the value is 1. Its name ends with `_info`.
    Info,
    /// How many values were at most so large. Its samples are given names by [`Exposition::histogram`].
    Histogram,
}

/// The longest value of a label, in characters.
const LONGEST: usize = 300;

/// A text in one of Prometheus' formats, written family by family.
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
    /// The labels of every series, as they are written.
    everywhere: String,
    text: String,
    family: String,
    /// What stands before the family's first sample: a family without any is left out.
    head: String,
}

impl Exposition {
    /// An empty text whose every series will have these labels besides its own.
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

    /// Begins a family. All samples of it follow; a name begins only once in a text.
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

    /// A sample of the family that was begun last. No two of a family have the same labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.push("", labels, value);
    }

    /// The samples of a histogram of the family that was begun last: of values at most `bounds[i]` there
    /// were `counts[i]` more than of those at most the bound before; the last count is of those above all
    /// bounds.
    pub fn histogram(&mut self, labels: &[(&str, &str)], bounds: &[f64], counts: &[u64], sum: f64) {
        let mut so_far = 0;
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(counts) {
            so_far += count;
            // With a point always, as OpenMetrics wants it: the series are the same in both formats.
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

    /// The text, ended as its format wants it.
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

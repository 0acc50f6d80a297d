//! The labels of `--label site=hq`, which every series gets.

use easelect::{Error, ErrorKind, shown};

/// Reserved names: labels of our own series, and those that Prometheus adds.
const TAKEN: [&str; 11] = [
    "host", "instance", "job", "kind", "le", "phase", "quantile", "region", "result", "service",
    "version",
];

/// Maximum number of labels.
const MOST: usize = 16;

/// Maximum length of a value, in bytes.
const LONGEST: usize = 128;

/// Labels added to every series, in the order given.
#[derive(Clone, Debug, Default)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Parses labels such as `site=hq`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a name that is invalid in Prometheus, reserved or given twice, for a value of
    /// more than 128 bytes or with control characters, and for more than 16 labels.
    pub fn new<T: AsRef<str>>(given: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let mut labels = Labels::default();
        for text in given {
            let text = text.as_ref();
            let wrong = |why: &str| {
                let safe = shown(text, 60);
                Err(Error::new(
                    ErrorKind::Input,
                    format!("label \"{safe}\": {why}"),
                ))
            };
            let Some((name, value)) = text.split_once('=') else {
                return wrong("expected NAME=VALUE");
            };
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            let is_name = name.starts_with(is_letter)
                && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
            if !is_name || name.starts_with("__") {
                return wrong(
                    "a name consists of ASCII letters, digits and _, and doesn't start with a digit or __",
                );
            }
            if TAKEN.contains(&name) {
                return wrong("this name is reserved");
            }
            if labels.0.iter().any(|(other, _)| other == name) {
                return wrong("given twice");
            }
            if value.len() > LONGEST || value.chars().any(char::is_control) {
                return wrong("a value has at most 128 bytes and no control characters");
            }
            if labels.0.len() == MOST {
                return wrong("more than 16 labels");
            }
            labels.0.push((name.to_owned(), value.to_owned()));
        }
        Ok(labels)
    }

    /// Returns names and values.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_that_prometheus_takes() {
        let good = Labels::new(["site=hq", "_carrier=电信", "empty="]).unwrap();
        assert_eq!(
            good.pairs(),
            [("site", "hq"), ("_carrier", "电信"), ("empty", "")]
        );
        for bad in [
            "site", "=x", "1a=x", "a-b=x", "__a=x", "host=x", "le=1", "a=\u{1b}", "é=x",
        ] {
            assert!(Labels::new([bad]).is_err(), "{bad}");
        }
        assert!(Labels::new(["a=1", "a=2"]).is_err());
        assert!(Labels::new([format!("a={}", "x".repeat(129))]).is_err());
        assert!(Labels::new((0..17).map(|n| format!("a{n}=x"))).is_err());
    }
}

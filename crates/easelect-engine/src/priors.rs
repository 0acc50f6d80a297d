//! Priors: how far the hosts are from a class of networks, such as a country's carrier, as other
//! devices measured.
//!
//! Without any knowledge hosts are dialled in any order. Measurements of other devices say which host
//! is probably the nearest. They may be outdated, from another kind of network, or wrong. So they count
//! only on networks where nothing has opened yet, and never against a measurement made there.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::shown::{Escaped, line, shown};
use crate::unseen::Belief;

/// The version of the format.
const SCHEMA: u32 = 1;

/// The largest file, in bytes; 1000 classes of 100 hosts fit.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// The longest name of a class or host, in bytes. A host name has at most 253 (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;

/// Accepted round trips in ms.
const TIMES_MS: (f64, f64) = (0.1, 60_000.0);
/// Accepted standard deviations; 3 is a factor of 20.
const DEVIATIONS: (f64, f64) = (0.0, 3.0);

/// Variance added to that of the file, which is outdated and may be wrong. Any value from 0.02 to 0.2
/// gives the same results in the simulation.
const DOUBT: f64 = 0.1;

/// The expected x of an unknown network, and the variances of networks and their hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown {
    pub(crate) mean: f64,
    pub(crate) network: f64,
    pub(crate) host: f64,
}

/// Typical TCP round trips to each host, by class of network, as other devices measured.
///
/// An app's developers can compute them from their other users' connections: the phase `connect` of
/// `Timings`.
///
/// # Format
///
/// The JSON has a schema version and, for each class, the hosts. `ms` is the median round trip in
/// milliseconds. `sd` is the standard deviation of its natural logarithm over the networks of that
/// class; 0.2 means ±20 %. The app chooses the names of the classes. Hosts that the app doesn't use are
/// ignored, and hosts may be missing.
///
/// ```
/// use easelect_engine::priors::Priors;
///
/// let priors = Priors::from_json(
///     r#"{"schema": 1, "classes": {
///         "cn/mobile": {"a.example": {"ms": 38, "sd": 0.2}, "b.example": {"ms": 55.5, "sd": 0.3}},
///         "cn/wifi": {"a.example": {"ms": 24, "sd": 0.3}}
///     }}"#,
/// )?;
/// let classes: Vec<&str> = priors.classes().collect();
/// assert_eq!(classes, ["cn/mobile", "cn/wifi"]);
///
/// let wrong = r#"{"schema": 1, "classes": {"cn/mobile": {"a.example": {"ms": -1, "sd": 0.2}}}}"#;
/// assert_eq!(
///     Priors::from_json(wrong).unwrap_err().to_string(),
///     "priors: cn/mobile: a.example: ms is -1: expected 0.1 to 60000"
/// );
/// # Ok::<(), easelect_engine::priors::PriorsError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Priors {
    classes: BTreeMap<String, BTreeMap<String, Belief>>,
}

/// Why a text can't be read as [`Priors`]: one line that names the wrong entry and what is expected
/// there.
#[derive(Clone, PartialEq, Eq)]
pub struct PriorsError(String);

impl PriorsError {
    /// A long message is cut in the middle, where it quotes input.
    fn new(why: &str) -> Self {
        PriorsError(line(&format!("priors: {why}"), 300))
    }
}

impl fmt::Debug for PriorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PriorsError({self})")
    }
}

impl fmt::Display for PriorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PriorsError {}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "schema")]
    _schema: u32,
    classes: BTreeMap<String, BTreeMap<String, Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    ms: f64,
    sd: f64,
}

impl Priors {
    /// Reads priors from JSON of at most 8 MiB.
    ///
    /// # Errors
    ///
    /// [`PriorsError`] for JSON of another form, with line and column; for another schema version; and,
    /// with class and host, for a time outside 0.1 to 60 000 ms, a standard deviation outside 0 to 3,
    /// or a name longer than 255 bytes.
    pub fn from_json(text: &str) -> Result<Self, PriorsError> {
        if text.len() > MAX_TEXT {
            let why = format!("{} bytes: expected at most {MAX_TEXT}", text.len());
            return Err(PriorsError::new(&why));
        }
        let malformed = |error: serde_json::Error| PriorsError::new(&error.to_string());
        let Version { schema } = serde_json::from_str(text).map_err(malformed)?;
        if schema != SCHEMA {
            let why = format!("schema is {schema}: expected {SCHEMA}");
            return Err(PriorsError::new(&why));
        }
        let Stored { classes, .. } = serde_json::from_str(text).map_err(malformed)?;
        let classes = classes.into_iter().map(|(class, hosts)| {
            let hosts = hosts.into_iter().map(|(host, entry)| {
                let belief = entry.belief(&class, &host)?;
                Ok((host.to_ascii_lowercase(), belief))
            });
            let hosts = hosts.collect::<Result<_, PriorsError>>()?;
            check_name(&class, &class)?;
            Ok((class, hosts))
        });
        let classes = classes.collect::<Result<_, PriorsError>>()?;
        Ok(Priors { classes })
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }

    /// Returns the prior for a class, with the hosts for which `counts` returns true; `None` if there
    /// is no such host.
    #[must_use]
    pub fn of(&self, class: &str, counts: impl Fn(&str) -> bool) -> Option<Prior> {
        let hosts = self.classes.get(class)?.iter();
        let hosts = hosts.filter(|(host, _)| counts(host));
        let hosts: BTreeMap<String, Belief> = hosts
            .map(|(host, belief)| (host.clone(), *belief))
            .collect();
        (!hosts.is_empty()).then_some(Prior { hosts })
    }
}

impl fmt::Debug for Priors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.classes().map(Escaped)).finish()
    }
}

/// Checks the length of a class or host name.
fn check_name(place: &str, name: &str) -> Result<(), PriorsError> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    let (place, length) = (shown(place, 40), name.len());
    let why = format!("{place}: a name of {length} bytes: expected at most {MAX_NAME}");
    Err(PriorsError::new(&why))
}

impl Entry {
    fn belief(&self, class: &str, host: &str) -> Result<Belief, PriorsError> {
        check_name(host, host)?;
        let within = |name: &str, value: f64, (least, most): (f64, f64)| {
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            let (class, host) = (shown(class, 40), shown(host, 80));
            let why = format!("{class}: {host}: {name} is {value}: expected {least} to {most}");
            Err(PriorsError::new(&why))
        };
        let deviation = within("sd", self.sd, DEVIATIONS)?;
        Ok(Belief {
            mean: within("ms", self.ms, TIMES_MS)?.ln(),
            variance: deviation * deviation,
        })
    }
}

/// The prior for one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// x, by host.
    hosts: BTreeMap<String, Belief>,
}

impl Prior {
    /// x of the network, which its hosts share. Most of it is the speed of the access link, so the
    /// file's hosts say no more about it than as many measurements would.
    pub(crate) fn network(&self, unknown: Unknown) -> Belief {
        let evidence = self.hosts.values().map(|one| {
            let precision = 1.0 / (unknown.host + one.variance + DOUBT);
            (precision, precision * (one.mean - unknown.mean))
        });
        let (precision, weighted) = evidence.fold((1.0 / unknown.network, 0.0), |sum, one| {
            (sum.0 + one.0, sum.1 + one.1)
        });
        Belief {
            mean: unknown.mean + weighted / precision,
            variance: 1.0 / precision,
        }
    }

    /// How far x of a host differs from its network's; `None` if the prior lacks the host.
    pub(crate) fn host(&self, host: &str, unknown: Unknown) -> Option<Belief> {
        let told = self.hosts.get(host)?;
        let variance = told.variance + DOUBT;
        let gain = unknown.host / (unknown.host + variance);
        Some(Belief {
            mean: gain * (told.mean - self.network(unknown).mean),
            variance: gain * variance,
        })
    }
}

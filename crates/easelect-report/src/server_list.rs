//! Orders the hosts of an app's server list (`server.json`) by measurements; used by `easelect server-json`.
//!
//! The list is edited as text: hosts move as they are written, and only values of `priority` change. Every
//! other byte stays, because SDKs read more than hosts from a list.

mod order;
mod read;
mod readers;
mod told;

use std::ops::Range;

use serde_json::Value;

use self::order::{Known, Seen};
use self::read::{Dialled, Host, Section};
use self::readers::Reading;
use super::model::Model;

pub use read::ListError;

/// An app's server list, as read from its bytes.
#[derive(Clone, Debug)]
pub struct ServerList {
    text: String,
    sections: Vec<Section>,
}

/// A server list with its hosts in a new order, and the reasons for the order.
#[derive(Clone, Debug)]
pub struct OrderedList {
    json: String,
    places: usize,
    set_aside: usize,
    sections: Vec<OrderedSection>,
    readings: Vec<Reading>,
}

/// The hosts of one section in their new order.
#[derive(Clone, Debug)]
struct OrderedSection {
    name: String,
    hosts: Vec<OrderedHost>,
    /// Whether a host of the section was measured.
    measured: bool,
}

/// One host at its new place.
#[derive(Clone, Debug)]
struct OrderedHost {
    name: String,
    /// Its place in the original section, from 0.
    was: usize,
    known: Known,
}

impl ServerList {
    /// Reads a list from its bytes. A byte order mark is dropped.
    ///
    /// # Errors
    ///
    /// Returns a [`ListError`] if the bytes are no list: larger than 1 MiB, not UTF-8, not JSON, or without a
    /// section that lists hosts.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ListError> {
        let (text, sections) = read::read(bytes)?;
        Ok(ServerList { text, sections })
    }

    /// Returns the list with its hosts ordered by these reports, one from each place of measurement.
    ///
    /// Within a section, the hosts of one data centre that the same reports measured swap places among
    /// themselves: hosts reached in more places come first, then cheaper ones. Hosts that were reached nowhere
    /// go to the end of the section. Every other host keeps its place among the rest.
    #[must_use]
    pub fn ordered(&self, reports: &[Model]) -> OrderedList {
        let seen = Seen::of(reports, self.sections.iter().flat_map(|one| &one.hosts));
        let mut sections = Vec::new();
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        for section in &self.sections {
            let known = seen.known(&section.hosts);
            let measured = known.iter().any(Known::is_measured);
            let order = order::order(&known);
            if measured {
                edits.extend(self.edits(&section.hosts, &order));
            }
            let placed = |&was: &usize| OrderedHost {
                name: section.hosts[was].name.clone(),
                was,
                known: known[was].clone(),
            };
            sections.push(OrderedSection {
                name: section.name.clone(),
                hosts: order.iter().map(placed).collect(),
                measured,
            });
        }
        edits.sort_by_key(|(range, _)| range.start);
        let json = spliced(&self.text, 0..self.text.len(), &edits);
        let readings = readers::readings(&parsed(&self.text), &parsed(&json));
        OrderedList {
            json,
            places: seen.places(),
            set_aside: seen.set_aside(),
            sections,
            readings,
        }
    }

    /// The text to write at each host's place. If an encrypted host has a priority, all encrypted hosts are
    /// numbered from 1 in the new order, so that an SDK that picks priority 1 gets the first.
    fn edits(&self, hosts: &[Host], order: &[usize]) -> Vec<(Range<usize>, String)> {
        let encrypted = |one: &Host| one.dialled == Dialled::Encrypted;
        let has_priorities = hosts
            .iter()
            .any(|one| encrypted(one) && one.priority.is_some());
        let as_text = hosts.iter().filter_map(|one| one.priority.as_ref());
        let as_text = as_text.map(|range| &self.text[range.clone()]);
        let as_text = { as_text }.any(|one| one.starts_with('"'));
        let mut priority = 0;
        let mut edits = Vec::new();
        for (slot, &from) in order.iter().enumerate() {
            let host = &hosts[from];
            let mut inside = Vec::new();
            if encrypted(host) && has_priorities {
                priority += 1;
                inside.extend(self.prioritised(host, priority, as_text));
            }
            edits.push((
                hosts[slot].range.clone(),
                spliced(&self.text, host.range.clone(), &inside),
            ));
        }
        edits
    }

    /// The edit that sets the priority, in its existing form: number or string. Any other value stays.
    fn prioritised(
        &self,
        host: &Host,
        priority: usize,
        as_text: bool,
    ) -> Option<(Range<usize>, String)> {
        let Some(range) = &host.priority else {
            let after_brace = host.range.start + 1;
            let value = match as_text {
                true => format!("\"priority\": \"{priority}\", "),
                false => format!("\"priority\": {priority}, "),
            };
            return Some((after_brace..after_brace, value));
        };
        let value = match self.text.as_bytes()[range.start] {
            b'"' => format!("\"{priority}\""),
            b'n' | b'-' | b'0'..=b'9' => priority.to_string(),
            _ => return None,
        };
        Some((range.clone(), value))
    }
}

impl OrderedList {
    /// Returns the ordered list, ready to be served.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Whether the reports have a measurement of any host of the list.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.sections.iter().any(|one| one.measured)
    }

    /// Whether any host of the list was reached, in any place.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.sections.iter().any(OrderedSection::is_reached)
    }

    /// Whether hosts were measured, and every section with measured hosts has one that was reached, in any place.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let mut measured = self.sections.iter().filter(|one| one.measured);
        self.is_measured() && measured.all(OrderedSection::is_reached)
    }

    /// Returns the changes, the reasons, and the host that each SDK dials first, as text for a terminal.
    #[must_use]
    pub fn text(&self, lang: super::Lang) -> String {
        told::text_of(self, lang)
    }
}

impl OrderedSection {
    fn is_reached(&self) -> bool {
        self.hosts.iter().any(|host| host.known.is_reached())
    }
}

/// This part of a text with the edits applied. The edits are inside the part, in order.
fn spliced(text: &str, part: Range<usize>, edits: &[(Range<usize>, String)]) -> String {
    let mut result = String::with_capacity(part.len());
    let mut at = part.start;
    for (range, instead) in edits {
        result += &text[at..range.start];
        result += instead;
        at = range.end;
    }
    result + &text[at..part.end]
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

//! `easelect server-json`: an app's own list of servers (`server.json`), with the hosts of each section in the
//! order of a measurement.
//!
//! The list's text is cut where its hosts begin and end, and put together in another order: every byte that
//! is no host's place or `priority` stays what it is. SDKs read more in it than hosts.

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

/// An app's list, read.
#[derive(Clone, Debug)]
pub struct ServerList {
    text: String,
    sections: Vec<Section>,
}

/// A list with its hosts in another order, and why they stand so.
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
    /// Whether a host of it was measured.
    measured: bool,
}

/// One host in its new place.
#[derive(Clone, Debug)]
struct OrderedHost {
    name: String,
    /// Its place in the list as it came, from 0.
    was: usize,
    known: Known,
}

impl ServerList {
    /// Reads a list, as its bytes came.
    ///
    /// # Errors
    ///
    /// If it is no list: larger than 1 MiB, not UTF-8, not JSON, or without a section that lists hosts.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ListError> {
        let (text, sections) = read::read(bytes)?;
        Ok(ServerList { text, sections })
    }

    /// The list with its hosts in the order that these reports give, each of another place.
    ///
    /// Within a section, hosts of one data centre that every report measured change places among each
    /// other: first those that were reached everywhere, the cheaper ones first, and last those that were
    /// reached nowhere. Every other host keeps its place among those that stay.
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

    /// What to write in each host's place. Encrypted hosts count from 1: whoever picks priority 1 finds the
    /// first. Where no host has a priority, none gets one.
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

    /// The priority in the form that it has: a number or a text. What is neither stays.
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
    /// The list as it is to be served.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Whether the reports tell anything of a host of it.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.sections.iter().any(|one| one.measured)
    }

    /// Whether a host of it was reached in a place.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.sections.iter().any(OrderedSection::is_reached)
    }

    /// Whether each section of which hosts were measured has one that was reached in a place.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let mut measured = self.sections.iter().filter(|one| one.measured);
        self.is_measured() && measured.all(OrderedSection::is_reached)
    }

    /// What was done and why, and who dials what first, as text for a terminal.
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

/// This part of a text with these edits, which lie in it in their order.
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

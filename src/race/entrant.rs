//! What a race knows of a candidate.

use crate::history::Prediction;
use crate::resolve::Family;

/// What the machine knows of a candidate; candidates are numbered in the order they are added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entrant {
    /// Any number that tells hosts apart.
    pub(crate) host: usize,
    pub(crate) family: Family,
    /// Smaller starts earlier, where nothing else decides.
    pub(crate) order: usize,
    /// Starts after all others: an address at which only a proxy or a hijacker can answer.
    pub(crate) last_resort: bool,
    /// An acceleration node: little bandwidth, so few at a time.
    pub(crate) accelerated: bool,
    /// What it will take.
    pub(crate) prediction: Prediction,
    /// It won the last time: ahead by 6 % for staying where caches and sessions are warm.
    pub(crate) sticky: bool,
}

impl Entrant {
    pub(super) fn score(&self) -> f64 {
        const STICKY: f64 = 0.94;
        let score = self.prediction.score();
        if self.sticky { score * STICKY } else { score }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.prediction.verified && !self.prediction.broken
    }
}

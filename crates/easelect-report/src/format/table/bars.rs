//! A bar per endpoint: its phases, one after the other, to the scale of its group.

use easelect::{Phase, Reason, Tier};

use super::super::overview::tier_of;
use crate::layout::{Ink, Style};
use crate::model::{EndpointModel, GroupModel, Model};
use crate::texts::{Lang, phase, text};

/// The columns before a bar, so that it stands below the endpoint's name.
pub(super) const INDENT: usize = 5;
/// The width for a file or a pipe, where the reader's terminal is unknown.
const USUAL: usize = 100;
const SHORTEST: usize = 20;

/// How a phase is drawn: its character in Unicode and in ASCII, and its colour. Phases differ without colours, too.
const LOOKS: [(Phase, char, char, Ink); 6] = [
    (Phase::Resolve, '░', '.', Ink::Purple),
    (Phase::Connect, '▒', '-', Ink::Blue),
    (Phase::Proxy, '▚', '~', Ink::Doubtful),
    (Phase::Tls, '▓', '=', Ink::Cyan),
    (Phase::Upgrade, '█', '#', Ink::Good),
    (Phase::Processing, '█', '#', Ink::Good),
];

/// The scale of a group's bars.
pub(super) struct Scale {
    style: Style,
    columns_per_ms: f64,
}

impl Scale {
    /// The scale at which the longest bar fills the width.
    pub(super) fn of(group: &GroupModel, style: Style) -> Self {
        let width = style.width.map_or(USUAL, usize::from);
        let room = width.saturating_sub(INDENT).max(SHORTEST);
        let longest = group.endpoints.iter().map(total).fold(0.0, f64::max);
        // One column is for the mark of what failed.
        let columns_per_ms = match longest > 0.0 {
            true => (room - 1) as f64 / longest,
            false => 0.0,
        };
        Scale {
            style,
            columns_per_ms,
        }
    }

    /// An endpoint's bar; `None` where it was not tried.
    pub(super) fn bar(&self, row: &EndpointModel) -> Option<String> {
        if row.reason.code == Reason::NotProbed.as_str() {
            return None;
        }
        let column = |ms: f64| (ms * self.columns_per_ms).round() as usize;
        let all = total(row);
        let shortest = all > 0.0 && column(all) == 0;
        let mut bar = " ".repeat(INDENT);
        let mut passed = 0.0;
        for (which, block, ascii, ink) in LOOKS {
            let Some(took) = median(row, which) else {
                continue;
            };
            let columns = column(passed + took) - column(passed);
            passed += took;
            let drawn = if self.style.ascii { ascii } else { block };
            bar.push_str(&self.style.paint(ink, &drawn.to_string().repeat(columns)));
        }
        if shortest {
            // Visible even beside a bar that is a hundred times as long.
            bar.push(if self.style.ascii { '-' } else { '▏' });
        }
        if tier_of(row) != Tier::Ready {
            bar.push_str(&self.style.paint(Ink::Bad, "x"));
        }
        (bar.len() > INDENT).then_some(bar)
    }
}

/// A phase's median, if the file has a sensible one.
fn median(row: &EndpointModel, which: Phase) -> Option<f64> {
    let median = row.phases_ms.get(which).as_ref()?.p50;
    (median.is_finite() && median >= 0.0).then_some(median)
}

fn total(row: &EndpointModel) -> f64 {
    LOOKS
        .iter()
        .filter_map(|(which, ..)| median(row, *which))
        .sum()
}

/// The legend of the bars, with the phases that happened; empty where there are none.
pub(super) fn legend(model: &Model, style: Style) -> Vec<String> {
    let lang = model.lang;
    let rows = || model.groups.iter().flat_map(|group| &group.endpoints);
    let happened = |which: Phase| rows().any(|row| median(row, which).is_some());
    let looks = LOOKS.iter().filter(|(which, ..)| happened(*which));
    let mut parts: Vec<String> = Vec::new();
    let mut last = None;
    for (which, block, ascii, _) in looks {
        let name = phase(*which).of(lang);
        match (last == Some(block), parts.last_mut()) {
            // The WebSocket handshake and the answer share a look: no endpoint has both.
            (true, Some(part)) => part.push_str(&format!("{}{name}", or(lang))),
            _ => parts.push(format!(
                "{} {name}",
                if style.ascii { ascii } else { block }
            )),
        }
        last = Some(block);
    }
    if parts.is_empty() {
        return Vec::new();
    }
    if rows().any(|row| tier_of(row) != Tier::Ready) {
        parts.push(text("x failed here", "x 在此失败").of(lang));
    }
    let parts = parts.join(&text(", ", "，").of(lang));
    let told = text(
        format!("Bars: {parts}. One scale per service."),
        format!("图例：{parts}。每项服务使用同一比例。"),
    )
    .of(lang);
    // The characters are known, and ASCII where they must be: nothing needs escaping.
    crate::layout::paragraph("", &told, style.width)
}

fn or(lang: Lang) -> String {
    text(" or ", "或").of(lang)
}

//! Drawings to scale: a bar of phases, a strip of single attempts, and the scale above them.
//!
//! Positions along the time axis are percentages, so that a drawing fills its place and nothing in it is
//! stretched.

use std::collections::BTreeSet;

use easelect::Phase;
use maud::{Markup, html};

use super::words;
use crate::model::EndpointModel;
use crate::texts::{Lang, phase};

/// Where the scale ends, in per cent of the width. Attempts that took longer, and those that failed, are right of
/// it.
const END: f64 = 88.0;
const LONGER: f64 = 91.0;
const FAILED: f64 = 94.5;

/// The height of a strip, in pixels.
const STRIP: f64 = 18.0;

/// Milliseconds along the axis, for all endpoints of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The milliseconds at its end; 0 if nothing was measured.
    longest: f64,
}

impl Scale {
    /// The scale at which every bar fits, with room behind one that fails, and single attempts up to twice the
    /// longest bar: a few stragglers would shrink everything else.
    pub(super) fn of(endpoints: &[EndpointModel]) -> Self {
        let room = |one: &EndpointModel| if fails_in(one).is_some() { 1.7 } else { 1.0 };
        let bars = endpoints.iter().map(|one| bar_length(one) * room(one));
        let bars = bars.fold(0.0, f64::max);
        let dots = endpoints.iter().flat_map(taken).map(|(_, at)| at);
        let dots = dots.fold(0.0, f64::max);
        let longest = if bars > 0.0 {
            bars.max(dots.min(2.0 * bars))
        } else {
            dots
        };
        Scale { longest }
    }

    /// Per cent of the width.
    fn at(self, millis: f64) -> f64 {
        if self.longest == 0.0 {
            return 0.0;
        }
        (millis / self.longest).clamp(0.0, 1.0) * END
    }

    /// Round figures, 1, 2 or 5 times a power of ten apart: at most six with the zero.
    fn ticks(self) -> impl Iterator<Item = f64> {
        let rough = self.longest / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|one| one * power);
        let step = steps.into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(self.longest);
        let count = if self.longest > 0.0 { 0..6 } else { 0..0 };
        count
            .map(move |number| f64::from(number) * step)
            .filter(move |tick| *tick <= self.longest)
    }

    /// The figures above the bars.
    pub(super) fn axis(self) -> Markup {
        html! {
            svg.axis width="100%" height="16" aria-hidden="true" {
                @for tick in self.ticks() {
                    @let (x, tick) = (self.at(tick), tick_label(tick));
                    @if x == 0.0 { text x="0" y="12" { (tick) " ms" } }
                    @else { text x=(percent(x)) y="12" text-anchor="middle" { (tick) } }
                }
            }
        }
    }

    fn grid(self, height: f64) -> Markup {
        html! {
            @for x in self.ticks().map(|tick| percent(self.at(tick))) {
                line.grid x1=(x) x2=(x) y1="0" y2=(height) {}
            }
        }
    }

    /// The phases of one endpoint, one behind the other, and where it fails if it does.
    pub(super) fn bar(self, one: &EndpointModel, lang: Lang) -> Markup {
        let medians = medians(one);
        let fails = fails_in(one);
        let message = fails.map(|_| one.reason.text.as_str());
        let end = self.at(bar_length(one));
        let ends = medians.iter().scan(0.0, |end, (_, took)| {
            *end += took;
            Some(*end)
        });
        let segments = medians.iter().zip(ends);
        html! {
            svg.bar width="100%" height="18" role="img" {
                title { (words::bar(&medians, message).of(lang)) }
                (self.grid(18.0))
                @for ((phase, took), end) in segments {
                    @let from = self.at(end - took);
                    rect class=(class(*phase)) x=(percent(from)) y="3"
                        width=(percent(self.at(end) - from)) height="12" {}
                }
                @if let Some(failing) = fails {
                    line.fails x1=(percent(end)) x2=(percent(END)) y1="9" y2="9" {}
                    (cross(end, 9.0))
                    // Further right, it might not fit on a phone.
                    @if end < 56.0 {
                        text.failing x=(percent(end)) dx="12" y="13" { (phase_name(failing, lang)) }
                    }
                }
            }
        }
    }

    /// The single attempts of one endpoint.
    pub(super) fn strip(self, one: &EndpointModel, lang: Lang) -> Markup {
        let failed: Vec<usize> = (one.samples.iter().enumerate())
            .filter(|(_, sample)| sample.took_ms.is_none())
            .map(|(place, _)| place)
            .collect();
        let (inside, beyond): (Vec<_>, Vec<_>) =
            taken(one).partition(|(_, at)| *at <= self.longest);
        let beyond: Vec<usize> = beyond.into_iter().map(|(place, _)| place).collect();
        let times = || one.samples.iter().filter_map(|sample| sample.took_ms);
        let range = times().reduce(f64::min).zip(times().reduce(f64::max));
        let told = words::dots(times().count(), range, failed.len());
        // In thousandths of the width. A line of no length with round ends is a dot.
        let dots: String = (inside.iter())
            .map(|(place, at)| {
                let (x, y) = (self.at(*at) * 10.0, height(*place, one.samples.len()));
                format!("M{x:.0} {y:.0}h0")
            })
            .collect();
        html! {
            svg.strip width="100%" height=(STRIP) role="img" {
                title { (told.of(lang)) }
                (self.grid(STRIP))
                svg viewBox=(format!("0 0 1000 {STRIP}")) preserveAspectRatio="none" width="100%" height=(STRIP) {
                    path.dots d=(dots) {}
                }
                @if !beyond.is_empty() {
                    svg.marks x=(percent(LONGER)) { path.longer d=(marks(&beyond, one, triangle_at)) {} }
                }
                @if !failed.is_empty() {
                    svg.marks x=(percent(FAILED)) { path.cross d=(marks(&failed, one, cross_at)) {} }
                }
            }
        }
    }
}

fn cross(x: f64, y: f64) -> Markup {
    html! { svg.marks x=(percent(x)) { path.cross d=(cross_at(0.0, y)) {} } }
}

fn cross_at(x: f64, y: f64) -> String {
    format!("M{:.0} {:.0}l5 5m0-5l-5 5", x - 2.5, y - 2.5)
}

fn triangle_at(x: f64, y: f64) -> String {
    format!("M{:.0} {:.0}l5 3l-5 3z", x - 2.5, y - 3.0)
}

/// Marks without a place on the scale, side by side so that few cover each other; identical marks are drawn once.
fn marks(places: &[usize], one: &EndpointModel, mark: fn(f64, f64) -> String) -> String {
    let sides = [0.0, 7.0, 14.0].into_iter().cycle();
    let marks = places.iter().zip(sides);
    let marks: BTreeSet<String> = marks
        .map(|(place, x)| mark(x, height(*place, one.samples.len())))
        .collect();
    marks.into_iter().collect()
}

/// The vertical position: the first attempt at the top, the last at the bottom.
fn height(place: usize, count: usize) -> f64 {
    const MARGIN: f64 = 4.0;
    match count {
        0 | 1 => STRIP / 2.0,
        _ => MARGIN + (STRIP - 2.0 * MARGIN) * place as f64 / (count - 1) as f64,
    }
}

/// The class of a phase's colour.
pub(super) fn class(phase: Phase) -> String {
    format!("p-{}", phase.as_str())
}

/// The medians of the phases that happened.
pub(super) fn medians(one: &EndpointModel) -> Vec<(Phase, f64)> {
    let median = |phase| Some((phase, usable(one.phases_ms.get(phase).as_ref()?.p50)));
    Phase::ALL.into_iter().filter_map(median).collect()
}

/// The phase in which an endpoint that isn't ready fails.
fn fails_in(one: &EndpointModel) -> Option<Phase> {
    words::phase_of(one.reason.phase.as_deref()?)
}

fn phase_name(one: Phase, lang: Lang) -> String {
    phase(one).of(lang)
}

fn bar_length(one: &EndpointModel) -> f64 {
    medians(one).iter().map(|(_, took)| took).sum()
}

/// The successful attempts, by place, and where on the axis they end: an attempt's time counts from the end of the
/// name lookup.
fn taken(one: &EndpointModel) -> impl Iterator<Item = (usize, f64)> {
    let resolve = one.phases_ms.resolve.as_ref();
    let begin = resolve.map_or(0.0, |resolve| usable(resolve.p50));
    let all = one.samples.iter().enumerate();
    all.filter_map(move |(place, sample)| Some((place, begin + usable(sample.took_ms?))))
}

/// A sensible number of milliseconds: a file may say anything.
fn usable(millis: f64) -> f64 {
    /// A day.
    const LONGEST: f64 = 86_400_000.0;
    if millis.is_finite() {
        millis.clamp(0.0, LONGEST)
    } else {
        0.0
    }
}

fn tick_label(tick: f64) -> String {
    // Ticks below a millisecond are rounder than the sum that they come from.
    let label = format!("{tick:.3}");
    label.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(x: f64) -> String {
    format!("{x:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (longest, ticks) in [
            (1.0, vec!["0", "0.2", "0.4", "0.6", "0.8", "1"]),
            (47.0, vec!["0", "10", "20", "30", "40"]),
            (100.0, vec!["0", "20", "40", "60", "80", "100"]),
            (2600.0, vec!["0", "1000", "2000"]),
        ] {
            let drawn: Vec<String> = Scale { longest }.ticks().map(tick_label).collect();
            assert_eq!(drawn, ticks, "{longest}");
        }
    }

    #[test]
    fn the_scale_has_the_whole_width() {
        let scale = Scale { longest: 200.0 };
        assert_eq!(percent(scale.at(0.0)), "0.00%");
        assert_eq!(percent(scale.at(100.0)), "44.00%");
        assert_eq!(percent(scale.at(900.0)), "88.00%");
    }

    #[test]
    fn marks_stay_inside_the_strip() {
        for count in [0, 1, 2, 200] {
            for place in 0..count {
                let y = height(place, count);
                assert!((4.0..=STRIP - 4.0).contains(&y), "{place} of {count}: {y}");
            }
        }
    }
}

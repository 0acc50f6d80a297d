//! The plots, as SVG: how long opening takes, and what latency costs.

use std::fmt::Write as _;

use crate::report::{Row, Table, quantile};
use crate::run::{Group, Record};

const COLOURS: [&str; 8] = [
    "#4c78a8", "#f58518", "#72b7b2", "#b279a2", "#9d755d", "#eeca3b", "#54a24b", "#6b4c9a",
];
const OURS: [&str; 4] = ["#ff6b6b", "#c1121f", "#660708", "#1b4332"];

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 390.0;

/// The colour of each row: black the oracle, reds ours.
fn colours(rows: &[Row]) -> Vec<&'static str> {
    let (mut others, mut ours) = (COLOURS.iter().cycle(), OURS.iter().cycle());
    rows.iter()
        .map(|row| match row.group {
            Some(Group::Oracle) | None => "#000000",
            Some(Group::Baseline) => others.next().copied().unwrap_or("#888888"),
            Some(Group::Ours) => ours.next().copied().unwrap_or("#c1121f"),
        })
        .collect()
}

fn begin(title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
        escaped(title)
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(content)
    );
}

fn line(svg: &mut String, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#dddddd\"/>"
    );
}

fn legend(svg: &mut String, rows: &[Row]) {
    for (n, (row, colour)) in rows.iter().zip(colours(rows)).enumerate() {
        let y = TOP + 10.0 + 20.0 * n as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"690\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>",
            y - 10.0
        );
        text(svg, 708.0, y, "start", row.policy);
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Share of connections open by each time.
pub(crate) fn distribution(table: &Table, records: &[Record]) -> String {
    const RIGHT: f64 = 670.0;
    const FROM_MS: f64 = 20.0;
    const TO_MS: f64 = 30_000.0;
    let x = |ms: f64| {
        let share = (ms.clamp(FROM_MS, TO_MS) / FROM_MS).ln() / (TO_MS / FROM_MS).ln();
        LEFT + share * (RIGHT - LEFT)
    };
    let y = |share: f64| BOTTOM - share * (BOTTOM - TOP);
    let mut svg = begin(&format!(
        "Share of connections open by then: {}",
        table.world
    ));
    for ms in [20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 3e4] {
        line(&mut svg, [x(ms), TOP], [x(ms), BOTTOM]);
        let label = if ms < 1e3 {
            format!("{ms} ms")
        } else {
            format!("{} s", ms / 1e3)
        };
        text(&mut svg, x(ms), BOTTOM + 16.0, "middle", &label);
    }
    for percent in [0, 25, 50, 75, 95, 100] {
        let share = f64::from(percent) / 100.0;
        line(&mut svg, [LEFT, y(share)], [RIGHT, y(share)]);
        text(
            &mut svg,
            LEFT - 6.0,
            y(share) + 4.0,
            "end",
            &format!("{percent} %"),
        );
    }
    for (record, colour) in records.iter().zip(colours(&table.rows)) {
        let times = record.open.sorted();
        let points: Vec<String> = (0..=400)
            .map(|n| f64::from(n) / 400.0)
            .map(|q| format!("{:.1},{:.1}", x(quantile(&times, q)), y(q)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{}\"/>",
            points.join(" ")
        );
    }
    legend(&mut svg, &table.rows);
    svg + "</svg>\n"
}

/// The geometric mean of the three ratios against extra TCP and against extra TLS, every policy.
pub(crate) fn front(table: &Table) -> String {
    type Panel = (f64, f64, &'static str, fn(&Row) -> f64);
    const PANELS: [Panel; 2] = [
        (LEFT, 350.0, "extra TCP per connection", |row| row.extra_tcp),
        (390.0, 670.0, "extra TLS per connection", |row| {
            row.extra_tls
        }),
    ];
    const COST: f64 = 12.0;
    const RATIO: f64 = 30.0;
    let mut svg = begin(&format!(
        "Geometric mean of the p50, p95 and p99 ratios to the oracle: {}",
        table.world
    ));
    let y = |ratio: f64| BOTTOM - ratio.clamp(1.0, RATIO).ln() / RATIO.ln() * (BOTTOM - TOP);
    for (left, right, label, cost) in PANELS {
        // Square roots: most policies are near zero, one is not.
        let x = |cost: f64| left + (cost.clamp(0.0, COST) / COST).sqrt() * (right - left);
        for ratio in [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0] {
            line(&mut svg, [left, y(ratio)], [right, y(ratio)]);
            text(
                &mut svg,
                left - 6.0,
                y(ratio) + 4.0,
                "end",
                &format!("{ratio}"),
            );
        }
        for tick in [0.0, 0.2, 1.0, 2.0, 5.0, 10.0] {
            line(&mut svg, [x(tick), TOP], [x(tick), BOTTOM]);
            text(
                &mut svg,
                x(tick),
                BOTTOM + 16.0,
                "middle",
                &format!("{tick}"),
            );
        }
        text(
            &mut svg,
            f64::midpoint(left, right),
            BOTTOM + 36.0,
            "middle",
            label,
        );
        for (row, colour) in table.rows.iter().zip(colours(&table.rows)) {
            let ratio = (row.ratio_p50 * row.ratio_p95 * row.ratio_p99).cbrt();
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\" fill-opacity=\"0.85\"/>",
                x(cost(row)),
                y(ratio)
            );
        }
    }
    legend(&mut svg, &table.rows);
    svg + "</svg>\n"
}

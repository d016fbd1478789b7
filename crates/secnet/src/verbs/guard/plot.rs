//! ROC and precision-recall curves as SVG, drawn without a library.

use std::fmt::Write as _;

use secnet_learn::CurvePoint;

/// Side of the square that a curve is drawn in.
const SIDE: f64 = 400.0;
/// Room around it.
const MARGIN: f64 = 50.0;
/// Most points of a curve: more cannot be told apart.
const MAX_POINTS: usize = 1_000;
const COLOURS: [&str; 5] = ["#1f5fa8", "#b5472f", "#3f7d3a", "#7a4fa0", "#946800"];

/// A seed and its curve.
pub(crate) type Curve<'a> = (u64, &'a [CurvePoint]);

/// Recall over the false-positive rate, one line for each seed.
pub(crate) fn roc(task: &str, runs: &[Curve<'_>]) -> String {
    draw(&format!("{task}: ROC"), ("false-positive rate", "recall"), runs, (0.0, 0.0), |point| {
        (point.false_positive_rate, point.recall)
    })
}

/// Precision over recall, one line for each seed.
pub(crate) fn precision_recall(task: &str, runs: &[Curve<'_>]) -> String {
    draw(
        &format!("{task}: precision, recall"),
        ("recall", "precision"),
        runs,
        (0.0, 1.0),
        |point| (point.recall, point.precision),
    )
}

fn draw(
    title: &str,
    axes: (&str, &str),
    runs: &[Curve<'_>],
    start: (f64, f64),
    at: impl Fn(&CurvePoint) -> (f64, f64),
) -> String {
    let whole = SIDE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{whole}\" height=\"{whole}\" \
         fill=\"white\"/>\n<text x=\"{MARGIN}\" y=\"30\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let (x, y) = (MARGIN + share * SIDE, MARGIN + (1.0 - share) * SIDE);
        let (end, low) = (MARGIN + SIDE, MARGIN + SIDE + 16.0);
        push(
            &mut svg,
            format_args!(
                "<path d=\"M{x} {MARGIN}V{end}M{MARGIN} {y}H{end}\" stroke=\"#ddd\"/>\n<text x=\"{x}\" \
                 y=\"{low}\" text-anchor=\"middle\">{share}</text>\n<text x=\"{}\" y=\"{}\" \
                 text-anchor=\"end\">{share}</text>\n",
                MARGIN - 6.0,
                y + 4.0
            ),
        );
    }
    let (middle, low) = (MARGIN + SIDE / 2.0, whole - 12.0);
    push(
        &mut svg,
        format_args!(
            "<text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">{}</text>\n<text x=\"14\" \
             y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{}</text>\n",
            axes.0, axes.1
        ),
    );
    for ((seed, curve), colour) in runs.iter().zip(COLOURS.iter().cycle()) {
        let step = curve.len().div_ceil(MAX_POINTS).max(1);
        let last = curve.last();
        let points = curve.iter().step_by(step).chain(last).map(&at);
        let mut path = String::new();
        for (x, y) in std::iter::once(start).chain(points) {
            let (x, y) = (MARGIN + x * SIDE, MARGIN + (1.0 - y) * SIDE);
            push(&mut path, format_args!("{x:.1},{y:.1} "));
        }
        push(
            &mut svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\">\
                 <title>seed {}</title></polyline>\n",
                path.trim_end(),
                seed
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn push(to: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = to.write_fmt(text);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Height of a bar with its name, and the longest bar.
const BAR: f64 = 22.0;
const LONGEST: f64 = 300.0;
const NAMES: f64 = 330.0;

/// One bar for each name, and a line at each mark.
pub(crate) fn bars(title: &str, bars: &[(&str, f64)], marks: &[f64]) -> String {
    let largest = bars.iter().map(|bar| bar.1).chain(marks.iter().copied()).fold(1e-9, f64::max);
    let wide = |value: f64| value.max(0.0) / largest * LONGEST;
    let (width, height) = (NAMES + LONGEST + MARGIN, BAR * (bars.len() + 2) as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n<text x=\"{NAMES}\" y=\"15\">{title}</text>\n"
    );
    for (row, (name, value)) in bars.iter().enumerate() {
        let top = BAR * (row + 1) as f64;
        let (text, long) = (top + BAR * 0.7, wide(*value));
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text:.1}\" text-anchor=\"end\">{name}</text><rect x=\"{NAMES}\" y=\"{top:.1}\" width=\"{long:.1}\" height=\"{:.1}\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{text:.1}\">{value:.3}</text>",
            NAMES - 6.0,
            BAR * 0.8,
            COLOURS[0],
            NAMES + long + 4.0,
        );
    }
    for mark in marks {
        let x = NAMES + wide(*mark);
        let _infallible = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{BAR}\" x2=\"{x:.1}\" y2=\"{height}\" stroke=\"#888\" stroke-dasharray=\"4 3\"/>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}

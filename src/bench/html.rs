//! A report as one HTML file: tables and charts as inline SVG, nothing fetched from anywhere.

use std::fmt::Write as _;

use super::report::{FIGURES, Report, Round, Sample};
use super::table;

const STYLE: &str = "\
:root{--ink:#1d2330;--soft:#667085;--line:#e3e6ec;--paper:#fff;--back:#f6f7f9}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#98a1b3;--line:#2d3442;--paper:#181d27;--back:#0f131a}}\
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;margin:0}h2{font-size:16px;margin:0 0 8px}\
p{color:var(--soft);margin:4px 0 20px}.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(460px,100%),1fr));\
gap:16px}section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:16px;margin:0 0 16px}\
table{border-collapse:collapse;width:100%}th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);\
font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}\
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font:11px system-ui,sans-serif}\
.axis{stroke:var(--line)}.key{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 8px;color:var(--soft);font-size:13px}\
.key i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}\
.bad{color:#c4320a;font-weight:600}.good{color:#079455;font-weight:600}";

const COLOURS: [&str; 8] =
    ["#2563eb", "#ea580c", "#059669", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b"];

/// A line of a chart.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// How a chart is drawn.
struct Chart {
    title: &'static str,
    unit: &'static str,
    lines: Vec<Line>,
    /// The x axis shows "nines".
    quantiles: bool,
    /// The y axis grows by factors.
    logarithmic: bool,
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 24.0;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    let title = escape(&format!("switchboard bench {}", report.scenario));
    let machine = &report.machine;
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>\
         <p>{} rounds · {} × {}{} · version {}</p>",
        report.rounds.len(),
        machine.cores,
        escape(&machine.processor),
        if machine.shared_with_server { ", shared by server and generator" } else { "" },
        escape(&report.version),
    );
    verdict(&mut page, report);
    summary(&mut page, report);
    page.push_str("<div class=grid>");
    for chart in charts(report) {
        draw(&mut page, &chart);
    }
    page.push_str("</div>");
    let _ =
        write!(page, "<section><h2>Asked for</h2><p>{}</p></section></main></html>", escape(&report.options));
    page
}

fn verdict(page: &mut String, report: &Report) {
    page.push_str("<section><h2>Audit and warnings</h2>");
    for (number, round) in report.rounds.iter().enumerate() {
        let name = format!("Round {} ({})", number + 1, escape(&round.system));
        if let Some(audit) = &round.audit {
            let class = if audit.is_clean() { "good" } else { "bad" };
            let _ =
                write!(page, "<div>{name}: <span class={class}>{}</span></div>", escape(&audit.to_string()));
        }
        for warning in &round.warnings {
            let _ = write!(page, "<div>{name}: {}</div>", escape(warning));
        }
        for (error, count) in &round.errors {
            let _ = write!(page, "<div class=bad>{name}: {count} × {}</div>", escape(error));
        }
    }
    page.push_str("</section>");
}

fn summary(page: &mut String, report: &Report) {
    let systems = report.systems();
    page.push_str("<section><h2>Smallest / median / largest of the rounds</h2><table><tr><th>");
    for system in &systems {
        let _ = write!(page, "<th>{}", escape(system));
    }
    for (title, value, _) in table::rows(report) {
        let cells: Vec<String> = systems
            .iter()
            .map(|system| report.values(system, &value).map_or_else(String::new, |spread| spread.to_string()))
            .collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let _ = write!(page, "<tr><td>{}", escape(&title));
        for cell in cells {
            let _ = write!(page, "<td>{cell}");
        }
    }
    page.push_str("</table></section>");
}

fn charts(report: &Report) -> Vec<Chart> {
    let over_time = |title, unit, logarithmic, value: fn(&Sample) -> f64| {
        let line = |(number, round): (usize, &Round)| Line {
            name: format!("{} {}", round.system, number + 1),
            points: round.samples.iter().map(|sample| (sample.at, value(sample))).collect(),
        };
        let lines = report.rounds.iter().enumerate().map(line).collect();
        Chart { title, unit, lines, quantiles: false, logarithmic }
    };
    let curve = |(number, round): (usize, &Round)| {
        round
            .latencies
            .iter()
            .map(move |(lane, latency)| Line {
                name: format!("{} {} {lane}", round.system, number + 1),
                points: latency.curve.iter().map(|(at, us)| (nines(*at), *us as f64 / 1e3)).collect(),
            })
            .collect::<Vec<_>>()
    };
    let curves = Chart {
        title: "Latency by percentile",
        unit: "ms",
        lines: report.rounds.iter().enumerate().flat_map(curve).collect(),
        quantiles: true,
        logarithmic: true,
    };
    vec![
        curves,
        over_time("Latency over time, 99th percentile", "ms", true, |sample| sample.p99 as f64 / 1e3),
        over_time("Latency over time, median", "ms", true, |sample| sample.p50 as f64 / 1e3),
        over_time("Throughput", FIGURES[0].title, false, |sample| sample.rate),
        over_time("Processors used by the server", "CPU", false, |sample| sample.server_cpu),
        over_time("Processors used by the generator", "CPU", false, |sample| sample.generator_cpu),
        over_time("Memory of the server", "MiB", false, |sample| {
            sample.server_resident as f64 / f64::from(1 << 20)
        }),
    ]
}

/// 0.9 is one nine, 0.99 are two.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-5).log10()
}

fn draw(page: &mut String, chart: &Chart) {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let scale = |y: f64| if chart.logarithmic { y.max(1e-3).log10() } else { y };
    let right = points().map(|(x, _)| *x).fold(1e-9, f64::max);
    let top = points().map(|(_, y)| scale(*y)).fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() || points().all(|(_, y)| *y == 0.0) {
        return;
    }
    let bottom =
        if chart.logarithmic { points().map(|(_, y)| scale(*y)).fold(top, f64::min).floor() } else { 0.0 };
    let top = if chart.logarithmic { top.ceil().max(bottom + 1.0) } else { top * 1.05 };
    let x_of = |x: f64| LEFT + (WIDTH - LEFT - 8.0) * x / right;
    let y_of = |y: f64| 8.0 + (HEIGHT - BOTTOM - 8.0) * (1.0 - (y - bottom) / (top - bottom));
    let _ = write!(page, "<section><h2>{} <small>({})</small></h2><div class=key>", chart.title, chart.unit);
    for (line, colour) in chart.lines.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(page, "<span><i style='background:{colour}'></i>{}</span>", escape(&line.name));
    }
    let _ = write!(page, "</div><svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{}'>", chart.title);
    for (at, label) in y_ticks(bottom, top, chart.logarithmic) {
        let y = y_of(at);
        let _ = write!(page, "<line class=axis x1={LEFT} x2={WIDTH} y1={y:.1} y2={y:.1} />");
        let _ = write!(page, "<text x={} y={:.1} text-anchor=end>{label}</text>", LEFT - 6.0, y + 4.0);
    }
    for (at, label) in x_ticks(right, chart.quantiles) {
        let _ = write!(page, "<text x={:.1} y={} text-anchor=middle>{label}</text>", x_of(at), HEIGHT - 6.0);
    }
    for (line, colour) in chart.lines.iter().zip(COLOURS.iter().cycle()) {
        let mut path = String::new();
        for (x, y) in &line.points {
            let _ = write!(path, "{:.1},{:.1} ", x_of(*x), y_of(scale(*y)));
        }
        let _ = write!(
            page,
            "<polyline fill=none stroke='{colour}' stroke-width=1.8 stroke-linejoin=round points='{path}' />"
        );
    }
    page.push_str("</svg></section>");
}

fn y_ticks(bottom: f64, top: f64, logarithmic: bool) -> Vec<(f64, String)> {
    if logarithmic {
        let decades = bottom as i32..=top as i32;
        return decades.map(|decade| (f64::from(decade), plain(10_f64.powi(decade)))).collect();
    }
    (0..=4).map(|step| top * f64::from(step) / 4.0).map(|at| (at, plain(at))).collect()
}

fn x_ticks(right: f64, quantiles: bool) -> Vec<(f64, String)> {
    if quantiles {
        let names = ["0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];
        let ticks = names.into_iter().enumerate().map(|(nines, name)| (nines as f64, name.to_owned()));
        return ticks.filter(|(at, _)| *at <= right + 0.01).collect();
    }
    (1..=4).map(|step| right * f64::from(step) / 4.0).map(|at| (at, format!("{at:.0} s"))).collect()
}

fn plain(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{}", (value * 1e3).round() / 1e3) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fetches_nothing_and_shows_every_chart_that_has_data() {
        let mut report = Report::new("chat", "<chats>".to_owned(), true);
        let samples = vec![
            Sample { at: 0.5, rate: 100.0, p50: 900, p99: 4_000, server_cpu: 0.5, ..Sample::default() },
            Sample { at: 1.0, rate: 120.0, p50: 800, p99: 9_000, server_cpu: 0.6, ..Sample::default() },
        ];
        report.rounds.push(Round { system: "switchboard".to_owned(), samples, ..Round::default() });
        let page = page(&report);
        assert_eq!(page.matches("<polyline").count(), 4, "{page}");
        assert!(!page.contains("http") && !page.contains("<script") && page.contains("&lt;chats&gt;"));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}

//! Reports as tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets};

use super::report::{FIGURES, MAX_STEAL, Report, Round, Spread};

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(head.to_vec());
    table
}

fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A row that a report can have: a title, how to find the value in a round, and whether more is better.
type Row = (String, Box<dyn Fn(&Round) -> Option<f64>>, bool);

/// The rows that a report can have.
pub(super) fn rows(report: &Report) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for figure in FIGURES {
        let name = figure.name;
        rows.push((
            figure.title.to_owned(),
            Box::new(move |round: &Round| round.figures.get(name).copied()),
            figure.more_is_better,
        ));
    }
    let mut lanes: Vec<&String> = report.rounds.iter().flat_map(|round| round.latencies.keys()).collect();
    lanes.sort_unstable();
    lanes.dedup();
    for lane in lanes {
        for (title, pick) in [("p50", 0), ("p99", 1), ("max", 2)] {
            let name = lane.clone();
            let value = move |round: &Round| {
                let latency = round.latencies.get(&name)?;
                Some([latency.p50, latency.p99, latency.max][pick] as f64 / 1e3)
            };
            rows.push((format!("{lane} {title} ms"), Box::new(value), false));
        }
    }
    rows
}

/// A report: systems side by side, smallest, median and largest of the rounds, and the ratio to the baseline.
pub(super) fn report(report: &Report) -> String {
    let systems = report.systems();
    let with_ratio = systems.contains(&"relay") && systems.contains(&"switchboard");
    let mut head = vec![report.scenario.as_str()];
    head.extend(&systems);
    if with_ratio {
        head.push("ratio of medians");
    }
    let mut shown = table(&head);
    for (title, value, _) in rows(report) {
        let spreads: Vec<Option<Spread>> =
            systems.iter().map(|system| report.values(system, &value)).collect();
        if spreads.iter().all(Option::is_none) {
            continue;
        }
        let mut row = vec![Cell::new(title)];
        row.extend(spreads.iter().map(|spread| right(spread.map_or_else(String::new, |s| s.to_string()))));
        if with_ratio {
            let ratio = report
                .values("switchboard", &value)
                .zip(report.values("relay", &value))
                .filter(|(_, base)| base.median > 0.0)
                .map(|(ours, base)| format!("{:.2}", ours.median / base.median));
            row.push(right(ratio.unwrap_or_default()));
        }
        shown.add_row(row);
    }
    let mut text = shown.to_string();
    for (number, round) in report.rounds.iter().enumerate() {
        let mut say =
            |what: String| text.push_str(&format!("\nround {} ({}): {what}", number + 1, round.system));
        round.warnings.iter().for_each(|warning| say(warning.clone()));
        round.errors.iter().for_each(|(error, count)| say(format!("{count} × {error}")));
        if let Some(audit) = &round.audit {
            say(format!("audit {audit}"));
        }
    }
    let machine = &report.machine;
    text.push_str(&format!(
        "\n{} × {}{}; values are smallest / median / largest of the rounds; trust none above {MAX_STEAL} % steal",
        machine.cores,
        machine.processor,
        if machine.shared_with_server { ", shared by server and generator" } else { "" },
    ));
    text
}

/// Two reports side by side: the ratio of the medians, and whether it exceeds the noise between equal rounds.
pub(super) fn compare(a: &Report, b: &Report) -> String {
    let mut shown = table(&["", "A", "B", "B / A", "noise", "verdict"]);
    for system in a.systems() {
        for (title, value, more_is_better) in rows(a) {
            let Some((old, new)) = a.values(system, &value).zip(b.values(system, &value)) else { continue };
            if old.median <= 0.0 {
                continue;
            }
            let ratio = new.median / old.median;
            let noise = old.noise().max(new.noise());
            shown.add_row(vec![
                Cell::new(format!("{system}: {title}")),
                right(old),
                right(new),
                right(format!("{ratio:.2}")),
                right(format!("{noise:.2}")),
                Cell::new(verdict(ratio, noise, more_is_better, a.rounds.len().min(b.rounds.len()))),
            ]);
        }
    }
    let mut text = shown.to_string();
    if a.options != b.options {
        text.push_str(&format!("\nthe runs were not equal:\nA: {}\nB: {}", a.options, b.options));
    }
    text
}

/// A difference counts when it is larger than that between equal rounds.
fn verdict(ratio: f64, noise: f64, more_is_better: bool, rounds: usize) -> &'static str {
    if rounds < 2 {
        return "one round: noise unknown";
    }
    if ratio.max(1.0 / ratio) <= noise {
        return "within the noise";
    }
    if (ratio > 1.0) == more_is_better { "better" } else { "worse" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rates: &[f64]) -> Report {
        let mut report = Report::new("chat", "same".to_owned(), true);
        for rate in rates {
            let figures = [("rate".to_owned(), *rate)].into_iter().collect();
            report.rounds.push(Round { system: "switchboard".to_owned(), figures, ..Round::default() });
        }
        report
    }

    #[test]
    fn only_a_difference_beyond_the_noise_is_a_verdict() {
        let text = |b: &[f64]| compare(&sample(&[100.0, 110.0]), &sample(b));
        assert!(text(&[102.0, 108.0]).contains("within the noise"));
        assert!(text(&[200.0, 210.0]).contains("better"));
        assert!(text(&[50.0, 51.0]).contains("worse"));
    }

    #[test]
    fn a_report_shows_the_ratio_to_the_baseline() {
        let mut both = sample(&[60.0]);
        let figures = [("rate".to_owned(), 100.0)].into_iter().collect();
        both.rounds.push(Round { system: "relay".to_owned(), figures, ..Round::default() });
        assert!(report(&both).contains("0.60"));
    }
}

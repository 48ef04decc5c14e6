//! The page of plots, `target/bench.html`: what the benches' tables say beside their floors, as bars.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea as _;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::{BLACK, Color as _, RED, RGBColor, WHITE};

use crate::Error;

const WIDTH: i32 = 1100;
const BAR: i32 = 26;
/// Where bars begin and end; what they are called is before, how long they are behind.
const FROM: i32 = 520;
const TO: i32 = 1000;
const TOP: i32 = 12;
const REACHED: RGBColor = RGBColor(70, 130, 180);
const MISSED: RGBColor = RGBColor(205, 133, 63);

/// A row that has a floor.
struct Bar {
    name: String,
    ratio: f64,
    goal: Option<Goal>,
}

#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn value(self) -> f64 {
        let (Self::AtMost(value) | Self::AtLeast(value)) = self;
        value
    }

    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::AtLeast(least) => ratio >= least,
        }
    }
}

/// Writes the page anew, from the tables that benches have written so far.
pub fn write(root: &Path) -> Result<(), Error> {
    let mut page = String::from(
        "<!doctype html><meta charset=\"utf-8\"><title>Benchmarks</title>\n<h1>Benchmarks</h1>\n<p>Each bar is a figure \
         divided by its floor, on a logarithmic scale; the thin black line is the floor itself, the red one what is to \
         be reached. Method: docs/benchmarks.md.</p>\n",
    );
    let mut files =
        fs::read_dir(root.join("target"))?.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    files.sort();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !name.starts_with("bench") || !name.ends_with(".md") {
            continue;
        }
        let text = fs::read_to_string(&file)?;
        for (title, bars) in tables(&text) {
            let _ = writeln!(page, "<h2>{name}: {title}</h2>\n{}", draw(&bars)?);
        }
    }
    fs::write(root.join("target/bench.html"), page)?;
    Ok(())
}

/// The tables of a text that have a column of ratios, by the title of that column.
fn tables(text: &str) -> Vec<(String, Vec<Bar>)> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut found = Vec::<(String, Vec<Bar>)>::new();
    // Of the table at hand: its columns of ratios and of goals.
    let mut columns = None;
    let lines = text.lines().collect::<Vec<_>>();
    for (at, line) in lines.iter().enumerate() {
        if !line.starts_with('|') {
            columns = None;
        } else if lines.get(at + 1).is_some_and(|next| next.starts_with("|---")) {
            let heading = cells(line);
            let of = |word: &str| heading.iter().position(|cell| cell.contains(word));
            columns = of("÷").map(|ratio| (ratio, of("to reach")));
            found.extend(columns.map(|(ratio, _)| (heading[ratio].clone(), Vec::new())));
        } else if let Some((ratio, goal)) = columns {
            let row = cells(line);
            let goal = goal.and_then(|goal| row.get(goal)).and_then(|cell| read_goal(cell));
            let value = row.get(ratio).and_then(|cell| number(cell)).filter(|value| *value > 0.0);
            // `hello-python 16`: of how many clients, where one name has several rows.
            let name = row[1..ratio].iter().take(2).enumerate();
            let name = name.filter(|(at, cell)| *at == 0 || cell.parse::<u32>().is_ok());
            let name = name.map(|(_, cell)| cell.as_str()).collect::<Vec<_>>().join(" ");
            if let (Some((_, bars)), Some(ratio)) = (found.last_mut(), value) {
                bars.push(Bar { name, ratio, goal });
            }
        }
    }
    found.retain(|(_, bars)| !bars.is_empty());
    found
}

fn number(cell: &str) -> Option<f64> {
    cell.trim_end_matches('×').trim().parse().ok()
}

fn read_goal(cell: &str) -> Option<Goal> {
    let value = |text: &str| number(text.split(' ').next().unwrap_or_default());
    match (cell.strip_prefix("≤ "), cell.strip_prefix("≥ ")) {
        (Some(most), _) => value(most).map(Goal::AtMost),
        (_, Some(least)) => value(least).map(Goal::AtLeast),
        _ => None,
    }
}

fn draw(bars: &[Bar]) -> Result<String, Error> {
    let all = bars.iter().flat_map(|bar| [Some(bar.ratio), bar.goal.map(Goal::value)]).flatten().chain([1.0]);
    let (least, most) =
        all.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    // A little room at both ends, so that the shortest bar is seen.
    let (low, high) = ((least / 1.5).ln(), (most * 1.1).ln());
    #[expect(clippy::cast_possible_truncation, reason = "a pixel's place")]
    let at = |value: f64| FROM + (f64::from(TO - FROM) * (value.ln() - low) / (high - low)) as i32;
    let count = i32::try_from(bars.len())?;
    let height = TOP * 2 + BAR * count;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), height.unsigned_abs()))
            .into_drawing_area();
        area.fill(&WHITE)?;
        for (bar, top) in bars.iter().zip((0..count).map(|number| TOP + BAR * number)) {
            let color = if bar.goal.is_none_or(|goal| goal.is_met(bar.ratio)) { REACHED } else { MISSED };
            area.draw(&Rectangle::new([(FROM, top + 4), (at(bar.ratio), top + BAR - 4)], color.filled()))?;
            area.draw(&Text::new(bar.name.clone(), (8, top + 7), ("sans-serif", 13)))?;
            let shown = format!("{:.2} ×", bar.ratio);
            area.draw(&Text::new(shown, (at(bar.ratio).max(FROM) + 6, top + 7), ("sans-serif", 13)))?;
            if let Some(goal) = bar.goal {
                let x = at(goal.value());
                area.draw(&PathElement::new([(x, top + 2), (x, top + BAR - 2)], RED.stroke_width(2)))?;
            }
        }
        let floor = at(1.0);
        area.draw(&PathElement::new([(floor, TOP), (floor, height - TOP)], BLACK.stroke_width(1)))?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_a_ratio_become_bars() {
        let text = "| | p50 ms | floor | p50 ÷ floor's p50 | to reach |\n|---|---|---|---|---|\n\
                    | cold, a | 3.77 | `x`: 7.02 | 0.54 × | ≤ 0.6 × |\n| cold, b | 1 | – | – | – |\n\n\
                    | throughput | requests/s | ÷ echo's |\n|---|---|---|\n| hello | 6087 | 0.423 |\n\n\
                    | | resident |\n|---|---|\n| idle | 3 |\n";
        let found = tables(text);
        let names = found.iter().map(|(title, bars)| (title.as_str(), bars.len())).collect::<Vec<_>>();
        assert_eq!(names, [("p50 ÷ floor's p50", 1), ("÷ echo's", 1)]);
        let bar = &found[0].1[0];
        assert!(bar.name == "cold, a" && bar.goal.is_some_and(|goal| goal.is_met(bar.ratio)));
        assert!(draw(&found[0].1).expect("draw").contains("cold, a"));
    }
}

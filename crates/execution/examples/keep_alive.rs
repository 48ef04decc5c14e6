//! A day of traffic, simulated: how many calls start cold, and how long environments lie idle, by keep-alive policy.
//!
//! The traffic has the shape that "Serverless in the Wild" (USENIX ATC 2020) publishes of Azure Functions: daily calls a
//! function over eight orders of magnitude with 45 % called at most once an hour and 81 % at most once a minute (its
//! figure 5), timers behind about a third of the functions, and of the others half as irregular as chance and half in
//! bursts (its figure 6). The first two days teach the policy and are not counted. Calls take no time here, so two never
//! overlap, and every environment has one unit of memory.
//!
//! Run with `cargo run --release -p execution --example keep_alive -- FILE.svg`.

use std::time::Duration;

use execution::{Habits, KeepAlive};
use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea as _;
use plotters::element::PathElement;
use plotters::series::LineSeries;
use plotters::style::{BLACK, Color as _, Palette as _, Palette99, WHITE};

const FUNCTIONS: usize = 3000;
const DAY_S: f64 = 86_400.0;
const DAYS: f64 = 3.0;
/// Calls a day above which nothing is ever cold: more would only take time to simulate.
const CALLS_MAX: f64 = 20_000.0;
/// Points of a curve of the plot.
const STEPS: usize = 200;
const MINUTE: Duration = Duration::from_secs(60);

/// Sebastiano Vigna's splitmix64: the same day at every run.
struct Random(u64);

impl Random {
    /// From zero to one, neither included.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }
}

/// Calls of a function a day: between these points of the published curve, evenly on its logarithmic scale.
fn calls_a_day(random: &mut Random) -> f64 {
    const CURVE: [(f64, f64); 6] =
        [(0.0, 0.5), (0.2, 3.0), (0.45, 24.0), (0.81, 1440.0), (0.95, 14_400.0), (1.0, CALLS_MAX)];
    let share = random.unit();
    let at = CURVE.windows(2).find(|pair| share < pair[1].0).unwrap_or(&CURVE[4..]);
    let ((from, least), (to, most)) = (at[0], at[1]);
    least * (most / least).powf((share - from) / (to - from))
}

/// The moments of a function's calls, in seconds.
fn calls(random: &mut Random) -> Vec<f64> {
    let (mean_s, kind) = (DAY_S / calls_a_day(random), random.unit());
    let (mut now, mut calls) = (random.unit() * mean_s.min(DAY_S), Vec::new());
    // Timers fire at the full period that is nearest.
    const PERIODS_S: [f64; 9] = [60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0];
    let apart = |period: &f64| (period / mean_s).ln().abs();
    let period = PERIODS_S.iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).copied().unwrap_or(mean_s);
    while now < DAYS * DAY_S {
        calls.push(now);
        now += if kind < 0.3 {
            period
        } else if kind < 0.65 {
            random.exponential(mean_s)
        } else if random.unit() < 0.9 {
            // Bursts: nine short gaps for a long one.
            random.exponential(mean_s / 20.0)
        } else {
            random.exponential(mean_s * 9.55)
        };
    }
    calls
}

/// What one policy comes to.
#[derive(Default)]
struct Outcome {
    calls: u64,
    cold: u64,
    /// Of functions called in the day: the share of their calls that started cold.
    shares: Vec<f64>,
    idle_s: f64,
}

fn run(policy: KeepAlive, functions: &[Vec<f64>]) -> Outcome {
    let mut outcome = Outcome::default();
    for function in functions {
        let (mut habits, mut calls, mut cold) = (Habits::default(), 0_u32, 0_u32);
        for (at, next) in function.iter().zip(function.iter().skip(1).map(Some).chain([None])) {
            habits.arrive(Duration::from_secs_f64(*at));
            let plan = habits.plan(policy);
            let (away, until) = (plan.away.as_secs_f64(), plan.until.as_secs_f64());
            let gap = next.map_or(f64::INFINITY, |next| next - at);
            let counts = *at >= (DAYS - 1.0) * DAY_S;
            if counts {
                let end = (DAYS * DAY_S - at).min(gap).min(until);
                // One that is not needed for a while is still there for ten seconds.
                outcome.idle_s += (end - away).max(0.0) + if away > 0.0 { 10_f64.min(gap) } else { 0.0 };
            }
            if next.is_some_and(|next| *next >= (DAYS - 1.0) * DAY_S) {
                calls += 1;
                cold += u32::from(gap > until || (away > 0.0 && gap > 10.0 && gap < away));
            }
        }
        if calls > 0 {
            outcome.calls += u64::from(calls);
            outcome.cold += u64::from(cold);
            outcome.shares.push(f64::from(cold) / f64::from(calls));
        }
    }
    outcome.shares.sort_by(f64::total_cmp);
    outcome
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which file is the plot for?")?;
    let mut random = Random(2020);
    let functions = (0..FUNCTIONS).map(|_| calls(&mut random)).collect::<Vec<_>>();
    let fixed = |minutes: u32| (format!("{minutes} min fixed"), KeepAlive::Fixed(minutes * MINUTE));
    let learned = ("learned, else 10 min".to_owned(), KeepAlive::Learned { otherwise: 10 * MINUTE });
    let policies = [fixed(5), fixed(10), fixed(20), fixed(60), learned];
    let outcomes = policies.map(|(name, policy)| (name, run(policy, &functions)));
    let base = outcomes[1].1.idle_s;
    println!(
        "| policy | cold starts of {} calls | cold at the 75th percentile of functions | idle memory ÷ 10 min fixed |",
        outcomes[0].1.calls
    );
    println!("|---|---|---|---|");
    for (name, outcome) in &outcomes {
        let upper = outcome.shares[outcome.shares.len() * 3 / 4] * 100.0;
        println!("| {name} | {} | {upper:.1} % | {:.2} |", outcome.cold, outcome.idle_s / base);
    }
    plot(&file, &outcomes)
}

/// Which share of the functions has at most so many of its calls cold.
fn plot(file: &str, outcomes: &[(String, Outcome)]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(file, (800, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..100.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("a function's calls that start cold, in per cent")
        .y_desc("share of functions")
        .draw()?;
    for (number, (name, outcome)) in outcomes.iter().enumerate() {
        let of = |step: usize| outcome.shares[step * (outcome.shares.len() - 1) / STEPS] * 100.0;
        let points = (0..=STEPS).map(|step| (of(step), step as f64 / STEPS as f64));
        let colour = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

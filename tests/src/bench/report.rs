//! Rows, ratios, markdown and JSON. Must not know how a value was measured.

use std::fmt::Write;

use serde::Serialize;

use super::machine::Machine;

/// Repeated values of one measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// At least one value is needed.
    pub fn new(mut values: Vec<f64>) -> Sample {
        assert!(!values.is_empty(), "a sample has values");
        values.sort_by(f64::total_cmp);
        Sample(values)
    }

    /// The smallest value.
    pub fn min(&self) -> f64 {
        self.0[0]
    }

    /// The middle value, or the mean of the two middle ones.
    pub fn median(&self) -> f64 {
        let n = self.0.len();
        (self.0[(n - 1) / 2] + self.0[n / 2]) / 2.0
    }

    /// The largest value.
    pub fn max(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Better {
    /// A cost.
    Lower,
    /// A rate.
    Higher,
}

/// What we want of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Goal {
    /// We are so many times better, by the medians.
    TimesBetter(f64),
    /// Our median is at most this.
    AtMost(f64),
    /// Nothing promised; shown for information.
    None,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// Direction.
    pub better: Better,
    /// Values of the official sidecar; not every row has them.
    pub official: Option<Sample>,
    /// Values of ours.
    pub ours: Sample,
    /// What we want.
    pub goal: Goal,
}

impl Row {
    /// How many times better ours is, by the medians. 2.0 is half the cost or double the rate. `None` where a side
    /// is missing or zero.
    pub fn ratio(&self) -> Option<f64> {
        let (official, ours) = (self.official.as_ref()?.median(), self.ours.median());
        if official == 0.0 || ours == 0.0 {
            return None;
        }
        Some(match self.better {
            Better::Lower => official / ours,
            Better::Higher => ours / official,
        })
    }

    /// Whether the goal is met; `None` without a goal.
    pub fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::TimesBetter(goal) => Some(self.ratio()? >= goal),
            Goal::AtMost(goal) => Some(self.ours.median() <= goal),
            Goal::None => None,
        }
    }
}

/// The whole result.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where and with what.
    pub machine: Machine,
    /// How: repetitions and sizes, in words.
    pub how: Vec<String>,
    /// The table.
    pub rows: Vec<Row>,
}

impl Report {
    /// The report as markdown, ready to paste.
    pub fn markdown(&self) -> String {
        let m = &self.machine;
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String cannot fail");
        line(format!("- machine: {}, {} cores, Linux {}", m.cpu, m.cores, m.kernel));
        line(format!(
            "- load averages before: {}; after: {} (the benchmark itself makes 1 to 2)",
            m.load_before, m.load_after
        ));
        line(format!("- official: {}", m.official));
        line(format!("- ours: {}", m.ours));
        self.how.iter().for_each(|how| line(format!("- {how}")));
        line(String::new());
        line(
            "| measure | unit | official: median (min..max) | ours: median (min..max) | times better | goal | met |"
                .into(),
        );
        line("|---|---|---|---|---|---|---|".into());
        for row in &self.rows {
            let (goal, met) = match row.goal {
                Goal::TimesBetter(goal) => (format!("≥ {}", short(goal)), row.met()),
                Goal::AtMost(goal) => (format!("ours ≤ {}", short(goal)), row.met()),
                Goal::None => ("-".to_owned(), None),
            };
            line(format!(
                "| {} | {} | {} | {} | {} | {goal} | {} |",
                row.name,
                row.unit,
                row.official.as_ref().map_or("-".to_owned(), cell),
                cell(&row.ours),
                row.ratio().map_or("-".to_owned(), |ratio| format!("**{}**", short(ratio))),
                met.map_or("-", |met| if met { "yes" } else { "no" }),
            ));
        }
        out
    }
}

fn cell(sample: &Sample) -> String {
    if sample.0.len() == 1 {
        return short(sample.median());
    }
    format!("{} ({}..{})", short(sample.median()), short(sample.min()), short(sample.max()))
}

/// Three significant digits, no exponent.
fn short(value: f64) -> String {
    let digits = if value.abs() >= 100.0 || value == 0.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better, official: &[f64], ours: &[f64], goal: Goal) -> Row {
        let official = Some(Sample::new(official.to_vec()));
        Row { name: "x".into(), unit: "u", better, official, ours: Sample::new(ours.to_vec()), goal }
    }

    #[test]
    fn ratios_always_say_how_much_better_ours_is() {
        let cost = row(Better::Lower, &[90.0, 100.0, 110.0], &[5.0, 6.0, 4.0], Goal::TimesBetter(20.0));
        assert_eq!((cost.ratio(), cost.met()), (Some(20.0), Some(true)));
        let rate = row(Better::Higher, &[100.0], &[900.0], Goal::TimesBetter(10.0));
        assert_eq!((rate.ratio(), rate.met()), (Some(9.0), Some(false)));
        let bound = row(Better::Lower, &[1.0], &[1.1, 1.2], Goal::AtMost(1.1));
        assert_eq!(bound.met(), Some(false));
        assert_eq!(row(Better::Higher, &[0.0], &[90.0], Goal::None).ratio(), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert_eq!(Sample::new(vec![4.0, 1.0, 3.0, 2.0]).median(), 2.5);
    }

    #[test]
    fn numbers_are_short() {
        let told: Vec<String> = [12345.6, 12.34, 1.234, 0.012345, 0.0].map(short).into();
        assert_eq!(told, ["12346", "12.3", "1.23", "0.0123", "0"]);
    }
}

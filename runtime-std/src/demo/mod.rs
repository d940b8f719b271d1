//! A real small training in Rust, for `runwire demo` and for the examples. It knows nothing of how it is logged.

mod net;

use net::{Net, Point, Random};
use std::f64::consts::PI;

/// Values of the training's config, by name.
pub const CONFIG: [(&str, usize); 2] = [("hidden", net::HIDDEN), ("batch", net::BATCH)];

/// What one step gives.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    /// Mean loss of the step's batch.
    pub loss: f64,
    /// Share of the held out points that are told right.
    pub accuracy: f64,
    /// Rate of this step.
    pub learning_rate: f64,
}

/// A training of so many steps; each step is one item.
pub struct Training {
    random: Random,
    points: Vec<Point>,
    held_out: Vec<Point>,
    net: Net,
    step: u32,
    steps: u32,
}

impl Training {
    /// A training that has not begun. The same number of steps gives the same rows.
    pub fn new(steps: u32) -> Self {
        let mut random = Random(7);
        let (points, held_out) = (net::two_moons(400, &mut random), net::two_moons(200, &mut random));
        let net = Net::new(&mut random);
        Training { random, points, held_out, net, step: 0, steps }
    }

    /// Share of the held out points that are told right now.
    pub fn accuracy(&self) -> f64 {
        self.net.accuracy(&self.held_out)
    }
}

impl Iterator for Training {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.step == self.steps {
            return None;
        }
        let learning_rate = 0.25 * (1.0 + (PI * f64::from(self.step) / f64::from(self.steps)).cos());
        let loss = self.net.train(&self.points, learning_rate, &mut self.random);
        self.step += 1;
        Some(Row { loss, accuracy: self.accuracy(), learning_rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_and_is_the_same_every_time() {
        let rows: Vec<Row> = Training::new(300).collect();
        assert_eq!(rows.len(), 300);
        assert!(rows[299].accuracy > 0.9 && rows[299].loss < rows[0].loss, "{:?}", rows[299]);
        assert!(Training::new(300).eq(rows));
    }
}

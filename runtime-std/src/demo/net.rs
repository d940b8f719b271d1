//! A network with one hidden layer that learns to tell two half circles apart: small, real, and the same every time.

use std::f64::consts::PI;

pub(super) const HIDDEN: usize = 16;
pub(super) const BATCH: usize = 32;

pub(super) type Point = ([f64; 2], f64);

/// Two half circles that reach into each other, with noise.
pub(super) fn two_moons(count: usize, random: &mut Random) -> Vec<Point> {
    (0..count)
        .map(|n| {
            let angle = PI * random.unit();
            let (x, y, class) =
                if n % 2 == 0 { (angle.cos(), angle.sin(), 0.0) } else { (1.0 - angle.cos(), 0.5 - angle.sin(), 1.0) };
            ([x + 0.1 * random.bell(), y + 0.1 * random.bell()], class)
        })
        .collect()
}

pub(super) struct Net {
    first: [[f64; 3]; HIDDEN],
    second: [f64; HIDDEN + 1],
}

impl Net {
    pub(super) fn new(random: &mut Random) -> Self {
        Net {
            first: std::array::from_fn(|_| std::array::from_fn(|_| random.bell())),
            second: std::array::from_fn(|_| 0.3 * random.bell()),
        }
    }

    fn forward(&self, [x, y]: [f64; 2]) -> ([f64; HIDDEN], f64) {
        let hidden: [f64; HIDDEN] = std::array::from_fn(|n| {
            let [a, b, bias] = self.first[n];
            (a * x + b * y + bias).tanh()
        });
        let sum: f64 = hidden.iter().zip(&self.second).map(|(h, w)| h * w).sum();
        (hidden, 1.0 / (1.0 + (-(sum + self.second[HIDDEN])).exp()))
    }

    /// One step of stochastic gradient descent; returns the mean loss of its batch.
    pub(super) fn train(&mut self, points: &[Point], rate: f64, random: &mut Random) -> f64 {
        let mut loss = 0.0;
        let (mut first, mut second) = ([[0.0; 3]; HIDDEN], [0.0; HIDDEN + 1]);
        for _ in 0..BATCH {
            let (input, class) = points[(random.unit() * points.len() as f64) as usize % points.len()];
            let (hidden, out) = self.forward(input);
            loss -= class * out.max(1e-12).ln() + (1.0 - class) * (1.0 - out).max(1e-12).ln();
            let error = out - class;
            for n in 0..HIDDEN {
                let back = error * self.second[n] * (1.0 - hidden[n] * hidden[n]);
                second[n] += error * hidden[n];
                first[n][0] += back * input[0];
                first[n][1] += back * input[1];
                first[n][2] += back;
            }
            second[HIDDEN] += error;
        }
        let step = rate / BATCH as f64;
        self.first.iter_mut().flatten().zip(first.iter().flatten()).for_each(|(weight, slope)| *weight -= step * slope);
        self.second.iter_mut().zip(&second).for_each(|(weight, slope)| *weight -= step * slope);
        loss / BATCH as f64
    }

    pub(super) fn accuracy(&self, points: &[Point]) -> f64 {
        let right = points.iter().filter(|(input, class)| (self.forward(*input).1 > 0.5) == (*class > 0.5)).count();
        right as f64 / points.len() as f64
    }
}

/// A small generator, so that every training is the same.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn bell(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-12).ln()).sqrt() * (2.0 * PI * self.unit()).cos()
    }
}

//! A sample of a metric's history for the sparklines that a client prints at the end of a run.
//!
//! Owns the reservoir: algorithm L, which draws how many values to skip instead of a number per value. The same seed
//! and the same rows give the same sample.

use alloc::vec::Vec;

/// Values kept per metric.
const SIZE: usize = 48;

/// A small generator (splitmix64). Samples need no more than that, and it is the same everywhere.
#[derive(Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A float above 0 and below 1.
    fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let whole = (self.bits() >> 12) as f64;
        (whole + 0.5) / (1_u64 << 52) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }
}

/// The sample of one metric.
#[derive(Debug, Default)]
pub(super) struct Reservoir {
    seen: u64,
    /// The value, counted from 0, that is taken next once the reservoir is full.
    next: u64,
    /// The threshold of algorithm L.
    w: f64,
    /// With the number of the value, so that they can be put in order.
    values: Vec<(u64, f32)>,
}

impl Reservoir {
    /// Offers the next value.
    pub(super) fn offer(&mut self, value: f32, draw: &mut Draw) {
        let number = self.seen;
        self.seen += 1;
        if self.values.len() < SIZE {
            self.values.push((number, value));
            if self.values.len() == SIZE {
                self.w = 1.0;
                self.skip(number, draw);
            }
        } else if number == self.next {
            let place = draw.below(SIZE);
            self.values[place] = (number, value);
            self.skip(number, draw);
        }
    }

    fn skip(&mut self, number: u64, draw: &mut Draw) {
        self.w *= libm::exp(libm::log(draw.unit()) / SIZE as f64);
        let skipped = libm::floor(libm::log(draw.unit()) / libm::log1p(-self.w));
        // A float that is too large becomes the largest integer: nothing more is taken.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and it saturates")]
        let skipped = skipped as u64;
        self.next = number.saturating_add(skipped).saturating_add(1);
    }

    /// The sampled values in the order they were logged.
    pub(super) fn values(&self) -> Vec<f32> {
        let mut values = self.values.clone();
        values.sort_unstable_by_key(|(number, _)| *number);
        values.into_iter().map(|(_, value)| value).collect()
    }
}

//! The numbers of one metric, in bounded memory: count, extremes, the last one, and a picture of the course.

/// Points of the picture; when they are full, neighbours are merged.
const POINTS: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) count: u64,
    pub(super) numbers: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) last: Option<f64>,
    points: Vec<f64>,
    /// Values that make one point now.
    width: u64,
    sum: f64,
    in_sum: u64,
}

impl Series {
    pub(super) fn push(&mut self, value: Option<f64>) {
        self.count += 1;
        let Some(value) = value else { return };
        self.last = Some(value);
        if !value.is_finite() {
            return;
        }
        if self.numbers == 0 {
            (self.min, self.max, self.width) = (value, value, 1);
        }
        self.numbers += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.in_sum += 1;
        if self.in_sum == self.width {
            self.points.push(self.sum / self.in_sum as f64);
            (self.sum, self.in_sum) = (0.0, 0);
        }
        if self.points.len() == POINTS {
            self.points = self.points.chunks(2).map(|pair| pair.iter().sum::<f64>() / pair.len() as f64).collect();
            self.width *= 2;
        }
    }

    /// Means of equally long stretches of the course, at most [`POINTS`].
    pub(super) fn points(&self) -> &[f64] {
        &self.points
    }

    /// A line of `width` blocks at most.
    pub(super) fn sparkline(&self, width: usize) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let per = self.points.len().div_ceil(width.max(1)).max(1);
        let means: Vec<f64> =
            self.points.chunks(per).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let range = means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low;
        let level = |mean: f64| if range > 0.0 { ((mean - low) / range * 7.0).round() as usize } else { 0 };
        means.into_iter().map(|mean| BLOCKS[level(mean).min(7)]).collect()
    }
}

/// A number as the protocol writes it, with its three bare tokens.
pub(super) fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.starts_with(|c: char| c.is_ascii_digit() || c == '-').then(|| text.parse().ok()).flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_shape_in_few_points() {
        let mut series = Series::default();
        (0..100_000).for_each(|n| series.push(Some(f64::from(n))));
        series.push(Some(f64::NAN));
        assert_eq!((series.numbers, series.min, series.max), (100_000, 0.0, 99_999.0));
        assert!(series.points.len() < POINTS);
        let line = series.sparkline(16);
        assert!(line.starts_with('▁') && line.ends_with('█'), "{line}");
        assert!(series.last.unwrap().is_nan());
    }
}

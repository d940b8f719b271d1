//! Histograms of TensorBoard as edges and counts, with no more bins than the server shows.

use super::event::{Value, repeated_fixed64};
use alloc::{vec, vec::Vec};
use runwire_proto::peek::{Field, Value as Wire};

const BINS_MAX: usize = 512;

/// `edges` is one longer than `counts`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    pub(super) edges: Vec<f64>,
    pub(super) counts: Vec<f64>,
}

/// A `HistogramProto`: the smallest value, and each bin's right edge and count.
pub(super) fn of_message(fields: &[Field<'_>]) -> Result<Value, &'static str> {
    let (limits, counts) = (repeated_fixed64(fields, 6), repeated_fixed64(fields, 7));
    if limits.len() != counts.len() {
        return Err("its histogram has not as many counts as limits");
    }
    if limits.is_empty() {
        return Err("its histogram is empty");
    }
    let least = fields.iter().rev().find_map(|field| match (field.number, field.value) {
        (1, Wire::Fixed64(bits)) => Some(f64::from_bits(bits)),
        _ => None,
    });
    let mut edges = vec![least.unwrap_or_default()];
    edges.extend(limits);
    Ok(Value::Histogram(bounded(Histogram { edges, counts })))
}

/// A tensor of rows: left edge, right edge, count.
pub(super) fn of_rows(numbers: &[f64]) -> Result<Value, &'static str> {
    let rows: Vec<&[f64]> = numbers.chunks(3).collect();
    let Some([.., last, _]) = rows.last() else { return Err("its histogram is empty") };
    if !numbers.len().is_multiple_of(3) {
        return Err("its histogram has not three columns");
    }
    let mut edges: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    edges.push(*last);
    let counts = rows.iter().map(|row| row[2]).collect();
    Ok(Value::Histogram(bounded(Histogram { edges, counts })))
}

/// With too many bins: as many equal ones as are allowed, each with its share of what lay there.
fn bounded(histogram: Histogram) -> Histogram {
    let Histogram { edges, counts } = &histogram;
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let width = (last - first) / BINS_MAX as f64;
    if counts.len() <= BINS_MAX || !width.is_finite() || width <= 0.0 {
        return histogram;
    }
    let mut fewer = vec![0.0; BINS_MAX];
    for (edge, count) in edges.windows(2).zip(counts) {
        let (left, right) = (edge[0], edge[1]);
        if right.partial_cmp(&left) != Some(core::cmp::Ordering::Greater) {
            continue;
        }
        let bin = |at: f64| (((at - first) / width).max(0.0) as usize).min(BINS_MAX - 1);
        for (at, sum) in fewer.iter_mut().enumerate().take(bin(right) + 1).skip(bin(left)) {
            let from = (first + width * at as f64).max(left);
            let to = (first + width * (at + 1) as f64).min(right);
            *sum += count * (to - from).max(0.0) / (right - left);
        }
    }
    let edges = (0..=BINS_MAX).map(|at| first + width * at as f64).collect();
    Histogram { edges, counts: fewer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bins_become_512_with_the_same_sum() {
        let edges: Vec<f64> = (0..=1000).map(f64::from).collect();
        let fewer = bounded(Histogram { edges, counts: vec![1.0; 1000] });
        assert_eq!((fewer.edges.len(), fewer.counts.len()), (513, 512));
        assert_eq!((fewer.edges[1], fewer.edges[512]), (1.953125, 1000.0));
        assert!(fewer.counts.iter().all(|count| (count - 1.953125).abs() < 1e-9), "{:?}", fewer.counts);
    }

    #[test]
    fn odd_histograms_are_left_as_they_are() {
        let odd = Histogram { edges: vec![f64::NAN; 601], counts: vec![1.0; 600] };
        assert_eq!(bounded(odd).counts.len(), 600);
        assert!(of_rows(&[]).is_err());
        assert!(of_rows(&[0.0, 1.0]).is_err());
        assert!(of_rows(&[0.0, 1.0, 2.0, 3.0]).is_err());
        assert!(of_message(&[]).is_err());
    }
}

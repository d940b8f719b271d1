//! Columns in the store: the values of one metric in a stretch of rows (a page) are one value, so that a chart after a
//! restart reads its own metric and no row. Knows no text of a row.

use super::keys;
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The column of the steps, which every row has.
pub(crate) const STEPS: u32 = 0;
/// Not numbers, but the offsets at which the chunks of the page's rows begin.
pub(crate) const CHUNKS: u32 = 1;

/// When a page is full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    /// Rows of a page; at most 65536. The database rounds values up to a power of two: so many numbers fit into 32 KiB.
    pub rows: usize,
    /// Numbers of all metrics in a page: what a load after a restart has to parse at most, and what one push writes.
    pub values: usize,
}

impl PageSize {
    pub(crate) const USUAL: Self = Self { rows: 4000, values: 1 << 18 };
}

/// What the pages of a run say at a glance. Numbers are kept as their bits: JSON has no NaN.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Rows in pages: those of the first writer at the offsets from 0 on.
    pub rows: u32,
    pub pages: u32,
    /// A step was smaller than the one before.
    pub unsorted: bool,
    /// Step of the last row.
    pub end: u64,
    /// The row with the greatest step, and that step.
    pub last: (u32, u64),
    /// Name, values, and last value, in the order of the columns.
    pub metrics: Vec<(String, usize, u64)>,
    /// What the server derives of the rows, if it derives the summary.
    pub derived: Option<Map<String, Value>>,
}

impl Index {
    /// None if there are no pages, or none that this version understands.
    pub(crate) fn read(store: &dyn Store, id: u64) -> Result<Option<Self>, StoreError> {
        Ok(store.get(&keys::index(id))?.and_then(|value| serde_json::from_slice(&value).ok()))
    }
}

/// How the values of a page are written.
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Each is one more than the one before, as steps are.
const COUNTING: u8 = 2;

/// The value of a page that begins with row `first`: values with their rows, ascending.
pub(crate) fn encoded(first: u32, rows: &[u32], values: &[f64]) -> Vec<u8> {
    let mut page = Vec::with_capacity(values.len() * 8 + 16);
    page.extend_from_slice(&first.to_le_bytes());
    let dense = (first..).zip(rows).all(|(wanted, row)| wanted == *row);
    let next = |pair: &[f64]| (pair[0] + 1.0).to_bits() == pair[1].to_bits();
    if dense && values.len() > 1 && values.windows(2).all(next) {
        page.push(COUNTING);
        page.extend_from_slice(&u32::try_from(values.len()).unwrap_or(u32::MAX).to_le_bytes());
        page.extend_from_slice(&values[0].to_le_bytes());
        return page;
    }
    page.push(if dense { DENSE } else { SPARSE });
    if !dense {
        page.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
        let from_first = |row: &u32| u16::try_from(row - first).unwrap_or(u16::MAX).to_le_bytes();
        page.extend(rows.iter().flat_map(from_first));
    }
    page.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    page
}

/// Calls `found` with every row and value of a page. None if the page is damaged.
pub(crate) fn decode(page: &[u8], found: &mut impl FnMut(u32, f64)) -> Option<()> {
    let (first, rest) = page.split_first_chunk::<4>()?;
    let first = u32::from_le_bytes(*first);
    let (kind, rest) = rest.split_first()?;
    if *kind == DENSE {
        let (values, rest) = rest.as_chunks::<8>();
        (first..).zip(values).for_each(|(row, value)| found(row, f64::from_le_bytes(*value)));
        return rest.is_empty().then_some(());
    }
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count);
    match *kind {
        COUNTING => {
            let mut value = f64::from_le_bytes(rest.try_into().ok()?);
            for row in first..first.checked_add(count)? {
                found(row, value);
                value += 1.0;
            }
        }
        SPARSE => {
            let (rows, values) = rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(2)?)?;
            let (rows, (values, more)) = (rows.as_chunks::<2>().0, values.as_chunks::<8>());
            if rows.len() != values.len() || !more.is_empty() {
                return None;
            }
            for (row, value) in rows.iter().zip(values) {
                found(first.checked_add(u32::from(u16::from_le_bytes(*row)))?, f64::from_le_bytes(*value));
            }
        }
        _ => return None,
    }
    Some(())
}

/// Calls `found` with every value of a column. False if a page is damaged.
pub(crate) fn column(
    store: &dyn Store,
    id: u64,
    column: u32,
    mut found: impl FnMut(u32, f64),
) -> Result<bool, StoreError> {
    let mut whole = true;
    store.scan(&keys::column(id, column), &[], &mut |_, value| {
        whole = decode(value, &mut found).is_some();
        whole
    })?;
    Ok(whole)
}

/// The offsets at which chunks begin, as the value of a page.
pub(crate) fn encoded_starts(starts: &[u64]) -> Vec<u8> {
    starts.iter().flat_map(|start| start.to_le_bytes()).collect()
}

/// The offsets of all pages.
pub(crate) fn starts(store: &dyn Store, id: u64) -> Result<Vec<u64>, StoreError> {
    let mut starts = Vec::new();
    store.scan(&keys::column(id, CHUNKS), &[], &mut |_, value| {
        starts.extend(value.as_chunks::<8>().0.iter().map(|start| u64::from_le_bytes(*start)));
        true
    })?;
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(page: &[u8]) -> Option<Vec<(u32, u64)>> {
        let mut found = Vec::new();
        decode(page, &mut |row, value| found.push((row, value.to_bits())))?;
        Some(found)
    }

    proptest! {
        #[test]
        fn pages_keep_every_bit(
            first in 0u32..1000,
            gaps in prop::collection::vec(prop_oneof![9 => Just(1u32), 1 => 0u32..20], 1..200),
            bits in any::<u64>(),
            counting in any::<bool>(),
        ) {
            let rows: Vec<u32> = gaps.iter().scan(first, |at, gap| { let row = *at; *at += gap; Some(row) }).collect();
            let value = |n: usize| if counting { n as f64 } else { f64::from_bits(bits.rotate_left(n as u32 % 64)) };
            let values: Vec<f64> = (0..rows.len()).map(value).collect();
            let page = encoded(first, &rows, &values);
            let expected: Vec<(u32, u64)> = rows.iter().copied().zip(values.iter().map(|value| value.to_bits())).collect();
            prop_assert_eq!(read(&page), Some(expected));
            prop_assert_eq!(read(&page[..page.len() - 1]), None);
        }
    }

    #[test]
    fn steps_take_no_room() {
        let rows: Vec<u32> = (5..20_000).collect();
        let values: Vec<f64> = rows.iter().map(|row| f64::from(*row)).collect();
        assert!(encoded(5, &rows, &values).len() < 20);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0, 0, 0, 0, 9, 0, 0, 0, 0]), None, "a kind that came later");
    }
}

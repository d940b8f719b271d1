//! Calendar text of Unix microseconds. Knows nothing of time zones: callers add an offset first.

use core::fmt;

const MICROS: i64 = 1_000_000;

/// A moment split into calendar fields (proleptic Gregorian, no leap seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    year: i64,
    month: u8,
    day: u8,
    second_of_day: u32,
    micros: u32,
}

impl Stamp {
    pub(super) fn from_unix_micros(micros: i64) -> Self {
        let seconds = micros.div_euclid(MICROS);
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        Self {
            year,
            month,
            day,
            second_of_day: seconds.rem_euclid(86_400) as u32,
            micros: micros.rem_euclid(MICROS) as u32,
        }
    }

    fn clock(self) -> (u32, u32, u32) {
        (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }

    /// `2026-11-25T02:23:25.507656`, as console lines carry it.
    pub(super) fn line(self) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let (h, m, s) = self.clock();
            write!(f, "{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}.{:06}", self.year, self.month, self.day, self.micros)
        })
    }

    /// `20261125_022325_507656000`, as file names carry it.
    pub(super) fn file(self) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let (h, m, s) = self.clock();
            write!(f, "{:04}{:02}{:02}_{h:02}{m:02}{s:02}_{:09}", self.year, self.month, self.day, self.micros * 1000)
        })
    }
}

/// Days since 1970-01-01 to year, month, day, by counting from a 1st of March in eras of 400 years.
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u8;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn known_moments() {
        let line = |micros| Stamp::from_unix_micros(micros).line().to_string();
        assert_eq!(line(0), "1970-01-01T00:00:00.000000");
        assert_eq!(line(-1), "1969-12-31T23:59:59.999999");
        assert_eq!(line(951_782_400_000_000), "2000-02-29T00:00:00.000000");
        assert_eq!(line(1_795_573_405_507_656), "2026-11-25T02:23:25.507656");
        assert_eq!(Stamp::from_unix_micros(1_795_573_405_507_656).file().to_string(), "20261125_022325_507656000");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(-1);
        for day in 0..60_000 {
            let next = civil(day);
            let same_month = next == (last.0, last.1, last.2 + 1);
            let next_month =
                next.2 == 1 && last.2 >= 28 && (next.0, next.1) == (last.0 + i64::from(last.1 == 12), last.1 % 12 + 1);
            assert!(same_month || next_month, "{last:?} {next:?}");
            last = next;
        }
    }
}

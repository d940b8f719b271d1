//! Accepted = stored + refused(why): what became of the records of a run.

use alloc::vec::Vec;
use prost::Message;

/// Why a record is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The disk failed and the backlog in memory was full.
    DiskFailed,
    /// The run was closed already.
    Closed,
    /// The disk never took the record before the run ended.
    LostAtClose,
}

/// Counts of one run. They travel in the exit record as fields that other readers skip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Records that were taken and numbered.
    pub accepted: u64,
    /// Records whose bytes the disk has.
    pub stored: u64,
    /// See [`Refusal::DiskFailed`].
    pub refused_disk: u64,
    /// See [`Refusal::Closed`].
    pub refused_closed: u64,
    /// See [`Refusal::LostAtClose`].
    pub lost_at_close: u64,
    /// Rows that came with a step below the current one. They were never records, hence not in the sum.
    pub rows_behind: u64,
    /// Values that were not JSON and were left out of their row.
    pub bad_values: u64,
}

impl Accounts {
    /// All refused records.
    pub fn refused(&self) -> u64 {
        self.refused_disk + self.refused_closed + self.lost_at_close
    }

    pub(crate) fn refuse(&mut self, why: Refusal, records: u64) {
        let count = match why {
            Refusal::DiskFailed => &mut self.refused_disk,
            Refusal::Closed => &mut self.refused_closed,
            Refusal::LostAtClose => &mut self.lost_at_close,
        };
        *count += records;
    }

    /// The counts as fields of an exit record, as they stand when that record itself is taken.
    pub fn encode(&self) -> Vec<u8> {
        ExitAccounts {
            accepted: self.accepted,
            refused_disk: self.refused_disk,
            refused_closed: self.refused_closed,
            rows_behind: self.rows_behind,
            bad_values: self.bad_values,
        }
        .encode_to_vec()
    }

    /// Reads the counts back from the body of an exit record; `None` if another program wrote it.
    pub fn decode(exit_record: &[u8]) -> Option<Accounts> {
        let found = ExitAccounts::decode(exit_record).ok().filter(|a| a.accepted > 0)?;
        Some(Accounts {
            accepted: found.accepted,
            stored: found.accepted - found.refused_disk.min(found.accepted),
            refused_disk: found.refused_disk,
            refused_closed: found.refused_closed,
            lost_at_close: 0,
            rows_behind: found.rows_behind,
            bad_values: found.bad_values,
        })
    }
}

/// Fields 1001.. of `RunExitRecord` are ours; the protocol's own end at 200.
#[derive(Clone, PartialEq, prost::Message)]
struct ExitAccounts {
    #[prost(uint64, tag = "1001")]
    accepted: u64,
    #[prost(uint64, tag = "1002")]
    refused_disk: u64,
    #[prost(uint64, tag = "1003")]
    refused_closed: u64,
    #[prost(uint64, tag = "1004")]
    rows_behind: u64,
    #[prost(uint64, tag = "1005")]
    bad_values: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use runwire_proto::wire;

    #[test]
    fn accounts_ride_in_an_exit_record_that_others_can_read() {
        let mut body = wire::RunExitRecord { exit_code: 3, ..Default::default() }.encode_to_vec();
        let accounts = Accounts { accepted: 10, stored: 8, refused_disk: 2, rows_behind: 4, ..Default::default() };
        body.extend(accounts.encode());
        assert_eq!(wire::RunExitRecord::decode(&body[..]).unwrap().exit_code, 3);
        assert_eq!(Accounts::decode(&body), Some(accounts));
        assert_eq!(Accounts::decode(&wire::RunExitRecord::default().encode_to_vec()), None);
    }
}

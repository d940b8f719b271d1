//! The steps of uploaded rows: they only go up, whatever the log says.

/// The step of the next row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    next: i64,
    behind: u64,
    last: Option<i64>,
}

impl Steps {
    /// Rows start at `step`, unless there were rows already.
    pub(super) fn start(&mut self, step: i64) {
        self.next = self.next.max(step);
    }

    /// The step of a row that was logged with `logged`, if that is a whole number. A step behind the running one is not
    /// kept; see [`Steps::take_behind`].
    pub(super) fn assign(&mut self, logged: Option<i64>) -> i64 {
        let step = match logged {
            Some(step) if step >= self.next => step,
            Some(_) => {
                self.behind += 1;
                self.next
            }
            None => self.next,
        };
        self.next = step.saturating_add(1);
        self.last = Some(step);
        step
    }

    /// The step of the last row.
    pub(super) fn last(&self) -> Option<i64> {
        self.last
    }

    /// Rows that got another step than they were logged with, since the last call.
    pub(super) fn take_behind(&mut self) -> u64 {
        core::mem::take(&mut self.behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steps_go_up_and_no_step_ahead_is_changed(logged: alloc::vec::Vec<Option<i16>>, start in 0..50_i64) {
            let mut steps = Steps::default();
            steps.start(start);
            let mut last = start - 1;
            for step in logged {
                let step = step.map(i64::from);
                let assigned = steps.assign(step);
                prop_assert!(assigned > last);
                match step {
                    Some(step) if step > last => prop_assert_eq!(assigned, step),
                    Some(_) => prop_assert_eq!((assigned, steps.take_behind()), (last + 1, 1)),
                    None => prop_assert_eq!(assigned, last + 1),
                }
                prop_assert_eq!(steps.take_behind(), 0);
                last = assigned;
            }
        }
    }
}

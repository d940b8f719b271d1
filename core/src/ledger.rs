//! Effects that are outstanding: who asked, until when. Guards laws L3 (each answered once) and L6 (none waits for ever).

use crate::{
    completion::{Completion, expected},
    effect::EffectKind,
    error::InputError,
    id::EffectId,
    time::{Duration, Instant, Wake},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

#[derive(Debug)]
struct Entry<O> {
    kind: EffectKind,
    origin: O,
    deadline: Instant,
}

/// Late answers are told from second answers as long as their tombstone is kept.
const TOMBSTONES_MAX: usize = 4096;

/// Outstanding effects, each with `O`: whom its outcome goes to.
#[derive(Debug)]
pub(crate) struct Ledger<O> {
    last_id: u64,
    open: BTreeMap<EffectId, Entry<O>>,
    /// Ids whose answer may still come although nobody waits for it.
    tombstones: VecDeque<EffectId>,
}

impl<O> Default for Ledger<O> {
    fn default() -> Self {
        Ledger { last_id: 0, open: BTreeMap::new(), tombstones: VecDeque::new() }
    }
}

impl<O: Clone> Ledger<O> {
    pub(crate) fn issue(&mut self, kind: EffectKind, origin: O, now: Instant, within: Duration) -> EffectId {
        self.last_id += 1;
        let id = EffectId(self.last_id);
        self.open.insert(id, Entry { kind, origin, deadline: now.after(within) });
        id
    }

    /// Whom the outcome of an effect goes to, if it is waited for.
    pub(crate) fn origin(&self, id: EffectId) -> Option<&O> {
        self.open.get(&id).map(|entry| &entry.origin)
    }

    /// Takes an outcome. `Ok(None)`: it comes late and means nothing.
    pub(crate) fn complete(&mut self, id: EffectId, completion: &Completion) -> Result<Option<O>, InputError> {
        if let Some(entry) = self.open.get(&id) {
            if !completion.answers(entry.kind) {
                return Err(InputError::WrongCompletion { id, expected: expected(entry.kind), got: completion.name() });
            }
            #[cfg(planted)]
            if planted!(LeakLedger) && entry.kind == EffectKind::WriteFile
                || planted!(DoubleAnswer) && entry.kind == EffectKind::AppendLog
            {
                return Ok(Some(entry.origin.clone()));
            }
            return Ok(self.open.remove(&id).map(|entry| entry.origin));
        }
        if let Some(at) = self.tombstones.iter().position(|dead| *dead == id) {
            self.tombstones.remove(at);
            return Ok(None);
        }
        Err(if id.0 == 0 || id.0 > self.last_id {
            InputError::UnknownEffect(id)
        } else {
            InputError::CompletedTwice(id)
        })
    }

    /// Effects whose deadline has passed. Their answers may still come and are then ignored.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(EffectId, O)> {
        if planted!(ForgetTimer) {
            return Vec::new();
        }
        let due: Vec<EffectId> = self.open.iter().filter(|(_, e)| e.deadline <= now).map(|(id, _)| *id).collect();
        due.into_iter().filter_map(|id| self.bury(id).map(|origin| (id, origin))).collect()
    }

    /// Forgets every outstanding effect and returns their ids.
    pub(crate) fn abandon(&mut self) -> Vec<EffectId> {
        let ids: Vec<EffectId> = self.open.keys().copied().collect();
        ids.iter().for_each(|id| drop(self.bury(*id)));
        ids
    }

    /// The same for the effects of these kinds only.
    pub(crate) fn abandon_kinds(&mut self, kinds: &[EffectKind]) -> Vec<EffectId> {
        let ids: Vec<EffectId> = self.open.iter().filter(|(_, e)| kinds.contains(&e.kind)).map(|(id, _)| *id).collect();
        ids.iter().for_each(|id| drop(self.bury(*id)));
        ids
    }

    /// Forgets one effect. Its answer may still come and is then ignored.
    pub(crate) fn cancel(&mut self, id: EffectId) {
        drop(self.bury(id));
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        let open = self.open.values().filter(|_| !planted!(ForgetTimer));
        open.map(|e| e.deadline).min().map(|at| Wake { at, why: "ledger.deadline" })
    }

    pub(crate) fn outstanding(&self) -> impl Iterator<Item = (EffectId, EffectKind)> + '_ {
        self.open.iter().map(|(id, entry)| (*id, entry.kind))
    }

    fn bury(&mut self, id: EffectId) -> Option<O> {
        let entry = self.open.remove(&id)?;
        if self.tombstones.len() == TOMBSTONES_MAX {
            self.tombstones.pop_front();
        }
        self.tombstones.push_back(id);
        Some(entry.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Origin {
        Append,
        Close,
    }

    #[test]
    fn late_is_not_twice_and_unknown_is_neither() {
        let mut ledger = Ledger::default();
        let second = Duration::from_secs(1);
        let a = ledger.issue(EffectKind::AppendLog, Origin::Append, Instant::ZERO, second);
        let b = ledger.issue(EffectKind::CloseLog, Origin::Close, Instant::ZERO, second * 9);
        assert!(matches!(ledger.complete(a, &Completion::Closed), Err(InputError::WrongCompletion { .. })));
        assert_eq!(ledger.expire(Instant::from_nanos(1_000_000_000)).len(), 1);
        assert_eq!(ledger.complete(a, &Completion::Appended), Ok(None));
        assert_eq!(ledger.complete(a, &Completion::Appended), Err(InputError::CompletedTwice(a)));
        assert_eq!(ledger.complete(b, &Completion::Closed), Ok(Some(Origin::Close)));
        assert_eq!(ledger.complete(EffectId(3), &Completion::Closed), Err(InputError::UnknownEffect(EffectId(3))));
        assert_eq!(ledger.wake(), None);
    }
}

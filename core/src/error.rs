//! What a caller of the core can do wrong. Faults of the world are inputs, not errors.

use crate::id::EffectId;

/// Misuse of [`crate::Engine::handle_input`]. The engine's state has not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Law L1: the outputs of the last input were not drained.
    #[error("poll the outputs until `Wait` or `Finished` before the next input")]
    NotDrained,
    /// Law L3: no effect with this id was ever issued.
    #[error("{0} was never issued")]
    UnknownEffect(EffectId),
    /// Law L3: this effect has had its outcome.
    #[error("{0} is completed already")]
    CompletedTwice(EffectId),
    /// Law L3: the outcome does not belong to this kind of effect.
    #[error("{id} is answered by {expected}, not by {got}")]
    WrongCompletion {
        /// The effect.
        id: EffectId,
        /// Name of the completion that answers it.
        expected: &'static str,
        /// Name of the completion that came.
        got: &'static str,
    },
}

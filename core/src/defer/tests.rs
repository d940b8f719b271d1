//! The table of the end of a run, and the machine that walks it.

use super::*;
use alloc::{format, string::String, vec::Vec};

#[test]
fn every_state_and_event() {
    let mut table = String::new();
    for state in STATES {
        for event in EVENTS {
            let to = next(state, event).map_or("-", DeferState::name);
            table.push_str(&format!("{:22} {:9} {to}\n", state.name(), format!("{event:?}")));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_stage_ends_by_success_by_failure_and_by_time() {
    for state in STATES {
        let busy = state != DeferState::Begin && state != DeferState::End;
        for event in [DeferEvent::Flushed, DeferEvent::Failed, DeferEvent::Expired] {
            match next(state, event) {
                Some(to) => assert!(busy && to > state, "{state} {event:?}"),
                None => assert!(!busy, "{state} has no exit for {event:?}"),
            }
        }
        assert!(!condition(state).is_empty());
    }
}

#[test]
fn from_every_state_the_end_is_at_most_thirteen_events_away() {
    for start in &STATES[1..] {
        let mut state = *start;
        let steps = core::iter::from_fn(|| {
            state = next(state, DeferEvent::Expired)?;
            Some(state)
        });
        assert!(steps.count() <= 13);
        assert_eq!(state, DeferState::End);
    }
}

#[test]
fn outcomes_that_never_come_delay_the_end_by_the_sum_of_the_deadlines() {
    let limits = Limits::default();
    let mut defer = Defer::new(false);
    let mut out = VecDeque::new();
    defer.on_exit_seen(Instant::ZERO, &limits, None, &mut out);
    let mut at = Instant::ZERO;
    while let Some(wake) = defer.wake() {
        assert!(wake.at > at, "a due tick must move the deadline");
        at = wake.at;
        defer.on_tick(at, &limits, &mut out);
    }
    assert_eq!(
        at.since(Instant::ZERO),
        limits.stage_deadline * 11 + limits.tensorboard_deadline + limits.final_stage_deadline
    );
    let stuck: Vec<_> = out.iter().filter(|a| matches!(a, Action::Stuck(_))).collect();
    assert_eq!(stuck.len(), 13);
    assert_eq!(out.back(), Some(&Action::Complete { timed_out: true }));
}

#[test]
fn a_late_outcome_of_a_passed_stage_means_nothing() {
    let limits = Limits::default();
    let (mut defer, mut out) = (Defer::new(false), VecDeque::new());
    defer.on_exit_seen(Instant::ZERO, &limits, None, &mut out);
    defer.on_flushed(Instant::ZERO, &limits, DeferState::FlushRun, &mut out);
    defer.on_flushed(Instant::ZERO, &limits, DeferState::FlushRun, &mut out);
    assert_eq!(defer.state(), DeferState::FlushStats);
}

#[test]
fn the_users_limit_skips_to_the_log_but_never_past_it() {
    let limits = Limits::default();
    let (mut defer, mut out) = (Defer::new(false), VecDeque::new());
    defer.on_exit_seen(Instant::ZERO, &limits, Some(Duration::from_millis(10)), &mut out);
    for stage in &STATES[1..=7] {
        defer.on_flushed(Instant::ZERO, &limits, *stage, &mut out);
    }
    assert_eq!(defer.state(), DeferState::FlushJob);
    defer.on_tick(Instant::from_nanos(10_000_000), &limits, &mut out);
    assert_eq!(defer.state(), DeferState::FlushFinal);
    defer.on_flushed(Instant::from_nanos(10_000_000), &limits, DeferState::FlushFinal, &mut out);
    assert_eq!(out.back(), Some(&Action::Complete { timed_out: true }));
}

#[test]
fn the_users_limit_ends_the_reading_of_event_files() {
    let limits = Limits::default();
    let (mut defer, mut out) = (Defer::new(false), VecDeque::new());
    defer.on_exit_seen(Instant::ZERO, &limits, Some(Duration::from_millis(10)), &mut out);
    for stage in &STATES[1..=3] {
        defer.on_flushed(Instant::ZERO, &limits, *stage, &mut out);
    }
    assert_eq!(defer.state(), DeferState::FlushTb);
    defer.on_tick(Instant::from_nanos(10_000_000), &limits, &mut out);
    assert_eq!(defer.state(), DeferState::FlushSum);
}

#[test]
fn the_drawing_has_every_move() {
    let moves = STATES.iter().flat_map(|s| EVENTS.iter().filter_map(|e| next(*s, *e))).count();
    assert_eq!(dot().matches("->").count(), moves);
}

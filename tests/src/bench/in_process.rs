//! Drives a [`Service`] with a fixed stream of frames and a perfect disk, in one thread, without sockets or clocks:
//! the same work on every machine, made to be counted. Must not know how it is counted.

use std::collections::VecDeque;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use runwire_core::service::{Service, ServiceConfig, ServiceInput, ServiceOutput};
use runwire_core::time::Duration;
use runwire_core::writer::WritePolicy;
use runwire_core::{ClientId, Effect, Instant, Limits, UnixNanos, Wake, completion::success};

use super::frames::{self, Steps};

/// The only connection.
const CLIENT: ClientId = ClientId(1);
/// Different step frames that are sent round and round.
const DISTINCT: usize = 64;

/// What the stream consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Values a step.
    pub metrics: usize,
    /// Steps of each run, rounded up to whole reads.
    pub steps: u64,
    /// Runs, one after the other.
    pub runs: u64,
    /// Frames that one read of the socket brings: a divisor of 64.
    pub frames_per_read: usize,
}

/// What came out, to see that the work was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Runs that ended with exit code 0.
    pub runs: u64,
    /// Records whose bytes the disk took.
    pub stored: u64,
    /// Records or rows that were not taken.
    pub refused: u64,
    /// Bytes of all logs.
    pub log_bytes: u64,
    /// Bytes of answers.
    pub answer_bytes: u64,
}

/// Feeds the whole stream.
pub fn drive(stream: Stream) -> Outcome {
    let mut world = World::new();
    world.input(ServiceInput::Connected(CLIENT));
    for run in 1..=stream.runs {
        let run_id = format!("r{run}");
        world.receive(joined(&[
            &frames::init(&run_id, Path::new("/runs").join(&run_id).as_path(), None),
            &frames::header(&run_id),
            &frames::run(&run_id),
            &frames::run_start(&run_id),
        ]));
        // Made before use and shared by all reads: a read costs the core no copy, as a real one costs it none.
        let reads = reads(&Steps::new(&run_id, stream.metrics, DISTINCT), stream.frames_per_read);
        let rounds = stream.steps.div_ceil(stream.frames_per_read as u64);
        for read in reads.iter().cycle().take(usize::try_from(rounds).unwrap_or(usize::MAX)) {
            world.receive(read.clone());
        }
        world.receive(joined(&[&frames::exit(&run_id), &frames::finish(&run_id)]));
    }
    world.receive(frames::teardown().into());
    world.outcome
}

fn reads(steps: &Steps, frames_per_read: usize) -> Vec<Bytes> {
    assert!(DISTINCT.is_multiple_of(frames_per_read), "reads of equal size need a divisor of {DISTINCT}");
    let frames: Vec<&[u8]> = steps.iter().collect();
    frames.chunks(frames_per_read).map(joined).collect()
}

fn joined(frames: &[impl AsRef<[u8]>]) -> Bytes {
    let mut all = BytesMut::new();
    frames.iter().for_each(|frame| all.extend_from_slice(frame.as_ref()));
    all.freeze()
}

struct World {
    service: Service,
    now: Instant,
    /// What the world has to say, in order.
    due: VecDeque<ServiceInput>,
    wake: Option<Wake>,
    paused: bool,
    outcome: Outcome,
}

impl World {
    fn new() -> World {
        let config = ServiceConfig {
            seed: 1,
            limits: Limits::default(),
            write_policy: WritePolicy::default(),
            idle_timeout: None,
            write_summary_files: false,
            utc_offset_seconds: 0,
            current_dir: Default::default(),
            slurm: Default::default(),
        };
        let wall = UnixNanos(frames::START as i64 * 1_000_000_000);
        let mut world = World {
            service: Service::new(config, Instant::ZERO, wall),
            now: Instant::ZERO,
            due: VecDeque::new(),
            wake: None,
            paused: false,
            outcome: Outcome::default(),
        };
        world.drain();
        world
    }

    /// One read of the socket, then everything that follows from it.
    fn receive(&mut self, bytes: Bytes) {
        assert!(!self.paused, "with a disk that answers at once there is nothing to wait for");
        self.now = self.now.after(Duration::from_micros(500));
        self.input(ServiceInput::Received(CLIENT, bytes));
    }

    fn input(&mut self, input: ServiceInput) {
        self.due.push_back(input);
        loop {
            while let Some(input) = self.due.pop_front() {
                self.service.handle_input(self.now, input).expect("drained, and every effect is answered once");
                self.drain();
            }
            if self.wake.is_none_or(|wake| wake.at > self.now) {
                return;
            }
            self.due.push_back(ServiceInput::Tick);
        }
    }

    fn drain(&mut self) {
        loop {
            match self.service.poll_output() {
                ServiceOutput::Send(client, bytes) => {
                    self.outcome.answer_bytes += bytes.len() as u64;
                    self.due.push_back(ServiceInput::Sent(client, bytes.len()));
                }
                ServiceOutput::Pause(_) => self.paused = true,
                ServiceOutput::Resume(_) => self.paused = false,
                ServiceOutput::Effect(key, id, effect) => {
                    if let Effect::AppendLog { bytes, .. } = &effect {
                        self.outcome.log_bytes += bytes.len() as u64;
                    }
                    self.due.push_back(ServiceInput::Completed(key, id, success(effect.kind())));
                }
                ServiceOutput::Ended(_, summary) => {
                    self.outcome.runs += u64::from(summary.exit_code == Some(0));
                    self.outcome.stored += summary.accounts.stored;
                    self.outcome.refused += summary.accounts.refused() + summary.accounts.rows_behind;
                }
                ServiceOutput::Close(_)
                | ServiceOutput::Started(..)
                | ServiceOutput::Cancel(..)
                | ServiceOutput::Notice(..)
                | ServiceOutput::StopListening
                | ServiceOutput::Print(_) => {}
                ServiceOutput::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                ServiceOutput::Finished => {
                    self.wake = None;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_logged_whole_and_always_the_same() {
        let stream = Stream { metrics: 10, steps: 192, runs: 2, frames_per_read: 16 };
        let outcome = drive(stream);
        assert_eq!(outcome.runs, 2, "{outcome:?}");
        assert_eq!(outcome.refused, 0, "{outcome:?}");
        assert!(outcome.stored >= 2 * 192, "at least one record a step: {outcome:?}");
        assert_eq!(drive(stream), outcome);
        let longer = drive(Stream { steps: 384, ..stream });
        assert!(longer.log_bytes > outcome.log_bytes && longer.stored >= outcome.stored + 2 * 192);
    }
}

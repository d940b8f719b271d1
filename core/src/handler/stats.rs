//! Measurements of the machine: when they are taken, how they become a record, and the buffer that a client may read.

use crate::{
    settings::{Config, text},
    time::{Duration, Instant, Timer, UnixNanos},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    vec::Vec,
};
use runwire_proto::wire;

pub(super) struct Stats {
    interval: Option<Duration>,
    label: String,
    buffer_max: Option<usize>,
    buffer: BTreeMap<String, VecDeque<wire::SystemMetricSample>>,
    running: bool,
    /// Whether it was ever started.
    started: bool,
    in_flight: bool,
    pub(super) timer: Timer,
}

impl Stats {
    pub(super) fn new(config: &Config) -> Self {
        let size = config.settings.x_stats_buffer_size.unwrap_or(0);
        Stats {
            interval: config.stats_interval(),
            label: text(&config.settings.x_label).into(),
            // -1 asks for everything; a day of samples at the default interval is the most that is kept.
            buffer_max: usize::try_from(size).ok().filter(|n| *n > 0).or((size < 0).then_some(5760)),
            buffer: BTreeMap::new(),
            running: false,
            started: false,
            in_flight: false,
            timer: Timer::new("stats.sample"),
        }
    }

    /// The first sample is due at once, so that even a short run has one; after a pause the next comes an interval on.
    pub(super) fn start(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            self.running = true;
            let first = !core::mem::replace(&mut self.started, true);
            self.timer.set_if_idle(if first { now } else { now.after(interval) });
        }
    }

    pub(super) fn stop(&mut self) {
        self.running = false;
        self.timer.cancel();
    }

    /// Whether a sample is to be taken now.
    pub(super) fn on_tick(&mut self, now: Instant) -> bool {
        let due = self.timer.take_due(now);
        if due && let Some(interval) = self.interval {
            self.timer.set(now.after(interval));
        }
        let take = due && self.running && !self.in_flight;
        self.in_flight |= take;
        take
    }

    /// A sample came. Returns its record, unless the run no longer wants it or it is empty.
    pub(super) fn on_sampled(&mut self, items: Vec<(String, f64)>, wall: UnixNanos) -> Option<wire::StatsRecord> {
        self.in_flight = false;
        if !self.running || items.is_empty() {
            return None;
        }
        if let Some(max) = self.buffer_max {
            for (key, value) in &items {
                let samples = self.buffer.entry(key.clone()).or_default();
                samples.push_back(wire::SystemMetricSample { timestamp: Some(wall.timestamp()), value: *value as f32 });
                while samples.len() > max {
                    samples.pop_front();
                }
            }
        }
        let suffix = if self.label.is_empty() { String::new() } else { format!("/l:{}", self.label) };
        let item = items
            .into_iter()
            .map(|(key, value)| wire::StatsItem { key: key + &suffix, value_json: format!("{value:?}") })
            .collect();
        Some(wire::StatsRecord { timestamp: Some(wall.timestamp()), item, ..Default::default() })
    }

    pub(super) fn on_failed(&mut self) {
        self.in_flight = false;
    }

    pub(super) fn buffered(&self) -> wire::GetSystemMetricsResponse {
        let buffer = |samples: &VecDeque<wire::SystemMetricSample>| wire::SystemMetricsBuffer {
            record: samples.iter().copied().collect(),
        };
        wire::GetSystemMetricsResponse {
            system_metrics: self.buffer.iter().map(|(key, samples)| (key.clone(), buffer(samples))).collect(),
        }
    }
}

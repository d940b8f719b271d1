//! Names, percentages and what is asked again, on GPUs that are made up; and that asking a real machine never fails.

use super::*;
use std::sync::{Arc, Mutex};

/// Every GPU tells the same, but for how busy it is, and for what it can't tell.
#[derive(Debug, Default)]
struct Fake {
    count: u32,
    users: Vec<(u32, User)>,
    mute: Vec<Reading>,
    asked: Arc<Mutex<Vec<(u32, Reading)>>>,
}

impl Source for Fake {
    fn count(&self) -> u32 {
        self.count
    }

    fn read(&self, gpu: u32, reading: Reading) -> Option<f64> {
        self.asked.lock().unwrap().push((gpu, reading));
        if self.mute.contains(&reading) {
            return None;
        }
        let known = [
            (Reading::MemoryUsed, 4.0),
            (Reading::MemoryTotal, 16.0),
            (Reading::Power, 150.0),
            (Reading::PowerLimit, 300.0),
            (Reading::Busy, f64::from(90 + gpu)),
        ];
        Some(known.iter().find(|(each, _)| *each == reading).map_or(1.0, |(_, value)| *value))
    }

    fn users(&self, gpu: u32) -> Vec<User> {
        self.users.iter().filter(|(on, _)| *on == gpu).map(|(_, user)| *user).collect()
    }

    fn inventory(&self) -> Inventory {
        Inventory::default()
    }
}

fn sample(gpus: &mut Gpus, only: &[i32]) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    gpus.sample(only, &[7, 8], &mut out);
    out
}

const NAMES: [&str; 21] = [
    "gpu",
    "memory",
    "memoryAllocated",
    "memoryAllocatedBytes",
    "temp",
    "powerWatts",
    "enforcedPowerLimitWatts",
    "powerPercent",
    "energyJoules",
    "smClock",
    "memoryClock",
    "graphicsClock",
    "correctedMemoryErrors",
    "uncorrectedMemoryErrors",
    "fanSpeed",
    "encoderUtilization",
    "pcieLinkGen",
    "pcieLinkSpeed",
    "pcieLinkWidth",
    "maxPcieLinkGen",
    "maxPcieLinkWidth",
];

#[test]
fn a_gpu_of_others_has_the_official_names() {
    let user = User { pid: 99, bytes: Some(1) };
    let mut gpus = Gpus::new(Box::new(Fake { count: 2, users: vec![(1, user)], ..Default::default() }));
    let found = sample(&mut gpus, &[1]);
    let names: Vec<&str> = found.iter().map(|(key, _)| key.strip_prefix("gpu.1.").unwrap()).collect();
    assert_eq!(names, NAMES);
    let value = |name: &str| found.iter().find(|(key, _)| key == name).unwrap().1;
    assert_eq!(value("gpu.1.gpu"), 91.0);
    assert_eq!(value("gpu.1.memoryAllocated"), 25.0);
    assert_eq!(value("gpu.1.memoryAllocatedBytes"), 4.0);
    assert_eq!(value("gpu.1.powerPercent"), 50.0);
    assert_eq!(value("gpu.1.enforcedPowerLimitWatts"), 300.0);
    assert_eq!(sample(&mut gpus, &[]).len(), 2 * NAMES.len());
    assert_eq!(sample(&mut gpus, &[-1, 2]), [], "no such GPU");
}

#[test]
fn a_gpu_that_the_run_uses_has_a_second_set() {
    let users = [(7, Some(5)), (8, Some(6)), (99, Some(100))].map(|(pid, bytes)| (0, User { pid, bytes }));
    let mut gpus = Gpus::new(Box::new(Fake { count: 1, users: users.into(), ..Default::default() }));
    let found = sample(&mut gpus, &[]);
    let mut second: Vec<(&str, f64)> =
        found.iter().filter_map(|(key, value)| Some((key.strip_prefix("gpu.process.0.")?, *value))).collect();
    assert_eq!(second.pop(), Some(("memoryUsedBytes", 11.0)), "the run's own processes");
    for (name, value) in &second {
        assert!(found.contains(&(format!("gpu.0.{name}"), *value)), "{name}");
    }
    let names: Vec<&str> = second.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, NAMES[..8]);
}

#[test]
fn what_a_gpu_can_not_tell_is_left_out_and_asked_once() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mute = vec![Reading::Fan, Reading::MemoryTotal, Reading::PowerLimit];
    let mut gpus =
        Gpus::new(Box::new(Fake { count: 1, mute: mute.clone(), asked: asked.clone(), ..Default::default() }));
    let first = sample(&mut gpus, &[]);
    assert_eq!(sample(&mut gpus, &[]), first);
    let left_out = ["memoryAllocated", "enforcedPowerLimitWatts", "powerPercent", "fanSpeed"];
    assert_eq!(first.len(), NAMES.len() - left_out.len());
    assert!(first.iter().all(|(key, _)| !left_out.iter().any(|name| key == &format!("gpu.0.{name}"))), "{first:?}");
    let times = |reading| asked.lock().unwrap().iter().filter(|each| **each == (0, reading)).count();
    assert!(mute.into_iter().all(|reading| times(reading) == 1));
    assert_eq!(times(Reading::Temperature), 2);
}

#[test]
fn a_real_machine_is_asked_without_failing() {
    let mut out = Vec::new();
    let mut gpus = Gpus::find();
    if let Some(gpus) = &mut gpus {
        gpus.sample(&[], &[std::process::id()], &mut out);
        assert!(!gpus.inventory().cards.is_empty());
    }
    assert!(out.iter().all(|(key, value)| key.starts_with("gpu.") && value.is_finite()), "{out:?}");
    assert_eq!(gpus.is_none(), out.is_empty());
}

//! What this machine is: the machine's part of an `EnvironmentRecord`. The client sends the program's part itself.

use super::{disk_space, gpu, host::Host, metrics::disk_paths};
use runwire_proto::wire;
use std::{collections::BTreeMap, path::Path};

/// Looks at processors, memory, disks and GPUs; settings may overrule the counts. Sizes are in bytes. What cannot be
/// read stays at its default, which is not written.
pub fn probe(settings: &wire::Settings) -> wire::EnvironmentRecord {
    let mut record = wire::EnvironmentRecord { disk: disks(settings), ..Default::default() };
    if let Some(mut host) = Host::new() {
        let cpu = host.cpu();
        record.cpu_count = cpu.cores;
        record.cpu_count_logical = cpu.logical;
        record.cpu = (!cpu.model.is_empty()).then(|| wire::CpuInfo { model: cpu.model, ..Default::default() });
        record.memory = host.memory().map(|memory| wire::MemoryInfo { total: memory.total });
    }
    if let Some(gpus) = gpu::Gpus::find() {
        let found = gpus.inventory();
        record.gpu_count = u32::try_from(found.cards.len()).unwrap_or(u32::MAX);
        record.gpu_type = found.cards.first().map(|card| card.name.clone()).unwrap_or_default();
        record.gpu_nvidia = found.cards;
        record.cuda_version = found.cuda_version;
    }
    overrule(&mut record, settings);
    record
}

fn disks(settings: &wire::Settings) -> BTreeMap<String, wire::DiskInfo> {
    disk_paths(settings)
        .into_iter()
        .filter_map(|path| {
            let space = disk_space::of(Path::new(&path))?;
            Some((path, wire::DiskInfo { total: space.total, used: space.used }))
        })
        .collect()
}

fn overrule(record: &mut wire::EnvironmentRecord, settings: &wire::Settings) {
    let count = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0);
    if let Some(cores) = count(settings.x_stats_cpu_count) {
        record.cpu_count = cores;
    }
    if let Some(logical) = count(settings.x_stats_cpu_logical_count) {
        record.cpu_count_logical = logical;
    }
    if let Some(gpus) = count(settings.x_stats_gpu_count) {
        record.gpu_count = gpus;
    }
    if let Some(kind) = settings.x_stats_gpu_type.as_ref().filter(|kind| !kind.is_empty()) {
        record.gpu_type.clone_from(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_and_the_rest_left_to_the_client() {
        let record = probe(&wire::Settings::default());
        assert!(record.cpu_count >= 1 && record.cpu_count <= record.cpu_count_logical);
        assert!(record.memory.unwrap().total > 1 << 20);
        assert!(record.disk["/"].total >= record.disk["/"].used);
        assert_eq!((record.os.as_str(), record.host.as_str(), record.writer_id.as_str()), ("", "", ""));
    }

    #[test]
    fn settings_overrule_what_was_found() {
        let settings = wire::Settings {
            x_stats_cpu_count: Some(3),
            x_stats_cpu_logical_count: Some(7),
            x_stats_gpu_count: Some(2),
            x_stats_gpu_type: Some("Some GPU".into()),
            x_stats_disk_paths: Some(wire::ListStringValue { value: vec!["/missing-path".into()] }),
            ..Default::default()
        };
        let record = probe(&settings);
        assert_eq!((record.cpu_count, record.cpu_count_logical, record.gpu_count), (3, 7, 2));
        assert_eq!(record.gpu_type, "Some GPU");
        assert!(record.disk.is_empty());
        let none = wire::Settings { x_stats_disk_paths: Some(wire::ListStringValue::default()), ..Default::default() };
        assert!(probe(&none).disk.is_empty(), "an empty list asks for none");
    }
}

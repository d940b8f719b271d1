//! NVIDIA's management library, loaded when first asked for. A program that is linked statically can't load it.

use super::{Inventory, Reading, Source, User};
use nvml_wrapper::{
    Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor,
    enum_wrappers::device::{Clock, EccCounter, MemoryError, MemoryLocation, TemperatureSensor},
    enums::device::UsedGpuMemory,
    error::NvmlError,
};
use runwire_proto::wire;

#[derive(Debug)]
pub(super) struct Nvidia {
    nvml: Nvml,
    count: u32,
}

impl Nvidia {
    pub(super) fn find() -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        let count = nvml.device_count().ok().filter(|count| *count > 0)?;
        Some(Self { nvml, count })
    }
}

impl Source for Nvidia {
    fn count(&self) -> u32 {
        self.count
    }

    fn read(&self, gpu: u32, reading: Reading) -> Option<f64> {
        read(&self.nvml.device_by_index(gpu).ok()?, reading).ok()
    }

    fn users(&self, gpu: u32) -> Vec<User> {
        let Ok(device) = self.nvml.device_by_index(gpu) else { return Vec::new() };
        let mut users: Vec<User> = Vec::new();
        let lists = [device.running_compute_processes(), device.running_graphics_processes()];
        for process in lists.into_iter().flatten().flatten() {
            let bytes = match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            };
            // A process that does both is in both lists.
            if users.iter().all(|user| user.pid != process.pid) {
                users.push(User { pid: process.pid, bytes });
            }
        }
        users
    }

    fn inventory(&self) -> Inventory {
        let cards = (0..self.count).filter_map(|index| self.nvml.device_by_index(index).ok());
        let version = self.nvml.sys_cuda_driver_version();
        Inventory {
            cards: cards.map(|device| card(&device)).collect(),
            cuda_version: version.map_or_else(
                |_| String::new(),
                |v| format!("{}.{}", cuda_driver_version_major(v), cuda_driver_version_minor(v)),
            ),
        }
    }
}

fn read(device: &Device<'_>, reading: Reading) -> Result<f64, NvmlError> {
    let clock = |kind| device.clock_info(kind).map(f64::from);
    let errors = |kind| device.memory_error_counter(kind, EccCounter::Volatile, MemoryLocation::Device);
    // The library counts in thousandths.
    let whole = |milli: u32| f64::from(milli) / 1000.0;
    match reading {
        Reading::Busy => device.utilization_rates().map(|rates| f64::from(rates.gpu)),
        Reading::MemoryBusy => device.utilization_rates().map(|rates| f64::from(rates.memory)),
        Reading::MemoryUsed => device.memory_info().map(|memory| memory.used as f64),
        Reading::MemoryTotal => device.memory_info().map(|memory| memory.total as f64),
        Reading::Temperature => device.temperature(TemperatureSensor::Gpu).map(f64::from),
        Reading::Power => device.power_usage().map(whole),
        Reading::PowerLimit => device.enforced_power_limit().map(whole),
        Reading::Energy => device.total_energy_consumption().map(|milli| milli as f64 / 1000.0),
        Reading::SmClock => clock(Clock::SM),
        Reading::MemoryClock => clock(Clock::Memory),
        Reading::GraphicsClock => clock(Clock::Graphics),
        Reading::CorrectedErrors => errors(MemoryError::Corrected).map(|count| count as f64),
        Reading::UncorrectedErrors => errors(MemoryError::Uncorrected).map(|count| count as f64),
        Reading::Fan => device.fan_speed(0).map(f64::from),
        Reading::Encoder => device.encoder_utilization().map(|encoder| f64::from(encoder.utilization)),
        Reading::LinkGeneration => device.current_pcie_link_gen().map(f64::from),
        // In millions.
        Reading::LinkSpeed => device.pcie_link_speed().map(|speed| f64::from(speed) * 1e6),
        Reading::LinkWidth => device.current_pcie_link_width().map(f64::from),
        Reading::LinkGenerationMax => device.max_pcie_link_gen().map(f64::from),
        Reading::LinkWidthMax => device.max_pcie_link_width().map(f64::from),
    }
}

fn card(device: &Device<'_>) -> wire::GpuNvidiaInfo {
    wire::GpuNvidiaInfo {
        name: device.name().unwrap_or_default(),
        memory_total: device.memory_info().map_or(0, |memory| memory.total),
        cuda_cores: device.num_cores().unwrap_or(0),
        architecture: device.architecture().map(|one| one.to_string()).unwrap_or_default(),
        uuid: device.uuid().unwrap_or_default(),
        pci_bus_id: device.pci_info().map(|pci| pci.bus_id).unwrap_or_default(),
        numa_node: numa_node(device),
    }
}

#[cfg(target_os = "linux")]
fn numa_node(device: &Device<'_>) -> Option<u32> {
    device.numa_node_id().ok()
}

#[cfg(not(target_os = "linux"))]
fn numa_node(_: &Device<'_>) -> Option<u32> {
    None
}

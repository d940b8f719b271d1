//! GPUs of the one vendor whose library can be loaded at run time. No library, no driver or no GPU: nothing to say.

#[cfg(any(target_os = "linux", windows))]
pub(super) use nvidia::Gpus;

/// What a run's metadata says of the GPUs.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) cards: Vec<runwire_proto::wire::GpuNvidiaInfo>,
    /// Version of CUDA that the driver serves, as `12.4`; empty if unknown.
    pub(super) cuda_version: String,
}

#[cfg(any(target_os = "linux", windows))]
mod nvidia {
    use super::Inventory;
    use nvml_wrapper::{
        Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor, enum_wrappers::device::TemperatureSensor,
    };
    use runwire_proto::wire;

    /// The vendor's library, loaded.
    #[derive(Debug)]
    pub(in crate::system) struct Gpus {
        nvml: Nvml,
        count: u32,
    }

    impl Gpus {
        pub(in crate::system) fn find() -> Option<Self> {
            let nvml = Nvml::init().ok()?;
            let count = nvml.device_count().ok().filter(|count| *count > 0)?;
            Some(Self { nvml, count })
        }

        /// Adds the readings of all GPUs, or of those in `only`.
        pub(in crate::system) fn sample(&self, only: &[i32], out: &mut Vec<(String, f64)>) {
            for index in
                (0..self.count).filter(|index| only.is_empty() || only.iter().any(|id| *index as i64 == i64::from(*id)))
            {
                if let Ok(device) = self.nvml.device_by_index(index) {
                    read(&device, index, out);
                }
            }
        }

        pub(in crate::system) fn inventory(&self) -> Inventory {
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

    fn read(device: &Device<'_>, index: u32, out: &mut Vec<(String, f64)>) {
        let mut put = |name: &str, value: f64| out.push((format!("gpu.{index}.{name}"), value));
        if let Ok(rates) = device.utilization_rates() {
            put("gpu", f64::from(rates.gpu));
            put("memory", f64::from(rates.memory));
        }
        if let Ok(memory) = device.memory_info() {
            if memory.total > 0 {
                put("memoryAllocated", memory.used as f64 / memory.total as f64 * 100.0);
            }
            put("memoryAllocatedBytes", memory.used as f64);
        }
        if let Ok(degrees) = device.temperature(TemperatureSensor::Gpu) {
            put("temp", f64::from(degrees));
        }
        // The library counts in milliwatts.
        if let Ok(power) = device.power_usage() {
            put("powerWatts", f64::from(power) / 1000.0);
            if let Ok(limit) = device.enforced_power_limit()
                && limit > 0
            {
                put("powerPercent", f64::from(power) / f64::from(limit) * 100.0);
            }
        }
    }

    fn card(device: &Device<'_>) -> wire::GpuNvidiaInfo {
        wire::GpuNvidiaInfo {
            name: device.name().unwrap_or_default(),
            memory_total: device.memory_info().map_or(0, |memory| memory.total),
            cuda_cores: device.num_cores().unwrap_or(0),
            architecture: device.architecture().map(|one| one.to_string()).unwrap_or_default(),
            uuid: device.uuid().unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// The vendor has no library for this platform.
#[cfg(not(any(target_os = "linux", windows)))]
#[derive(Debug)]
pub(super) enum Gpus {}

#[cfg(not(any(target_os = "linux", windows)))]
impl Gpus {
    pub(super) fn find() -> Option<Self> {
        None
    }

    pub(super) fn sample(&self, _only: &[i32], _out: &mut Vec<(String, f64)>) {
        match *self {}
    }

    pub(super) fn inventory(&self) -> Inventory {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_gpu_nothing_is_said_and_with_one_the_names_are_right() {
        let mut out = Vec::new();
        let gpus = Gpus::find();
        if let Some(gpus) = &gpus {
            gpus.sample(&[], &mut out);
            assert!(!gpus.inventory().cards.is_empty());
        }
        assert!(out.iter().all(|(key, value)| key.starts_with("gpu.") && value.is_finite()), "{out:?}");
        assert_eq!(gpus.is_none(), out.is_empty());
    }
}

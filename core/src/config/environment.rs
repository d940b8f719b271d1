//! Where a run runs: merging records, and the JSON of `wandb-metadata.json` and of `_wandb.e` in the config.
//!
//! Owns the names of the JSON fields. Does not sample anything: facts come in as `EnvironmentRecord`s.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use runwire_proto::wire;

use super::json::write_string;
use super::value::{Object, Value};

/// What is known of one writer's environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    known: wire::EnvironmentRecord,
}

impl Environment {
    /// Merges a record: fields that are set replace, messages and maps merge, and a list that is not empty replaces the
    /// old one, so that a repeated record changes nothing.
    pub fn merge(&mut self, record: &wire::EnvironmentRecord) {
        let known = &mut self.known;
        if !record.args.is_empty() {
            known.args.clear();
        }
        if !record.gpu_nvidia.is_empty() {
            known.gpu_nvidia.clear();
        }
        if !record.gpu_amd.is_empty() {
            known.gpu_amd.clear();
        }
        known.merge(record.encode_to_vec().as_slice()).expect("a message reads what it wrote");
    }

    /// Everything known, as one record.
    pub fn record(&self) -> &wire::EnvironmentRecord {
        &self.known
    }

    /// The file `wandb-metadata.json`: two blanks a level, fields in the protocol's order.
    pub fn to_metadata(&self) -> String {
        let mut out = String::new();
        write_fields(&mut out, &fields(&self.known), 0);
        out
    }

    /// The same as a config value.
    pub fn to_value(&self) -> Value {
        to_value(fields(&self.known))
    }
}

/// Named values in the order they are written.
type Fields = Vec<(String, Json)>;

enum Json {
    Leaf(Value),
    Fields(Fields),
    List(Vec<Json>),
}

fn to_value(fields: Fields) -> Value {
    fn value(json: Json) -> Value {
        match json {
            Json::Leaf(leaf) => leaf,
            Json::Fields(fields) => to_value(fields),
            Json::List(list) => Value::List(list.into_iter().map(value).collect()),
        }
    }
    Value::Object(fields.into_iter().map(|(name, json)| (name, value(json))).collect::<Object>())
}

fn write_fields(out: &mut String, fields: &Fields, depth: usize) {
    let entries = fields.iter().map(|(name, json)| (Some(name.as_str()), json)).collect();
    write_block(out, ['{', '}'], entries, depth);
}

/// Entries between brackets, each on its own line, or just the brackets.
fn write_block<'j>(
    out: &mut String,
    [open, close]: [char; 2],
    entries: Vec<(Option<&'j str>, &'j Json)>,
    depth: usize,
) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(core::iter::repeat_n("  ", depth));
    };
    out.push(open);
    let mut empty = true;
    for (name, json) in entries {
        if !core::mem::take(&mut empty) {
            out.push(',');
        }
        line(out, depth + 1);
        if let Some(name) = name {
            write_string(out, name).expect("writing to a String cannot fail");
            out.push_str(": ");
        }
        match json {
            Json::Leaf(leaf) => out.push_str(&leaf.to_string()),
            Json::Fields(fields) => write_fields(out, fields, depth + 1),
            Json::List(list) => write_block(out, ['[', ']'], list.iter().map(|json| (None, json)).collect(), depth + 1),
        }
    }
    if !empty {
        line(out, depth);
    }
    out.push(close);
}

/// Collects the fields of a message that are set, under their JSON names.
#[derive(Default)]
struct Collect(Fields);

impl Collect {
    fn text(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.0.push((name.into(), Json::Leaf(value.into())));
        }
        self
    }

    fn number(mut self, name: &str, value: u32) -> Self {
        if value != 0 {
            self.0.push((name.into(), Json::Leaf(Value::Int(i64::from(value)))));
        }
        self
    }

    /// 64-bit numbers are strings in the protocol's JSON.
    fn big(self, name: &str, value: u64) -> Self {
        let text = if value == 0 { String::new() } else { value.to_string() };
        self.text(name, &text)
    }

    fn message<T>(mut self, name: &str, message: Option<&T>, fields: fn(&T) -> Fields) -> Self {
        if let Some(message) = message {
            self.0.push((name.into(), Json::Fields(fields(message))));
        }
        self
    }

    fn list<T>(mut self, name: &str, list: &[T], json: fn(&T) -> Json) -> Self {
        if !list.is_empty() {
            self.0.push((name.into(), Json::List(list.iter().map(json).collect())));
        }
        self
    }

    fn map<T>(mut self, name: &str, map: &BTreeMap<String, T>, json: fn(&T) -> Json) -> Self {
        if !map.is_empty() {
            let entries = map.iter().map(|(key, value)| (key.clone(), json(value))).collect();
            self.0.push((name.into(), Json::Fields(entries)));
        }
        self
    }
}

fn fields(record: &wire::EnvironmentRecord) -> Fields {
    let leaf = |text: &String| Json::Leaf(text.as_str().into());
    Collect::default()
        .text("os", &record.os)
        .text("python", &record.python)
        .text("startedAt", &record.started_at.as_ref().map(ToString::to_string).unwrap_or_default())
        .text("docker", &record.docker)
        .list("args", &record.args, leaf)
        .text("program", &record.program)
        .text("codePath", &record.code_path)
        .text("codePathLocal", &record.code_path_local)
        .message("git", record.git.as_ref(), git)
        .text("email", &record.email)
        .text("root", &record.root)
        .text("host", &record.host)
        .text("username", &record.username)
        .text("executable", &record.executable)
        .text("colab", &record.colab)
        .number("cpu_count", record.cpu_count)
        .number("cpu_count_logical", record.cpu_count_logical)
        .text("gpu", &record.gpu_type)
        .number("gpu_count", record.gpu_count)
        .map("disk", &record.disk, |disk| {
            Json::Fields(Collect::default().big("total", disk.total).big("used", disk.used).0)
        })
        .message("memory", record.memory.as_ref(), |memory| Collect::default().big("total", memory.total).0)
        .message("cpu", record.cpu.as_ref(), cpu)
        .message("apple", record.apple.as_ref(), apple)
        .list("gpu_nvidia", &record.gpu_nvidia, nvidia)
        .text("cudaVersion", &record.cuda_version)
        .list("gpu_amd", &record.gpu_amd, amd)
        .map("slurm", &record.slurm, leaf)
        .message("trainium", record.trainium.as_ref(), trainium)
        .message("tpu", record.tpu.as_ref(), tpu)
        .message("coreweave", record.coreweave.as_ref(), coreweave)
        .text("writerId", &record.writer_id)
        .0
}

fn git(git: &wire::GitRepoRecord) -> Fields {
    Collect::default().text("remote", &git.remote_url).text("commit", &git.commit).0
}

fn cpu(cpu: &wire::CpuInfo) -> Fields {
    Collect::default().number("count", cpu.count).number("countLogical", cpu.count_logical).text("model", &cpu.model).0
}

fn apple(apple: &wire::AppleInfo) -> Fields {
    Collect::default()
        .text("name", &apple.name)
        .number("ecpuCores", apple.ecpu_cores)
        .number("pcpuCores", apple.pcpu_cores)
        .number("gpuCores", apple.gpu_cores)
        .number("memoryGb", apple.memory_gb)
        .big("swapTotalBytes", apple.swap_total_bytes)
        .big("ramTotalBytes", apple.ram_total_bytes)
        .text("macModel", &apple.mac_model)
        .0
}

fn nvidia(gpu: &wire::GpuNvidiaInfo) -> Json {
    let mut fields = Collect::default()
        .text("name", &gpu.name)
        .big("memoryTotal", gpu.memory_total)
        .number("cudaCores", gpu.cuda_cores)
        .text("architecture", &gpu.architecture)
        .text("uuid", &gpu.uuid)
        .text("pciBusId", &gpu.pci_bus_id)
        .0;
    if let Some(node) = gpu.numa_node {
        fields.push(("numaNode".into(), Json::Leaf(Value::Int(i64::from(node)))));
    }
    Json::Fields(fields)
}

fn amd(gpu: &wire::GpuAmdInfo) -> Json {
    let fields = Collect::default()
        .text("id", &gpu.id)
        .text("uniqueId", &gpu.unique_id)
        .text("vbiosVersion", &gpu.vbios_version)
        .text("performanceLevel", &gpu.performance_level)
        .text("gpuOverdrive", &gpu.gpu_overdrive)
        .text("gpuMemoryOverdrive", &gpu.gpu_memory_overdrive)
        .text("maxPower", &gpu.max_power)
        .text("series", &gpu.series)
        .text("model", &gpu.model)
        .text("vendor", &gpu.vendor)
        .text("sku", &gpu.sku)
        .text("sclkRange", &gpu.sclk_range)
        .text("mclkRange", &gpu.mclk_range)
        .0;
    Json::Fields(fields)
}

fn trainium(trainium: &wire::TrainiumInfo) -> Fields {
    Collect::default()
        .text("name", &trainium.name)
        .text("vendor", &trainium.vendor)
        .number("neuronDeviceCount", trainium.neuron_device_count)
        .number("neuroncorePerDeviceCount", trainium.neuroncore_per_device_count)
        .0
}

fn tpu(tpu: &wire::TpuInfo) -> Fields {
    Collect::default()
        .text("name", &tpu.name)
        .number("hbmGib", tpu.hbm_gib)
        .number("devicesPerChip", tpu.devices_per_chip)
        .number("count", tpu.count)
        .0
}

fn coreweave(coreweave: &wire::CoreWeaveInfo) -> Fields {
    Collect::default()
        .text("clusterName", &coreweave.cluster_name)
        .text("orgId", &coreweave.org_id)
        .text("region", &coreweave.region)
        .0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn facts() -> wire::EnvironmentRecord {
        wire::EnvironmentRecord {
            os: "Linux".into(),
            started_at: Some(prost_types::Timestamp { seconds: 1_795_574_334, nanos: 442_956_000 }),
            args: vec!["--lr".into(), "<0.1>".into()],
            code_path_local: "main.py".into(),
            git: Some(wire::GitRepoRecord { remote_url: "https://host/r".into(), commit: String::new() }),
            writer_id: "w".into(),
            ..Default::default()
        }
    }

    fn resources() -> wire::EnvironmentRecord {
        wire::EnvironmentRecord {
            cpu_count: 2,
            cpu_count_logical: 4,
            gpu_type: "NVIDIA H100".into(),
            gpu_count: 1,
            disk: [("/".into(), wire::DiskInfo { total: 270_553_174_016, used: 16_431_693_824 })].into(),
            memory: Some(wire::MemoryInfo { total: 25_276_502_016 }),
            gpu_nvidia: vec![wire::GpuNvidiaInfo {
                name: "NVIDIA H100".into(),
                cuda_cores: 16_896,
                pci_bus_id: "0:1".into(),
                numa_node: Some(0),
                ..Default::default()
            }],
            cuda_version: "13.0".into(),
            writer_id: "w".into(),
            ..Default::default()
        }
    }

    const METADATA: &str = r#"{
  "os": "Linux",
  "startedAt": "2026-11-25T02:38:54.442956Z",
  "args": [
    "--lr",
    "<0.1>"
  ],
  "codePathLocal": "main.py",
  "git": {
    "remote": "https://host/r"
  },
  "cpu_count": 2,
  "cpu_count_logical": 4,
  "gpu": "NVIDIA H100",
  "gpu_count": 1,
  "disk": {
    "/": {
      "total": "270553174016",
      "used": "16431693824"
    }
  },
  "memory": {
    "total": "25276502016"
  },
  "gpu_nvidia": [
    {
      "name": "NVIDIA H100",
      "cudaCores": 16896,
      "pciBusId": "0:1",
      "numaNode": 0
    }
  ],
  "cudaVersion": "13.0",
  "writerId": "w"
}"#;

    #[test]
    fn metadata_has_the_merged_records_under_their_json_names() {
        let mut environment = Environment::default();
        // Records of a log that is read twice must not repeat list entries.
        for record in [facts(), resources(), facts(), resources()] {
            environment.merge(&record);
        }
        assert_eq!(environment.to_metadata(), METADATA);
        assert_eq!(environment.to_value(), Value::parse(METADATA).unwrap());
    }

    #[test]
    fn a_record_with_only_a_writer_changes_nothing_else() {
        let mut environment = Environment::default();
        environment.merge(&facts());
        let before = environment.clone();
        environment.merge(&wire::EnvironmentRecord { writer_id: "w".into(), ..Default::default() });
        assert_eq!(environment, before);
        assert_eq!(Environment::default().to_metadata(), "{}");
    }
}

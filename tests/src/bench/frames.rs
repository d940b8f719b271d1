//! The frames a client of the official SDK sends for one offline run, serialised before any clock starts.
//! Must not know sockets, processes or time.

use std::path::Path;

use prost::Message;
use runwire_proto::wire::{
    self, Control, HistoryItem, PartialHistoryRequest, Record, RecordInfo, Request, RunRecord,
    ServerInformFinishRequest, ServerInformInitRequest, ServerInformTeardownRequest, ServerRequest, Settings,
    record::RecordType, request::RequestType, server_request::ServerRequestType,
};

/// Seconds since 1970 at which every measured run starts.
pub const START: f64 = 1_795_574_298.0;
/// Letters of the `_timestamp` value: seven decimals, as Python mostly prints the clock.
const STAMP_LEN: usize = "1795574298.8160455".len();

/// Wraps a request into the socket's framing: `W`, length, message.
pub fn frame(kind: ServerRequestType, request_id: &str) -> Vec<u8> {
    let message = ServerRequest { request_id: request_id.into(), server_request_type: Some(kind) };
    let body = message.encode_to_vec();
    let len = u32::try_from(body.len()).expect("a benchmark's frame is far below 4 GiB");
    let mut out = Vec::with_capacity(5 + body.len());
    out.push(b'W');
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&body);
    out
}

/// `inform_init` of a run whose files lie in `dir` (which must exist, with `logs` and `files` in it): an offline run, or
/// an online one of the server at this address.
pub fn init(run_id: &str, dir: &Path, server: Option<&str>) -> Vec<u8> {
    let at = |name: &str| Some(dir.join(name).to_string_lossy().into_owned());
    let parent = dir.parent().unwrap_or(dir).to_string_lossy().into_owned();
    let text = |s: &str| Some(s.to_owned());
    let settings = Settings {
        offline: Some(server.is_none()),
        mode: text(if server.is_some() { "online" } else { "offline" }),
        run_mode: text(if server.is_some() { "run" } else { "offline-run" }),
        api_key: text("local-0123456789012345678901234567890123456789"),
        run_id: text(run_id),
        project: text("p"),
        entity: text("e"),
        root_dir: Some(parent.clone()),
        wandb_dir: Some(parent),
        sync_dir: at(""),
        sync_file: at(&format!("run-{run_id}.wandb")),
        log_dir: at("logs"),
        log_internal: at("logs/debug-internal.log"),
        log_user: at("logs/debug.log"),
        tmp_code_dir: at("tmp/code"),
        base_url: text(server.unwrap_or("https://api.wandb.ai")),
        app_url: text(server.unwrap_or("https://wandb.ai")),
        host: text("bench"),
        program: text("train.py"),
        os: text("Linux"),
        platform: text("linux-x86_64"),
        python: text("CPython 3.11.7"),
        start_datetime: text("20261125_023818"),
        timespec: text("20261125_023818"),
        x_start_time: Some(START),
        console: text("off"),
        silent: Some(true),
        symlink: Some(false),
        x_disable_stats: Some(true),
        x_disable_meta: Some(true),
        x_disable_machine_info: Some(true),
        disable_git: Some(true),
        disable_code: Some(true),
        disable_job_creation: Some(true),
        save_code: Some(false),
        x_save_requirements: Some(false),
        allow_offline_artifacts: Some(true),
        x_primary: Some(true),
        x_update_finish_state: Some(true),
        x_file_stream_no_gzip: Some(true),
        x_history_value_encoding: text("json"),
        x_transaction_log_flush_interval: Some(15.0),
        x_log_level: Some(20),
        x_internal_check_process: Some(8.0),
        heartbeat_seconds: Some(30),
        init_timeout: Some(90.0),
        summary_timeout: Some(60),
        summary_warnings: Some(5),
        show_info: Some(true),
        show_warnings: Some(true),
        show_errors: Some(true),
        ..Settings::default()
    };
    frame(
        ServerRequestType::InformInit(ServerInformInitRequest { settings: Some(settings), info: info(run_id) }),
        "init",
    )
}

/// The `header` record.
pub fn header(run_id: &str) -> Vec<u8> {
    record(run_id, RecordType::Header(wire::HeaderRecord::default()), None, false)
}

/// The `run` record, awaited under the id `run`.
pub fn run(run_id: &str) -> Vec<u8> {
    record(run_id, RecordType::Run(run_record(run_id)), Some("run"), false)
}

/// The `run_start` request, awaited under the id `run_start`.
pub fn run_start(run_id: &str) -> Vec<u8> {
    let request = wire::RunStartRequest { run: Some(run_record(run_id)), info: None };
    request_record(run_id, RequestType::RunStart(request), Some("run_start"))
}

/// The `exit` record, awaited under the id `exit`.
pub fn exit(run_id: &str) -> Vec<u8> {
    record(run_id, RecordType::Exit(wire::RunExitRecord::default()), Some("exit"), false)
}

/// The `get_summary` request, awaited under the id `summary`.
pub fn get_summary(run_id: &str) -> Vec<u8> {
    let request = wire::GetSummaryRequest { info: None };
    request_record(run_id, RequestType::GetSummary(request), Some("summary"))
}

/// The end of one run.
pub fn finish(run_id: &str) -> Vec<u8> {
    frame(ServerRequestType::InformFinish(ServerInformFinishRequest { info: info(run_id) }), "")
}

/// The end of the service.
pub fn teardown() -> Vec<u8> {
    frame(ServerRequestType::InformTeardown(ServerInformTeardownRequest::default()), "")
}

/// A buffer of different step frames, to be sent round and round.
pub struct Steps {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    stamps: Vec<usize>,
}

impl Steps {
    /// `distinct` frames of `metrics` values each. The same arguments give the same bytes.
    pub fn new(run_id: &str, metrics: usize, distinct: usize) -> Steps {
        let keys: Vec<String> = (0..metrics).map(key).collect();
        let mut random = Random(metrics as u64);
        let mut steps = Steps { bytes: Vec::new(), ends: Vec::new(), stamps: Vec::new() };
        for _ in 0..distinct {
            let mut item: Vec<HistoryItem> =
                keys.iter().enumerate().map(|(i, key)| json_item(key, random.value(i))).collect();
            item.push(json_item("_timestamp", stamp(0)));
            let request = PartialHistoryRequest { item, ..PartialHistoryRequest::default() };
            steps.push(&request_record(run_id, RequestType::PartialHistory(request), None));
        }
        steps
    }

    /// Bytes of one step on the socket, on average.
    pub fn bytes_per_step(&self) -> f64 {
        self.bytes.len() as f64 / self.ends.len() as f64
    }

    /// Gives the frames of `first..first + n` (n limited to one round of the buffer), with clock values that go on.
    pub fn round(&mut self, first: u64, n: u64) -> &[u8] {
        let n = usize::try_from(n).unwrap_or(usize::MAX).min(self.ends.len());
        for (i, &at) in self.stamps[..n].iter().enumerate() {
            self.bytes[at..at + STAMP_LEN].copy_from_slice(stamp(first + i as u64).as_bytes());
        }
        &self.bytes[..n.checked_sub(1).map_or(0, |last| self.ends[last])]
    }

    /// The frames one by one, with the clock values that they were made with.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// Number of different frames.
    pub fn distinct(&self) -> u64 {
        self.ends.len() as u64
    }

    fn push(&mut self, frame: &[u8]) {
        let text = stamp(0);
        let at = frame.windows(STAMP_LEN).rposition(|w| w == text.as_bytes()).expect("every step has its timestamp");
        self.stamps.push(self.bytes.len() + at);
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
    }
}

fn record(run_id: &str, kind: RecordType, slot: Option<&str>, local: bool) -> Vec<u8> {
    let control = (local || slot.is_some()).then(|| Control {
        local,
        mailbox_slot: slot.unwrap_or_default().into(),
        ..Control::default()
    });
    let record = Record { control, info: info(run_id), record_type: Some(kind), ..Record::default() };
    frame(ServerRequestType::RecordPublish(record), slot.unwrap_or_default())
}

/// Requests go "local" (not for the log) and leave their own info empty: the record around them names the stream.
fn request_record(run_id: &str, kind: RequestType, slot: Option<&str>) -> Vec<u8> {
    record(run_id, RecordType::Request(Request { request_type: Some(kind) }), slot, true)
}

fn info(run_id: &str) -> Option<RecordInfo> {
    Some(RecordInfo { stream_id: run_id.into(), ..RecordInfo::default() })
}

fn run_record(run_id: &str) -> RunRecord {
    let config = |key: &str, value: &str| wire::ConfigItem {
        key: key.into(),
        value_json: value.into(),
        ..wire::ConfigItem::default()
    };
    let telemetry = wire::TelemetryRecord {
        python_version: "3.11.7".into(),
        cli_version: "0.31.0".into(),
        platform: "linux-x86_64".into(),
        ..wire::TelemetryRecord::default()
    };
    RunRecord {
        run_id: run_id.into(),
        entity: "e".into(),
        project: "p".into(),
        host: "bench".into(),
        config: Some(wire::ConfigRecord {
            update: vec![config("_wandb", "{}"), config("learning_rate", "0.001"), config("batch_size", "64")],
            ..wire::ConfigRecord::default()
        }),
        start_time: Some(prost_types::Timestamp { seconds: START as i64, nanos: 0 }),
        telemetry: Some(telemetry),
        ..RunRecord::default()
    }
}

fn json_item(key: &str, value_json: String) -> HistoryItem {
    HistoryItem { key: key.into(), value_json, ..HistoryItem::default() }
}

/// Names as people choose them: a few groups, some depth.
fn key(index: usize) -> String {
    match index {
        0 => "train/loss".into(),
        1 => "train/accuracy".into(),
        2 => "epoch".into(),
        3 => "lr".into(),
        _ => {
            let part = ["attn/q", "attn/k", "attn/v", "attn/out", "mlp/up", "mlp/down"][index / 4 % 6];
            let what = ["grad_norm", "weight_mean", "weight_std", "act_max"][index % 4];
            format!("layer_{:02}/{part}/{what}", index / 24)
        }
    }
}

fn stamp(step: u64) -> String {
    // One step takes 13.0001 ms of the run's time, so that the digits look like a clock's.
    format!("{:.7}", START + 0.8160455 + step as f64 * 0.013_000_1)
}

/// A small generator (splitmix64): the benchmark's numbers must be the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Every fifth metric is a whole number, the others have all the digits of a double.
    fn value(&mut self, index: usize) -> String {
        let bits = self.next();
        if index % 5 == 2 {
            return (bits % 100_000).to_string();
        }
        let unit = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        format!("{:?}", 0.001 + unit * 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_frame_is_what_the_schema_reads_back() {
        let mut steps = Steps::new("r1", 10, 3);
        let bytes = steps.round(7, 1).to_vec();
        assert_eq!(bytes[0], b'W');
        let request = ServerRequest::decode(&bytes[5..]).unwrap();
        let Some(ServerRequestType::RecordPublish(record)) = request.server_request_type else { panic!("{request:?}") };
        assert_eq!(record.info.unwrap().stream_id, "r1");
        let Some(RecordType::Request(Request { request_type: Some(RequestType::PartialHistory(history)) })) =
            record.record_type
        else {
            panic!("not a partial history")
        };
        assert_eq!(history.item.len(), 11);
        assert_eq!(history.item[10].value_json, stamp(7));
        let names: std::collections::BTreeSet<_> = history.item.iter().map(|i| &i.key).collect();
        assert_eq!(names.len(), 11, "keys must differ");
    }

    #[test]
    fn a_thousand_keys_are_different() {
        let names: std::collections::BTreeSet<_> = (0..1000).map(key).collect();
        assert_eq!(names.len(), 1000);
    }

    #[test]
    fn rounds_are_cut_at_the_buffer_and_time_goes_on() {
        let mut steps = Steps::new("r1", 2, 4);
        let whole = steps.round(0, 100).len();
        assert_eq!(whole as f64, steps.bytes_per_step() * 4.0);
        assert!(steps.round(0, 0).is_empty());
        let (a, b) = (stamp(3), stamp(4));
        assert!(a.len() == STAMP_LEN && b.len() == STAMP_LEN && a < b);
        assert_eq!(stamp(1_000_000).len(), STAMP_LEN);
    }
}

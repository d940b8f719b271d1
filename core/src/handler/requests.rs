//! Requests: answered at once, in the order of arrival. None is stored.

use super::{Action, Cx, Handler, Out, environment, field};
use crate::{
    defer::{DeferState, condition},
    id::{ClientId, Ticket},
    time::Duration,
    uplink::{Question, Report},
};
use alloc::{format, string::String, vec, vec::Vec};
use bytes::Bytes;
use runwire_proto::wire::{self, files_item::FileType, request::RequestType, response::ResponseType as Answer};

/// How long a stage of the end may take before it is shown as an operation.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

impl Handler {
    pub(super) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        ticket: Option<Ticket>,
        request: wire::Request,
        out: &mut Out,
    ) {
        let Some(kind) = request.request_type else {
            return self.refuse(ticket, "the request has no type that this version knows", out);
        };
        let answer = match kind {
            RequestType::RunStart(start) => return self.on_run_start(cx, ticket, start, out),
            RequestType::InternalMessages(poll) => return self.on_messages_poll(client, ticket, poll.wait, out),
            RequestType::HistoryStep(_) if self.config.shared() => {
                return self.refuse(ticket, "The step of a run in shared mode can't be read.", out);
            }
            // Before the first row of a fork this is 0, as with the official client.
            RequestType::HistoryStep(_) => {
                Some(Answer::HistoryStepResponse(wire::HistoryStepResponse { step: self.steps.next() }))
            }
            RequestType::GetSummary(_) => {
                Some(Answer::GetSummaryResponse(wire::GetSummaryResponse { item: self.metrics.summary_items() }))
            }
            RequestType::SampledHistory(_) => {
                Some(Answer::SampledHistoryResponse(wire::SampledHistoryResponse { item: self.metrics.sampled() }))
            }
            RequestType::GetSystemMetrics(_) => Some(Answer::GetSystemMetricsResponse(self.stats.buffered())),
            RequestType::PollExit(_) if self.asks_uplink(ticket, Question::PollExit, out) => return,
            RequestType::Operations(_) if self.asks_uplink(ticket, Question::Operations, out) => return,
            RequestType::NetworkStatus(_) if self.asks_uplink(ticket, Question::NetworkStatus, out) => return,
            RequestType::StopStatus(_) if self.config.is_online() => {
                Some(Answer::StopStatusResponse(wire::StopStatusResponse { run_should_stop: self.should_stop }))
            }
            RequestType::PollExit(_) => Some(Answer::PollExitResponse(wire::PollExitResponse {
                done: self.done,
                exit_result: None,
                pusher_stats: Some(wire::FilePusherStats::default()),
                file_counts: Some(wire::FileCounts::default()),
                operation_stats: Some(self.operations(cx)),
            })),
            RequestType::Operations(_) => Some(Answer::OperationsResponse(wire::OperationStatsResponse {
                operation_stats: Some(self.operations(cx)),
            })),
            RequestType::Attach(_) => {
                Some(Answer::AttachResponse(wire::AttachResponse { run: self.started.clone(), error: None }))
            }
            RequestType::NetworkStatus(_) => {
                Some(Answer::NetworkStatusResponse(wire::NetworkStatusResponse::default()))
            }
            RequestType::DownloadArtifact(_) => {
                Some(Answer::DownloadArtifactResponse(wire::DownloadArtifactResponse {
                    error_message: "An artifact can't be downloaded in an offline run; run online to use it.".into(),
                }))
            }
            RequestType::Pause(_) => {
                self.timer.pause(cx.now);
                self.stats.stop();
                None
            }
            RequestType::Resume(_) => {
                self.timer.resume(cx.now);
                if self.started.is_some() && self.exit_code.is_none() {
                    self.stats.start(cx.now);
                }
                None
            }
            RequestType::PythonPackages(packages) => {
                self.on_python_packages(&packages, out);
                None
            }
            RequestType::ProbeSystemInfo(_) => {
                self.on_probe(out);
                None
            }
            // Nothing to do offline, and harmless to say so.
            RequestType::StopStatus(_)
            | RequestType::RunStatus(_)
            | RequestType::Status(_)
            | RequestType::Shutdown(_)
            | RequestType::Keepalive(_)
            | RequestType::JobInput(_)
            | RequestType::Cancel(_)
            | RequestType::PartialHistory(_) => None,
            RequestType::LogArtifact(_) | RequestType::LinkArtifact(_) => {
                return self.refuse(
                    ticket,
                    "No response: artifacts of an offline run are uploaded when it is synced.",
                    out,
                );
            }
            RequestType::Defer(_)
            | RequestType::Login(_)
            | RequestType::CheckVersion(_)
            | RequestType::ServerInfo(_)
            | RequestType::SenderMark(_)
            | RequestType::SenderRead(_)
            | RequestType::StatusReport(_)
            | RequestType::SummaryRecord(_)
            | RequestType::TelemetryRecord(_)
            | RequestType::JobInfo(_)
            | RequestType::SyncFinish(_)
            | RequestType::TestInject(_) => {
                return self.refuse(ticket, "This request is not part of the protocol any more.", out);
            }
        };
        self.respond(ticket, answer, out);
    }

    /// Passes a question on to the uplink, if the run has one.
    fn asks_uplink(&self, ticket: Option<Ticket>, question: Question, out: &mut Out) -> bool {
        if let (true, Some(ticket)) = (self.config.is_online(), ticket) {
            out.push_back(Action::Ask(ticket, question));
        }
        self.config.is_online()
    }

    /// What the uplink says to a question.
    pub(crate) fn on_report(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Ticket,
        question: Question,
        report: Report,
        out: &mut Out,
    ) {
        let mut stats = self.operations(cx);
        stats.total_operations += report.operations.len() as i64;
        // What is done says more than what is waited for.
        stats.operations.splice(0..0, report.operations);
        let answer = match question {
            Question::NetworkStatus => {
                Answer::NetworkStatusResponse(wire::NetworkStatusResponse { network_responses: report.responses })
            }
            Question::PollExit => Answer::PollExitResponse(wire::PollExitResponse {
                done: self.done,
                exit_result: None,
                pusher_stats: Some(wire::FilePusherStats {
                    uploaded_bytes: i64::try_from(report.bytes_done).unwrap_or(i64::MAX),
                    total_bytes: i64::try_from(report.bytes_total).unwrap_or(i64::MAX),
                    ..Default::default()
                }),
                file_counts: Some(report.counts),
                operation_stats: Some(stats),
            }),
            Question::Operations => {
                Answer::OperationsResponse(wire::OperationStatsResponse { operation_stats: Some(stats) })
            }
        };
        self.respond(Some(ticket), Some(answer), out);
    }

    fn on_messages_poll(&mut self, client: ClientId, ticket: Option<Ticket>, wait: bool, out: &mut Out) {
        let Some(ticket) = ticket else { return };
        if self.messages.poll(client, ticket, wait) {
            let messages = self.messages.take();
            self.respond(Some(ticket), Some(Answer::InternalMessagesResponse(messages)), out);
        }
    }

    /// What takes long right now: a stage of the end of the run, with its condition.
    fn operations(&self, cx: &Cx<'_>) -> wire::OperationStats {
        let operations: Vec<wire::Operation> = match self.stage {
            Some((stage, since)) if cx.now.since(since) >= SHOWN_AFTER => vec![wire::Operation {
                desc: format!("waiting for {}", condition(stage)),
                runtime_seconds: cx.now.since(since).as_secs_f64(),
                ..Default::default()
            }],
            _ => Vec::new(),
        };
        wire::OperationStats { total_operations: operations.len() as i64, operations, label: String::new() }
    }

    fn on_python_packages(&mut self, request: &wire::PythonPackagesRequest, out: &mut Out) {
        if !self.config.primary() {
            return;
        }
        let mut text = String::new();
        for package in &request.package {
            text.push_str(&package.name);
            text.push_str("==");
            text.push_str(&package.version);
            text.push('\n');
        }
        self.write_file("requirements.txt", Bytes::from(text), out);
        self.announce_file("requirements.txt", out);
    }

    fn on_probe(&mut self, out: &mut Out) {
        let settings = &self.config.settings;
        let off = settings.x_disable_meta.unwrap_or(false) || !self.config.machine_info() || !self.config.primary();
        if off {
            return;
        }
        let facts = environment::of_client(&self.config, &self.writer_id);
        self.persist(field::ENVIRONMENT, &facts, out);
        self.on_environment(facts, out);
        self.probing = true;
        out.push_back(Action::Probe);
    }

    /// The machine's facts are known.
    pub(crate) fn on_probed(&mut self, mut facts: wire::EnvironmentRecord, out: &mut Out) {
        if !self.exit_stored {
            facts.writer_id = self.writer_id.clone();
            self.persist(field::ENVIRONMENT, &facts, out);
            self.on_environment(facts, out);
        }
        self.on_probe_over(out);
    }

    /// The machine's facts are known, or will not be.
    pub(crate) fn on_probe_over(&mut self, out: &mut Out) {
        self.probing = false;
        if self.awaited == Some(DeferState::FlushStats) {
            self.awaited = None;
            out.push_back(Action::FlushDone(DeferState::FlushStats));
        }
    }

    /// Code was copied into the files folder.
    pub(crate) fn on_code_saved(&mut self, paths: &[String], out: &mut Out) {
        // The program by itself, and the patches together, as they belong together.
        let (code, patches): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| path.starts_with("code/"));
        self.announce_files(&code, out);
        self.announce_files(&patches, out);
    }

    fn announce_file(&mut self, path: &str, out: &mut Out) {
        self.announce_files(&[path], out);
    }

    fn announce_files(&mut self, paths: &[impl AsRef<str>], out: &mut Out) {
        if paths.is_empty() {
            return;
        }
        let item =
            |path: &str| wire::FilesItem { path: path.into(), r#type: FileType::Wandb.into(), ..Default::default() };
        let files = paths.iter().map(|path| item(path.as_ref())).collect();
        self.persist(field::FILES, &wire::FilesRecord { files, info: None }, out);
    }
}

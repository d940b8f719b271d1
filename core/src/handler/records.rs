//! Records: the ones that are stored, and what each means for the run's state.

use super::{Action, Cx, Handler, Out, field};
use crate::{
    console::{self, ConsoleSettings},
    id::{ClientId, Ticket},
    notice::Notice,
    settings::{Config, text},
};
use alloc::{
    format,
    string::{String, ToString},
};
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    peek::{self, PeekError, RecordPeek},
    wire,
};

/// Version of the protocol that the log follows.
pub(crate) const PROTOCOL_VERSION: &str = "0.31.0";
/// The oldest reader that understands the log.
const MIN_CONSUMER: &str = "0.70.0";

impl Handler {
    /// One record or request.
    pub(crate) fn on_record(
        &mut self,
        cx: &mut Cx<'_>,
        client: ClientId,
        ticket: Option<Ticket>,
        record: &Bytes,
        out: &mut Out,
    ) {
        let seen = peek::record(record);
        if matches!(seen, Err(PeekError::Unusual))
            && let Ok(plain) = wire::Record::decode(&record[..])
        {
            // Legal, but written in a way that can't be scanned: written plainly, it can.
            return self.on_record(cx, client, ticket, &Bytes::from(plain.encode_to_vec()), out);
        }
        let outcome = seen.map_err(|error| error.to_string()).and_then(|seen| match (seen.kind, seen.request_kind) {
            (Some(field::REQUEST), Some(field::PARTIAL_HISTORY)) => {
                self.on_partial_history(cx, &seen.request_body, out).map_err(|error| error.to_string())?;
                if ticket.is_some() {
                    self.respond(ticket, None, out);
                }
                Ok(())
            }
            (Some(field::REQUEST), Some(_)) => {
                let request = wire::Request::decode(&seen.body[..]).map_err(|error| error.to_string())?;
                self.on_request(cx, client, ticket, request, out);
                Ok(())
            }
            (Some(field::REQUEST), None) => Err("the request has no type that this version knows".into()),
            (Some(kind), _) => self.on_stored(cx, ticket, kind, record, &seen, out),
            (None, _) => Err("the record has no type that this version knows".into()),
        });
        if let Err(why) = outcome {
            out.push_back(Action::Notice(Notice::error(format!("a record was refused: {why}"))));
            self.refuse(ticket, why, out);
        }
    }

    fn on_stored(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Option<Ticket>,
        kind: u32,
        record: &Bytes,
        seen: &RecordPeek<'_>,
        out: &mut Out,
    ) -> Result<(), String> {
        let body = &seen.body[..];
        let bad = |error: prost::DecodeError| format!("its body can't be decoded: {error}");
        match kind {
            // Answered when the run has ended; stored then as well.
            field::EXIT => {
                let exit = wire::RunExitRecord::decode(body).map_err(bad)?;
                let around = wire::Record::decode(&record[..]).map_err(bad)?;
                self.on_exit(cx, ticket, around, exit, out);
                return Ok(());
            }
            field::FINAL | field::FOOTER | field::NOOP_LINK_ARTIFACT => {
                self.respond(ticket, None, out);
                return Ok(());
            }
            field::RUN => {
                let run = wire::RunRecord::decode(body).map_err(bad)?;
                self.keep(record, seen, out)?;
                self.on_run(cx, ticket, run, out);
                return Ok(());
            }
            field::HEADER => {
                let mut around = wire::Record::decode(&record[..]).map_err(bad)?;
                around.num = 0;
                let mut header = wire::HeaderRecord::decode(body).map_err(bad)?;
                header.version_info = Some(wire::VersionInfo {
                    producer: format!("{PROTOCOL_VERSION}+runwire.{}", env!("CARGO_PKG_VERSION")),
                    min_consumer: MIN_CONSUMER.into(),
                    info: None,
                });
                around.record_type = Some(wire::record::RecordType::Header(header));
                out.push_back(Action::PersistRaw(Bytes::from(around.encode_to_vec())));
                self.respond(ticket, None, out);
                return Ok(());
            }
            field::SUMMARY => {
                let summary = wire::SummaryRecord::decode(body).map_err(bad)?;
                for error in self.metrics.update_summary(&summary) {
                    self.note_bad_value("the summary", &error, out);
                }
                self.mark_summary(cx);
            }
            field::CONFIG => {
                let config = wire::ConfigRecord::decode(body).map_err(bad)?;
                for error in self.run_config.apply(&config) {
                    self.note_bad_value("the config", &error, out);
                }
            }
            field::TELEMETRY => {
                self.run_config.merge_telemetry(&wire::TelemetryRecord::decode(body).map_err(bad)?);
            }
            field::METRIC => {
                let metric = wire::MetricRecord::decode(body).map_err(bad)?;
                if let Err(error) = self.metrics.define(&metric) {
                    self.note_bad_value("define_metric", &error, out);
                }
                self.mark_summary(cx);
            }
            field::ENVIRONMENT => {
                self.on_environment(wire::EnvironmentRecord::decode(body).map_err(bad)?, out);
            }
            field::OUTPUT_RAW => {
                let raw = wire::OutputRawRecord::decode(body).map_err(bad)?;
                let stream = match raw.output_type() {
                    wire::output_raw_record::OutputType::Stderr => console::Stream::Stderr,
                    wire::output_raw_record::OutputType::Stdout => console::Stream::Stdout,
                };
                self.console.on_raw(stream, &raw.line, cx.wall.micros());
                self.mark_console(cx, out);
            }
            field::TBRECORD => {
                let watched = wire::TbRecord::decode(body).map_err(bad)?;
                self.keep(record, seen, out)?;
                self.on_tensorboard(cx, &watched, out);
                self.respond(ticket, None, out);
                return Ok(());
            }
            field::OUTPUT_LOGGER => {
                let logged = wire::OutputLoggerRecord::decode(body).map_err(bad)?;
                self.console.on_logger_line(&logged.line, cx.wall.micros());
                self.mark_console(cx, out);
            }
            field::HISTORY
            | field::OUTPUT
            | field::FILES
            | field::STATS
            | field::ARTIFACT
            | field::ALERT
            | field::PREEMPTING
            | field::USE_ARTIFACT => {}
            other => return Err(format!("field {other} is no record type of protocol {PROTOCOL_VERSION}")),
        }
        self.keep(record, seen, out)?;
        self.respond(ticket, None, out);
        Ok(())
    }

    /// Stores the record as it came, except for a number that the client may have put in.
    fn keep(&self, record: &Bytes, seen: &RecordPeek<'_>, out: &mut Out) -> Result<(), String> {
        if seen.local {
            return Ok(());
        }
        let raw = if seen.num_present {
            let mut decoded = wire::Record::decode(&record[..]).map_err(|error| error.to_string())?;
            decoded.num = 0;
            Bytes::from(decoded.encode_to_vec())
        } else {
            record.clone()
        };
        out.push_back(Action::PersistRaw(raw));
        Ok(())
    }

    pub(super) fn on_environment(&mut self, record: wire::EnvironmentRecord, out: &mut Out) {
        let metadata = self.run_config.merge_environment(&self.writer_id, &record).to_metadata();
        if (self.config.write_summary_files || self.config.is_online()) && self.config.primary() {
            self.write_file("wandb-metadata.json", Bytes::from(metadata), out);
            self.upload("wandb-metadata.json", true, out);
        }
    }

    fn note_bad_value(&mut self, place: &str, error: &dyn core::fmt::Display, out: &mut Out) {
        self.bad_values += 1;
        out.push_back(Action::Notice(Notice::error(format!("a value for {place} was left out: {error}"))));
    }
}

pub(super) fn console_settings(config: &Config) -> ConsoleSettings {
    let settings = &config.settings;
    let bound = |value: Option<i32>| value.unwrap_or(0).max(0);
    ConsoleSettings {
        mode: if text(&settings.console) == "off" { console::Mode::Off } else { console::Mode::On },
        label: Some(text(&settings.x_label)).filter(|label| !label.is_empty()).map(String::from),
        multipart: settings.console_multipart.unwrap_or(false).then(|| console::Multipart {
            max_bytes: bound(settings.console_chunk_max_bytes).unsigned_abs().into(),
            max_seconds: bound(settings.console_chunk_max_seconds).into(),
            utc_offset_seconds: config.utc_offset_seconds,
        }),
        // Offline nobody uploads lines.
        max_line_bytes: None,
        ..ConsoleSettings::default()
    }
}

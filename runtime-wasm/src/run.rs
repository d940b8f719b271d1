//! A run, as JavaScript sees it.

use crate::{
    host,
    options::{self, error},
    page::{self, CLIENT, Page},
    recover, stored,
};
use bytes::Bytes;
use js_sys::Uint8Array;
use runwire_core::{
    client::{Begin, Beginning, End, Ending, Folders, Plan, Question, Session, records},
    service::{ServiceInput, StopReason},
};
use runwire_proto::wire::{self, record::RecordType, result::ResultType, server_response::ServerResponseType};
use serde_json::json;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The folder of all runs in the page's store.
pub(crate) const ROOT: &str = "/wandb";
/// Bytes of rows that may wait while the store takes none.
const WAITING_MAX: usize = 8 << 20;

/// A run of a page. Rows are in the page's store a moment after `log`, and what a page that dies leaves there is sent when a
/// page of the same origin begins its next run on the same server.
#[wasm_bindgen]
pub struct Run {
    page: Rc<Page>,
    session: RefCell<Session>,
    plan: Plan,
    dir: String,
    log: String,
    keep_log: bool,
    url: Option<String>,
    /// The step of the first row.
    first_step: i64,
    ended: Cell<bool>,
}

#[wasm_bindgen]
impl Run {
    /// Begins a run. Rows can be logged when the promise is kept, which for a run with a server is when that has taken it.
    pub async fn init(#[wasm_bindgen(unchecked_param_type = "RunOptions")] options: JsValue) -> Result<Run, JsValue> {
        let (plan, keep_log) = options::plan(&options)?;
        if let Some(account) = plan.server.clone() {
            // An earlier life of this run goes before it; all else goes beside it.
            let name = plan.log_name();
            recover::deliver(&account, |log| log.ends_with(&name)).await;
            spawn_local(async move { drop(recover::deliver(&account, |_| true).await) });
        }
        let dir = claim(&plan).await?;
        let log = format!("{dir}/{}", plan.log_name());
        let server = plan.server.as_ref().map(|server| &*server.url);
        let place = json!({ "server": server, "keep": keep_log }).to_string();
        stored::patch(&recover::place_of(&log), 0, place.as_bytes()).await?;
        let folders = Folders {
            root: "/".into(),
            wandb: ROOT.into(),
            dir: dir.clone(),
            log: log.clone(),
            system: "browser".into(),
            ..Folders::default()
        };
        let session = RefCell::new(Session::new(plan.id.clone()));
        let mut run = Run {
            page: Page::start(),
            session,
            plan,
            dir,
            log,
            keep_log,
            url: None,
            first_step: 0,
            ended: Cell::new(false),
        };
        let mut beginning = Beginning::new(run.plan.clone(), folders, page::wall().timestamp());
        let mut answer = None;
        loop {
            let step = beginning.next(&mut run.session.borrow_mut(), answer);
            match step {
                Begin::Ask(question) => match run.ask(question).await {
                    Ok(next) => {
                        if let Some(ResultType::RunResult(result)) = &next {
                            run.first_step = result.run.as_ref().map_or(0, |taken| taken.starting_step);
                        }
                        answer = next;
                    }
                    Err(why) => return Err(run.give_up(&why)),
                },
                Begin::Refused(why) => return Err(run.give_up(&why)),
                Begin::Begun { frames, url } => {
                    run.url = url;
                    run.send(frames)?;
                    return Ok(run);
                }
            }
        }
    }

    /// Logs a row. Values of one step are one row; a step below the current one is refused with a message.
    pub fn log(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, unknown>")] row: &JsValue,
        step: Option<f64>,
    ) -> Result<(), JsValue> {
        let row = options::row(row)?;
        let frame = self.session.borrow().row(row, step.map(|step| step as i64));
        self.send(frame)
    }

    /// Sets values of the run's config.
    pub fn config(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, unknown>")] values: &JsValue,
    ) -> Result<(), JsValue> {
        let update = options::config_items(values)?;
        self.record(RecordType::Config(wire::ConfigRecord { update, ..Default::default() }))
    }

    /// Sets values of the run's summary.
    pub fn summary(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, unknown>")] values: &JsValue,
    ) -> Result<(), JsValue> {
        let update = options::summary_items(values)?;
        self.record(RecordType::Summary(wire::SummaryRecord { update, ..Default::default() }))
    }

    /// Says how a metric is summarised, or which metric is its axis. A `*` at the end of the name stands for any.
    #[wasm_bindgen(js_name = defineMetric)]
    pub fn define_metric(
        &self,
        name: String,
        #[wasm_bindgen(unchecked_optional_param_type = "MetricOptions")] options: JsValue,
    ) -> Result<(), JsValue> {
        self.record(RecordType::Metric(options::metric(name, &options)?))
    }

    /// Keeps a file of the run, and sends it to the run's server if it has one.
    pub async fn save(
        &self,
        name: String,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array")] content: JsValue,
    ) -> Result<(), JsValue> {
        let bytes = match content.as_string() {
            Some(text) => text.into_bytes(),
            None => content.dyn_into::<Uint8Array>().map_err(|_| error("a file is a string or a Uint8Array"))?.to_vec(),
        };
        stored::patch(&format!("{}/files/{name}", self.dir), 0, &bytes).await?;
        self.record(records::file(name))
    }

    /// The step of the next row.
    pub async fn step(&self) -> Result<f64, JsValue> {
        let question = {
            let mut session = self.session.borrow_mut();
            let id = session.request_id();
            let frames = session.request(&id, records::ask_step());
            Question { frames, id, within: runwire_core::client::ANSWER }
        };
        let answer = self.ask(question).await.map_err(|why| error(&why))?;
        let step = records::step(answer).ok_or_else(|| error("the run gave no answer"))?;
        // The service counts from the first row on.
        Ok(step.max(self.first_step) as f64)
    }

    /// Its id.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.plan.id.clone()
    }

    /// Where it is shown; undefined without a server.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> Option<String> {
        self.url.clone()
    }

    /// The name of its log, for `readLog`.
    #[wasm_bindgen(getter, js_name = logName)]
    pub fn log_name(&self) -> String {
        self.log.clone()
    }

    /// Ends the run and waits until everything is stored, and until its server has everything or the patience with it is over.
    /// What is left then is sent by the next run, or by `recover`.
    #[wasm_bindgen(unchecked_return_type = "FinishReport")]
    pub async fn finish(&self, #[wasm_bindgen(js_name = exitCode)] exit_code: Option<i32>) -> Result<JsValue, JsValue> {
        let exit_code = exit_code.unwrap_or_default();
        if self.ended.replace(true) {
            return Err(finished());
        }
        let mut ending = Ending::new(exit_code, self.plan.server.is_some());
        let mut answer = None;
        let outcome = loop {
            let step = ending.next(&mut self.session.borrow_mut(), answer);
            match step {
                End::Ask(question) => answer = self.ask(question).await.ok().flatten(),
                End::Ended { frames, outcome } => {
                    self.page.said(ServiceInput::Received(CLIENT, frames));
                    break outcome;
                }
            }
        };
        self.stop(exit_code);
        self.page.over().await;
        let delivered = recover::is_delivered(&self.log).await;
        if delivered && !self.keep_log {
            recover::forget(&self.log).await;
        }
        host::release(&self.dir);
        let outcome = outcome.ok_or_else(|| error("the run gave no answer to its end; what it stored is kept"))?;
        let accounts = self.page.summary.borrow().accounts;
        let report = json!({
            "delivered": delivered,
            "timedOut": outcome.timed_out,
            "url": self.url,
            "messages": outcome.messages,
            "accepted": accounts.accepted,
            "stored": accounts.stored,
        });
        js_sys::JSON::parse(&report.to_string())
    }

    fn record(&self, record: RecordType) -> Result<(), JsValue> {
        let frame = self.session.borrow().record("", record);
        self.send(frame)
    }

    fn send(&self, frames: Bytes) -> Result<(), JsValue> {
        if self.ended.get() {
            return Err(finished());
        }
        if self.page.unheard() > WAITING_MAX {
            return Err(error(
                "this row is not taken: the page's store has been failing, and what waits for it is too much",
            ));
        }
        self.page.said(ServiceInput::Received(CLIENT, frames));
        Ok(())
    }

    async fn ask(&self, question: Question) -> Result<Option<ResultType>, String> {
        match self.page.ask(question).await {
            Some(Some(ServerResponseType::ErrorResponse(error))) => Err(error.message),
            Some(Some(ServerResponseType::ResultCommunicate(result))) => Ok(result.result_type),
            Some(Some(_) | None) => Ok(None),
            None => Err("the run's service gave no answer in time".into()),
        }
    }

    fn stop(&self, exit_code: i32) {
        self.page.said(ServiceInput::Ended(CLIENT));
        self.page.said(ServiceInput::Stop(StopReason::ProgramEnded { exit_code }));
    }

    /// A run that could not begin leaves nothing that is worth sending.
    fn give_up(&self, why: &str) -> JsValue {
        self.ended.set(true);
        self.stop(1);
        let (page, log, dir) = (Rc::clone(&self.page), self.log.clone(), self.dir.clone());
        spawn_local(async move {
            page.over().await;
            recover::forget(&log).await;
            host::release(&dir);
        });
        error(why)
    }
}

/// Takes a folder that no other run has, for as long as the page lives.
async fn claim(plan: &Plan) -> Result<String, JsValue> {
    let name = format!("{ROOT}/{}", plan.folder_name(&host::stamp()));
    let mut dir = name.clone();
    for suffix in 1.. {
        let free = stored::stat(&format!("{dir}/{}", plan.log_name())).await.is_none();
        if free && JsFuture::from(host::claim(&dir)).await?.is_truthy() {
            break;
        }
        // Runs of one second and one id get a number, as in the official layout.
        dir = format!("{name}-{suffix}");
    }
    Ok(dir)
}

fn finished() -> JsValue {
    error("the run is finished already: nothing more can be logged to it")
}

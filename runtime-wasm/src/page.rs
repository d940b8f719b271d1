//! A service in a page: turns the loop when something happens, and gives it a world.

use crate::{
    client::Talk,
    clock::Clock,
    host,
    pump::{Next, Pump, World},
    stored::{self, Log},
};
use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use runwire_core::{
    ClientId, Completion, Effect, EffectId, Failure, FailureKind, Instant, Limits, Notice, StreamKey, Summary,
    UnixNanos,
    net::{Body, HttpRequest, HttpResponse, Method},
    notice::Level,
    service::{Service, ServiceConfig, ServiceInput},
    writer::WritePolicy,
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The only client of the service.
pub(crate) const CLIENT: ClientId = ClientId(1);

thread_local! {
    /// Names requests to the page, over all services.
    static TOKENS: Cell<f64> = const { Cell::new(0.0) };
}

/// A service and its world.
pub(crate) struct Page {
    pump: RefCell<Pump<Service>>,
    clock: RefCell<Clock>,
    pub(crate) talk: RefCell<Talk>,
    pub(crate) summary: RefCell<Summary>,
    logs: RefCell<BTreeMap<StreamKey, Rc<RefCell<Log>>>>,
    requests: RefCell<BTreeMap<(StreamKey, EffectId), f64>>,
    /// The timer that runs, and when it fires.
    timer: Cell<Option<(f64, Instant)>>,
    on_timer: RefCell<Option<Closure<dyn FnMut()>>>,
}

impl Page {
    /// A service with a client.
    pub(crate) fn start() -> Rc<Page> {
        // Nothing unwinds here: after a bug the calls of this page throw, and what is stored is sent by the next one.
        std::panic::set_hook(Box::new(|bug| host::note("error", &format!("{bug}; please report this"))));
        let mut clock = Clock::new(host::monotonic(), host::wall());
        let config = ServiceConfig {
            seed: host::seed(),
            limits: Limits::default(),
            // A page may be gone at any moment, and its timers may be slow: rows wait only for the rows before them.
            write_policy: WritePolicy { flush_interval: Duration::ZERO, ..WritePolicy::default() },
            idle_timeout: None,
            write_summary_files: true,
            utc_offset_seconds: host::zone(),
            current_dir: String::new(),
            slurm: BTreeMap::new(),
        };
        let service = Service::new(config, clock.at(host::monotonic(), host::wall()), wall());
        let page = Rc::new(Page {
            pump: RefCell::new(Pump::new(service)),
            clock: RefCell::new(clock),
            talk: RefCell::default(),
            summary: RefCell::default(),
            logs: RefCell::default(),
            requests: RefCell::default(),
            timer: Cell::new(None),
            on_timer: RefCell::new(None),
        });
        let own = Rc::downgrade(&page);
        let fired = Closure::new(move || {
            if let Some(page) = own.upgrade() {
                page.timer.set(None);
                page.turn();
            }
        });
        *page.on_timer.borrow_mut() = Some(fired);
        page.said(ServiceInput::Connected(CLIENT));
        page
    }

    /// What the client says. Gives how many bytes wait because the service takes none.
    pub(crate) fn said(self: &Rc<Self>, input: ServiceInput) -> usize {
        self.pump.borrow_mut().said(input);
        self.turn();
        self.pump.borrow().unheard()
    }

    /// Bytes of frames that wait because the service takes none.
    pub(crate) fn unheard(&self) -> usize {
        self.pump.borrow().unheard()
    }

    /// Whether the service has finished.
    pub(crate) fn is_over(&self) -> bool {
        self.pump.borrow().is_over()
    }

    fn turn(self: &Rc<Self>) {
        let mut pump = self.pump.borrow_mut();
        let next = pump.turn(&mut Turn { page: self });
        drop(pump);
        match next {
            Next::Now => self.wake_at(Instant::ZERO),
            Next::At(at) => self.wake_at(at),
            Next::Event => {}
            Next::Over => self.talk.borrow_mut().close(),
        }
    }

    /// Sets the timer, unless one fires sooner: it is read again then.
    fn wake_at(&self, at: Instant) {
        match self.timer.get() {
            Some((_, sooner)) if sooner <= at => return,
            Some((timer, _)) => host::forget(timer),
            None => {}
        }
        let wait = at.since(self.now());
        if let Some(call) = &*self.on_timer.borrow() {
            // Rounded up: one that fires early only fires again.
            self.timer.set(Some((host::later((wait.as_secs_f64() * 1000.0).ceil(), call), at)));
        }
    }

    fn now(&self) -> Instant {
        self.clock.borrow_mut().at(host::monotonic(), host::wall())
    }

    async fn perform(&self, log: &RefCell<Log>, token: f64, effect: Effect) -> Completion {
        match stored::perform(log, effect).await {
            Ok(completion) => completion,
            Err(request) => match send(token, *request).await {
                Ok(response) => Completion::Http(Box::new(response)),
                Err(failure) => Completion::Failed(failure),
            },
        }
    }
}

/// The wall time.
pub(crate) fn wall() -> UnixNanos {
    UnixNanos((host::wall() * 1e6) as i64)
}

/// The world during one turn.
struct Turn<'a> {
    page: &'a Rc<Page>,
}

impl World for Turn<'_> {
    fn now(&mut self) -> Instant {
        self.page.now()
    }

    fn send(&mut self, client: ClientId, bytes: Bytes) {
        let count = bytes.len();
        self.page.talk.borrow_mut().take(bytes);
        let page = Rc::clone(self.page);
        spawn_local(async move {
            page.pump.borrow_mut().happened(ServiceInput::Sent(client, count));
            page.turn();
        });
    }

    fn close(&mut self, _: ClientId) {
        self.page.talk.borrow_mut().close();
    }

    fn start(&mut self, key: StreamKey, id: EffectId, effect: Effect) {
        let page = Rc::clone(self.page);
        let log = Rc::clone(page.logs.borrow_mut().entry(key).or_default());
        let token = TOKENS.replace(TOKENS.get() + 1.0);
        if matches!(effect, Effect::Http(_)) {
            page.requests.borrow_mut().insert((key, id), token);
        }
        spawn_local(async move {
            let completion = page.perform(&log, token, effect).await;
            page.requests.borrow_mut().remove(&(key, id));
            page.pump.borrow_mut().happened(ServiceInput::Completed(key, id, completion));
            page.turn();
        });
    }

    fn cancel(&mut self, key: StreamKey, id: EffectId) {
        // What the store was asked can't be taken back; the core ignores the late outcome.
        if let Some(token) = self.page.requests.borrow_mut().remove(&(key, id)) {
            host::abort(token);
        }
    }

    fn note(&mut self, notice: &Notice) {
        let level = match notice.level {
            Level::Debug | Level::Info => "debug",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        host::note(level, &notice.message);
    }

    fn ended(&mut self, summary: Summary) {
        *self.page.summary.borrow_mut() = summary;
    }
}

async fn send(token: f64, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let fail = |error: JsValue| stored::failure(&error);
    let bytes = match request.body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(host::copied(&bytes)),
        Body::File { path, len } => {
            let bytes = stored::read(&path, 0, len).await.map_err(fail)?;
            if (bytes.len() as u64) < len {
                return Err(Failure { kind: FailureKind::Other, message: format!("{path} has become shorter") });
            }
            Some(host::copied(&bytes))
        }
    };
    let headers = Array::new();
    for header in &request.headers {
        headers.push(&JsValue::from_str(&header.name));
        headers.push(&JsValue::from_str(header.value.reveal()));
    }
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let timeout = request.timeout.unwrap_or(Duration::ZERO).as_secs_f64() * 1000.0;
    // A body that goes into a file is wanted whole.
    let most = if request.save_to.is_some() { f64::INFINITY } else { request.answer_bytes_max as f64 };
    let attempt = host::request(token, method, &request.url, headers, bytes, request.gzip, timeout, most);
    let answer: Array = JsFuture::from(attempt).await.map_err(fail)?.unchecked_into();
    let fields: Vec<String> =
        answer.get(1).unchecked_into::<Array>().iter().map(|text| text.as_string().unwrap_or_default()).collect();
    let mut response = HttpResponse {
        status: answer.get(0).as_f64().unwrap_or_default() as u16,
        headers: fields.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
        body: answer.get(2).unchecked_into::<Uint8Array>().to_vec().into(),
    };
    if let Some(path) = request.save_to.filter(|_| response.is_success()) {
        stored::patch(&path, 0, &response.body).await.map_err(fail)?;
        response.body = Bytes::new();
    }
    Ok(response)
}

//! Answers of a server that make little sense, given to the requests of an online run. Whatever they are: the run ends in
//! bounded time, its log has every row, and the server no row twice and none that was not logged. If one is missing there,
//! the user was told.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use runwire_core::CloseReason;
use runwire_core::net::{HttpResponse, Purpose};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
/// Rows of the run.
const ROWS: i64 = 6;
/// Answers that are taken from the bytes; what is asked after them is answered properly.
const ANSWERS_MAX: usize = 24;
/// No end of a run takes longer, see `sim::bound`.
const BOUND: Duration = Duration::from_secs(900);

#[derive(Debug, Arbitrary)]
struct Made {
    /// The server does the work before it answers so.
    applied: bool,
    status: Status,
    header: Option<(Name, String)>,
    body: Body,
}

#[derive(Debug, Arbitrary)]
enum Status {
    Common(u8),
    Any(u16),
}

#[derive(Debug, Arbitrary)]
enum Name {
    RetryAfter,
    Limit,
    Remaining,
    Reset,
    Encoding,
}

#[derive(Debug, Arbitrary)]
enum Body {
    Empty,
    Raw(Vec<u8>),
    /// What an upsert is answered with, with other names.
    Bucket {
        entity: String,
        project: String,
        name: String,
        counts: (i64, i64),
        config: String,
    },
    Errors {
        message: String,
        code: u16,
    },
    Data(String),
    Limits {
        exited: bool,
        stopped: bool,
    },
}

impl Made {
    fn response(self) -> HttpResponse {
        const COMMON: [u16; 12] = [200, 200, 200, 201, 204, 400, 401, 404, 409, 413, 429, 503];
        let status = match self.status {
            Status::Common(n) => COMMON[usize::from(n) % COMMON.len()],
            Status::Any(n) => n % 1000,
        };
        let headers = self.header.map(|(name, value)| {
            let name = match name {
                Name::RetryAfter => "retry-after",
                Name::Limit => "ratelimit-limit",
                Name::Remaining => "ratelimit-remaining",
                Name::Reset => "ratelimit-reset",
                Name::Encoding => "content-encoding",
            };
            (name.to_owned(), value)
        });
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let body = match self.body {
            Body::Empty => Vec::new(),
            Body::Raw(bytes) => bytes,
            Body::Bucket { entity, project, name, counts, config } => format!(
                "{{\"data\":{{\"upsertBucket\":{{\"bucket\":{{\"id\":\"x\",\"name\":{},\"config\":{},\"historyLineCount\":{},\
                 \"logLineCount\":{},\"project\":{{\"name\":{},\"entity\":{{\"name\":{}}}}}}},\"inserted\":true}}}}}}",
                text(&name),
                text(&config),
                counts.0,
                counts.1,
                text(&project),
                text(&entity)
            )
            .into_bytes(),
            Body::Errors { message, code } => {
                format!("{{\"errors\":[{{\"message\":{},\"extensions\":{{\"code\":{code}}}}}]}}", text(&message)).into_bytes()
            }
            Body::Data(data) => format!("{{\"data\":{data}}}").into_bytes(),
            Body::Limits { exited, stopped } => format!("{{\"exited\":{exited},\"stopped\":{stopped}}}").into_bytes(),
        };
        let headers = headers.into_iter().collect();
        HttpResponse { status, headers, body: body.into() }
    }
}

/// Plays a run whose first requests get the answers that the bytes mean.
pub fn answers(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World::new(|config| {
        config.settings.offline = Some(false);
        config.settings.x_disable_stats = Some(true);
    });
    for made in input.arbitrary_iter::<Made>().into_iter().flatten().filter_map(Result::ok).take(ANSWERS_MAX) {
        world.net.made.push_back((made.applied, made.response()));
    }
    world.begin();
    for step in 0..ROWS {
        world.row(&[("a", &step.to_string())]);
        world.advance(SECOND * 3);
    }
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(BOUND);
    let logged = world.read_log().own_rows().len();
    assert_eq!(logged, usize::try_from(ROWS).unwrap_or_default(), "the log has every row");
    let now = world.now;
    let there: Vec<i64> = world.net.column(now, "a").iter().filter_map(serde_json::Value::as_i64).collect();
    assert!(there.windows(2).all(|pair| pair[0] < pair[1]), "in order and none twice: {there:?}");
    let whole = there.len() == logged;
    // A run that the server does not take is an error for the client that began it, and nothing is pushed.
    let refused = !world.net.asked.contains(&Purpose::FileStream);
    let text = world.text();
    assert!(
        whole || refused || tells_of_loss(&text),
        "rows {there:?} of {logged} are there and nobody said so:\n{text}"
    );
}

/// Whether somebody who read the trace would know that the server lacks something.
fn tells_of_loss(text: &str) -> bool {
    ["runwire sync", "not uploaded", "left out", "Warn", "Error"].iter().any(|word| text.contains(word))
}

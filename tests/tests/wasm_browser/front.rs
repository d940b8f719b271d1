//! The page as a front end of the scenarios: each act is JavaScript in a tab, and in the end the test takes the logs out of
//! the page's store.

use crate::stage::Stage;
use runwire_tests::browser::Browser;
use runwire_tests::kit::scenarios::{Act, FrontEnd, Stage as Plain};
use serde_json::{Value, json};
use std::fs;

const TAB: &str = "front";

pub(crate) struct Page<'a> {
    stage: &'a Stage,
    _browser: Browser,
}

impl FrontEnd for Page<'_> {
    fn play(&self, plain: &Plain, acts: &[Act]) {
        self.stage.tell(TAB, "kept.x = 0; kept.ends = [];");
        for act in acts {
            self.act(plain, *act);
        }
        // A run that was let go of in a page ends when it is told to.
        self.stage.tell(TAB, "await Promise.all(kept.ends);");
        self.take_logs(plain);
    }
}

impl Page<'_> {
    /// A page in a browser of its own.
    pub(crate) fn open(stage: &Stage) -> Page<'_> {
        let browser = stage.browser();
        browser.open(&stage.site, TAB);
        Page { stage, _browser: browser }
    }

    fn act(&self, plain: &Plain, act: Act) {
        let order = match act {
            Act::Begin { id, resume, online } => {
                let mut options = json!({ "project": "p", "entity": "e", "id": id, "resume": resume, "keepLog": true });
                if online {
                    options["server"] = self.account(plain);
                }
                format!("kept.run = await lib.Run.init({options});")
            }
            Act::Rows(count) => format!(
                "for (let n = 0; n < {count}; n++) {{ kept.run.log({{ x: kept.x, loss: 1 / (kept.x + 1) }}); kept.x++; }}"
            ),
            Act::RowAt(step, key, value) => format!("kept.run.log({{ [{}]: {value} }}, {step});", Value::from(key)),
            Act::Json(text) => format!("kept.run.log({text});"),
            Act::Config(key, text) => format!("kept.run.config({{ [{}]: {text} }});", Value::from(key)),
            Act::Summary(key, text) => format!("kept.run.summary({{ [{}]: {text} }});", Value::from(key)),
            Act::DefineMin(name) => {
                format!("kept.run.defineMetric({}, {{ summary: [\"min\"] }});", Value::from(name))
            }
            Act::File(name, content) => {
                format!("await kept.run.save({}, {});", Value::from(name), Value::from(content))
            }
            Act::Fault(text) => {
                plain.backend.fault(serde_json::from_str(text).expect("a scenario holds JSON"));
                return;
            }
            Act::Heal => {
                plain.backend.controls().clear_faults();
                return;
            }
            // A call of `log` is no promise: there is nothing to give up.
            Act::GiveUpLogging(_) => return,
            Act::GiveUpFinishing => "kept.ends.push(kept.run.finish());".into(),
            Act::Wait(millis) => format!("await new Promise((later) => setTimeout(later, {millis}));"),
            Act::Finish(code) => format!("if (!kept.ends.length) await kept.run.finish({code});"),
            Act::LetGo => "await kept.run.finish();".into(),
            Act::Panic => "try { throw new Error('planted'); } catch { await kept.run.finish(1); }".into(),
        };
        self.stage.tell(TAB, &order);
    }

    fn account(&self, plain: &Plain) -> Value {
        let mut account = self.stage.account();
        account["url"] = plain.backend.url().into();
        account
    }

    /// Takes the logs out of the store, and writes them to where the other front ends leave them.
    fn take_logs(&self, plain: &Plain) {
        let logs = self.stage.tell(
            TAB,
            "const texts = {};
             for (const { log } of await lib.logs()) {
               const bytes = await lib.readLog(log);
               let text = '';
               for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
               texts[log] = text;
               await lib.deleteLog(log);
             }
             return texts;",
        );
        for (log, text) in logs.as_object().expect("an object of logs") {
            let path = plain.dir.join(log.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a log lies in a folder")).expect("folders can be made");
            let text = text.as_str().unwrap_or_default();
            let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits are a byte");
            fs::write(&path, (0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>()).expect("it can be written");
        }
    }
}

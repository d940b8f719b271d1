//! What every test in a browser needs: the package, a site that serves it, a server that lets its pages in, a browser.

use runwire_package::Size;
use runwire_tests::{
    browser::{Browser, Site, chromium},
    online::Backend,
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

const KEY: &str = "0123456789012345678901234567890123456789";

/// Names a package that is there already; without it one is made.
const PACKAGE: &str = "RUNWIRE_TEST_PACKAGE";

/// The package, built once.
pub(crate) fn package() -> (&'static Path, Size) {
    static MADE: OnceLock<(PathBuf, Size)> = OnceLock::new();
    let (folder, size) = MADE.get_or_init(|| {
        if let Some(folder) = std::env::var_os(PACKAGE) {
            let size = runwire_package::size_of(folder.as_ref()).unwrap_or_else(|why| panic!("{why}"));
            return (folder.into(), size);
        }
        let test = std::env::current_exe().expect("a test knows its own path");
        let target = test.ancestors().nth(3).expect("tests lie three folders below the target folder");
        let folder = target.join("npm-tested");
        let size = runwire_package::make_with(&folder, target).unwrap_or_else(|why| panic!("{why}"));
        (folder, size)
    });
    (folder, *size)
}

/// A site, a server that lets its pages in, and a place for a browser.
pub(crate) struct Stage {
    chromium: PathBuf,
    pub(crate) site: Site,
    pub(crate) backend: Backend,
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    /// `None`: there is no browser.
    pub(crate) fn new() -> Option<Stage> {
        Stage::with(|_| package().0.to_path_buf())
    }

    /// With a site of another folder, made in that of the stage.
    pub(crate) fn with(make: impl FnOnce(&Path) -> PathBuf) -> Option<Stage> {
        let Some(chromium) = chromium() else {
            eprintln!("skipped: no chromium in the path and none named by CHROMIUM");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let site = Site::start(&make(folder.path())).expect("a port can be had");
        let origin = site.origin();
        let backend = Backend::with(|options| options.origins.push(origin));
        Some(Stage { chromium, site, backend, folder })
    }

    /// A browser with what an earlier one on this stage has stored.
    pub(crate) fn browser(&self) -> Browser {
        Browser::start(&self.chromium, &self.folder.path().join("profile"))
    }

    /// Runs JavaScript in a tab.
    pub(crate) fn tell(&self, tab: &str, order: &str) -> Value {
        self.site.tell(tab, order)
    }

    /// The account as JavaScript writes it.
    pub(crate) fn account(&self) -> Value {
        json!({ "url": self.backend.url(), "apiKey": KEY })
    }

    /// JavaScript that begins the run `kept.run`, with more options.
    pub(crate) fn begin(&self, id: &str, more: &Value) -> String {
        let mut options = json!({ "project": "p", "entity": "e", "id": id, "server": self.account() });
        let fields = options.as_object_mut().expect("options are an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        format!("kept.run = await lib.Run.init({options});")
    }

    /// The values of `x` in the rows that the server has of a run.
    pub(crate) fn delivered(&self, id: &str) -> Vec<u64> {
        let run = self.backend.run(&format!("e/p/{id}"));
        let rows = run["history"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["x"].as_u64().expect("each row has its number")).collect()
    }
}

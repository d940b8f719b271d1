//! Names, rotation and lines of the two logs.

use super::*;

fn read(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lines_have_time_level_message_and_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs").join("debug-internal.log");
    let log = RunLog::open(&path, Level::Info);
    log.write(Level::Debug, "not kept", &[]);
    log.write(Level::Info, "a \"b\"\n", &[("n", 1_i32.into()), ("f", f64::NAN.into()), ("t", "x".into())]);
    log.clone().write(Level::Error, "bad", &[("big", u64::MAX.into()), ("yes", true.into())]);
    assert_eq!(log.warning(), None);

    let text = std::fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    let time = first.strip_prefix("{\"time\":\"").unwrap().split('"').next().unwrap();
    assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    assert!(first.ends_with(r#","level":"INFO","msg":"a \"b\"\n","n":1,"f":null,"t":"x"}"#), "{first}");
    assert_eq!(read(&path)[1]["big"], u64::MAX);
    assert_eq!(text.lines().count(), 2);

    // A second service of the same run appends.
    RunLog::open(&path, Level::Info).write(Level::Info, "again", &[]);
    assert_eq!(read(&path).len(), 3);
}

#[test]
fn nothing_is_on_disk_before_it_is_activated() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("wandb").join("logs");
    let log = CoreLog::open_in(Level::Info, Some(logs.clone()));
    log.write(Level::Info, "main: starting", &[("pid", 7_i64.into())]);
    assert!(!logs.exists());
    log.activate();
    let path = log.path().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(name.len(), "core-debug-20260101_000000.log".len(), "{name}");
    let lines = read(&path);
    assert_eq!((&lines[0]["msg"], &lines[1]["msg"]), (&"runwire".into(), &"main: starting".into()));
    log.write(Level::Warn, "later", &[]);
    assert_eq!(read(&path).len(), 3);
}

#[test]
fn a_log_that_was_never_activated_is_written_when_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let log = CoreLog::open_in(Level::Info, Some(dir.path().to_owned()));
    log.write(Level::Error, "could not listen", &[]);
    drop(log);
    let entry = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    assert_eq!(read(&entry.path())[1]["msg"], "could not listen");

    let quiet = tempfile::tempdir().unwrap();
    drop(CoreLog::open_in(Level::Info, Some(quiet.path().to_owned())));
    assert_eq!(std::fs::read_dir(quiet.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn files_are_private_and_linked_into_the_run() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("c");
    let log = CoreLog::open_in(Level::Info, Some(logs.clone()));
    let path = log.path().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&logs).unwrap().permissions().mode() & 0o777, 0o700);

    let run = dir.path().join("run").join("logs");
    log.link_into(&run).unwrap();
    log.link_into(&run).unwrap();
    assert_eq!(std::fs::read_link(run.join("debug-core.log")).unwrap(), path);
    // A real file in the way is the user's.
    std::fs::remove_file(run.join("debug-core.log")).unwrap();
    std::fs::write(run.join("debug-core.log"), "mine").unwrap();
    assert!(log.link_into(&run).is_err());
    assert_eq!(std::fs::read_to_string(run.join("debug-core.log")).unwrap(), "mine");
}

#[test]
fn two_services_of_one_second_have_their_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let stamp = "20260101_000000";
    let paths: Vec<_> = (0..4).map(|_| rotate::create(dir.path(), stamp).unwrap().1).collect();
    let mut unique = paths.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 4, "{paths:?}");
    assert!(paths[0].ends_with("core-debug-20260101_000000.log"));
}

#[test]
fn old_logs_of_ours_go_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let in_use = rotate::create(dir.path(), "20260101_000000").unwrap();
    for day in 2..=9 {
        drop(rotate::create(dir.path(), &format!("2026010{day}_000000")).unwrap());
    }
    let foreign = ["core-debug-20250101_000000.log", "symon-debug-20250101_000000.log", "core-debug-x.txt"];
    for name in foreign {
        std::fs::write(dir.path().join(name), "{\"msg\":\"other\"}\n\"msg\":\"runwire\"").unwrap();
    }
    rotate::remove_old(dir.path(), 3);
    let mut names: Vec<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut wanted: Vec<String> = (7..=9).map(|day| format!("core-debug-2026010{day}_000000.log")).collect();
    if cfg!(unix) {
        wanted.push("core-debug-20260101_000000.log".to_owned());
    }
    wanted.extend(foreign.map(str::to_owned));
    wanted.sort();
    assert_eq!(names, wanted);
    drop(in_use);
}

#[test]
fn an_unusable_place_drops_lines_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let log = CoreLog::open_in(Level::Debug, Some(file.join("logs")));
    log.write(Level::Info, "held", &[]);
    log.activate();
    log.write(Level::Info, "dropped", &[]);
    assert!(log.warning().unwrap().starts_with("no log of the service in "));
    assert_eq!(log.path(), None);
    log.link_into(dir.path()).unwrap();
    assert!(!dir.path().join("debug-core.log").exists());

    let run = RunLog::open(&file.join("debug-internal.log"), Level::Info);
    run.write(Level::Error, "dropped", &[]);
    assert!(run.warning().unwrap().starts_with("no log of the run at "));
    assert_eq!(RunLog::none().warning(), None);
    assert!(CoreLog::open_in(Level::Info, None).path().is_none());
}

#[test]
fn levels_of_the_flag() {
    let table = [(-4, Level::Debug), (-1, Level::Debug), (0, Level::Info), (4, Level::Warn), (8, Level::Error)];
    for (number, level) in table {
        assert_eq!(Level::from_flag(number), level);
    }
    assert!(Level::Debug < Level::Info && Level::Warn < Level::Error);
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn the_cache_follows_the_environment() {
    let with = |pairs: &'static [(&str, &str)]| {
        cache_dir(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    };
    assert_eq!(with(&[("WANDB_CACHE_DIR", "w"), ("HOME", "/h")]), Some("w".into()));
    assert_eq!(with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x".into()));
    assert_eq!(with(&[("WANDB_CACHE_DIR", ""), ("XDG_CACHE_HOME", "rel"), ("HOME", "/h")]), Some("/h/.cache".into()));
    assert_eq!(with(&[]), None);
}

//! What does not happen: a flood of messages, a forced write for each row, files made by a reader.
#![cfg(unix)]
use std::fs;
use std::os::unix::fs::PermissionsExt;

use runwire_core::{CloseReason, Effect, Output};
use runwire_std::inspect::inspect;
use runwire_tests::client::Scene;
use runwire_tests::world::World;

#[test]
fn better_a_thousand_backward_rows_are_few_messages_and_a_count() {
    let mut scene = Scene::new();
    scene.row_at(10, &[("x", "1")]);
    scene.row_at(11, &[("x", "2")]);
    for _ in 0..1000 {
        scene.row_at(5, &[("x", "3")]);
    }
    scene.settle();
    let messages = scene.messages();
    assert!((1..=13).contains(&messages.len()), "{messages:#?}");
    scene.exit(0);
    scene.run.finish();
    scene.teardown(0);
    let report = inspect(&scene.log_path()).expect("the log is there");
    let counts = report.accounts.expect("a finished run of ours has its accounts");
    assert_eq!(counts.rows_behind, 1000);
    assert!(report.to_text().contains("1000 rows had a step behind the run's"), "{}", report.to_text());
}

#[test]
fn better_rows_are_written_often_and_forced_to_the_device_once() {
    let mut world = World::begun(|_| {});
    for _ in 0..100 {
        world.row(&[("x", "1")]);
        world.advance(runwire_core::time::Duration::from_millis(100));
    }
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(runwire_core::time::Duration::from_secs(1));
    let count = |wanted: fn(&Effect) -> bool| {
        world.outputs.iter().filter(|output| matches!(output, Output::Effect(_, effect) if wanted(effect))).count()
    };
    assert!(count(|effect| matches!(effect, Effect::AppendLog { .. })) > 50);
    assert_eq!(count(|effect| matches!(effect, Effect::SyncLog { .. })), 1);
}

#[test]
fn better_a_log_is_read_where_nothing_can_be_written() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.exit(0);
    scene.run.finish();
    scene.teardown(0);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("run.wandb");
    fs::copy(scene.log_path(), &path).expect("the log can be copied");
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("own folder");
    mode(0o500);
    let report = inspect(&path);
    let names = fs::read_dir(folder.path()).expect("own folder").count();
    mode(0o700);
    assert_eq!((report.expect("the log is readable").rows(), names), (1, 1), "one row, and no file beside the log");
}

//! Effect traces of online runs: what is asked of the server and when, in good and in bad weather.
#![cfg(unix)]
use runwire_core::net::Purpose;
use runwire_core::time::Duration;
use runwire_core::{CloseReason, Config};
use runwire_tests::world::{World, net::Fate};

const SECOND: Duration = Duration::from_secs(1);

fn online(config: &mut Config) {
    config.settings.offline = Some(false);
    config.settings.x_disable_stats = Some(true);
}

fn numbers(world: &mut World) -> Vec<i64> {
    let now = world.now;
    world.net.column(now, "a").iter().filter_map(serde_json::Value::as_i64).collect()
}

#[test]
fn a_run_of_three_rows() {
    let mut world = World::begun(online);
    for value in ["1", "2", "3"] {
        world.row(&[("a", value)]);
    }
    world.advance(SECOND * 2);
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 5);
    assert_eq!(numbers(&mut world), [1, 2, 3]);
    insta::assert_snapshot!(world.text());
}

#[test]
fn a_push_fails_twice_and_its_answer_is_lost_once() {
    let mut world = World::begun(online);
    world.advance(SECOND);
    world.net.only = Some(Purpose::FileStream);
    world.net.fates.extend([Fate::Refused(503), Fate::Unanswered, Fate::Dropped]);
    world.hush();
    world.row(&[("a", "1")]);
    world.advance(SECOND * 10);
    world.row(&[("a", "2")]);
    world.advance(SECOND * 2);
    assert_eq!(numbers(&mut world), [1, 2]);
    insta::assert_snapshot!(world.text());
}

#[test]
fn the_server_is_gone_at_the_end_and_the_rest_stays_on_the_disk() {
    let mut world = World::begun(online);
    world.advance(SECOND);
    world.hush();
    world.net.otherwise = Fate::Dropped;
    world.row(&[("a", "1")]);
    world.exit(0);
    world.close(CloseReason::Finish);
    let took = world.to_end(SECOND * 100);
    assert!(took <= SECOND * 80, "{took:?}");
    assert_eq!(world.read_log().own_rows().len(), 1);
    assert!(world.text().contains("runwire sync"));
}

#[test]
fn whoever_waits_for_the_end_stops_waiting() {
    let mut world = World::begun(online);
    world.advance(SECOND);
    world.net.otherwise = Fate::Dropped;
    world.row(&[("a", "1")]);
    let exit = world.exit(0);
    world.advance(SECOND);
    world.hush();
    world.cancel(exit);
    world.close(CloseReason::Finish);
    let took = world.to_end(SECOND * 20);
    assert!(took <= SECOND, "{took:?}");
    insta::assert_snapshot!(world.text());
}

#[test]
fn the_server_does_not_take_the_run() {
    let mut world = World::new(online);
    world.net.only = Some(Purpose::UpsertRun);
    world.net.otherwise = Fate::Refused(403);
    world.hush();
    world.begin();
    world.row(&[("a", "1")]);
    world.exit(1);
    world.close(CloseReason::Finish);
    let took = world.to_end(SECOND * 5);
    assert!(took <= SECOND, "{took:?}");
    assert!(!world.net.asked.contains(&Purpose::FileStream));
    insta::assert_snapshot!(world.text());
}

#[test]
fn an_outage_of_ten_minutes_loses_and_repeats_nothing() {
    let mut world = World::begun(online);
    world.advance(SECOND);
    world.net.otherwise = Fate::Dropped;
    for value in 0..2000 {
        world.row(&[("a", &value.to_string())]);
        world.advance(SECOND * 600 / 2000);
    }
    world.net.otherwise = Fate::Served;
    world.advance(SECOND * 70);
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 70);
    let arrived = numbers(&mut world);
    assert!(arrived.iter().copied().eq(0..2000), "{} rows arrived", arrived.len());
}

#[test]
fn backend_05_beats_follow_the_last_push() {
    let mut world = World::begun(online);
    world.advance(SECOND * 45);
    assert_eq!(world.net.pushes, [serde_json::json!({})], "a run that logs nothing says after 30 s that it lives");
    world.row(&[("a", "1")]);
    world.advance(SECOND * 2);
    assert_eq!(world.net.pushes.len(), 2);
    world.advance(SECOND * 27);
    assert_eq!(world.net.pushes.len(), 2, "30 s after a push, not after the last beat");
    world.advance(SECOND * 2);
    assert_eq!(world.net.pushes.len(), 3);
    world.advance(SECOND * 45);
    assert_eq!(world.net.pushes[2..], [serde_json::json!({}), serde_json::json!({})]);
}

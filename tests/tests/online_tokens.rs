//! Online runs whose identity is a token that is exchanged for another one, against the embedded server.

use runwire_core::{CloseReason, Config, net::Purpose, time::Duration};
use runwire_tests::world::{World, net::Fate};

const SECOND: Duration = Duration::from_secs(1);
const CACHE: &str = "/home/credentials.json";

fn with_identity(config: &mut Config) {
    config.settings.offline = Some(false);
    config.settings.x_disable_stats = Some(true);
    config.settings.identity_token_file = Some("/identity".into());
    config.settings.credentials_file = Some(CACHE.into());
}

fn begun() -> World {
    let mut world = World::new(with_identity);
    world.files.insert("/identity".into(), b"who-i-am\n".to_vec());
    world.begin();
    world.advance(SECOND);
    world
}

fn exchanges(world: &World) -> usize {
    world.net.asked.iter().filter(|purpose| **purpose == Purpose::Token).count()
}

fn rows(world: &mut World) -> Vec<serde_json::Value> {
    let now = world.now;
    world.net.column(now, "a")
}

#[test]
fn backend_67_one_exchange_serves_a_run_and_is_kept_for_the_next() {
    let mut world = begun();
    world.row(&[("a", "1")]);
    world.exit(0);
    world.close(CloseReason::Finish);
    world.to_end(SECOND * 5);
    assert_eq!((rows(&mut world), exchanges(&world)), (vec![1.into()], 1));
    let kept = String::from_utf8(world.files[CACHE].clone()).unwrap();
    assert!(kept.contains("\"access_token\":\"rw-"), "{kept}");
    let shown = world.text();
    assert!(!shown.contains("rw-") && !shown.contains("who-i-am"), "{shown}");

    let mut next = World::new(with_identity);
    next.files.insert(CACHE.into(), kept.into());
    next.begin();
    next.row(&[("a", "2")]);
    next.advance(SECOND * 2);
    assert_eq!((rows(&mut next), exchanges(&next)), (vec![2.into()], 0));
}

#[test]
fn a_token_that_is_refused_is_renewed_and_no_row_is_lost() {
    let mut world = begun();
    world.net.only = Some(Purpose::FileStream);
    world.net.fates.push_back(Fate::Refused(401));
    world.row(&[("a", "1")]);
    world.advance(SECOND * 20);
    assert_eq!((rows(&mut world), exchanges(&world)), (vec![1.into()], 2));
}

#[test]
fn backend_67_a_refused_exchange_ends_the_beginning_of_the_run_at_once() {
    let mut world = World::new(with_identity);
    world.files.insert("/identity".into(), b"stranger".to_vec());
    world.net.only = Some(Purpose::Token);
    world.net.fates.push_back(Fate::Refused(403));
    world.begin();
    world.advance(SECOND);
    let shown = format!("{:?}", world.replies);
    assert!(shown.contains("couldn't fetch access token") && shown.contains("HTTP 403"), "{shown}");
    assert_eq!(world.net.asked, [Purpose::Token]);
}

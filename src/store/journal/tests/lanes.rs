//! Several processes under one directory.

use super::*;

#[test]
fn each_process_has_a_lane_and_takes_over_what_others_left() {
    let place = tempfile::tempdir().unwrap();
    let first = Lanes::open(place.path(), SMALL).unwrap();
    let second = Lanes::open(place.path(), SMALL).unwrap();
    assert_ne!(first.own().id, second.own().id);
    let of_first = fill(&first.own().journal, 40);
    second.own().journal.append(&call("mine")).unwrap();
    assert!(second.abandoned().unwrap().is_empty(), "the first lives");
    assert!(first.abandoned().unwrap().is_empty(), "the second lives");

    let id = Arc::clone(&first.own().id);
    drop(first);
    let left = second.abandoned().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].id, left[0].recovered.records), (&id, 40));
    assert_eq!(ids(&left[0].journal), of_first);
    assert!(second.abandoned().unwrap().is_empty(), "taken already");
    let third = Lanes::open(place.path(), SMALL).unwrap();
    assert!(place.path().join("lane-3").exists(), "a lane that is drained is not free");

    left[0].journal.checkpoint(left[0].journal.end()).unwrap();
    drop((left, third));
    assert!(second.abandoned().unwrap().is_empty(), "nothing left in it");
    assert_eq!(ids(&second.own().journal), ["mine"]);
}

#[test]
fn an_id_lasts_as_long_as_its_positions() {
    let place = tempfile::tempdir().unwrap();
    let open = || Lanes::open(place.path(), SMALL).unwrap();
    let first = open();
    let id = Arc::clone(&first.own().id);
    drop(first);
    let again = open();
    assert_eq!(again.own().id, id, "also if nothing was written");
    fill(&again.own().journal, 30);
    again.own().journal.checkpoint(again.own().journal.end()).unwrap();
    let end = again.own().journal.end();
    drop(again);
    let again = open();
    assert_eq!(again.own().id, id);
    assert!(again.own().journal.end() > end);
    drop(again);
    for file in std::fs::read_dir(place.path().join("lane-1")).unwrap().map(Result::unwrap) {
        if file.path().extension().is_some_and(|ending| ending == "spend") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    assert_ne!(open().own().id, id, "its segments are lost");
}

#[test]
fn lanes_share_the_limit() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { segment_bytes: 1000, total_bytes: 4000 };
    let first = Lanes::open(place.path(), limits).unwrap();
    while first.own().journal.append(&call("some")).is_ok() {}
    assert_eq!(first.own().journal.room(), Room::None);
    let second = Lanes::open(place.path(), limits).unwrap();
    assert_eq!(second.own().journal.room(), Room::Short);
    let more = (0..).take_while(|_| second.own().journal.append(&call("more")).is_ok()).count();
    assert!(more < 5, "headers are not counted, records are: {more}");
    assert_eq!(second.own().journal.room(), Room::None);
    first.own().journal.checkpoint(first.own().journal.end()).unwrap();
    assert_eq!(first.own().journal.room(), Room::Ample);
    second.abandoned().unwrap();
    second.own().journal.append(&call("more")).unwrap();
    assert_eq!(second.own().journal.room(), Room::Ample);
}

//! When the price table is read anew: stored, seen by all, and done once.

use http::Method;
use serde_json::{Value, json};

use super::world::{START, World, master, somebody};
use crate::admin::models::cost_schedule::claim;
use crate::auth::Role;

const PATH: &str = "/schedule/model_cost_map_reload";
const STATUS: &str = "/schedule/model_cost_map_reload/status";
const HOUR: i64 = 3_600_000;

async fn status(world: &World) -> Value {
    world.get(STATUS).await.good()
}

#[tokio::test]
async fn a_table_is_read_every_so_many_hours_by_one_of_the_nodes() {
    let world = World::new().await;
    let nothing = json!({"scheduled": false, "interval_hours": null, "last_run": null, "next_run": null});
    assert_eq!(status(&world).await, nothing);
    assert_eq!(claim(&world.store, START).await, Ok(None));
    for hours in ["0", "-1", "1000000"] {
        let answer = world.ask(&master(), Method::POST, &format!("{PATH}?hours={hours}"), None).await;
        assert_eq!(answer.status, 400, "{hours}: {}", answer.body);
    }
    assert_eq!(world.ask(&master(), Method::POST, PATH, None).await.status, 422);
    let made = world.ask(&master(), Method::POST, &format!("{PATH}?hours=6"), None).await.good();
    assert_eq!(
        made,
        json!({"message": "Model cost map reload scheduled for every 6 hours", "status": "success",
            "interval_hours": 6, "timestamp": "2026-11-20T22:27:10.069000Z"})
    );
    let scheduled = json!({"scheduled": true, "interval_hours": 6, "last_run": null,
        "next_run": "2026-11-21T04:27:10.069000Z"});
    assert_eq!(status(&world).await, scheduled);

    assert_eq!(claim(&world.store, START + HOUR).await, Ok(Some(5 * HOUR)));
    assert_eq!(status(&world).await, scheduled, "it was not due");
    // Two nodes find it due at the same moment: one of them says so.
    let before = world.store.last_change().await.unwrap();
    let due = START + 7 * HOUR;
    let both = tokio::join!(claim(&world.store, due), claim(&world.store, due));
    assert_eq!(both, (Ok(Some(6 * HOUR)), Ok(Some(6 * HOUR))));
    assert_eq!(world.store.last_change().await.unwrap(), before + 1, "told once");
    let shown = status(&world).await;
    assert_eq!(shown["last_run"], "2026-11-21T05:27:10.069000Z");
    assert_eq!(shown["next_run"], "2026-11-21T11:27:10.069000Z");

    let ended = world.ask(&master(), Method::DELETE, PATH, None).await.good();
    assert_eq!(
        (&ended["message"], &ended["status"]),
        (&json!("Model cost map reload schedule cancelled"), &json!("success"))
    );
    assert_eq!(status(&world).await, nothing);
    assert_eq!(claim(&world.store, due + 100 * HOUR).await, Ok(None));
    assert_eq!(world.ask(&master(), Method::DELETE, PATH, None).await.status, 200, "there is none");
}

#[tokio::test]
async fn only_an_admin_makes_a_schedule() {
    let world = World::new().await;
    for role in [Role::ProxyAdminViewer, Role::OrgAdmin, Role::InternalUser, Role::Team] {
        for (method, path) in [(Method::POST, format!("{PATH}?hours=6")), (Method::DELETE, PATH.to_owned())] {
            assert_eq!(world.ask(&somebody(role, "ann"), method, &path, None).await.status, 401, "{role:?}");
        }
    }
    let viewer = somebody(Role::ProxyAdminViewer, "ann");
    assert_eq!(world.ask(&viewer, Method::GET, STATUS, None).await.status, 200);
    assert_eq!(world.ask(&somebody(Role::InternalUser, "ann"), Method::GET, STATUS, None).await.status, 401);
}

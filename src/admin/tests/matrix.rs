//! Every route × every role × every state of a key: who may call what.

use http::Method;
use serde_json::json;

use super::world::{World, master, somebody};
use crate::admin::Requester;
use crate::admin::rights::{OF_MASTER, RIGHTS, Right};
use crate::admin::routes::{self, Route};
use crate::auth::Role;
use crate::auth::role::ROLES;
use crate::store::AuditFilter;

/// Who has a right, said once more and on purpose: the table of the code is held against this one.
fn holders(right: Right) -> &'static [Role] {
    use Role::{Customer, InternalUser, InternalUserViewer, OrgAdmin, ProxyAdmin, ProxyAdminViewer, Team};
    match right {
        Right::Open => &[ProxyAdmin, ProxyAdminViewer, OrgAdmin, InternalUser, InternalUserViewer, Team, Customer],
        Right::SeeOwn => &[ProxyAdmin, ProxyAdminViewer, OrgAdmin, InternalUser, InternalUserViewer, Team],
        Right::ChangeOwn => &[ProxyAdmin, OrgAdmin, InternalUser],
        Right::SeeOrganization => &[ProxyAdmin, ProxyAdminViewer, OrgAdmin],
        Right::ChangeOrganization => &[ProxyAdmin, OrgAdmin],
        Right::SeeAll => &[ProxyAdmin, ProxyAdminViewer],
        Right::ChangeAll => &[ProxyAdmin],
    }
}

/// What a key may be limited to, and whether it then reaches a route.
type State = (&'static [&'static str], fn(&Route) -> bool);

const STATES: [State; 5] = [
    (&[], |_| true),
    (&["management_routes"], |_| true),
    (&["info_routes"], |route| route.right.only_sees()),
    (&["llm_api_routes"], |route| route.path == "/utils/token_counter"),
    (&["/v1/chat/completions", "/nothing/*"], |_| false),
];

/// The path with something in its parts.
fn concrete(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_asks_for_its_right() {
    let world = World::new().await;
    let mut asked = 0;
    for route in routes::all() {
        let path = concrete(route.path);
        for (role, _) in ROLES {
            for (allowed_routes, reaches) in STATES {
                for has_user in [true, false] {
                    let requester = Requester {
                        allowed_routes: allowed_routes.iter().map(|route| (*route).to_owned()).collect(),
                        user_id: has_user.then(|| "nobody-known".to_owned()),
                        ..somebody(role, "nobody-known")
                    };
                    let answer = world.ask(&requester, route.method.clone(), &path, None).await;
                    let case = format!("{} {path} {role:?} {allowed_routes:?} user={has_user}", route.method);
                    asked += 1;
                    // Who has no user has nothing of their own to change.
                    let changes_own = matches!(route.right, Right::ChangeOwn | Right::ChangeOrganization);
                    if route.right == Right::Open {
                        assert_eq!(answer.status, 200, "{case}: {}", answer.body);
                    } else if !reaches(route) {
                        assert_eq!(answer.status, 403, "{case}: {}", answer.body);
                        let text = answer.body["detail"].as_str().unwrap();
                        assert!(text.starts_with("Virtual key is not allowed to call this route."), "{case}: {text}");
                    } else if OF_MASTER.contains(&route.path) {
                        assert_eq!(answer.status, 401, "{case}: {}", answer.body);
                        let text = answer.body["error"]["message"].as_str().unwrap();
                        assert!(text.ends_with("which is only for MASTER KEY"), "{case}: {text}");
                    } else if holders(route.right).contains(&role) && (has_user || !changes_own) {
                        assert_ne!(answer.status, 401, "{case}: {}", answer.body);
                        assert!(answer.body["detail"].as_str().is_none_or(|text| !text.starts_with("Virtual key")));
                    } else if ["/model/new", "/model/update", "/model/delete"].contains(&route.path) {
                        assert_eq!(answer.status, 403, "{case}: {}", answer.body);
                        let text = answer.body["detail"]["error"].as_str().unwrap();
                        assert!(text.starts_with("User does not have permission to make this model call."), "{case}");
                    } else {
                        assert_eq!(answer.status, 401, "{case}: {}", answer.body);
                        let text = answer.body["error"]["message"].as_str().unwrap();
                        assert!(text.starts_with("Authentication Error, Only proxy admin can be used"), "{case}");
                        assert!(text.contains(&format!("Route={path}.")), "{case}: {text}");
                    }
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

#[tokio::test]
async fn who_only_sees_changes_nothing() {
    let world = World::new().await;
    world.post("/key/generate", json!({"user_id": "eve", "key_alias": "of eve"})).await.good();
    let lines = world.store.audit_count(&AuditFilter::default()).await.unwrap();
    let seers = [Role::ProxyAdminViewer, Role::InternalUserViewer, Role::Team, Role::Customer];
    let body = json!({
        "key": "sk-x", "keys": ["sk-x"], "key_aliases": ["of eve"], "user_id": "eve", "user_ids": ["eve"],
        "team_id": "t", "reset_to": 0, "models": [],
    });
    for route in routes::all().filter(|route| route.method != Method::GET) {
        for role in seers {
            let requester = somebody(role, "eve");
            let path = concrete(route.path);
            world.ask(&requester, route.method.clone(), &path, Some(body.clone())).await;
        }
    }
    assert_eq!(world.store.audit_count(&AuditFilter::default()).await.unwrap(), lines);
}

#[tokio::test]
async fn nobody_reaches_what_is_open_and_nothing_else() {
    let world = World::new().await;
    for route in routes::all() {
        let path = concrete(route.path);
        let answer = world.ask(&Requester::nobody(), route.method.clone(), &path, None).await;
        assert_eq!(answer.status == 200, route.right == Right::Open, "{} {path}: {}", route.method, answer.body);
        assert_eq!(routes::is_open(&route.method, &path), route.right == Right::Open, "{} {path}", route.method);
    }
    assert!(!routes::is_open(&Method::POST, "/public/litellm_model_cost_map"));
}

#[test]
fn every_route_stands_once_and_every_right_has_a_holder() {
    let mut lines: Vec<(&str, &str)> = routes::all().map(|route| (route.method.as_str(), route.path)).collect();
    let all = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), all);
    for right in RIGHTS {
        assert!(holders(right).contains(&Role::ProxyAdmin), "{right:?}");
        assert!(!holders(right).contains(&Role::Customer), "{right:?}");
    }
    assert!(master().is_admin());
}

#[tokio::test]
async fn strangers_see_nothing_of_others() {
    let world = World::new().await;
    let body = json!({"user_id": "ann", "user_alias": "canary-alias", "user_email": "canary@x.com"});
    world.post("/user/new", body).await.good();
    let body = json!({"user_id": "ann", "key_alias": "canary-key", "metadata": {"note": "canary-note"}});
    world.post("/key/generate", body).await.good();
    let strangers = [Role::OrgAdmin, Role::InternalUser, Role::InternalUserViewer, Role::Team, Role::Customer];
    for route in routes::all().filter(|route| route.method == Method::GET) {
        for role in strangers {
            for user_id in [Some("ben".to_owned()), None] {
                let requester = Requester { user_id, ..somebody(role, "ben") };
                for query in ["", "?user_id=ann", "?key_alias=canary-key&return_full_object=true", "?user_ids=ann"] {
                    let path = format!("{}{query}", concrete(route.path));
                    let answer = world.ask(&requester, Method::GET, &path, None).await;
                    assert!(!answer.body.to_string().contains("canary"), "{path} {role:?}: {}", answer.body);
                }
            }
        }
    }
}

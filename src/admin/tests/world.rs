//! One control plane with its store, and short words for calls to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value};

use super::desk::FakeDesk;
use crate::admin::{Control, ControlPlane, Requester, Settings};
use crate::auth::{KeyDigest, Role};
use crate::error::Compat;
use crate::store::{Change, Kind, Location, Object, Store, View};

/// 2026-11-20T22:27:10.069Z, a Friday: when the golden answers were recorded.
pub const START: i64 = 1_795_213_630_069;

pub struct World {
    plane: ControlPlane,
    pub control: Arc<Control>,
    pub store: Store,
    pub desk: Arc<FakeDesk>,
    clock: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of a good answer.
    #[track_caller]
    pub fn good(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn of(compat: Compat) -> Self {
        Self::with(Settings { compat, ..Settings::default() }).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::declaring([], settings).await
    }

    /// Where the configuration declares these.
    pub async fn declaring(declared: impl IntoIterator<Item = Arc<Object>>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("test.db").into());
        let store = Store::at(&location, 2).unwrap();
        store.migrate().await.unwrap();
        let desk = Arc::new(FakeDesk::default());
        let clock = Arc::new(AtomicI64::new(START));
        let time = Arc::clone(&clock);
        let now = Arc::new(move || time.load(Ordering::Relaxed));
        let control = Arc::new(Control::new(View::new(store.clone(), declared), Arc::clone(&desk) as _, settings, now));
        Self { plane: ControlPlane::new(Arc::clone(&control)), control, store, desk, clock, _folder: folder }
    }

    /// Lets time pass.
    pub fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// What the route answers to this caller.
    pub async fn ask(&self, requester: &Requester, method: Method, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let makes_keys = method == Method::POST && (path.starts_with("/key/") || path == "/user/new");
        let (requester, seated) = self.seated(requester, makes_keys).await;
        let answer = self.ask_raw(&requester, method, path, body).await;
        if let Some(key) = seated {
            // The call may have taken it away itself.
            let _ = self.store.commit(&[Change::Delete(Kind::Key, key)], START).await;
        }
        answer
    }

    /// The caller as the data plane would find them out: their key says whether it is lent. Where one is needed that the
    /// test has not stored it is there for this call, and named.
    async fn seated(&self, requester: &Requester, needs_key: bool) -> (Requester, Option<String>) {
        let requester = requester.clone();
        let Some(digest) = requester.key.clone().filter(|_| !requester.is_admin()) else { return (requester, None) };
        if let Some(key) = self.control.store.get(Kind::Key, &digest).await.unwrap() {
            let is_lent = key.doc.get("lent") == Some(&Value::Bool(true));
            return (if is_lent { requester.lent() } else { requester }, None);
        }
        if !needs_key {
            return (requester, None);
        }
        let doc = serde_json::json!({"models": requester.models, "allowed_routes": requester.allowed_routes});
        let key = Object::new(Kind::Key, digest.as_str(), doc.as_object().unwrap().clone());
        self.put(Object { user_id: requester.user_id.clone(), ..key }).await;
        (requester, Some(digest))
    }

    pub async fn ask_raw(&self, requester: &Requester, method: Method, path: &str, body: Bytes) -> Answer {
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let response = self.plane.answer(request, requester.clone()).await;
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Answer { status: response.status().as_u16(), body }
    }

    /// `GET`, by the master key.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&master(), Method::GET, path, None).await
    }

    /// `POST`, by the master key.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(&master(), Method::POST, path, Some(body)).await
    }

    /// Puts an object into the store, past the control plane.
    pub async fn put(&self, object: Object) {
        self.store.commit(&[Change::Put(object)], START).await.unwrap();
    }
}

pub fn master() -> Requester {
    Requester::master(Some(KeyDigest::of("sk-1234").to_string()))
}

/// Somebody with a key of their own and this role.
pub fn somebody(role: Role, user_id: &str) -> Requester {
    Requester {
        role,
        user_id: Some(user_id.to_owned()),
        key: Some(KeyDigest::of(&format!("sk-of-{user_id}")).to_string()),
        is_master: false,
        ..master()
    }
}

/// A key of a user, as it is stored.
pub fn key_of(user_id: &str, key: &str, doc: Value) -> Object {
    let mut doc: Map<String, Value> = doc.as_object().unwrap().clone();
    doc.insert("user_id".to_owned(), user_id.into());
    Object { user_id: Some(user_id.to_owned()), ..Object::new(Kind::Key, KeyDigest::of(key).to_string(), doc) }
}

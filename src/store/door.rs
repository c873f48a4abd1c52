//! Whether anybody is at home: a database that refuses connections is told from one that is slow.
//!
//! The pool tries again and again for as long as it may, whatever the database's machine says. So whoever has waited for a
//! moment looks at the door himself, one for all, and a closed door stays closed for a moment.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// The wait for an answer before anybody looks.
pub const PATIENCE: Duration = Duration::from_millis(250);
/// How long a door that was found closed counts as closed, without another look.
const CLOSED_FOR: Duration = Duration::from_millis(50);
/// Nobody looks so soon after an answer, or after a look that found it open or slow.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);
/// The longest look. Who does not even refuse is slow.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// In place of a time: never.
const NEVER: u64 = u64::MAX;

/// The address of a database, and who was seen there.
#[derive(Debug)]
pub struct Door {
    host: String,
    port: u16,
    began: Instant,
    /// Milliseconds since `began` at which the door was found closed.
    closed_at: AtomicU64,
    /// The same of the last answer, or of the last look that did not find it closed.
    open_at: AtomicU64,
    looking: Mutex<()>,
}

impl Door {
    /// The door at this address.
    pub fn at(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            began: Instant::now(),
            closed_at: AtomicU64::new(NEVER),
            open_at: AtomicU64::new(NEVER),
            looking: Mutex::new(()),
        }
    }

    /// The database has answered something, or might.
    pub fn answered(&self) {
        self.open_at.store(self.now(), Ordering::Relaxed);
        self.closed_at.store(NEVER, Ordering::Relaxed);
    }

    /// Whether it was found closed, and still is: nothing has answered since.
    pub async fn is_closed(&self) -> bool {
        self.closed_at.load(Ordering::Relaxed) != NEVER && self.look().await
    }

    /// Whether it is closed, by a look that is a moment old at most. Nobody looks where somebody has just answered, and
    /// who waits for another's look takes its word.
    pub async fn look(&self) -> bool {
        let _first = self.looking.lock().await;
        if self.is_recent(&self.closed_at, CLOSED_FOR) {
            return true;
        }
        if self.is_recent(&self.open_at, ANSWER_HOLDS) {
            return false;
        }
        let connected = tokio::time::timeout(LOOK_WAIT, TcpStream::connect((self.host.as_str(), self.port))).await;
        let is_closed = matches!(connected, Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused);
        if is_closed {
            self.closed_at.store(self.now(), Ordering::Relaxed);
        } else {
            self.answered();
        }
        is_closed
    }

    fn is_recent(&self, time: &AtomicU64, holds: Duration) -> bool {
        let time = time.load(Ordering::Relaxed);
        time != NEVER && u128::from(self.now().saturating_sub(time)) < holds.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use futures::future::join_all;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::timeout;

    use super::*;

    /// A port that lets nobody in and refuses nobody, as long as what comes with it is held.
    pub async fn black_hole() -> (u16, impl Sized) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(connected.unwrap());
        }
        (address.port(), (listener, waiting))
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::at("127.0.0.1", address.port());
        assert!(!door.look().await, "somebody is there, though nobody answers");
        drop(listener);
        assert!(!door.is_closed().await, "nobody has looked");
        let door = Door::at("127.0.0.1", address.port());
        assert!(door.look().await && door.is_closed().await);
        door.answered();
        assert!(!door.is_closed().await);
        assert!(!door.look().await, "who has just answered is there");
    }

    #[tokio::test]
    async fn a_door_that_is_open_again_is_gone_through_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::at("127.0.0.1", address.port());
        drop(listener);
        assert!(door.look().await);
        let _listener = TcpListener::bind(address).await.unwrap();
        while door.is_closed().await {}
        assert!(!door.look().await);
    }

    #[tokio::test]
    async fn one_looks_for_all_also_where_nobody_answers() {
        let (port, _held) = black_hole().await;
        let door = Door::at("127.0.0.1", port);
        let looks = join_all((0..40).map(|_| door.look()));
        assert_eq!(timeout(LOOK_WAIT * 20, looks).await, Ok(vec![false; 40]), "one after the other");
    }
}

//! A line to a server that can be cut, slowed down, or made to talk nonsense.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Result;

/// Bytes that are passed at once.
const PIECE: usize = 64 * 1024;

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Passes all.
    Passes,
    /// Nobody listens, and what was connected is not.
    Refuses,
    /// Each piece takes so long, either way.
    Slow(Duration),
    /// Answers everything with what is no protocol's.
    Garbage,
}

/// A line that listens on a port of its own.
pub struct Pipe {
    pub address: SocketAddr,
    manner: Arc<watch::Sender<Manner>>,
}

impl Pipe {
    /// To a port of the loopback.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (manner, changes) = watch::channel(Manner::Passes);
        tokio::spawn(listen(listener, address, port, changes));
        Ok(Self { address, manner: Arc::new(manner) })
    }

    /// From now on it is so. Connections that are open end, unless it only gets slow or quick.
    pub fn set(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }
}

async fn listen(first: TcpListener, address: SocketAddr, port: u16, mut changes: watch::Receiver<Manner>) {
    let mut listener = Some(first);
    loop {
        let manner = *changes.borrow_and_update();
        if manner == Manner::Refuses {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            accepted = accepted => {
                if let Some((client, _)) = accepted {
                    tokio::spawn(carry(client, port, changes.clone()));
                }
            }
        }
    }
}

/// One connection, until an end goes, or the manner changes to one in which it cannot go on.
async fn carry(client: TcpStream, port: u16, mut changes: watch::Receiver<Manner>) {
    let (begun, manner) = (*changes.borrow(), changes.clone());
    let ends = async {
        let goes_on = |manner: &Manner| matches!(manner, Manner::Passes | Manner::Slow(_));
        while changes.changed().await.is_ok() {
            let now = *changes.borrow();
            if now != begun && !(goes_on(&now) && goes_on(&begun)) {
                return;
            }
        }
    };
    let work = async {
        if begun == Manner::Garbage {
            return babble(client).await;
        }
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((client_reads, client_writes), (server_reads, server_writes)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = pass(client_reads, server_writes, manner.clone()) => {}
            () = pass(server_reads, client_writes, manner) => {}
        }
    };
    tokio::select! {
        () = ends => {}
        () = work => {}
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, manner: watch::Receiver<Manner>) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let manner = *manner.borrow();
        if let Manner::Slow(delay) = manner {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(piece.get(..count).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}

async fn babble(mut client: TcpStream) {
    let mut piece = vec![0; PIECE];
    while let Ok(1..) = client.read(&mut piece).await {
        let nonsense: Vec<u8> = (0..64).map(|_| fastrand::u8(..)).collect();
        if client.write_all(&nonsense).await.is_err() {
            return;
        }
    }
}

//! Plays a [`Script`] on a connection.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::script::{Answer, Script};

/// How long a hanging answer hangs at most.
const MAX_HANG: Duration = Duration::from_secs(300);
/// How many bytes a client may send ahead while it waits for its answer.
const MAX_AHEAD: usize = 1024 * 1024;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Continue,
    Close,
}

/// Writes the answer.
///
/// # Errors
/// The client left before the answer was complete.
pub async fn deliver(stream: &mut TcpStream, buf: &mut BytesMut, script: &Script) -> io::Result<After> {
    match script {
        Script::Reset { delay } => {
            pause(stream, buf, *delay).await?;
            stream.set_zero_linger()?;
            Ok(After::Close)
        }
        Script::Hang { delay } => {
            pause(stream, buf, delay.saturating_add(MAX_HANG)).await?;
            Ok(After::Close)
        }
        Script::Answer(answer) => play(stream, buf, answer).await,
    }
}

async fn play(stream: &mut TcpStream, buf: &mut BytesMut, answer: &Answer) -> io::Result<After> {
    pause(stream, buf, answer.delay).await?;
    stream.write_all(&answer.opening).await?;
    pause(stream, buf, answer.first).await?;
    let mut due = Instant::now();
    for (i, piece) in answer.pieces.iter().enumerate() {
        if let Some((_, silence)) = answer.stall.filter(|(at, _)| *at == i) {
            pause(stream, buf, silence).await?;
            due = Instant::now();
        }
        // The first token behind a `first` pause has waited already.
        if !answer.pace.is_zero() && i < answer.paced && (i > 0 || answer.first.is_zero()) {
            due += answer.pace;
            sleep_until(due).await;
        }
        stream.write_all(piece).await?;
    }
    Ok(if answer.close { After::Close } else { After::Continue })
}

/// Waits, but not for a client that has left.
async fn pause(stream: &mut TcpStream, buf: &mut BytesMut, duration: Duration) -> io::Result<()> {
    if duration.is_zero() {
        return Ok(());
    }
    let end = sleep(duration);
    tokio::pin!(end);
    loop {
        if buf.len() > MAX_AHEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        tokio::select! {
            () = &mut end => return Ok(()),
            read = stream.read_buf(buf) => if read? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            },
        }
    }
}

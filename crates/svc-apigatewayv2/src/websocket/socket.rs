//! The life of one open connection: frames in, frames out, until somebody closes it or its time is over.

use std::sync::Arc;
use std::time::Duration;

use env::Env;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use service::{Duplex, Pending};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::{Connection, Ending};
use super::message;
use crate::Ctx;

const FRAME_BYTES_MAX: usize = 32 * 1024;
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Small, since most connections are idle most of the time.
const BUFFER_BYTES: usize = 4 * 1024;
/// Without anything said in either direction.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
const DURATION_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// Messages of one connection that are handled at once. Beyond that it is not read, so that its client has to wait.
const MESSAGES_MAX: usize = 32;
/// How long the other side may take to agree that it is over.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// What is still read of a client that said too much, so that it sees why it is refused.
const REST_BYTES_MAX: usize = 1024 * 1024;

type Socket = WebSocketStream<Box<dyn Duplex>>;
type Sink = SplitSink<Socket, Message>;
type Source = SplitStream<Socket>;

/// How a connection came to its end.
enum End {
    /// By the client, in order or not.
    Theirs(Ending),
    Ours(Ending),
    /// The client broke a rule, so that nothing more can be read.
    Broken(Ending),
}

/// An ended connection whose client may still be told so.
pub(super) struct Farewell {
    end: End,
    sink: Sink,
    source: Source,
}

impl Farewell {
    pub(super) fn ending(&self) -> &Ending {
        match &self.end {
            End::Theirs(ending) | End::Ours(ending) | End::Broken(ending) => ending,
        }
    }

    /// Closes the connection in order, unless its client takes too long.
    pub(super) async fn say(self, env: &Env) {
        let Self { end, sink, source } = self;
        tokio::select! {
            () = part(end, sink, source) => {}
            () = env.sleep(FAREWELL_MAX) => {}
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    cx: &Ctx,
    connection: &Arc<Connection>,
    stream: Box<dyn Duplex>,
    mut outbox: mpsc::Receiver<String>,
    stopping: Pending<()>,
) -> Farewell {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .max_message_size(Some(MESSAGE_BYTES_MAX));
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let (mut sink, mut source) = socket.split();
    let end = tokio::select! {
        end = read(cx, connection, &mut source) => end,
        written = write(&cx.env, connection, &mut sink, &mut outbox) => {
            written.map_or_else(|| End::Theirs(Ending::lost()), End::Ours)
        }
        ending = overdue(&cx.env, connection) => End::Ours(ending),
        () = outlive(&cx.env, connection) => End::Ours(Ending::going_away()),
        () = stopping => End::Ours(Ending::going_away()),
    };
    Farewell { end, sink, source }
}

/// Reads messages and has each handled, several at once, in no order, as on AWS.
async fn read(cx: &Ctx, connection: &Arc<Connection>, source: &mut Source) -> End {
    let turns = Arc::new(Semaphore::new(MESSAGES_MAX));
    loop {
        let turn = Arc::clone(&turns).acquire_owned().await.expect("nobody closes it");
        let Some(read) = source.next().await else { return End::Theirs(Ending::lost()) };
        connection.touch(&cx.env);
        match read {
            Ok(Message::Text(text)) => {
                let (cx, connection) = (cx.clone(), Arc::clone(connection));
                tokio::spawn(async move {
                    message::handle(&cx, &connection, &text).await;
                    drop(turn);
                });
            }
            Ok(Message::Binary(_)) => {
                return End::Ours(Ending::new(1003, "Binary frames are not supported"));
            }
            Ok(Message::Close(frame)) => return End::Theirs(ending_of(frame)),
            // Pings are answered by the protocol itself.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(error) => return failure(&error),
        }
    }
}

fn ending_of(frame: Option<CloseFrame>) -> Ending {
    match frame {
        Some(frame) => Ending::new(frame.code.into(), &frame.reason),
        None => Ending::new(1005, "Client-side close frame status not set"),
    }
}

fn failure(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::Broken(Ending::new(1009, "Message too long")),
        Error::Utf8(_) => End::Broken(Ending::new(1007, "Invalid UTF-8")),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Theirs(Ending::lost()),
        Error::Protocol(_) => End::Broken(Ending::new(1002, "Protocol error")),
        _ => End::Theirs(Ending::lost()),
    }
}

/// Writes what is sent, until it is to end, after all that was sent before; or until the client is gone.
async fn write(
    env: &Env,
    connection: &Connection,
    sink: &mut Sink,
    outbox: &mut mpsc::Receiver<String>,
) -> Option<Ending> {
    loop {
        let message = tokio::select! {
            biased;
            message = outbox.recv() => message?,
            ending = connection.told() => return Some(ending),
        };
        sink.send(Message::text(message)).await.ok()?;
        connection.touch(env);
    }
}

/// How a connection is to end whose client does not even read what was sent before.
async fn overdue(env: &Env, connection: &Connection) -> Ending {
    let ending = connection.told().await;
    env.sleep(FAREWELL_MAX).await;
    ending
}

/// Returns when a connection was idle for too long, or is too old.
async fn outlive(env: &Env, connection: &Connection) {
    loop {
        let until = (connection.last_active().1 + IDLE_MAX).min(connection.opened + DURATION_MAX);
        match until.checked_sub(env.monotonic()) {
            Some(left) if !left.is_zero() => env.sleep(left).await,
            _ => return,
        }
    }
}

async fn part(end: End, mut sink: Sink, mut source: Source) {
    match end {
        End::Theirs(_) => {
            // What was read last has made the answer, which goes out now.
            let _ = sink.close().await;
        }
        End::Ours(ending) => {
            if sink.send(close_frame(&ending)).await.is_ok() {
                while let Some(Ok(_)) = source.next().await {}
            }
        }
        End::Broken(ending) => {
            let sent = sink.send(close_frame(&ending)).await;
            if let (Ok(()), Ok(mut socket)) = (sent, sink.reunite(source)) {
                drain(socket.get_mut()).await;
            }
        }
    }
}

fn close_frame(ending: &Ending) -> Message {
    let reason = ending.reason.as_str().into();
    Message::Close(Some(CloseFrame { code: CloseCode::from(ending.status), reason }))
}

/// A client whose bytes are left unread would be cut off before it sees the last frame.
async fn drain(stream: &mut Box<dyn Duplex>) {
    let mut scratch = vec![0; BUFFER_BYTES];
    let mut left = REST_BYTES_MAX;
    if stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(read) = stream.read(&mut scratch).await {
        left = left.saturating_sub(read);
        if read == 0 || left == 0 {
            return;
        }
    }
}

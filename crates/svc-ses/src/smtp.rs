//! The door by which mails come in: a mail server that takes what receipt rules are for, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::request::receiver::DataReceiver;
use smtp_proto::{
    EXT_8BIT_MIME, EXT_ENHANCED_STATUS_CODES, EXT_PIPELINING, EXT_SIZE, EhloResponse, Error, Request,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::receipt::{self, Envelope};
use crate::{Ctx, address};

/// Conversations at once; whoever comes then waits.
const CONVERSATIONS_MAX: usize = 16;
/// The largest mail, as SES's; each conversation may hold one.
const MAIL_BYTES_MAX: usize = 40 << 20;
const RECIPIENTS_MAX: usize = 100;
/// The longest command, as the standard has it with extensions.
const LINE_BYTES_MAX: usize = 2048;
/// Commands that were no good, after which nobody listens any more.
const MISTAKES_MAX: usize = 20;
/// How long a client may say nothing.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Listens until the platform stops, where there is a listener.
pub(crate) async fn run(cx: Ctx) {
    let Some(listener) = &cx.state.inbound else { return };
    let rooms = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    let mut conversations = JoinSet::new();
    loop {
        let room = Arc::clone(&rooms).acquire_owned().await.expect("nobody closes it");
        while conversations.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, peer)) => {
                let cx = cx.clone();
                conversations.spawn(async move {
                    if let Err(error) = Conversation::new(&cx, stream, peer).run().await {
                        tracing::debug!(%peer, %error, "a conversation by SMTP broke off");
                    }
                    drop(room);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "take a connection by SMTP");
                cx.env.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Conversation<'a> {
    cx: &'a Ctx,
    stream: BufReader<TcpStream>,
    peer: SocketAddr,
    /// How the client calls itself.
    name: Option<String>,
    source: Option<String>,
    recipients: Vec<String>,
    mistakes: usize,
}

/// What a command is answered with, and how the conversation goes on.
enum Answer {
    Say(String),
    /// The mail's bytes come.
    Data,
    Quit,
}

fn say(text: &str) -> Answer {
    Answer::Say(text.to_owned())
}

impl<'a> Conversation<'a> {
    fn new(cx: &'a Ctx, stream: TcpStream, peer: SocketAddr) -> Self {
        let stream = BufReader::new(stream);
        Self { cx, stream, peer, name: None, source: None, recipients: Vec::new(), mistakes: 0 }
    }

    fn host(&self) -> String {
        format!("inbound-smtp.{}.amazonaws.com", self.cx.caller.region)
    }

    async fn run(mut self) -> std::io::Result<()> {
        let greeting = format!("220 {} ESMTP Lambent", self.host());
        self.answer(&greeting).await?;
        while let Some(line) = self.line().await? {
            let answer = match Request::parse(&mut line.iter()) {
                Ok(request) => self.command(request).await,
                Err(error) => Answer::Say(self.mistake(&error)),
            };
            match answer {
                Answer::Say(text) => self.answer(&text).await?,
                Answer::Data => {
                    self.answer("354 Start mail input; end with <CRLF>.<CRLF>").await?;
                    let Some(content) = self.content().await? else { break };
                    let answer = self.take(content).await;
                    self.answer(&answer).await?;
                }
                Answer::Quit => {
                    self.answer("221 2.0.0 Bye").await?;
                    break;
                }
            }
            if self.mistakes >= MISTAKES_MAX {
                self.answer("421 4.7.0 Too many errors").await?;
                break;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
    }

    /// The next command's line; `None` when the client is gone, silent for too long or talks without end.
    async fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let Some(piece) = self.more().await? else { return Ok(None) };
            let end = piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |end| end + 1);
            line.extend_from_slice(&piece[..end]);
            self.stream.consume(end);
            if line.len() > LINE_BYTES_MAX {
                self.answer("500 5.5.2 Line too long").await?;
                return Ok(None);
            }
            if line.ends_with(b"\n") {
                return Ok(Some(line));
            }
        }
    }

    /// What has come and was not consumed; `None` at the end.
    async fn more(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let sleep = self.cx.env.sleep(PATIENCE);
        let piece = tokio::select! {
            piece = self.stream.fill_buf() => piece?,
            () = sleep => &[],
        };
        Ok((!piece.is_empty()).then(|| piece.to_vec()))
    }

    /// A mail's bytes up to the dot, too many or not; `None` when the client is gone first.
    async fn content(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let (mut receiver, mut content, mut beyond) = (DataReceiver::new(), Vec::new(), false);
        loop {
            let Some(piece) = self.more().await? else { return Ok(None) };
            let mut bytes = piece.iter();
            let whole = receiver.ingest(&mut bytes, &mut content);
            self.stream.consume(piece.len() - bytes.len());
            if content.len() > MAIL_BYTES_MAX {
                // Read to its end all the same: an answer in between would not be heard.
                content = content.split_off(content.len().saturating_sub(8));
                beyond = true;
            }
            if whole {
                return Ok(Some(if beyond { vec![0; MAIL_BYTES_MAX + 1] } else { content }));
            }
        }
    }

    async fn command(&mut self, request: Request<std::borrow::Cow<'_, str>>) -> Answer {
        match request {
            Request::Ehlo { host } => {
                self.reset();
                self.name = Some(host.into_owned());
                Answer::Say(self.capabilities())
            }
            Request::Helo { host } => {
                self.reset();
                self.name = Some(host.into_owned());
                Answer::Say(format!("250 {}", self.host()))
            }
            Request::Mail { .. } | Request::Rcpt { .. } | Request::Data if self.name.is_none() => {
                say("503 5.5.1 Say EHLO first")
            }
            Request::Mail { .. } if self.source.is_some() => say("503 5.5.1 One mail at a time"),
            Request::Mail { from } if from.size > MAIL_BYTES_MAX => say(TOO_LARGE),
            Request::Mail { from } => {
                self.source = Some(from.address.into_owned());
                say("250 2.1.0 Ok")
            }
            Request::Rcpt { .. } if self.source.is_none() => say("503 5.5.1 Say MAIL first"),
            Request::Rcpt { to } => self.recipient(&to.address).await,
            Request::Data if self.recipients.is_empty() => say("503 5.5.1 Say RCPT first"),
            Request::Data => Answer::Data,
            Request::Rset => {
                self.reset();
                say("250 2.0.0 Ok")
            }
            Request::Noop { .. } => say("250 2.0.0 Ok"),
            Request::Quit => Answer::Quit,
            _ => say("502 5.5.1 Command not implemented"),
        }
    }

    fn capabilities(&self) -> String {
        let mut answer = EhloResponse::new(self.host());
        answer.capabilities = EXT_8BIT_MIME | EXT_ENHANCED_STATUS_CODES | EXT_PIPELINING | EXT_SIZE;
        answer.size = MAIL_BYTES_MAX;
        let mut out = Vec::new();
        // Into memory nothing fails.
        let _ = answer.write(&mut out);
        String::from_utf8_lossy(&out).trim_end().to_owned()
    }

    async fn recipient(&mut self, given: &str) -> Answer {
        if self.recipients.len() >= RECIPIENTS_MAX {
            return say("452 4.5.3 Too many recipients");
        }
        let Ok(recipient) = address::check(given) else { return say("553 5.1.3 The address is not valid") };
        match receipt::accepts(self.cx, &recipient).await {
            Ok(true) => {
                self.recipients.push(recipient);
                say("250 2.1.5 Ok")
            }
            Ok(false) => say(UNAVAILABLE),
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "look for a mail's recipient");
                say("451 4.3.0 Requested action aborted: local error in processing")
            }
        }
    }

    async fn take(&mut self, content: Vec<u8>) -> String {
        let (source, recipients) =
            (self.source.take().unwrap_or_default(), std::mem::take(&mut self.recipients));
        if content.len() > MAIL_BYTES_MAX {
            return TOO_LARGE.to_owned();
        }
        let name = self.name.as_deref().unwrap_or_default();
        let client = format!("{name} ({name} [{}])", self.peer.ip());
        match receipt::take(self.cx, Envelope { source, recipients, client }, &content).await {
            Ok(Some(id)) => format!("250 OK {id}"),
            Ok(None) => UNAVAILABLE.to_owned(),
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "take a mail in");
                "451 4.3.0 Requested action aborted: local error in processing".to_owned()
            }
        }
    }

    fn reset(&mut self) {
        self.source = None;
        self.recipients.clear();
    }

    fn mistake(&mut self, error: &Error) -> String {
        self.mistakes += 1;
        match error {
            Error::UnknownCommand => "500 5.5.1 Invalid command".to_owned(),
            Error::InvalidSenderAddress => "501 5.1.8 Bad sender's system address".to_owned(),
            Error::InvalidRecipientAddress => "501 5.1.3 Bad destination mailbox address syntax".to_owned(),
            Error::SyntaxError { syntax } => format!("501 5.5.2 Syntax error, expected: {syntax}"),
            Error::InvalidParameter { param } => format!("501 5.5.4 Invalid parameter {param}"),
            Error::UnsupportedParameter { param } => format!("504 5.5.4 Unsupported parameter {param}"),
            _ => "500 5.5.2 Syntax error".to_owned(),
        }
    }
}

const TOO_LARGE: &str = "552 5.3.4 Message too big";
const UNAVAILABLE: &str = "550 5.1.1 Requested action not taken: mailbox unavailable";

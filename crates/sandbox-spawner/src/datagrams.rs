//! The relay's datagrams: each pair of a function's socket and a destination gets a socket of its own.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::outlet::OWN_ADDRESS;
use crate::relay::Rules;
use crate::sys;

/// Conversations of one sandbox at a time; a new one ends the one that was silent longest.
const FLOWS_MAX: usize = 256;
/// A conversation silent for so long is over.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A question to a name server is answered at once or asked again from elsewhere.
const NAME_SILENCE_MAX: Duration = Duration::from_secs(10);
const NAME_PORT: u16 = 53;
/// The largest datagram of IPv4.
const DATAGRAM_BYTES_MAX: usize = 65_535;
const HEADERS_BYTES: usize = 28;

/// The function's address and the outside one.
type Pair = (SocketAddrV4, SocketAddrV4);

struct Flow {
    outside: Arc<UdpSocket>,
    sent: Arc<Notify>,
    task: AbortHandle,
    /// Number of the last datagram sent.
    last: u64,
}

/// Serves one sandbox's datagrams; ends only with an error, or by being dropped.
pub(crate) async fn serve(udp: OwnedFd, raw: OwnedFd, rules: &Rules) -> io::Result<()> {
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives.
    let udp = unsafe { AsyncFd::register(udp) }.map_err(io::Error::from)?;
    let raw = Arc::new(raw);
    let (mut flows, mut tasks, mut count) = (HashMap::<Pair, Flow>::new(), JoinSet::new(), 0);
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let (length, inside, to) = tokio::select! {
            received = receive(&udp, &mut buffer) => received?,
            Some(ended) = tasks.join_next() => {
                // One that was ended for want of room is not in the table any more.
                if let Ok(pair) = ended { flows.remove(&pair); }
                continue;
            }
        };
        // A function may send as whoever it likes. Answers to somebody else would come back here and go
        // round for ever.
        if *inside.ip() != OWN_ADDRESS && *inside.ip() != Ipv4Addr::LOCALHOST {
            continue;
        }
        // Asked for each: the machine may have got this address since the last.
        if !rules.allow(*to.ip()) || to.port() == 0 {
            continue;
        }
        count += 1;
        let pair = (inside, to);
        if !flows.contains_key(&pair) {
            let Some((outside, sent)) = open(to).await else { continue };
            if flows.len() >= FLOWS_MAX {
                drop_oldest(&mut flows);
            }
            let task = tasks.spawn(answer(pair, outside.clone(), raw.clone(), sent.clone()));
            flows.insert(pair, Flow { outside, sent, task, last: count });
        }
        if let Some(flow) = flows.get_mut(&pair) {
            flow.last = count;
            flow.sent.notify_one();
            // Datagrams may be lost; those for which there is no room are.
            let _ = flow.outside.try_send(&buffer[..length]);
        }
    }
}

async fn open(to: SocketAddrV4) -> Option<(Arc<UdpSocket>, Arc<Notify>)> {
    let outside = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.ok()?;
    outside.connect(to).await.ok()?;
    outside.writable().await.ok()?;
    Some((Arc::new(outside), Arc::new(Notify::new())))
}

fn drop_oldest(flows: &mut HashMap<Pair, Flow>) {
    let oldest = flows.iter().min_by_key(|(_, flow)| flow.last).map(|(pair, _)| *pair);
    if let Some(flow) = oldest.and_then(|pair| flows.remove(&pair)) {
        flow.task.abort();
    }
}

/// Passes answers on until both sides have been silent for long.
async fn answer(pair: Pair, outside: Arc<UdpSocket>, raw: Arc<OwnedFd>, sent: Arc<Notify>) -> Pair {
    let (inside, from) = pair;
    let silence_max = if from.port() == NAME_PORT { NAME_SILENCE_MAX } else { SILENCE_MAX };
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let heard = timeout(silence_max, async {
            tokio::select! {
                received = outside.recv(&mut buffer) => received.map(Some),
                () = sent.notified() => Ok(None),
            }
        });
        match heard.await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(length))) => {
                let packet = packet(from, inside, &buffer[..length]);
                let to = SocketAddr::V4(inside);
                // Datagrams may be lost.
                let _ = rustix::net::sendto(raw.as_fd(), &packet, SendFlags::DONTWAIT, &to);
            }
            // Silence, or nobody there: what to do about that, the function decides.
            Ok(Err(_)) | Err(_) => return pair,
        }
    }
}

async fn receive(
    udp: &AsyncFd<OwnedFd>,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddrV4, SocketAddrV4)> {
    loop {
        let mut ready = udp.readable().await?;
        if let Ok(received) = ready.try_io(|udp| sys::receive_datagram(udp.as_fd(), buffer)) {
            return received;
        }
    }
}

/// A datagram with its headers. The kernel adds the checksum of the first; the second may go without.
fn packet(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    const VERSION_AND_WORDS: u8 = 0x45;
    const HOPS: u8 = 64;
    let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = Vec::with_capacity(HEADERS_BYTES + payload.len());
    packet.extend([VERSION_AND_WORDS, 0]);
    packet.extend(length(HEADERS_BYTES + payload.len()));
    packet.extend([0, 0, 0, 0, HOPS, libc::IPPROTO_UDP as u8, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(length(8 + payload.len()));
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

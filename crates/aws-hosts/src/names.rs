//! The name server of a sandbox: AWS's hosts are at its loopback, everything else is not here.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use env::Env;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE};
use tokio_util::sync::CancellationToken;

use crate::zone;

/// Questions are far shorter; what is longer is cut, and then not understood.
const QUESTION_BYTES_MAX: usize = 1232;
/// How long an answer may be remembered: nothing else will ever be the answer.
const TTL_S: u32 = 300;
/// A socket that fails once may fail at once again; how long it is left alone.
const PAUSE: Duration = Duration::from_millis(100);

/// What is said of names that aren't AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// There are none: the sandbox has no way out.
    Unknown,
    /// Ask another: whoever resolves goes on to the next server of `/etc/resolv.conf`, and finds the host's own.
    Refused,
}

/// Answers what comes to `socket` until `stop`.
pub async fn serve(socket: UdpSocket, elsewhere: Elsewhere, env: Env, stop: CancellationToken) {
    let socket = match tokio::net::UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::warn!(%error, "serve names to a sandbox"),
    };
    let mut question = [0; QUESTION_BYTES_MAX];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut question) => received,
        };
        match received {
            Ok((length, from)) => {
                if let Some(answer) = answer(&question[..length], elsewhere) {
                    // Whoever can't be answered asks again, or has gone.
                    let _ = socket.try_send_to(&answer, from);
                }
            }
            // An answer before was for somebody who has gone; or the kernel is short of memory.
            Err(error) => {
                tracing::debug!(%error, "receive a question");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = env.sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// The answer to one question; none to what isn't one.
fn answer(question: &[u8], elsewhere: Elsewhere) -> Option<Vec<u8>> {
    let asked = Packet::parse(question).ok().filter(|asked| !asked.has_flags(PacketFlag::RESPONSE))?;
    let mut reply = Packet::new_reply(asked.id());
    *reply.opcode_mut() = asked.opcode();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if asked.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    *reply.rcode_mut() = match (asked.opcode(), &asked.questions[..]) {
        (OPCODE::StandardQuery, [one]) => {
            let name = one.qname.to_string();
            if zone::is_ours(&name) {
                reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
                let of_internet = matches!(one.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
                // Asked for an IPv6 address or anything else there is a name, but none of that kind.
                if of_internet && matches!(one.qtype, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) {
                    let here = RData::A(A { address: Ipv4Addr::LOCALHOST.into() });
                    reply.answers.push(ResourceRecord::new(one.qname.clone(), CLASS::IN, TTL_S, here));
                }
                RCODE::NoError
            } else {
                match elsewhere {
                    Elsewhere::Unknown => RCODE::NameError,
                    Elsewhere::Refused => RCODE::Refused,
                }
            }
        }
        (OPCODE::StandardQuery, _) => RCODE::FormatError,
        _ => RCODE::NotImplemented,
    };
    reply.questions = asked.questions;
    reply.build_bytes_vec_compressed().ok()
}

#[cfg(test)]
mod tests {
    use simple_dns::{Name, Question};

    use super::*;

    fn question(name: &str, kind: TYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap();
        packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn only_hosts_of_aws_are_found() {
        use Elsewhere::{Refused, Unknown};
        const SQS: &str = "sqs.us-east-1.amazonaws.com";
        for (name, kind, elsewhere, code, found) in [
            (SQS, TYPE::A, Unknown, RCODE::NoError, 1),
            (SQS, TYPE::A, Refused, RCODE::NoError, 1),
            ("a.b.S3.AmazonAWS.com", TYPE::A, Unknown, RCODE::NoError, 1),
            (SQS, TYPE::AAAA, Unknown, RCODE::NoError, 0),
            (SQS, TYPE::TXT, Unknown, RCODE::NoError, 0),
            ("example.org", TYPE::A, Unknown, RCODE::NameError, 0),
            ("example.org", TYPE::AAAA, Refused, RCODE::Refused, 0),
        ] {
            let bytes = answer(&question(name, kind), elsewhere).expect("an answer");
            let reply = Packet::parse(&bytes).unwrap();
            assert!(reply.has_flags(PacketFlag::RESPONSE), "{name}");
            assert_eq!((reply.id(), reply.rcode(), reply.answers.len()), (7, code, found), "{name} {kind:?}");
            assert_eq!(reply.questions[0].qname.to_string(), name);
            for record in &reply.answers {
                assert!(matches!(&record.rdata, RData::A(a) if a.address == 0x7f00_0001), "{record:?}");
            }
        }
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let good = question("a.api.aws", TYPE::A);
        let mut reply = Packet::new_reply(1);
        reply.questions = Packet::parse(&good).unwrap().questions;
        assert_eq!(answer(&reply.build_bytes_vec().unwrap(), Elsewhere::Unknown), None);
        assert_eq!(answer(b"", Elsewhere::Unknown), None);
        assert_eq!(answer(&[0xff; QUESTION_BYTES_MAX], Elsewhere::Unknown), None);
        // A name that is a pointer to itself.
        let mut circle = good.clone();
        circle[12..14].copy_from_slice(&[0xc0, 12]);
        assert_eq!(answer(&circle, Elsewhere::Unknown), None);
        let mut two = Packet::parse(&good).unwrap();
        two.questions.push(two.questions[0].clone());
        let bytes = answer(&two.build_bytes_vec().unwrap(), Elsewhere::Unknown).expect("an answer");
        assert_eq!(Packet::parse(&bytes).unwrap().rcode(), RCODE::FormatError);
    }

    /// Whatever a function sends: one byte of a question changed to every value, and cut at every length.
    #[test]
    fn no_packet_is_a_panic() {
        let good = question("bucket.s3.amazonaws.com", TYPE::A);
        for position in 0..good.len() {
            for value in 0..=255 {
                let mut bad = good.clone();
                bad[position] = value;
                let _ = answer(&bad, Elsewhere::Unknown);
            }
            let _ = answer(&good[..position], Elsewhere::Refused);
        }
    }
}

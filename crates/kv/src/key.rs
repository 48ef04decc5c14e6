//! Keys as bytes whose order is the order of their parts.
//!
//! | Part | Bytes |
//! |---|---|
//! | `String`, `Vec<u8>` | the bytes with `00` written as `00 ff`, then `00 01` |
//! | `u8` to `u64` | big-endian |
//! | `i64`, `Timestamp` | big-endian with the sign bit turned |
//! | `[u8; N]` | the bytes |
//!
//! These bytes are on disk for ever.

use bytes::{Buf, BufMut};
use env::Timestamp;

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
/// Below every escaped zero, so that a string sorts before those it is a prefix of.
const END: u8 = 0x01;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key ends too early")]
    Short,
    #[error("key goes on after its last part")]
    Long,
    #[error("key part is not of its type")]
    Malformed,
}

/// One component of a key. The encodings of two values compare as the values do, and none is a prefix of
/// another.
pub trait Part: Sized {
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one part off the front of `bytes`.
    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError>;
}

/// A whole key: one part, a tuple of up to five, or a service's own type.
pub trait Key: Sized {
    fn encode_key(&self, out: &mut Vec<u8>);

    fn decode_key(bytes: &[u8]) -> Result<Self, KeyError>;
}

/// What can stand for a part `P` when looking up, such as `&str` for `String`.
pub trait AsPart<P> {
    fn encode_as(&self, out: &mut Vec<u8>);
}

/// What can stand for a key `K` when looking up, such as `("queue", 7)` for `(String, u64)`.
pub trait AsKey<K> {
    fn encode_as_key(&self, out: &mut Vec<u8>);
}

/// The leading parts of a key `K`: `()`, `(a,)`, `(a, b)` … The last may be [`StartsWith`].
pub trait AsPrefix<K> {
    fn encode_as_prefix(&self, out: &mut Vec<u8>);
}

/// What can stand last in a prefix: a part, or [`StartsWith`].
pub trait AsTail<P> {
    fn encode_as_tail(&self, out: &mut Vec<u8>);
}

/// As the last of a prefix: every string that begins so.
#[derive(Clone, Copy, Debug)]
pub struct StartsWith<'a>(pub &'a str);

impl AsTail<String> for StartsWith<'_> {
    fn encode_as_tail(&self, out: &mut Vec<u8>) {
        escape(self.0.as_bytes(), out);
    }
}

impl<P: Part, X: AsPart<P>> AsTail<P> for X {
    fn encode_as_tail(&self, out: &mut Vec<u8>) {
        self.encode_as(out);
    }
}

impl<P: Part> AsPart<P> for P {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl<P: Part> AsPart<P> for &P {
    fn encode_as(&self, out: &mut Vec<u8>) {
        (*self).encode(out);
    }
}

impl AsPart<String> for &str {
    fn encode_as(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl AsPart<Vec<u8>> for &[u8] {
    fn encode_as(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

impl Part for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        String::from_utf8(decode_bytes(bytes)?).map_err(|_| KeyError::Malformed)
    }
}

impl Part for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        decode_bytes(bytes)
    }
}

impl<const N: usize> Part for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        let (part, rest) = bytes.split_first_chunk().ok_or(KeyError::Short)?;
        *bytes = rest;
        Ok(*part)
    }
}

macro_rules! unsigned_part {
    ($($type:ty, $put:ident, $get:ident;)*) => {$(
        impl Part for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                out.$put(*self);
            }

            fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
                bytes.$get().map_err(|_| KeyError::Short)
            }
        }
    )*};
}

unsigned_part! {
    u8, put_u8, try_get_u8;
    u16, put_u16, try_get_u16;
    u32, put_u32, try_get_u32;
    u64, put_u64, try_get_u64;
}

const SIGN: u64 = 1 << 63;

impl Part for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.cast_unsigned() ^ SIGN);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        Ok((u64::decode(bytes)? ^ SIGN).cast_signed())
    }
}

impl Part for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_micros().encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        i64::decode(bytes).map(Timestamp::from_micros)
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    escape(bytes, out);
    out.extend_from_slice(&[ESCAPE, END]);
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == ESCAPE {
            out.push(ESCAPED_ZERO);
        }
    }
}

fn decode_bytes(bytes: &mut &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut part = Vec::new();
    loop {
        match bytes.try_get_u8().map_err(|_| KeyError::Short)? {
            ESCAPE => match bytes.try_get_u8().map_err(|_| KeyError::Short)? {
                END => return Ok(part),
                ESCAPED_ZERO => part.push(0),
                _ => return Err(KeyError::Malformed),
            },
            byte => part.push(byte),
        }
    }
}

impl<P: Part> Key for P {
    fn encode_key(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }

    fn decode_key(mut bytes: &[u8]) -> Result<Self, KeyError> {
        let part = P::decode(&mut bytes)?;
        if bytes.is_empty() { Ok(part) } else { Err(KeyError::Long) }
    }
}

impl<P: Part, X: AsPart<P>> AsKey<P> for X {
    fn encode_as_key(&self, out: &mut Vec<u8>) {
        self.encode_as(out);
    }
}

impl<K: Key> AsPrefix<K> for () {
    fn encode_as_prefix(&self, _: &mut Vec<u8>) {}
}

/// The prefix of a single part.
impl<P: Part, X: AsTail<P>> AsPrefix<P> for (X,) {
    fn encode_as_prefix(&self, out: &mut Vec<u8>) {
        self.0.encode_as_tail(out);
    }
}

macro_rules! tuple_key {
    ($($part:ident $like:ident $value:ident),*) => {
        impl<$($part: Part),*> Key for ($($part,)*) {
            fn encode_key(&self, out: &mut Vec<u8>) {
                let ($($value,)*) = self;
                $($value.encode(out);)*
            }

            fn decode_key(mut bytes: &[u8]) -> Result<Self, KeyError> {
                let key = ($($part::decode(&mut bytes)?,)*);
                if bytes.is_empty() { Ok(key) } else { Err(KeyError::Long) }
            }
        }

        impl<$($part: Part, $like: AsPart<$part>),*> AsKey<($($part,)*)> for ($($like,)*) {
            fn encode_as_key(&self, out: &mut Vec<u8>) {
                let ($($value,)*) = self;
                $($value.encode_as(out);)*
            }
        }

        impl<$($part: Part, $like: AsPart<$part>),*> AsKey<($($part,)*)> for &($($like,)*) {
            fn encode_as_key(&self, out: &mut Vec<u8>) {
                (*self).encode_as_key(out);
            }
        }
    };
}

tuple_key!(A X a, B Y b);
tuple_key!(A X a, B Y b, C Z c);
tuple_key!(A X a, B Y b, C Z c, D W d);
tuple_key!(A X a, B Y b, C Z c, D W d, E V e);

/// `whole: leading, last; trailing`: a prefix of `leading` and `last` for a key that goes on with `trailing`.
macro_rules! tuple_prefix {
    ($($part:ident $like:ident $value:ident),*; $last:ident $tail:ident $end:ident; $($rest:ident),*) => {
        impl<$($part: Part, $like: AsPart<$part>,)* $last: Part, $tail: AsTail<$last>, $($rest: Part),*>
            AsPrefix<($($part,)* $last, $($rest,)*)> for ($($like,)* $tail,)
        {
            fn encode_as_prefix(&self, out: &mut Vec<u8>) {
                let ($($value,)* $end,) = self;
                $($value.encode_as(out);)*
                $end.encode_as_tail(out);
            }
        }
    };
}

tuple_prefix!(; A X a; B);
tuple_prefix!(; A X a; B, C);
tuple_prefix!(; A X a; B, C, D);
tuple_prefix!(; A X a; B, C, D, E);
tuple_prefix!(A X a; B Y b;);
tuple_prefix!(A X a; B Y b; C);
tuple_prefix!(A X a; B Y b; C, D);
tuple_prefix!(A X a; B Y b; C, D, E);
tuple_prefix!(A X a, B Y b; C Z c;);
tuple_prefix!(A X a, B Y b; C Z c; D);
tuple_prefix!(A X a, B Y b; C Z c; D, E);
tuple_prefix!(A X a, B Y b, C Z c; D W d;);
tuple_prefix!(A X a, B Y b, C Z c; D W d; E);
tuple_prefix!(A X a, B Y b, C Z c, D W d; E V e;);

#[cfg(test)]
mod tests;

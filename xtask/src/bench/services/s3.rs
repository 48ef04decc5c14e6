//! Objects in one bucket, asked for without a signature.

use std::time::Duration;

use super::super::http::Connection;
use super::api::Numbers;
use super::load::{Measured, drive};
use super::{CLIENTS, TIMES};
use crate::Error;

pub const BUCKET: &str = "bench";
const SMALL_BYTES: usize = 1024;
const LARGE_BYTES: usize = 64 * 1024 * 1024;

/// The bucket, and one object of each size.
pub fn load(address: &str) -> Result<(), Error> {
    let mut connection = Connection::open(address)?;
    let (status, answer) = connection.call("PUT", &format!("/{BUCKET}"), b"")?;
    // One of the peers was started with its bucket.
    if !matches!(status, 200 | 409) {
        return Err(format!("make a bucket: {status} {}", String::from_utf8_lossy(&answer)).into());
    }
    for (key, size_bytes) in [("small", SMALL_BYTES), ("large", LARGE_BYTES)] {
        let path = format!("/{BUCKET}/{key}");
        let body = noise(size_bytes);
        // One of the peers lets nobody without a key read what is not public; the platform refuses to make it so.
        let public = connection.call_with("PUT", &path, "x-amz-acl: public-read\r\n", &body)?;
        if public.0 != 200 {
            connection.expect("PUT", &path, &body)?;
        }
    }
    Ok(())
}

fn noise(size_bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers(1);
    (0..size_bytes / 8).flat_map(|_| numbers.below(u64::MAX).to_le_bytes()).collect()
}

/// `PutObject` of new objects of 1 KiB.
pub fn put_small(address: &str) -> Result<Measured, Error> {
    let body = noise(SMALL_BYTES);
    drive(address, CLIENTS, TIMES, |number| {
        let (body, mut count) = (&body, 0);
        move |connection| {
            count += 1;
            connection.expect("PUT", &format!("/{BUCKET}/put-{number}-{count}"), body).map(drop)
        }
    })
}

/// `GetObject` of one object of 1 KiB.
pub fn get_small(address: &str) -> Result<Measured, Error> {
    get(address, "small", SMALL_BYTES)
}

/// `GetObject` of one object of 64 MiB; counts MiB.
pub fn get_large(address: &str) -> Result<Measured, Error> {
    let mut measured = get(address, "large", LARGE_BYTES)?;
    measured.per_s *= 64.0;
    Ok(measured)
}

fn get(address: &str, key: &str, size_bytes: usize) -> Result<Measured, Error> {
    // A large one takes longer than warming does: all that begin are counted.
    let times = if size_bytes == LARGE_BYTES { (Duration::ZERO, TIMES.1) } else { TIMES };
    let path = format!("/{BUCKET}/{key}");
    drive(address, CLIENTS, times, |_| {
        let path = &path;
        move |connection| match connection.discard(path)? {
            count if count == size_bytes as u64 => Ok(()),
            count => Err(format!("GET {path}: {count} bytes").into()),
        }
    })
}

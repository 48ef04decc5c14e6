//! Receipt handles: which message was received, from which queue, as which of its receives.

use api_sqs::errors;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::keys::Id;

/// Of this layout; a later one has another number.
const FORMAT: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub queue: Id,
    pub message: Id,
    /// The message's number of receives when it was handed out.
    pub receives: u32,
    /// FIFO: the group and the sequence number.
    pub place: Option<(String, u64)>,
}

impl Receipt {
    pub(crate) fn write(&self) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.queue);
        bytes.extend_from_slice(&self.message);
        bytes.extend_from_slice(&self.receives.to_be_bytes());
        if let Some((group, sequence)) = &self.place {
            bytes.extend_from_slice(&sequence.to_be_bytes());
            bytes.extend_from_slice(group.as_bytes());
        }
        BASE64.encode(bytes)
    }

    /// # Errors
    /// 404 `ReceiptHandleIsInvalid` for what is none, or of another queue.
    pub(crate) fn read(text: &str, queue: Id, fifo: bool) -> Result<Self> {
        let invalid = || {
            errors::receipt_handle_is_invalid(format!(
                "The input receipt handle \"{text}\" is not a valid receipt handle."
            ))
        };
        let receipt = Self::parse(text).ok_or_else(invalid)?;
        if receipt.queue != queue || receipt.place.is_some() != fifo {
            return Err(invalid());
        }
        Ok(receipt)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (format, rest) = bytes.split_first()?;
        let (queue, rest) = rest.split_first_chunk::<16>()?;
        let (message, rest) = rest.split_first_chunk::<16>()?;
        let (receives, rest) = rest.split_first_chunk::<4>()?;
        let place = if rest.is_empty() {
            None
        } else {
            let (sequence, group) = rest.split_first_chunk::<8>()?;
            let group = String::from_utf8(group.to_vec()).ok().filter(|group| !group.is_empty())?;
            Some((group, u64::from_be_bytes(*sequence)))
        };
        let receives = u32::from_be_bytes(*receives);
        (*format == FORMAT).then_some(Self { queue: *queue, message: *message, receives, place })
    }
}

/// 400: the handle's message is not in flight any more.
pub(crate) fn expired(handle: &str) -> AwsError {
    crate::refusal::invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_read_as_written() {
        let plain = Receipt { queue: [1; 16], message: [2; 16], receives: 7, place: None };
        let fifo = Receipt { place: Some(("g".to_owned(), 9)), ..plain.clone() };
        assert_eq!(Receipt::read(&plain.write(), [1; 16], false).expect("it is ours"), plain);
        assert_eq!(Receipt::read(&fifo.write(), [1; 16], true).expect("it is ours"), fifo);
        for (text, queue, fifo) in [
            ("", [1; 16], false),
            ("x", [1; 16], false),
            (plain.write().as_str(), [3; 16], false),
            (plain.write().as_str(), [1; 16], true),
            (fifo.write().as_str(), [1; 16], false),
        ] {
            assert_eq!(
                Receipt::read(text, queue, fifo).expect_err("none of ours").code,
                "ReceiptHandleIsInvalid"
            );
        }
    }
}

//! Frames: a 4-byte big-endian length, then that many bytes of JSON.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use wren_core::guest::MAX_FRAME_BYTES;

const HEADER_BYTES: usize = 4;

/// Reads frames; a cancelled read loses nothing.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    inner: R,
    buffer: BytesMut,
}

/// Why the stream of frames ended other than between two frames.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// A length above [`MAX_FRAME_BYTES`].
    TooLong(usize),
    /// The stream failed, or ended within a frame: how the guest's process ended says more.
    Ended,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: BytesMut::with_capacity(8 * 1024) }
    }

    /// Returns the next frame's JSON; `None` when the guest closed the stream between two frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(Some(frame));
            }
            if self.inner.read_buf(&mut self.buffer).await.map_err(|_| FrameError::Ended)? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(FrameError::Ended) };
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(FrameError::TooLong(length));
        }
        if self.buffer.len() < HEADER_BYTES + length {
            // Memory grows with what was received, not with what a header announces.
            self.buffer.reserve((HEADER_BYTES + length - self.buffer.len()).min(64 * 1024));
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Returns a frame around a JSON value, or its size in bytes when it is too long for one.
pub(crate) fn encode(value: &serde_json::Value) -> Result<Vec<u8>, usize> {
    let mut frame = vec![0; HEADER_BYTES];
    // A `Value` has string keys only, so serialising into memory cannot fail.
    if serde_json::to_writer(&mut frame, value).is_err() {
        return Err(0);
    }
    let length = frame.len() - HEADER_BYTES;
    if length > MAX_FRAME_BYTES {
        return Err(length);
    }
    frame[..HEADER_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_survive_any_chunking() {
        let mut bytes = encode(&serde_json::json!({"t": "a"})).unwrap();
        bytes.extend(encode(&serde_json::json!({"t": "ü"})).unwrap());
        for split in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(split);
            let mut reader = FrameReader::new(tokio::io::AsyncReadExt::chain(head, tail));
            assert_eq!(reader.next().await.unwrap().unwrap(), r#"{"t":"a"}"#);
            assert_eq!(reader.next().await.unwrap().unwrap(), r#"{"t":"ü"}"#);
            assert!(reader.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_header_that_announces_too_much_is_refused_at_once() {
        let mut reader = FrameReader::new(&[0xff, 0xff, 0xff, 0xff][..]);
        assert!(matches!(reader.next().await, Err(FrameError::TooLong(_))));
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_is_an_error() {
        let mut reader = FrameReader::new(&[0, 0, 0, 9, b'{'][..]);
        assert!(matches!(reader.next().await, Err(FrameError::Ended)));
    }
}

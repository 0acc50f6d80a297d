//! The key of an upgrade request, and what a WebSocket server makes of it (RFC 6455 §4).
//!
//! tungstenite has both, but with a SHA-1 of six crates; ring's is here anyway.

use data_encoding::BASE64;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key`. It tells answers to different requests apart and is no secret (§1.3), so
/// that any random number will do.
pub(super) fn generate() -> String {
    let mut nonce = [0; 16];
    fastrand::fill(&mut nonce);
    BASE64.encode(&nonce)
}

/// The `Sec-WebSocket-Accept` that answers this key (§4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    BASE64.encode(hash.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        assert_eq!(
            accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn every_key_is_another_one() {
        let (one, other) = (generate(), generate());
        assert_eq!((one.len(), other.len()), (24, 24));
        assert_ne!(one, other);
    }
}

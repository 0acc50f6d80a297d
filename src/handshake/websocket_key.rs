//! The key of an upgrade request, and the server's answer to it (RFC 6455 §4).
//!
//! tungstenite has both, but its SHA-1 brings six crates; ring is a dependency anyway.

use data_encoding::BASE64;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Generates a `Sec-WebSocket-Key`. It matches an answer to its request and is not a secret (§1.3),
/// so any random number will do.
pub(super) fn generate() -> String {
    let mut nonce = [0; 16];
    fastrand::fill(&mut nonce);
    BASE64.encode(&nonce)
}

/// The `Sec-WebSocket-Accept` for a key (§4.2.2).
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

//! The TLS alerts with which a peer ends a handshake (RFC 8446 §6).

use super::{Text, text};

/// The reason in words, with the alert's name and number.
pub(super) fn alert(number: u8) -> Text {
    let (name, en, zh) = match number {
        0 => (
            "close_notify",
            "the peer closed the connection",
            "对方关闭了连接",
        ),
        10 => ("unexpected_message", "unexpected message", "收到意外的消息"),
        20 => (
            "bad_record_mac",
            "a record was altered on the way",
            "记录在途中被改动",
        ),
        22 => ("record_overflow", "a record is too long", "记录过长"),
        40 => (
            "handshake_failure",
            "no parameters in common",
            "没有双方都接受的参数",
        ),
        42 => ("bad_certificate", "a certificate is corrupt", "证书损坏"),
        43 => (
            "unsupported_certificate",
            "unsupported kind of certificate",
            "证书类型不受支持",
        ),
        44 => (
            "certificate_revoked",
            "a certificate is revoked",
            "证书已被吊销",
        ),
        45 => (
            "certificate_expired",
            "a certificate has expired",
            "证书已过期",
        ),
        46 => (
            "certificate_unknown",
            "a certificate is not accepted",
            "证书不被接受",
        ),
        47 => (
            "illegal_parameter",
            "a value is out of range",
            "参数值不合法",
        ),
        48 => (
            "unknown_ca",
            "unknown certificate authority",
            "不认可的签发机构",
        ),
        49 => ("access_denied", "access is denied", "拒绝访问"),
        50 => ("decode_error", "a message can't be decoded", "消息无法解码"),
        51 => (
            "decrypt_error",
            "wrong signature or key exchange",
            "签名或密钥交换有误",
        ),
        70 => (
            "protocol_version",
            "no TLS version in common",
            "没有双方都支持的 TLS 版本",
        ),
        71 => (
            "insufficient_security",
            "stronger ciphers are required",
            "要求更强的加密算法",
        ),
        80 => (
            "internal_error",
            "internal error of the peer",
            "对方内部出错",
        ),
        86 => (
            "inappropriate_fallback",
            "needless fallback to an older TLS version",
            "不必要地降级到旧 TLS 版本",
        ),
        90 => (
            "user_canceled",
            "the peer cancelled the handshake",
            "对方取消了握手",
        ),
        109 => (
            "missing_extension",
            "a required extension is missing",
            "缺少必需的扩展",
        ),
        110 => (
            "unsupported_extension",
            "an extension was not requested",
            "出现了未请求的扩展",
        ),
        112 => (
            "unrecognized_name",
            "it doesn't know this host name",
            "不认识该域名",
        ),
        113 => (
            "bad_certificate_status_response",
            "bad certificate status response",
            "证书状态应答有误",
        ),
        115 => (
            "unknown_psk_identity",
            "unknown pre-shared key",
            "未知的预共享密钥",
        ),
        116 => (
            "certificate_required",
            "a client certificate is required",
            "要求客户端证书",
        ),
        120 => (
            "no_application_protocol",
            "no application protocol in common",
            "没有双方都支持的应用层协议",
        ),
        _ => {
            return text(
                format!("the server ended the handshake with TLS alert {number}"),
                format!("服务器以 TLS 告警 {number} 终止握手"),
            );
        }
    };
    text(
        format!("the server ended the handshake with a TLS alert: {en} ({name}, {number})"),
        format!("服务器以 TLS 告警终止握手：{zh}（{name}，{number}）"),
    )
}

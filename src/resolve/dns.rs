//! Asking name servers ourselves, through hickory: exact failure kinds, and times to live.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;

use super::{Family, Resolve, Resolved};
use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// A resolver that asks name servers itself and so can tell NXDOMAIN, SERVFAIL, REFUSED and
/// silence apart, and knows times to live.
///
/// It doesn't see what lives in the platform's resolver only (a VPN's split DNS, mDNS), so it is a
/// second opinion rather than a replacement of [`SystemResolver`](super::SystemResolver).
#[derive(Clone)]
pub struct DnsResolver(Arc<TokioResolver>);

impl DnsResolver {
    /// Asks the name servers that this system is configured with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] when that configuration can't be read.
    pub fn system() -> Result<Self, Error> {
        let builder = TokioResolver::builder_tokio().map_err(|error| {
            let why = format!(
                "the system's name servers can't be read ({error}): name one with DnsResolver::at"
            );
            Error::new(ErrorKind::Input, why)
        })?;
        Self::build(builder)
    }

    /// Asks this name server only, over UDP, and over TCP where an answer is truncated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] when hickory refuses the configuration.
    pub fn at(server: SocketAddr) -> Result<Self, Error> {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut name_server.connections {
            connection.port = server.port();
        }
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
        let provider = TokioRuntimeProvider::default();
        Self::build(TokioResolver::builder_with_config(config, provider))
    }

    fn build(
        builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>,
    ) -> Result<Self, Error> {
        let resolver = builder.build().map_err(|error| {
            let why = format!("the resolver can't be set up: {error}");
            Error::new(ErrorKind::Input, why)
        })?;
        Ok(DnsResolver(Arc::new(resolver)))
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DnsResolver")
    }
}

impl Resolve for DnsResolver {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let resolver = Arc::clone(&self.0);
        // Fully qualified: a search list must not turn one name into others.
        let name = format!("{}.", host.trim_end_matches('.'));
        let record = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        Box::pin(async move {
            let found = resolver
                .lookup(name, record)
                .await
                .map_err(|error| failure_of(&error))?;
            let addresses: Vec<IpAddr> = found
                .answers()
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .collect();
            if addresses.is_empty() {
                return Err(Failure::new(Phase::Resolve, FailureKind::NoAddress));
            }
            let ttl = found
                .valid_until()
                .saturating_duration_since(Instant::now());
            Ok(Resolved::new(addresses).with_ttl(ttl))
        })
    }
}

fn failure_of(error: &NetError) -> Failure {
    let kind = match error {
        NetError::Dns(DnsError::ResponseCode(code)) => of_code(*code),
        NetError::Dns(DnsError::NoRecordsFound(none)) => of_code(none.response_code),
        NetError::Timeout => FailureKind::Timeout,
        NetError::NoConnections | NetError::Busy | NetError::Io(_) => FailureKind::Temporary,
        _ => FailureKind::Other,
    };
    Failure::new(Phase::Resolve, kind).with_message(error)
}

fn of_code(code: ResponseCode) -> FailureKind {
    match code {
        ResponseCode::NoError => FailureKind::NoAddress,
        ResponseCode::NXDomain => FailureKind::NotFound,
        ResponseCode::ServFail => FailureKind::ServerFailure,
        ResponseCode::Refused => FailureKind::Refused,
        _ => FailureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::*;

    /// Answers every query with this response code, and with one A record where that is 0.
    async fn name_server(code: u8) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut query = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut query).await.unwrap();
                // Header, then the question up to its class; what follows (EDNS) is left out.
                let name = query[12..length].iter().position(|b| *b == 0).unwrap();
                let question = &query[12..12 + name + 5];
                let asks_a = question[name + 2] == 1;
                let answers = u8::from(code == 0 && asks_a);
                let mut answer = query[..2].to_vec();
                answer.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
                answer.extend(question);
                if answers == 1 {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 114, 7]);
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        address
    }

    async fn ask(code: u8, family: Family) -> Result<Resolved, Failure> {
        let resolver = DnsResolver::at(name_server(code).await).unwrap();
        let answer = resolver.resolve("im.example.com", family);
        tokio::time::timeout(Duration::from_secs(30), answer)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn addresses_come_with_their_time_to_live() {
        let found = ask(0, Family::V4).await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from([203, 0, 114, 7])]);
        assert!(found.ttl.unwrap() <= Duration::from_secs(60));
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        for (code, family, kind) in [
            (0, Family::V6, FailureKind::NoAddress),
            (2, Family::V4, FailureKind::ServerFailure),
            (3, Family::V4, FailureKind::NotFound),
            (5, Family::V4, FailureKind::Refused),
        ] {
            let failure = ask(code, family).await.unwrap_err();
            assert_eq!(failure.kind(), kind, "code {code}: {failure}");
        }
    }
}

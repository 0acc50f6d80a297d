//! One thing worth telling about what was measured, as data; the words are in
//! [`texts`](super::texts).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use easelect::{Failure, FailureKind, Phase, Region, Service};

use super::Threshold;
use super::texts::{Lang, finding_hint, finding_text};

/// Something worth telling about what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub(super) what: What,
    pub(super) now: SystemTime,
}

impl Finding {
    /// The stable identifier used in JSON, for example `"ipv6_broken"`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.what.code()
    }

    /// What was found.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        finding_text(&self.what, self.now).of(lang)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self, lang: Lang) -> String {
        finding_hint(&self.what).of(lang)
    }
}

/// Who can do something about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Whoever sits at the computer.
    You,
    /// Whoever runs the network.
    NetworkAdministrator,
    /// Easemob support.
    Easemob,
    /// Whoever configures the app.
    Developer,
}

macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident $({ $($field:ident: $type:ty),+ $(,)? })? = $code:literal;)+) => {
        /// What a [`Finding`] is.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum What {
            $($(#[$doc])* $name $({ $($field: $type),+ })?,)+
        }

        impl What {
            #[cfg(test)]
            pub(crate) const CODES: &[&str] = &[$($code),+];

            pub(crate) fn code(&self) -> &'static str {
                match self { $(What::$name $({ $($field: _),+ })? => $code),+ }
            }
        }
    };
}

findings! {
    // What explains everything that failed.
    /// Not one name led to an address.
    NoNameResolved { hosts: usize, lab: bool } = "no_name_resolved";
    /// Every connect says: no route.
    NoNetwork = "no_network";
    /// Every connect is forbidden by this system.
    NotPermitted = "not_permitted";
    /// This computer ran out of files, ports or memory: what failed then says nothing.
    OutOfResources { failure: Failure } = "out_of_resources";
    /// Several hosts, and no handshake got through to any.
    NothingGetsThrough { failure: Failure, hosts: usize } = "nothing_gets_through";
    /// Several certificates are out of date at once, and none is good.
    ClockWrong { hosts: usize, slow: bool } = "clock_wrong_suspected";
    /// Unrelated hosts all answer as something else.
    CaptivePortal { hosts: usize, failure: Failure } = "captive_portal_suspected";
    /// Unrelated hosts all show certificates of an unknown authority.
    Interception { hosts: usize } = "interception_suspected";
    /// The proxy leads to no host.
    ProxyFails { proxy: String, failure: Failure, hosts: usize } = "proxy_fails";
    // What explains some.
    /// What answers at an address is not the host that the name stands for.
    Hijack { hosts: Vec<String>, addresses: Vec<String> } = "hijack_suspected";
    /// One address is answered for hosts that have nothing to do with each other, and none of them
    /// proved its identity there.
    OneAddress { hosts: Vec<String>, address: IpAddr } = "one_address_suspected";
    /// No IPv6 address works, the same hosts' IPv4 addresses do.
    Ipv6Broken { addresses: usize } = "ipv6_broken";
    /// A certificate is out of date.
    CertificateExpired { urls: Vec<String>, failure: Failure } = "certificate_expired";
    /// A certificate that is good will soon be out of date; `ends` is when the first is.
    CertificateExpiresSoon { urls: Vec<String>, ends: SystemTime } = "certificate_expires_soon";
    /// The path is not found on a host that proved its identity.
    PathWrong { urls: Vec<String>, failure: Failure } = "path_wrong";
    /// Endpoints fail in the same way.
    EndpointDown { urls: Vec<String>, failure: Failure } = "endpoint_down";
    /// Ready endpoints of which some addresses never work, as `URL @ ADDRESS`.
    AddressDown { places: Vec<String>, failure: Failure } = "address_down";
    /// Ready endpoints whose working addresses fail now and then, as `URL (RATIO)`.
    FailsSometimes { urls: Vec<String>, failure: Failure } = "fails_sometimes";
    /// The path in the catalogue is refused, another one works.
    AlternatePath { url: String, works: String } = "alternate_path_works";
    // What is configured.
    /// The endpoint in use fails.
    CurrentFails { url: String, failure: Option<Failure>, best: Option<String> } = "current_fails";
    /// The path in use is refused, another one of the same host works.
    CurrentPathWrong { url: String, works: String } = "current_path_wrong";
    /// The endpoint in use is ready but slower.
    CurrentSlower { url: String, by: Duration, much: bool, best: String } = "current_slower";
    /// The endpoint in use is as good as the first.
    CurrentEqual { url: String, best: String } = "current_no_clear_difference";
    /// The endpoint in use is the first.
    CurrentFirst { url: String } = "current_is_first";
    /// The list of endpoints that the app uses could not be read.
    SourceFailed { url: String, why: String } = "source_failed";
    /// Endpoints are above a threshold, as `URL (MEASURED)`.
    AboveThreshold { urls: Vec<String>, threshold: Threshold } = "above_threshold";
    // What limits the measurement.
    /// The deadline cut probing off.
    Unfinished { attempts: u64 } = "unfinished";
    /// The platform's resolver finds no address, and a name server says why, or does find some.
    DirectLookup { hosts: Vec<String>, outcome: Result<Vec<IpAddr>, Failure> } = "dns_direct_lookup";
    /// More addresses were answered for hosts than are used; `most` is the largest rest.
    AddressesLeftOut { hosts: Vec<String>, most: usize } = "addresses_left_out";
    /// This machine was busy while it measured.
    LocallyDelayed { ratio: f64 } = "locally_delayed";
    /// A proxy on this computer answers for the hosts.
    LocalProxy { addresses: Vec<IpAddr> } = "local_proxy_suspected";
    /// What was measured lies behind a proxy.
    ThroughProxy { proxy: String, hosts: usize, past: usize } = "through_proxy";
    /// There is no IPv6 here; nothing is lost by that.
    Ipv6Absent = "ipv6_absent";
    /// A region doesn't have a service.
    NonePublished { region: Region, service: Service } = "none_published";
    // What must be known to read the report.
    /// The mainland pool was probed as one.
    Pool = "mainland_pool";
    /// Regions stand side by side in the report.
    NotComparable = "data_centres_not_comparable";
    /// Mini-program rows were measured outside of one.
    MiniProgram = "measured_outside_mini_program";
    /// Some URLs were never measured on the real service.
    Inferred { urls: usize } = "inferred_urls";
}

impl What {
    /// Whether it is only background for reading the report.
    pub(crate) fn is_note(&self) -> bool {
        matches!(
            self,
            What::Ipv6Absent
                | What::NonePublished { .. }
                | What::Pool
                | What::NotComparable
                | What::MiniProgram
                | What::Inferred { .. }
        )
    }

    /// Whether something is wrong, and not only worth knowing.
    pub(crate) fn is_problem(&self) -> bool {
        !self.is_note()
            && !matches!(
                self,
                What::AlternatePath { .. }
                    | What::CertificateExpiresSoon { .. }
                    | What::CurrentEqual { .. }
                    | What::CurrentFirst { .. }
                    | What::LocalProxy { .. }
                    | What::ThroughProxy { .. }
                    | What::LocallyDelayed { .. }
                    | What::AddressesLeftOut { .. }
                    | What::DirectLookup { .. }
                    | What::Unfinished { .. }
            )
    }

    /// Who can do something about it.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            What::NoNetwork
            | What::NotPermitted
            | What::OutOfResources { .. }
            | What::ClockWrong { .. }
            | What::Unfinished { .. }
            | What::LocallyDelayed { .. }
            | What::LocalProxy { .. }
            | What::DirectLookup { outcome: Ok(_), .. }
            | What::ThroughProxy { .. } => Actor::You,
            What::ProxyFails { failure, .. } => match (failure.phase(), failure.kind()) {
                (Phase::Resolve, _)
                | (_, FailureKind::Refused | FailureKind::AuthRequired | FailureKind::NotAProxy) => {
                    Actor::You
                }
                _ => Actor::NetworkAdministrator,
            },
            What::EndpointDown { failure, .. } if failure.phase() == Phase::Proxy => {
                Actor::NetworkAdministrator
            }
            What::NoNameResolved { .. }
            | What::NothingGetsThrough { .. }
            | What::CaptivePortal { .. }
            | What::Interception { .. }
            | What::Hijack { .. }
            | What::OneAddress { .. }
            | What::AddressesLeftOut { .. }
            | What::DirectLookup { .. }
            | What::Ipv6Broken { .. }
            | What::Ipv6Absent => Actor::NetworkAdministrator,
            What::PathWrong { .. }
            | What::AlternatePath { .. }
            | What::CurrentFails { .. }
            | What::CurrentPathWrong { .. }
            | What::CurrentSlower { .. }
            | What::CurrentEqual { .. }
            | What::CurrentFirst { .. }
            | What::SourceFailed { .. }
            | What::AboveThreshold { .. }
            | What::NonePublished { .. }
            | What::Pool
            | What::NotComparable
            | What::MiniProgram
            | What::Inferred { .. } => Actor::Developer,
            What::CertificateExpired { .. }
            | What::CertificateExpiresSoon { .. }
            | What::EndpointDown { .. }
            | What::AddressDown { .. }
            | What::FailsSometimes { .. } => Actor::Easemob,
        }
    }
}

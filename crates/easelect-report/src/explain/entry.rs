//! One error code: its meaning in one family of SDKs, and the sources for it.

use crate::sdk::Sdk;
use crate::texts::{Text, text};

/// The part of connecting and logging in that an error code is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// No error.
    Success,
    /// The path to the servers: DNS, TCP, TLS, the WebSocket.
    Network,
    /// The service from which an SDK fetches its server list (`server.json`).
    List,
    /// The token, or the password.
    Token,
    /// The user's account and its devices.
    Account,
    /// The app: its App Key, its plan, its limits.
    App,
    /// Easemob's servers, which were reached.
    Server,
    /// The app's use of the SDK or the API.
    Client,
    /// The code alone doesn't show the layer.
    Unclear,
}

impl Layer {
    /// The stable identifier used in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Layer::Success => "success",
            Layer::Network => "network",
            Layer::List => "list_service",
            Layer::Token => "token",
            Layer::Account => "account",
            Layer::App => "app",
            Layer::Server => "server",
            Layer::Client => "client",
            Layer::Unclear => "unclear",
        }
    }

    pub(crate) fn name(self) -> Text {
        match self {
            Layer::Success => text("no error", "没有错误"),
            Layer::Network => text("network", "网络"),
            Layer::List => text("list service", "接入地址列表服务"),
            Layer::Token => text("token or password", "token 或密码"),
            Layer::Account => text("account and devices", "账号与设备"),
            Layer::App => text("app (App Key, plan, limits)", "应用（App Key、套餐、限额）"),
            Layer::Server => text("Easemob's servers", "环信服务端"),
            Layer::Client => text("the app's own calls", "应用的调用方式"),
            Layer::Unclear => text("unclear from the code alone", "仅凭错误码无法判断"),
        }
    }

    /// What to do, unless the code's entry has advice of its own.
    pub(crate) fn advice(self) -> Text {
        match self {
            Layer::Success => text("Nothing to do.", "无需处理。"),
            Layer::Network => text(
                "Run `easelect diagnose` on the same device or network while the error occurs.",
                "请在出现该错误时，在同一设备或同一网络上运行 `easelect diagnose`。",
            ),
            Layer::List => text(
                "Check that https://rs.easemob.com can be reached from this network. If the app \
                 configures its own servers, check that all addresses are set.",
                "请确认当前网络能访问 https://rs.easemob.com；如应用自行配置接入地址，请确认各项\
                 地址均已配置。",
            ),
            Layer::Token => text(
                "Have the app's server issue a new user token, check that App Key, user ID and \
                 token belong together, and log in again.",
                "请由业务服务器重新签发用户 token，确认 App Key、用户 ID 与 token 相互对应，然后\
                 重新登录。",
            ),
            Layer::Account => text(
                "Look up the user in Easemob's console, then log in again from the app.",
                "请在环信控制台查看该用户，然后在应用中重新登录。",
            ),
            Layer::App => text(
                "Check the App Key, the plan and the limits in Easemob's console, or ask your \
                 Easemob account manager.",
                "请在环信控制台检查 App Key、套餐和限额，或咨询环信商务经理。",
            ),
            Layer::Server => text(
                "Try again later. If the error persists, send Easemob support the time and the App Key.",
                "请稍后重试；如仍然出现，请将发生时间和 App Key 提供给环信技术支持。",
            ),
            Layer::Client => text(
                "The app's developer must correct the call.",
                "请由应用开发者修正调用代码。",
            ),
            Layer::Unclear => text(
                "Read the message that comes with the code, and the SDK's log for that time.",
                "请查看随错误码返回的错误信息，以及当时的 SDK 日志。",
            ),
        }
    }
}

/// The evidence for a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Stated by the page.
    Documented,
    /// Read in the SDK's own code; the page describes the SDK.
    InTheCode,
    /// Read in documentation or code that could not be found again.
    Reported,
}

impl Evidence {
    /// The stable identifier used in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Evidence::Documented => "documented",
            Evidence::InTheCode => "in_the_code",
            Evidence::Reported => "reported",
        }
    }

    pub(crate) fn name(self) -> Text {
        match self {
            Evidence::Documented => text("documented", "文档"),
            Evidence::InTheCode => text("in the SDK's code", "SDK 代码"),
            Evidence::Reported => text("second-hand: check the page", "转述，请以该页面为准"),
        }
    }
}

/// A source for a meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The page; `None` means the SDK's own page of error codes.
    pub(crate) url: Option<&'static str>,
    /// The version that the page is about; empty if it names none.
    pub(crate) version: &'static str,
    pub(crate) evidence: Evidence,
}

/// The month in which all pages were read.
pub(crate) const READ: &str = "2026-11";

/// The SDK's own page of error codes.
pub(crate) const OWN_PAGE: Source = Source {
    url: None,
    version: "",
    evidence: Evidence::Documented,
};

pub(crate) const fn source(url: &'static str, version: &'static str, evidence: Evidence) -> Source {
    Source {
        url: Some(url),
        version,
        evidence,
    }
}

/// The meaning of the same code in another document or version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) layer: Layer,
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
    pub(crate) source: Source,
}

/// The meaning of a code in a family of SDKs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The code as the SDK reports it.
    pub(crate) code: &'static str,
    /// The name of the constant; empty if there is none.
    pub(crate) name: &'static str,
    /// The name of the constant on iOS, if different.
    pub(crate) ios: &'static str,
    pub(crate) layer: Layer,
    pub(crate) means: (&'static str, &'static str),
    /// What to do; empty if the layer's advice is enough.
    pub(crate) act: (&'static str, &'static str),
    /// The SDKs of the family that have the code; empty means all.
    pub(crate) sdks: &'static [Sdk],
    /// The first version with the code; empty if unknown.
    pub(crate) since: &'static str,
    pub(crate) source: Source,
    pub(crate) readings: &'static [Reading],
}

/// The advice for a code after which the SDK stays disconnected.
pub(crate) const LOG_IN_AGAIN: (&str, &str) = (
    "The app must log the user in again; the SDK does not reconnect automatically.",
    "应用需要让用户重新登录；SDK 不会自动重连。",
);

/// An entry from the SDK's own page of error codes.
pub(crate) const fn entry(code: &'static str, name: &'static str, layer: Layer) -> Entry {
    Entry {
        code,
        name,
        ios: "",
        layer,
        means: ("", ""),
        act: ("", ""),
        sdks: &[],
        since: "",
        source: OWN_PAGE,
        readings: &[],
    }
}

impl Entry {
    pub(crate) const fn means(mut self, en: &'static str, zh: &'static str) -> Self {
        self.means = (en, zh);
        self
    }

    pub(crate) const fn act(mut self, en: &'static str, zh: &'static str) -> Self {
        self.act = (en, zh);
        self
    }

    pub(crate) const fn ios(mut self, name: &'static str) -> Self {
        self.ios = name;
        self
    }

    pub(crate) const fn only(mut self, sdks: &'static [Sdk]) -> Self {
        self.sdks = sdks;
        self
    }

    pub(crate) const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    pub(crate) const fn from(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    pub(crate) const fn but(mut self, readings: &'static [Reading]) -> Self {
        self.readings = readings;
        self
    }

    pub(crate) fn has(&self, sdk: Sdk) -> bool {
        self.sdks.is_empty() || self.sdks.contains(&sdk)
    }

    /// The layer, followed by those of the other readings.
    pub(crate) fn layers(&self) -> impl Iterator<Item = Layer> + Clone + use<> {
        let (layer, readings) = (self.layer, self.readings);
        std::iter::once(layer).chain(readings.iter().map(|one| one.layer))
    }
}

/// An inclusive range of codes.
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) of: (&'static str, &'static str),
}

pub(crate) const fn range(from: i64, to: i64, en: &'static str, zh: &'static str) -> Range {
    Range {
        from,
        to,
        of: (en, zh),
    }
}

/// A family of SDKs that share their codes.
pub(crate) struct Family {
    pub(crate) sdks: &'static [Sdk],
    pub(crate) entries: &'static [Entry],
    /// The topics of codes that are not in the table.
    pub(crate) ranges: &'static [Range],
}

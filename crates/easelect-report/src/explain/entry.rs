//! What one code means in one family of SDKs, and where that is written.

use crate::sdk::Sdk;
use crate::texts::{Text, text};

/// Which part of connecting and logging in a code speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// No error.
    Success,
    /// The way to the servers: DNS, TCP, TLS, the socket.
    Network,
    /// The service that tells an SDK its servers (`server.json`).
    List,
    /// The token, or the password.
    Token,
    /// The user's account and its devices.
    Account,
    /// The app: its App Key, its plan, its limits.
    App,
    /// Easemob's servers, which were reached.
    Server,
    /// How the app calls the SDK or the API.
    Client,
    /// The code doesn't tell.
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
            Layer::Client => text("how the app calls it", "应用的调用方式"),
            Layer::Unclear => text("the code does not tell", "仅凭错误码无法判断"),
        }
    }

    /// What to do where the code's own entry says nothing better.
    pub(crate) fn advice(self) -> Text {
        match self {
            Layer::Success => text("Nothing.", "无需处理。"),
            Layer::Network => text(
                "Run `easelect diagnose` on the same device or network while it fails.",
                "请在出现该错误时，在同一设备或同一网络上运行 `easelect diagnose`。",
            ),
            Layer::List => text(
                "Check that https://rs.easemob.com opens in this network. Where the app sets its \
                 servers itself, check that it sets all of them.",
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
                "Look the user up in Easemob's console. The app must log in again.",
                "请在环信控制台查看该用户；应用需要重新登录。",
            ),
            Layer::App => text(
                "Check the App Key, the plan and the limits in Easemob's console, or ask \
                 Easemob's account manager.",
                "请在环信控制台检查 App Key、套餐和限额，或咨询环信商务经理。",
            ),
            Layer::Server => text(
                "Try again later. If it persists, give Easemob support the time and the App Key.",
                "请稍后重试；如仍然出现，请将发生时间和 App Key 提供给环信技术支持。",
            ),
            Layer::Client => text(
                "The app's developer must correct the call.",
                "请应用开发者修正调用方式。",
            ),
            Layer::Unclear => text(
                "Read the message that comes with the code, and the SDK's log of that moment.",
                "请查看随错误码返回的错误信息，以及 SDK 当时的日志。",
            ),
        }
    }
}

/// How well a meaning is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The page says so.
    Documented,
    /// The SDK's own code says so; the page describes the SDK.
    InTheCode,
    /// Read in documentation or code that could not be found again: look at the page.
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
            Evidence::Reported => text("reported: check the page", "转述，请以该页面为准"),
        }
    }
}

/// Where something is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The page; `None` is the SDK's own page of error codes.
    pub(crate) url: Option<&'static str>,
    /// The version that it speaks of; empty where it names none.
    pub(crate) version: &'static str,
    pub(crate) evidence: Evidence,
}

/// When all pages were read.
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

/// What another document, or another version, says of the same code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) layer: Layer,
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
    pub(crate) source: Source,
}

/// What a code means in a family of SDKs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// As the SDK reports it.
    pub(crate) code: &'static str,
    /// The constant; empty where it has none.
    pub(crate) name: &'static str,
    /// The constant on iOS, where it is another.
    pub(crate) ios: &'static str,
    pub(crate) layer: Layer,
    pub(crate) means: (&'static str, &'static str),
    /// What to do; empty where the layer's advice is enough.
    pub(crate) act: (&'static str, &'static str),
    /// The SDKs of the family that have it; empty: all.
    pub(crate) sdks: &'static [Sdk],
    /// Since which version; empty where unknown or always.
    pub(crate) since: &'static str,
    pub(crate) source: Source,
    pub(crate) readings: &'static [Reading],
}

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

    /// The layer, and those of which other documents speak.
    pub(crate) fn layers(&self) -> impl Iterator<Item = Layer> + Clone + use<> {
        let (layer, readings) = (self.layer, self.readings);
        std::iter::once(layer).chain(readings.iter().map(|one| one.layer))
    }
}

/// Codes from one number to another, both included.
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

/// SDKs that share their codes.
pub(crate) struct Family {
    pub(crate) sdks: &'static [Sdk],
    pub(crate) entries: &'static [Entry],
    /// What the numbers are about that are not in the table.
    pub(crate) ranges: &'static [Range],
}

//! Easemob's official SDKs: their identifiers and names.

use std::fmt;
use std::str::FromStr;

use easelect::{Error, ErrorKind, without_secrets};

use super::texts::{Lang, shown};

/// An official Easemob SDK, or the REST API. Generations that are configured differently are separate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sdk {
    /// Web SDK 4 (`easemob-websdk` 4).
    Web4,
    /// Web SDK 5 (`easemob-websdk` 5).
    Web5,
    /// The Web SDK in uni-app.
    Uniapp,
    /// The Web SDK in a WeChat mini-program; QQ, Baidu and Douyin use the same hosts.
    Wechat,
    /// The Web SDK in an Alipay mini-program.
    Alipay,
    /// Desktop: the Web SDK in Electron, or the Windows SDK.
    Desktop,
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// HarmonyOS.
    Harmonyos,
    /// React Native.
    ReactNative,
    /// Flutter.
    Flutter,
    /// Unity.
    Unity,
    /// The REST API, called by servers.
    Rest,
}

impl Sdk {
    /// Every SDK, in the order in which they are shown.
    pub const ALL: &'static [Sdk] = &[
        Sdk::Web4,
        Sdk::Web5,
        Sdk::Uniapp,
        Sdk::Wechat,
        Sdk::Alipay,
        Sdk::Desktop,
        Sdk::Android,
        Sdk::Ios,
        Sdk::Harmonyos,
        Sdk::ReactNative,
        Sdk::Flutter,
        Sdk::Unity,
        Sdk::Rest,
    ];

    /// The identifier, the English name and the Chinese name.
    const fn row(self) -> [&'static str; 3] {
        match self {
            Sdk::Web4 => ["web4", "Web SDK 4", "Web SDK 4"],
            Sdk::Web5 => ["web5", "Web SDK 5", "Web SDK 5"],
            Sdk::Uniapp => ["uniapp", "uni-app", "uni-app"],
            Sdk::Wechat => ["wechat", "WeChat mini-program", "微信小程序"],
            Sdk::Alipay => ["alipay", "Alipay mini-program", "支付宝小程序"],
            Sdk::Desktop => [
                "desktop",
                "Desktop (Electron, Windows)",
                "桌面端（Electron、Windows）",
            ],
            Sdk::Android => ["android", "Android", "Android"],
            Sdk::Ios => ["ios", "iOS", "iOS"],
            Sdk::Harmonyos => ["harmonyos", "HarmonyOS", "HarmonyOS"],
            Sdk::ReactNative => ["react-native", "React Native", "React Native"],
            Sdk::Flutter => ["flutter", "Flutter", "Flutter"],
            Sdk::Unity => ["unity", "Unity", "Unity"],
            Sdk::Rest => ["rest", "Server-side REST", "服务端 REST"],
        }
    }

    /// Returns the stable identifier, as on the command line: `web4`, `react-native`, …
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row()[0]
    }

    /// Returns the name in this language.
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.row()[1],
            Lang::Zh => self.row()[2],
        }
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Sdk {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = |name: &str| {
            let letters = name.chars().filter(|c| !c.is_whitespace());
            letters.flat_map(char::to_lowercase).collect::<String>()
        };
        let named = |one: &Sdk| one.row().iter().any(|name| plain(name) == plain(text));
        let mut all = Sdk::ALL.iter().copied();
        all.find(named).ok_or_else(|| {
            let known: Vec<&str> = Sdk::ALL.iter().map(|one| one.as_str()).collect();
            let text = shown(&without_secrets(text), 40).to_string();
            let known = known.join(", ");
            let message = format!("unknown SDK \"{text}\": expected one of {known}");
            Error::new(ErrorKind::Input, message)
        })
    }
}

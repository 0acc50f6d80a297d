//! Easemob's SDKs, as the user names them.

use std::fmt;
use std::str::FromStr;

use easelect::{Error, ErrorKind, without_secrets};

use super::texts::{Lang, shown, text};

macro_rules! sdks {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $en:literal, $zh:literal;)+) => {
        /// An SDK of Easemob's, or its RESTful API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Sdk { $($(#[$doc])* $name),+ }

        impl Sdk {
            /// Every one.
            pub const ALL: &'static [Sdk] = &[$(Sdk::$name),+];

            /// The stable identifier, for example `"react-native"`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Sdk::$name => $id),+ }
            }

            /// The name for a person.
            #[must_use]
            pub fn name(self, lang: Lang) -> String {
                match self { $(Sdk::$name => text($en, $zh)),+ }.of(lang)
            }
        }
    };
}

sdks! {
    /// The Web SDK up to version 4.
    Web4 = "web4", "Web SDK 4 and older", "Web SDK 4 及更早版本";
    /// The Web SDK from version 5.
    Web5 = "web5", "Web SDK 5", "Web SDK 5";
    /// uni-app.
    UniApp = "uniapp", "uni-app", "uni-app";
    /// WeChat mini-programs.
    Wechat = "wechat", "WeChat mini-program", "微信小程序";
    /// Alipay mini-programs.
    Alipay = "alipay", "Alipay mini-program", "支付宝小程序";
    /// Desktop programs: Windows, macOS.
    Desktop = "desktop", "desktop", "桌面端";
    /// Android.
    Android = "android", "Android", "Android";
    /// iOS.
    Ios = "ios", "iOS", "iOS";
    /// HarmonyOS.
    HarmonyOs = "harmonyos", "HarmonyOS", "鸿蒙 HarmonyOS";
    /// React Native.
    ReactNative = "react-native", "React Native", "React Native";
    /// Flutter.
    Flutter = "flutter", "Flutter", "Flutter";
    /// Unity.
    Unity = "unity", "Unity", "Unity";
    /// The RESTful API, which an app's server calls.
    Rest = "rest", "RESTful API", "RESTful API";
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Sdk {
    type Err = Error;

    /// Reads an identifier, in small or capital letters.
    fn from_str(text: &str) -> Result<Self, Error> {
        let same = |one: &&Sdk| one.as_str().eq_ignore_ascii_case(text);
        Sdk::ALL.iter().find(same).copied().ok_or_else(|| {
            let all: Vec<&str> = Sdk::ALL.iter().map(|one| one.as_str()).collect();
            let given = shown(&without_secrets(text), 40);
            let message = format!("unknown SDK \"{given}\": expected {}", all.join(", "));
            Error::new(ErrorKind::Input, message)
        })
    }
}

//! The advice for one SDK in one data centre, and helpers to write it.

use easelect::{Endpoint, Region, RegionInfo, Service};
use serde::Serialize;

use super::choice::{Address, Basis, Choice};
use crate::texts::{Lang, Text, region_name, service_name, text};

/// The month in which the pages were read.
pub(super) const READ: &str = "2026-11";

/// A source of the advice: a page of Easemob's, or a package.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Source {
    pub(super) url: &'static str,
    /// The version of the SDK that the source is about.
    pub(super) version: &'static str,
}

/// Code to paste.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Code {
    pub(super) title: String,
    /// The language tag of a Markdown fence.
    pub(super) language: &'static str,
    pub(super) text: String,
}

/// The advice for one SDK.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) code: Vec<Code>,
    /// Why there is nothing to paste.
    pub(super) lacking: Vec<Text>,
    pub(super) notes: Vec<Text>,
    pub(super) sources: Vec<Source>,
}

impl Block {
    pub(super) fn paste(&mut self, title: String, language: &'static str, text: String) {
        self.code.push(Code {
            title,
            language,
            text: text.trim_end().to_owned(),
        });
    }
}

/// One data centre, and its addresses.
pub(super) struct Site<'a> {
    pub(super) region: &'a Region,
    pub(super) info: Option<&'a RegionInfo>,
    pub(super) lang: Lang,
    pub(super) choices: Vec<Choice>,
    /// Every endpoint of the data centre.
    pub(super) known: Vec<Endpoint>,
}

impl Site<'_> {
    /// The text in the reader's language.
    pub(super) fn say(&self, en: &str, zh: &str) -> String {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
        .to_owned()
    }

    /// The data centre's name in both languages.
    pub(super) fn name(&self) -> Text {
        let id = self.region.as_str();
        match self.info {
            Some(info) => text(region_name(info, Lang::En), region_name(info, Lang::Zh)),
            None => text(id.to_owned(), id.to_owned()),
        }
    }

    pub(super) fn service(&self, service: Service) -> Text {
        service_name(service, self.info.map(RegionInfo::locality))
    }

    fn choice(&self, service: Service) -> Option<&Choice> {
        self.choices.iter().find(|one| one.service == service)
    }

    /// The recommended addresses of a service, best first.
    pub(super) fn addresses(&self, service: Service) -> &[Address] {
        let choice = self.choice(service);
        choice.map_or(&[], |one| &one.addresses)
    }

    /// Every endpoint of the service, also those that are not recommended.
    pub(super) fn every(&self, service: Service) -> impl Iterator<Item = &Endpoint> {
        self.known
            .iter()
            .filter(move |one| one.service() == service)
    }

    /// The first choice of each service. If one is missing, returns `None` and adds the reason to `block`.
    pub(super) fn first<const N: usize>(
        &self,
        services: [Service; N],
        block: &mut Block,
    ) -> Option<[&Address; N]> {
        let firsts = services.map(|one| self.addresses(one).first());
        if firsts.iter().all(Option::is_some) {
            return Some(firsts.map(|one| one.expect("just checked")));
        }
        for (service, first) in services.into_iter().zip(firsts) {
            let lacking = self.lacking(service);
            if first.is_none() && !block.lacking.contains(&lacking) {
                block.lacking.push(lacking);
            }
        }
        None
    }

    fn lacking(&self, service: Service) -> Text {
        let (name, region) = (self.service(service), self.name());
        if self.choice(service).map(|one| one.basis) == Some(Basis::NoneReady) {
            return text(
                format!(
                    "{}: the report found no address ready, so none is given here. Resolve the faults in the \
                     report, measure again, then generate this configuration again.",
                    name.en
                ),
                format!(
                    "{}：报告中没有可用的地址，因此这里不给出地址。请先按报告处理故障并重新测量，再生成配置。",
                    name.zh
                ),
            );
        }
        text(
            format!(
                "{}: no host of {} is in the catalogue. Look it up in the console or ask your Easemob account \
                 manager, then add it to a catalogue file (--catalog).",
                name.en, region.en
            ),
            format!(
                "{}：目录中没有{}的地址。请在环信控制台查看或咨询你的商务经理，然后写入目录文件（--catalog）。",
                name.zh, region.zh
            ),
        )
    }

    /// The alternative addresses of a service, each as a comment on its own line, formatted by `write`.
    pub(super) fn alternatives(
        &self,
        service: Service,
        comment: &str,
        write: impl Fn(&Address) -> String,
    ) -> String {
        let others = self.addresses(service).iter().skip(1);
        let word = self.say("alternative: ", "备选：");
        let line = |one: &Address| format!("{comment}{word}{}{}\n", write(one), self.inferred(one));
        others.map(line).collect()
    }

    /// A remark if port or path are inferred.
    fn inferred(&self, address: &Address) -> String {
        match address.is_inferred() {
            true => self.say(" (inferred)", "（推断）"),
            false => String::new(),
        }
    }

    /// The same remark as a comment at the end of a line of code.
    pub(super) fn mark(&self, address: &Address) -> String {
        match address.is_inferred() {
            true => self.say(" // port and path are inferred", " // 端口和路径为推断"),
            false => String::new(),
        }
    }
}

/// A string literal in JavaScript, TypeScript, Java, C#, Objective-C and JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Scheme, host and port: the form of domains in the consoles of mini-programs.
pub(super) fn origin(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.service().is_websocket() {
        "wss"
    } else {
        "https"
    };
    format!("{scheme}://{}", endpoint.authority())
}

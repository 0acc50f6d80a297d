//! Configuration of Easemob's SDKs for one data centre: when to pin an address, and what to paste.
//!
//! Hosts come from the catalogue; the one exception is a documented file host in the domain lists of
//! mini-programs. A report only orders hosts and leaves out what it found faulty. Names of options are from
//! the pages and packages that each block cites, and a block says what these don't state: an SDK silently
//! ignores a wrong option.

mod android;
mod block;
mod choice;
mod desktop;
mod flutter;
mod harmonyos;
mod ios;
mod mini_program;
mod native;
mod react_native;
mod rest;
mod unity;
mod web;

use easelect::{Catalog, Endpoint, Region, Residency, Service};
use serde::Serialize;

use super::format::pretty;
use super::model::{Model, SCHEMA};
use super::sdk::Sdk;
use super::texts::{Lang, Text, how_to_get, shown, text};

use block::{Block, Code, READ, Site, Source};
use choice::{Address, Basis, Choice, LeftOut, Why, choice};

/// The services that current SDKs use.
const SERVICES: [Service; 4] = [
    Service::Websocket,
    Service::Rest,
    Service::Wechat,
    Service::Alipay,
];

#[derive(Serialize)]
struct Document {
    schema: u32,
    lang: Lang,
    region: String,
    introduction: Vec<String>,
    basis: BasisJson,
    data_centres: Vec<DataCentreJson>,
}

/// The report that the order is based on.
#[derive(Serialize)]
struct BasisJson {
    measured: bool,
    finished_at: Option<String>,
    lab: Option<String>,
    text: Vec<String>,
}

#[derive(Serialize)]
struct DataCentreJson {
    region: String,
    name: String,
    how_to_get: Vec<String>,
    services: Vec<ServiceJson>,
    sdks: Vec<SdkJson>,
}

#[derive(Serialize)]
struct ServiceJson {
    service: &'static str,
    basis: Basis,
    addresses: Vec<AddressJson>,
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct AddressJson {
    url: String,
    host: String,
    port: u16,
    variant: &'static str,
    confidence: &'static str,
    p50_ms: Option<f64>,
}

#[derive(Serialize)]
struct SdkJson {
    sdk: &'static str,
    name: &'static str,
    code: Vec<Code>,
    lacking: Vec<String>,
    notes: Vec<String>,
    sources: Vec<Source>,
    /// The month in which the sources were read, as `YYYY-MM`.
    read: &'static str,
}

/// The advice, independent of its format.
struct Advice<'a> {
    residency: &'a Residency,
    measured: Option<&'a Model>,
    lang: Lang,
    sites: Vec<(Site<'a>, Vec<(Sdk, Block)>)>,
}

/// Returns how to configure these SDKs for the residency, as Markdown that is also readable in a terminal.
///
/// `measured` is a report of the same data centre. For each service that it has, the advice follows its
/// order and recommends only endpoints that it found ready.
#[must_use]
pub fn advice(
    catalog: &Catalog,
    residency: &Residency,
    measured: Option<&Model>,
    sdks: &[Sdk],
    lang: Lang,
) -> String {
    Advice::new(catalog, residency, measured, sdks, lang).markdown()
}

/// Returns the same as [`advice`], as indented JSON (schema 1).
#[must_use]
pub fn advice_json(
    catalog: &Catalog,
    residency: &Residency,
    measured: Option<&Model>,
    sdks: &[Sdk],
    lang: Lang,
) -> String {
    Advice::new(catalog, residency, measured, sdks, lang).json()
}

fn block(sdk: Sdk, site: &Site) -> Block {
    match sdk {
        Sdk::Web4 => web::web4(site),
        Sdk::Web5 => web::web5(site),
        Sdk::Uniapp => mini_program::uniapp(site),
        Sdk::Wechat => mini_program::wechat(site),
        Sdk::Alipay => mini_program::alipay(site),
        Sdk::Desktop => desktop::desktop(site),
        Sdk::Android => android::android(site),
        Sdk::Ios => ios::ios(site),
        Sdk::Harmonyos => harmonyos::harmonyos(site),
        Sdk::ReactNative => react_native::react_native(site),
        Sdk::Flutter => flutter::flutter(site),
        Sdk::Unity => unity::unity(site),
        Sdk::Rest => rest::rest(site),
    }
}

impl<'a> Advice<'a> {
    fn new(
        catalog: &'a Catalog,
        residency: &'a Residency,
        measured: Option<&'a Model>,
        sdks: &[Sdk],
        lang: Lang,
    ) -> Self {
        let regions = catalog.regions().iter().map(|info| info.region());
        let site = |region: &'a Region| {
            let of_region = |one: &&Endpoint| one.region() == region;
            let known = catalog.endpoints().iter().filter(of_region);
            let site = Site {
                region,
                info: catalog.region(region),
                lang,
                choices: SERVICES
                    .map(|service| choice(catalog, region, service, measured))
                    .into(),
                known: known.cloned().collect(),
            };
            // Without a known host there is nothing to paste.
            let sdks = if site.known.is_empty() { &[] } else { sdks };
            let blocks = sdks.iter().map(|sdk| (*sdk, block(*sdk, &site))).collect();
            (site, blocks)
        };
        Advice {
            residency,
            measured,
            lang,
            sites: (regions.filter(|region| residency.contains(region)))
                .map(site)
                .collect(),
        }
    }

    /// When to pin an address at all.
    fn introduction(&self) -> Introduction {
        Introduction {
            first: text(
                "Normally, don't pin one address. By default, Easemob's client SDKs fetch a list of addresses for \
                 the App Key and can switch to another address on it. A pinned address has no alternative: when \
                 it fails, no user can connect.",
                "通常不要固定使用某一个接入地址。不做配置时，环信的客户端 SDK 会按 App Key 获取地址列表，\
                 并可改用列表中的其他地址。固定后没有备用地址：一旦该地址出故障，所有用户都连不上。",
            ),
            when: text("Pin an address only if", "仅在以下情况固定地址"),
            cases: [
                text(
                    "the platform has no list: mini-programs and REST calls from your servers always need an address;",
                    "平台没有地址列表：小程序和服务端 REST 调用必须填写地址；",
                ),
                text(
                    "on your users' network the SDK can't fetch the list, or DNS for the list's host is \
                     hijacked, and neither can be fixed;",
                    "在用户的网络中，SDK 无法获取地址列表，或列表域名遭到 DNS 劫持，且无法修复；",
                ),
                text(
                    "a firewall allows only listed hosts;",
                    "防火墙只放行白名单中的域名；",
                ),
                text(
                    "you use one address temporarily, to locate a fault.",
                    "临时只使用一个地址，以便定位故障。",
                ),
            ],
            last: text(
                "If you pin an address, keep it in configuration that you can change without an app release, \
                 and remove it once the reason is gone. The fastest address on one network may not be the \
                 fastest on other networks.",
                "固定地址时，请放在不发版也能修改的配置中，原因消除后及时删除。在一个网络上最快的地址，\
                 对其他网络的用户不一定最快。",
            ),
        }
    }

    /// The basis of the order, and its limits.
    fn basis(&self) -> Vec<Text> {
        let has = |basis: &[Basis]| {
            let mut choices = self.sites.iter().flat_map(|(site, _)| &site.choices);
            choices.any(|one| basis.contains(&one.basis))
        };
        let Some(model) = self.measured else {
            if !has(&[Basis::NotMeasured]) {
                return Vec::new();
            }
            return vec![text(
                "Not measured: addresses are in catalogue order, which is not a ranking. Measure on one of your \
                 users' networks (easelect diagnose), then pass the report with --report.",
                "未做测量：地址按目录顺序列出，不代表优劣。请在用户的网络上测量（easelect diagnose），然后用 \
                 --report 提供报告。",
            )];
        };
        if !has(&[Basis::Measured, Basis::NoneReady]) {
            return vec![text(
                "The report has no results for this data centre: addresses are in catalogue order, which is not \
                 a ranking.",
                "报告中没有该数据中心的测量结果：地址按目录顺序列出，不代表优劣。",
            )];
        }
        let at = shown(&model.finished_at, 40);
        let mut basis = vec![text(
            format!(
                "Measured: for each service in the report of {at}, addresses are in its order, and only those \
                 that it found ready are recommended. The order applies to the network that was measured."
            ),
            format!(
                "已测量：对 {at} 的报告测过的服务，地址按报告中的顺序列出，只推荐可用的地址。结论只适用于测量时所在的\
                 网络。"
            ),
        )];
        if model.environment.lab.is_some() {
            basis.push(text(
                "The report is from a simulated network (--lab): don't base a configuration on it.",
                "该报告来自模拟网络（--lab），请勿据此配置。",
            ));
        }
        if !model.complete {
            basis.push(text(
                "The report is incomplete: the measurement ended early, so the order is less certain.",
                "报告不完整：测量提前结束，排序的可信度较低。",
            ));
        }
        if model.environment.proxy.is_some() {
            basis.push(text(
                "The measurement went through a proxy: without the proxy, the order may differ.",
                "测量经过代理：不经代理时，顺序可能不同。",
            ));
        }
        basis
    }

    /// A note on the mainland pool: which clients may use both of its data centres.
    fn pool(&self) -> Option<Text> {
        (self.sites.len() > 1).then(|| {
            text(
                "The data centres below are interchangeable only for clients that connect as Easemob's mobile \
                 SDKs do. Web, desktop and mini-program clients and REST calls need the data centre that the \
                 console shows for the app. Use the section of one data centre only; never mix two.",
                "以下数据中心只对连接方式与环信移动端 SDK 相同的客户端可以互换。Web、桌面端、小程序和 REST \
                 必须使用环信控制台显示的应用所在数据中心。请只采用其中一个数据中心的内容，不要混用。",
            )
        })
    }

    /// The SDKs on the page, if they are many, and how to get one of them only.
    fn contents(&self) -> Option<Text> {
        /// Fewer sections need no list.
        const MANY: usize = 4;
        let (_, blocks) = self.sites.first()?;
        let ids: Vec<&str> = blocks.iter().map(|(sdk, _)| sdk.as_str()).collect();
        (ids.len() >= MANY).then(|| {
            text(
                format!(
                    "This page has one section per SDK. For one SDK only, add --sdk: {}.",
                    ids.join(", ")
                ),
                format!(
                    "本页每个 SDK 一节。只查看其中一个时，请加 --sdk：{}。",
                    ids.join("、")
                ),
            )
        })
    }

    fn markdown(&self) -> String {
        let lang = self.lang;
        let names: Vec<String> = (self.sites.iter())
            .map(|(site, _)| site.name().of(lang))
            .collect();
        let names = names.join(" + ");
        let id = self.residency;
        let title = text(
            format!("# Configuring Easemob's SDKs: {names} ({id})"),
            format!("# 环信 SDK 接入地址配置：{names}（{id}）"),
        );
        let mut page = Page::new(lang);
        page.line(title.of(lang));
        if let Some(note) = self.contents() {
            page.paragraph(note);
        }
        let introduction = self.introduction();
        page.paragraph(introduction.first);
        let when = introduction.when;
        page.paragraph(text(format!("{}:", when.en), format!("{}：", when.zh)));
        page.list(introduction.cases);
        page.paragraph(introduction.last);
        for one in self.basis() {
            page.paragraph(one);
        }
        if let Some(pool) = self.pool() {
            page.paragraph(pool);
        }
        for (site, blocks) in &self.sites {
            page.site(site);
            for (sdk, block) in blocks {
                page.block(*sdk, block);
            }
        }
        page.text
    }

    fn json(&self) -> String {
        let lang = self.lang;
        let Introduction {
            first,
            when,
            cases,
            last,
        } = self.introduction();
        let of = |texts: Vec<Text>| texts.into_iter().map(|one| one.of(lang)).collect();
        let mut introduction = vec![first.of(lang), when.of(lang)];
        introduction.extend(cases.map(|one| one.of(lang)));
        introduction.push(last.of(lang));
        introduction.extend(self.pool().map(|one| one.of(lang)));
        let environment = self.measured.map(|model| &model.environment);
        let sdk = |(sdk, block): &(Sdk, Block)| SdkJson {
            sdk: sdk.as_str(),
            name: sdk.name(lang),
            code: block.code.clone(),
            lacking: of(block.lacking.clone()),
            notes: of(block.notes.clone()),
            sources: block.sources.clone(),
            read: READ,
        };
        let data_centre = |(site, blocks): &(Site, Vec<(Sdk, Block)>)| DataCentreJson {
            region: site.region.to_string(),
            name: site.name().of(lang),
            how_to_get: of(what_to_get(site)),
            services: site.choices.iter().map(service_json).collect(),
            sdks: blocks.iter().map(sdk).collect(),
        };
        pretty(&Document {
            schema: SCHEMA,
            lang,
            region: self.residency.to_string(),
            introduction,
            basis: BasisJson {
                measured: self.measured.is_some(),
                finished_at: (self.measured).map(|model| shown(&model.finished_at, 40).to_string()),
                lab: (environment.and_then(|one| one.lab.as_deref()))
                    .map(|lab| shown(lab, 120).to_string()),
                text: of(self.basis()),
            },
            data_centres: self.sites.iter().map(data_centre).collect(),
        })
    }
}

struct Introduction {
    first: Text,
    when: Text,
    cases: [Text; 4],
    last: Text,
}

fn service_json(choice: &Choice) -> ServiceJson {
    let address = |one: &Address| AddressJson {
        url: one.url.clone(),
        host: one.endpoint.host().to_owned(),
        port: one.endpoint.port(),
        variant: one.endpoint.variant().as_str(),
        confidence: one.endpoint.confidence().as_str(),
        p50_ms: one.p50_ms,
    };
    ServiceJson {
        service: choice.service.as_str(),
        basis: choice.basis,
        addresses: choice.addresses.iter().map(address).collect(),
        left_out: choice.left_out.clone(),
    }
}

/// What to ask Easemob for if no host is known.
fn what_to_get(site: &Site) -> Vec<Text> {
    if !site.known.is_empty() {
        return Vec::new();
    }
    let name = site.name();
    let mut texts = vec![text(
        format!(
            "{} has no public hosts, and easelect does not guess them. What you need:",
            name.en
        ),
        format!("{}没有公开地址，easelect 不做猜测。需要获取：", name.zh),
    )];
    texts.extend(WHAT_TO_GET.map(|(en, zh)| text(en, zh)));
    texts.extend(site.info.map(how_to_get));
    texts
}

const WHAT_TO_GET: [(&str, &str); 5] = [
    (
        "the WebSocket address for Web and desktop (host, port, path), and its alternatives;",
        "Web 端和桌面端的 WebSocket 地址（主机名、端口、路径）及备用地址；",
    ),
    (
        "the RESTful API address, and its alternatives;",
        "RESTful API 请求地址及备用地址；",
    ),
    (
        "the WebSocket addresses for WeChat and Alipay mini-programs, and every domain to allow there;",
        "微信、支付宝小程序的 WebSocket 地址，以及需要配置的全部合法域名；",
    ),
    (
        "the domains of files, for uploads and downloads;",
        "文件上传、下载的域名；",
    ),
    (
        "for native SDKs, if an address must be pinned: host and port of the TCP or WebSocket connection, and \
         whether it uses TLS.",
        "如果原生 SDK 必须固定地址：TCP 或 WebSocket 长连接的主机名和端口，以及是否使用 TLS。",
    ),
];

/// Markdown in progress.
struct Page {
    text: String,
    lang: Lang,
}

impl Page {
    fn new(lang: Lang) -> Self {
        Page {
            text: String::new(),
            lang,
        }
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn paragraph(&mut self, one: Text) {
        let paragraph = one.of(self.lang);
        self.line("");
        self.line(paragraph);
    }

    fn list(&mut self, items: impl IntoIterator<Item = Text>) {
        self.line("");
        for one in items {
            let item = one.of(self.lang);
            self.line(format!("- {item}"));
        }
    }

    fn site(&mut self, site: &Site) {
        let name = site.name();
        let id = site.region;
        self.paragraph(text(
            format!("## {} ({id})", name.en),
            format!("## {}（{id}）", name.zh),
        ));
        let mut missing = what_to_get(site).into_iter();
        if let Some(first) = missing.next() {
            self.paragraph(first);
            self.list(missing);
            return;
        }
        self.line("");
        for choice in &site.choices {
            self.choice(site, choice);
        }
    }

    /// The addresses of one service, in order.
    fn choice(&mut self, site: &Site, choice: &Choice) {
        let (lang, name) = (self.lang, site.service(choice.service));
        let head = match choice.basis {
            Basis::Measured => text("in order of preference", "按优先顺序"),
            Basis::NotMeasured => text("not measured", "未测量"),
            Basis::NotInReport => text(
                "not in the report: catalogue order, not a ranking",
                "报告中没有：按目录顺序，不代表优劣",
            ),
            Basis::NoneReady => text("none ready", "没有可用的地址"),
            Basis::NoneKnown => text("none in the catalogue", "目录中没有"),
        };
        self.line(
            text(
                format!("- {} ({})", name.en, head.en),
                format!("- {}（{}）", name.zh, head.zh),
            )
            .of(lang),
        );
        for one in &choice.addresses {
            let mut remarks: Vec<Text> = Vec::new();
            if let Some(p50) = one.p50_ms {
                let p50 = p50.round();
                remarks.push(text(
                    format!("median {p50} ms"),
                    format!("建连耗时中位数 {p50} ms"),
                ));
            }
            if one.is_inferred() {
                remarks.push(text("port and path are inferred", "端口和路径为推断"));
            }
            if one.endpoint.path().contains('?') {
                remarks.push(text(
                    "the query is hidden: add it back",
                    "查询参数已隐藏，请自行补全",
                ));
            }
            self.remark(&one.url, remarks);
        }
        for one in &choice.left_out {
            let why = match one.why {
                Why::Answering => text(
                    "not recommended: answers, not usable",
                    "不推荐：有应答但不可用",
                ),
                Why::Unreachable => text("not recommended: unreachable", "不推荐：连不上"),
                Why::NotMeasured => text(
                    "not recommended: not measured in this report",
                    "不推荐：报告中未测量",
                ),
                Why::NotInCatalog => text(
                    "not recommended: not in the catalogue; if Easemob gave it to you, add it with --catalog",
                    "不推荐：不在目录中；如果由环信提供，请用 --catalog 添加",
                ),
            };
            self.remark(&one.url, vec![why]);
        }
    }

    fn remark(&mut self, url: &str, remarks: Vec<Text>) {
        let join = |separator: &str, of: fn(&Text) -> &str| {
            let all: Vec<&str> = remarks.iter().map(of).collect();
            all.join(separator)
        };
        let (en, zh) = (join(", ", |one| &one.en), join("，", |one| &one.zh));
        let line = match remarks.is_empty() {
            true => format!("  - {url}"),
            false => text(format!("  - {url} ({en})"), format!("  - {url}（{zh}）")).of(self.lang),
        };
        self.line(line);
    }

    fn block(&mut self, sdk: Sdk, block: &Block) {
        let lang = self.lang;
        let (name, id) = (sdk.name(lang), sdk.as_str());
        self.paragraph(text(
            format!("### {name} ({id})"),
            format!("### {name}（{id}）"),
        ));
        for one in &block.lacking {
            self.paragraph(one.clone());
        }
        for one in &block.code {
            let title = &one.title;
            self.paragraph(text(format!("{title}:"), format!("{title}：")));
            self.line("");
            self.line(format!("```{}", one.language));
            self.line(&one.text);
            self.line("```");
        }
        self.list(block.notes.clone());
        let sources = block.sources.iter().map(|one| {
            let Source { url, version } = one;
            text(
                format!("Source: {url} ({version}, read {READ})"),
                format!("来源：{url}（{version}，{READ} 查阅）"),
            )
        });
        self.list(sources);
    }
}

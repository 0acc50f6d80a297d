//! The endpoints to measure, from the regions and services asked for.

use easelect::{Catalog, Endpoint, Region, RegionInfo, Residency, Service};
use easelect_report::Note;

use crate::args::{Regions, plain};
use crate::newer::{self, Place};
use crate::words::{Usage, say, shown};

/// The endpoints to measure.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// The regions asked for, in the order of the catalogue.
    pub(crate) regions: Vec<Region>,
    pub(crate) endpoints: Vec<Endpoint>,
    /// Those of `--current`.
    pub(crate) in_use: Vec<Endpoint>,
    /// Those of the app's list of servers.
    pub(crate) listed: Vec<Endpoint>,
    pub(crate) notes: Vec<Note>,
    /// Whether China 1 and China 2 are one pool.
    pub(crate) pool: bool,
    /// The regions of newer hosts.
    pub(crate) second_source: Vec<Region>,
}

impl Targets {
    pub(crate) fn new(
        catalog: &Catalog,
        regions: &Regions,
        services: Option<&[Service]>,
    ) -> Result<Self, Usage> {
        let mut targets = Targets {
            pool: *regions == Regions::Mainland,
            ..Targets::default()
        };
        let is_wanted = |region: &Region| match (regions, catalog.region(region)) {
            (Regions::All | Regions::Unsaid, Some(info)) => has_any(catalog, info.region()),
            (Regions::Mainland, _) => Residency::mainland_pool().contains(region),
            (Regions::These(these), Some(info)) => these.iter().any(|one| is_called(info, one)),
            (_, None) => false,
        };
        let mut beside = Vec::new();
        for info in catalog.regions() {
            let region = info.region();
            match newer::place(region) {
                Place::Itself if is_wanted(region) => targets.regions.push(region.clone()),
                Place::Beside(of) if is_wanted(&of) => {
                    targets.second_source.push(region.clone());
                    beside.push(region.clone());
                }
                Place::Shared => {
                    targets.second_source.push(region.clone());
                    beside.push(region.clone());
                }
                _ => {}
            }
        }
        if let Regions::These(these) = regions {
            for one in these {
                check_region(catalog, one)?;
            }
        }
        for region in &targets.regions {
            for service in services.unwrap_or(Service::ALL) {
                match catalog.group(&region.clone().into(), *service) {
                    Ok(group) => targets.endpoints.extend(group),
                    Err(_) if services.is_none() => {}
                    Err(_) => targets.notes.push(Note::NonePublished {
                        region: region.clone(),
                        service: *service,
                    }),
                }
            }
        }
        for region in &beside {
            let wanted = |one: &&Endpoint| {
                let asked = services.is_none_or(|all| all.contains(&one.service()));
                one.region() == region && (asked || one.service() == Service::Provisioning)
            };
            let endpoints = catalog.endpoints().iter().filter(wanted);
            targets.endpoints.extend(endpoints.cloned());
        }
        if let (Some(services), [region]) = (services, targets.regions.as_slice()) {
            let lacking = services
                .iter()
                .find(|service| targets.lacks(region, **service));
            if let Some(service) = lacking {
                return Err(none_published(*service, region.as_str()));
            }
        }
        if !targets
            .regions
            .iter()
            .any(|one| targets.endpoints.iter().any(|e| e.region() == one))
        {
            let services: Vec<&str> = services
                .unwrap_or(Service::ALL)
                .iter()
                .map(|service| service.as_str())
                .collect();
            let regions: Vec<&str> = targets.regions.iter().map(Region::as_str).collect();
            let (services, regions) = (services.join(","), regions.join(","));
            return Err(say(
                format!("{regions} has no published host for {services}"),
                format!("{regions} 没有公布 {services} 地址"),
            )
            .into());
        }
        Ok(targets)
    }

    fn lacks(&self, region: &Region, service: Service) -> bool {
        !self
            .endpoints
            .iter()
            .any(|one| one.region() == region && one.service() == service)
    }

    /// Keeps only what belongs to these data centres, which turned out to be the app's.
    pub(crate) fn keep(&mut self, kept: &[Region]) {
        let is_kept = |region: &Region| match newer::place(region) {
            Place::Itself => kept.contains(region),
            Place::Beside(of) => kept.contains(&of),
            Place::Shared => true,
        };
        self.regions.retain(is_kept);
        self.second_source.retain(is_kept);
        self.endpoints.retain(|one| is_kept(one.region()));
    }

    /// Adds an endpoint that the app has configured.
    pub(crate) fn add_in_use(&mut self, catalog: &Catalog, endpoint: Endpoint) {
        self.add(catalog, &endpoint);
        if !self.in_use.contains(&endpoint) {
            self.in_use.push(endpoint);
        }
    }

    /// Adds an endpoint of the app's list of servers.
    pub(crate) fn add_listed(&mut self, catalog: &Catalog, endpoint: Endpoint) {
        self.add(catalog, &endpoint);
        if !self.listed.contains(&endpoint) {
            self.listed.push(endpoint);
        }
    }

    /// Adds an endpoint, and the group with which it can be compared.
    fn add(&mut self, catalog: &Catalog, endpoint: &Endpoint) {
        if self.lacks(endpoint.region(), endpoint.service()) {
            let residency = endpoint.region().clone().into();
            let group = catalog.group(&residency, endpoint.service());
            self.endpoints.extend(group.unwrap_or_default());
        }
        if !self.endpoints.contains(endpoint) {
            self.endpoints.push(endpoint.clone());
        }
    }
}

/// Whether a data centre has this identifier or name, whatever its case and blanks.
fn is_called(info: &RegionInfo, name: &str) -> bool {
    let name = plain(name);
    let names = [info.region().as_str(), info.name_en(), info.name_zh()];
    names.iter().any(|one| plain(one) == name)
}

/// Returns the data centre with this identifier or name.
pub(crate) fn find_region(catalog: &Catalog, name: &str) -> Option<Region> {
    let mut all = catalog.regions().iter();
    Some(all.find(|info| is_called(info, name))?.region().clone())
}

/// Whether a data centre has any endpoint.
pub(crate) fn has_any(catalog: &Catalog, region: &Region) -> bool {
    catalog.endpoints().iter().any(|one| one.region() == region)
}

/// Refuses an unknown data centre, and one without hosts.
fn check_region(catalog: &Catalog, name: &str) -> Result<(), Usage> {
    let Some(region) = find_region(catalog, name) else {
        return Err(unknown(catalog, name));
    };
    if !has_any(catalog, &region) {
        return Err(say(
            format!(
                "{region} has no public hosts: ask your Easemob account manager (商务经理) for them, then \
                 put them into a catalogue file (--catalog)"
            ),
            format!(
                "{region} 没有公开地址：请向环信商务经理索取，然后写入目录文件（--catalog）"
            ),
        )
        .into());
    }
    Ok(())
}

fn unknown(catalog: &Catalog, name: &str) -> Usage {
    if matches!(
        plain(name).as_str(),
        "acceleration" | "global" | "海外加速节点"
    ) {
        return say(
            "the global acceleration nodes, which are for users in mainland China and abroad who exchange \
             messages, have no public hosts (1 Mbps by default, adjustable): ask your Easemob account manager \
             (商务经理) for them, then put them into a catalogue file (--catalog)",
            "海外加速节点（全球）没有公开地址（适合国内、海外用户互发消息的应用；默认带宽 1 Mbps，可按需调整）：\
             请向环信商务经理索取，然后写入目录文件（--catalog）",
        )
        .into();
    }
    let known: Vec<&str> = catalog
        .regions()
        .iter()
        .map(|i| i.region().as_str())
        .collect();
    let name = shown(name);
    let [en, zh] = [", ", "、"].map(|comma| known.join(comma));
    say(
        format!("--region: unknown region {name}: expected {en}, mainland or all"),
        format!("--region：未知的数据中心 {name}：应为 {zh}、mainland 或 all"),
    )
    .into()
}

fn none_published(service: Service, region: &str) -> Usage {
    say(
        format!(
            "{region} has no published host for {service}; if Easemob gave you one, put it into a \
             catalogue file (--catalog)"
        ),
        format!(
            "{region} 没有公布 {service} 地址；如果环信提供了地址，请写入目录文件（--catalog）"
        ),
    )
    .into()
}

/// Returns the one residency that a command needs.
pub(crate) fn residency(catalog: &Catalog, regions: &Regions) -> Result<Residency, Usage> {
    match regions {
        Regions::Mainland => Ok(Residency::mainland_pool()),
        Regions::These(these) => {
            let known =
                |one: &String| find_region(catalog, one).ok_or_else(|| unknown(catalog, one));
            let regions: Vec<Region> = these.iter().map(known).collect::<Result<_, _>>()?;
            // The library refuses several, with the reason.
            Ok(Residency::from_regions(regions)?)
        }
        Regions::All | Regions::Unsaid => Err(say(
            "--region must name one data centre, or mainland: an app lives in one",
            "请用 --region 指定一个数据中心或 mainland：应用只在其中一个",
        )
        .into()),
    }
}

/// Returns the one residency and service to connect to.
pub(crate) fn for_connect(
    catalog: &Catalog,
    regions: &Regions,
    services: Option<&[Service]>,
) -> Result<(Residency, Service), Usage> {
    if let Regions::These(these) = regions {
        for one in these {
            check_region(catalog, one)?;
        }
    }
    let residency = residency(catalog, regions)?;
    match services {
        Some([service]) if service.is_websocket() => {
            catalog.group(&residency, *service)?;
            Ok((residency, *service))
        }
        Some([service]) => Err(say(
            format!(
                "connect opens WebSocket connections only: {service} is not a WebSocket service"
            ),
            format!("connect 只建立 WebSocket 连接，不支持 {service}"),
        )
        .into()),
        _ => Err(say(
            "--service must name one service, such as websocket",
            "请用 --service 指定一个服务，例如 websocket",
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(list: &str) -> Regions {
        Regions::These(list.split(',').map(str::to_owned).collect())
    }

    fn targets(regions: &Regions, services: Option<&[Service]>) -> Result<Targets, Usage> {
        Targets::new(&Catalog::builtin(), regions, services)
    }

    #[test]
    fn all_is_what_has_hosts() {
        let all = targets(&Regions::All, None).unwrap();
        assert_eq!((all.endpoints.len(), all.regions.len()), (44, 6));
        assert!(all.notes.is_empty() && !all.pool);
        let pool = targets(&Regions::Mainland, None).unwrap();
        assert_eq!(pool.endpoints.len(), 20);
        assert!(pool.pool);
    }

    #[test]
    fn data_centres_are_known_by_all_their_names() {
        for name in ["cn2", "CN2", "国内2区", "国内 2 区", "China 2", "china2"] {
            let one = targets(&these(name), None).unwrap();
            assert_eq!(one.regions, [Region::CN2], "{name}");
        }
        let both = targets(&these("新加坡1区,US1"), None).unwrap();
        assert_eq!(both.regions, [Region::SGP1, Region::US1]);
        assert!(targets(&these("国内3区"), None).is_err());
    }

    #[test]
    fn what_is_not_published_is_said() {
        let alipay = [Service::Alipay];
        assert!(targets(&these("sgp1"), Some(&alipay)).is_err());
        assert!(targets(&these("sgp1,us1"), Some(&alipay)).is_err());
        let several = targets(&these("sgp1,cn1"), Some(&alipay)).unwrap();
        assert_eq!((several.endpoints.len(), several.notes.len()), (2, 1));
        assert!(targets(&these("cn-vip"), None).is_err());
        assert!(targets(&these("cn1,cn-vip"), None).is_err());
        assert!(targets(&these("acceleration"), None).is_err());
        assert!(targets(&these("mars"), None).is_err());
        let no_alipay = targets(&these("sgp1"), None).unwrap();
        assert_eq!(no_alipay.endpoints.len(), 6);
    }

    #[test]
    fn what_is_in_use_brings_its_group() {
        let catalog = Catalog::builtin();
        let mut targets = targets(&these("sgp1"), Some(&[Service::Rest])).unwrap();
        let url = "wss://im-api-v2.easemob.com/own";
        let own = Endpoint::new(Region::CN1, Service::Websocket, url).unwrap();
        targets.add_in_use(&catalog, own.clone());
        assert_eq!(targets.endpoints.len(), 5);
        targets.add_in_use(&catalog, own);
        assert_eq!((targets.endpoints.len(), targets.in_use.len()), (5, 1));
    }

    #[test]
    fn connecting_is_for_one_data_centre() {
        let catalog = Catalog::builtin();
        let one = [Service::Websocket];
        let ask = |regions: &Regions, services| for_connect(&catalog, regions, services);
        assert!(ask(&these("cn1"), Some(&one)).is_ok());
        assert!(ask(&Regions::Mainland, Some(&one)).is_ok());
        let Err(Usage(why)) = ask(&these("cn1,sgp1"), Some(&one)) else {
            panic!("two regions");
        };
        assert!(
            why.of(easelect_report::Lang::En)
                .contains("one data centre")
        );
        assert!(ask(&Regions::All, Some(&one)).is_err());
        assert!(ask(&these("cn1"), None).is_err());
        assert!(ask(&these("cn1"), Some(&[Service::Rest])).is_err());
    }
}

//! Newer hosts: those that Easemob's reference page lacks, and newer pages or the official SDKs name. `--newer` measures
//! them as groups of their own. They are never raced or advised.

use easelect::{
    Catalog, Confidence, Endpoint, Error, Locality, Region, RegionEntry, Service, UserCatalog,
};

use crate::args::Options;

/// The region of what all data centres share.
const SHARED: &str = "shared";
/// The prefix of the regions of newer hosts.
const NEWER: &str = "newer-";

/// The list service, from which the official SDKs get an app's list of servers.
pub(crate) const LIST_SERVICE: &str = "https://rs.easemob.com/";

/// A host: its data centre, service, URL, and source.
struct Host(&'static str, Service, &'static str, &'static str);

const DOCUMENTS: &str = "doc.easemob.com, 2026-11";
const SDKS: &str = "official SDKs, 2026-11";

const HOSTS: &[Host] = &[
    Host("cn1", Service::Rest, "https://a1-v2.easemob.com/", SDKS),
    Host(
        "cn1",
        Service::Files,
        "https://a1-chatfile.easemob.com/",
        DOCUMENTS,
    ),
    Host(
        "cn2",
        Service::Rest,
        "https://ngi-a1.easemob.com/",
        DOCUMENTS,
    ),
    Host(
        "cn2",
        Service::Wechat,
        "wss://ngi-im-api-wechat.easemob.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "cn2",
        Service::Files,
        "https://ngi-chatfile.easemob.com/",
        DOCUMENTS,
    ),
    Host(
        "sgp1",
        Service::Alipay,
        "wss://im-api-alipay-sgp.easemob.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "sgp1",
        Service::Alipay,
        "wss://im-api-alipay-sgp.easecdn.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "sgp2",
        Service::Alipay,
        "wss://im-api-alipay-61.easemob.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "sgp2",
        Service::Alipay,
        "wss://im-api-alipay-61.easecdn.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "us1",
        Service::Alipay,
        "wss://im-api-alipay-41.easemob.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "us1",
        Service::Alipay,
        "wss://im-api-alipay-41.easecdn.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "de2",
        Service::Alipay,
        "wss://im-api-alipay-71.easemob.com/websocket",
        DOCUMENTS,
    ),
    Host(
        "de2",
        Service::Alipay,
        "wss://im-api-alipay-71.easecdn.com/websocket",
        DOCUMENTS,
    ),
];

/// How a region relates to the data centres of the reference page.
pub(crate) enum Place {
    /// It is one of them, or a user's own.
    Itself,
    /// It has the newer hosts of this data centre.
    Beside(Region),
    /// It has what all data centres share.
    Shared,
}

/// Returns how this region relates to them.
pub(crate) fn place(region: &Region) -> Place {
    let of = region.as_str().strip_prefix(NEWER);
    match of.and_then(|of| Region::new(of).ok()) {
        Some(of) => Place::Beside(of),
        None if region.as_str() == SHARED => Place::Shared,
        None => Place::Itself,
    }
}

/// Returns the data centre of a newer host.
pub(crate) fn data_centre_of(host: &str) -> Option<Region> {
    let url = |one: &&Host| one.2.contains(&format!("://{host}/"));
    Region::new(HOSTS.iter().find(url)?.0).ok()
}

/// Adds the newer hosts and the list service to the catalogue, as far as the options ask for them.
pub(crate) fn added(catalog: Catalog, options: &Options) -> Result<Catalog, Error> {
    let mut catalog = catalog;
    if options.newer {
        for Host(of, service, url, source) in HOSTS {
            let id = format!("{NEWER}{of}");
            catalog = with_region(catalog, &id, of)?;
            catalog = with_endpoint(catalog, &id, *service, url, source)?;
        }
    }
    if options.newer || options.app_key.is_some() {
        catalog = with_region(catalog, SHARED, SHARED)?;
        catalog = with_endpoint(catalog, SHARED, Service::Provisioning, LIST_SERVICE, SDKS)?;
    }
    Ok(catalog)
}

fn with_region(catalog: Catalog, id: &str, of: &str) -> Result<Catalog, Error> {
    let region = Region::new(id)?;
    if catalog.region(&region).is_some() {
        return Ok(catalog);
    }
    let known = catalog.region(&Region::new(of)?);
    let [en, zh] = match known {
        Some(info) => [
            format!("{}, newer pages", info.name_en()),
            format!("{}，较新页面", info.name_zh()),
        ],
        None => ["All data centres".to_owned(), "各数据中心共用".to_owned()],
    };
    let mut user = UserCatalog::default();
    user.regions.push(RegionEntry {
        id: id.to_owned(),
        name_en: Some(en),
        name_zh: Some(zh),
        locality: known.map_or(Locality::Private, |info| info.locality()),
    });
    catalog.with_user(user)
}

fn with_endpoint(
    catalog: Catalog,
    region: &str,
    service: Service,
    url: &str,
    source: &str,
) -> Result<Catalog, Error> {
    let endpoint = Endpoint::new(Region::new(region)?, service, url)?;
    catalog.with_endpoint(
        endpoint
            .with_confidence(Confidence::Documented)
            .with_label(source),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, command};
    use easelect_report::Lang;

    #[test]
    fn the_reference_page_stays_as_it_is() {
        let added = |line: &str| {
            let words = line.split_whitespace().map(Into::into).collect();
            let program = command::program(Lang::En);
            let options = args::parse(words, Lang::En, &program).unwrap();
            added(Catalog::builtin(), &options).unwrap()
        };
        assert_eq!(added("").endpoints().len(), 44);
        assert_eq!(added("--app-key a#b").endpoints().len(), 45);
        let newer = added("--newer --app-key a#b");
        assert_eq!(newer.endpoints().len(), 44 + HOSTS.len() + 1);
        for one in newer.endpoints().iter().skip(44) {
            assert!(!matches!(place(one.region()), Place::Itself), "{one}");
            assert!(one.label().is_some(), "{one} has no source");
            let twice = newer
                .endpoints()
                .iter()
                .filter(|other| other.host() == one.host());
            assert_eq!(twice.count(), 1, "{one}");
        }
        assert_eq!(data_centre_of("ngi-a1.easemob.com"), Some(Region::CN2));
        assert_eq!(data_centre_of("a1.easemob.com"), None);
    }
}

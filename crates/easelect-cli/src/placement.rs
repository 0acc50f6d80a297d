//! In which data centre a URL's host is, whatever `--region` says: endpoints are compared within one data centre only.

use easelect::{Catalog, Endpoint, Region, Service};
use easelect_report::Lang;

use crate::args::Options;
use crate::list;
use crate::newer::{self, Place};
use crate::run;
use crate::targets::Targets;
use crate::words::{Say, Usage, say, shown};

/// Returns the data centres to which these URLs belong, the most frequent first.
pub(crate) fn data_centres(urls: &[String], targets: &Targets, catalog: &Catalog) -> Vec<Region> {
    let mut counts: Vec<(Region, usize)> = Vec::new();
    for url in urls {
        let home = parsed(url).ok();
        let Some(region) = home.and_then(|one| home_of(one.host(), targets, catalog)) else {
            continue;
        };
        match counts.iter_mut().find(|(one, _)| *one == region) {
            Some((_, count)) => *count += 1,
            None => counts.push((region, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(region, _)| region).collect()
}

/// Takes a URL apart. The endpoint's region means nothing.
fn parsed(url: &str) -> Result<Endpoint, easelect::Error> {
    Endpoint::new(Region::CN1, by_scheme(url), url)
}

fn by_scheme(url: &str) -> Service {
    match list::is_https(url) {
        true => Service::Rest,
        false => Service::Websocket,
    }
}

/// Returns the data centre of a host that the catalogue or the table of newer hosts has. If several have it, one that
/// is measured.
fn home_of(host: &str, targets: &Targets, catalog: &Catalog) -> Option<Region> {
    let all = catalog.endpoints().iter();
    let all = all.filter(|one| one.host() == host && is_data_centre(one.region()));
    let mut regions: Vec<&Region> = all.map(Endpoint::region).collect();
    regions.sort_by_key(|one| !targets.regions.contains(one));
    let known = regions.first().map(|one| (*one).clone());
    known.or_else(|| newer::data_centre_of(host))
}

fn is_data_centre(region: &Region) -> bool {
    matches!(newer::place(region), Place::Itself)
}

/// Returns a data centre's name with its identifier, in English and Chinese.
fn name(id: &Region, catalog: &Catalog) -> [String; 2] {
    let names = catalog.region(id);
    let names = names.map(|one| [one.name_en(), one.name_zh()]);
    let [en, zh] = names.unwrap_or([id.as_str(), id.as_str()]);
    [format!("{en} ({id})"), format!("{zh}（{id}）")]
}

/// A list of another data centre than the one that is measured. Endpoints are compared within one data centre only, so
/// no host of such a list joins the given one.
pub(crate) struct Elsewhere {
    belongs_to: [String; 2],
    given: String,
    id: Region,
}

impl Elsewhere {
    /// `found` has the data centres of the list's known hosts. Returns `None` if one of them is measured, or if none is
    /// known.
    pub(crate) fn of(found: &[Region], targets: &Targets, catalog: &Catalog) -> Option<Self> {
        let id = found.first()?.clone();
        if found.iter().any(|one| targets.regions.contains(one)) {
            return None;
        }
        let given: Vec<&str> = targets.regions.iter().map(Region::as_str).collect();
        Some(Elsewhere {
            belongs_to: name(&id, catalog),
            given: given.join(", "),
            id,
        })
    }

    /// Says what to do.
    pub(crate) fn told(&self) -> Say {
        let Elsewhere {
            belongs_to: [en, zh],
            given,
            id,
        } = self;
        say(
            format!("the list belongs to {en}, not to {given}: measure again with --region {id}"),
            format!("列表属于{zh}，而不是 {given}：请用 --region {id} 重新测量"),
        )
    }

    /// Prints a warning.
    pub(crate) fn warn(&self, option: &str, options: &Options) {
        warn(Usage(self.told()).in_option(option), options);
    }

    /// Prints a warning about the host of a single `--current`.
    pub(crate) fn warn_of_host(&self, host: &str, options: &Options) {
        let Elsewhere {
            belongs_to: [en, zh],
            given,
            ..
        } = self;
        let why = say(
            format!("{host} belongs to {en}, not to {given}: it is compared with hosts of {en}"),
            format!("{host} 属于{zh}，而不是 {given}：只与{zh}的主机比较"),
        );
        warn(Usage(why).in_option("--current"), options);
    }
}

fn warn(Usage(why): Usage, options: &Options) {
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| why.of(lang));
    let warning = say(format!("warning: {en}"), format!("警告：{zh}"));
    run::warn(&warning, options);
}

/// Returns the endpoint at a URL of a list whose known hosts are in the data centres `found`. Refuses an unknown host if
/// one of these is not measured, since the host may belong there.
pub(crate) fn endpoint_of_list(
    targets: &Targets,
    catalog: &Catalog,
    options: &Options,
    found: &[Region],
    url: &str,
) -> Result<Endpoint, Usage> {
    let other = found.iter().find(|one| !targets.regions.contains(one));
    if let Some(other) = other
        && home_of(parsed(url)?.host(), targets, catalog).is_none()
    {
        let (url, [en, zh]) = (shown(url), name(other, catalog));
        let why = say(
            format!("{url}: this unknown host may belong to {en}, as others of the list do"),
            format!("{url}：未知主机，可能与列表中的其他主机一样属于{zh}"),
        );
        return Err(why.into());
    }
    endpoint(targets, catalog, options, url)
}

/// Returns the endpoint at a URL. Region and service are the catalogue's if it has the host; otherwise they follow from
/// the options.
pub(crate) fn endpoint(
    targets: &Targets,
    catalog: &Catalog,
    options: &Options,
    url: &str,
) -> Result<Endpoint, Usage> {
    let by_scheme = by_scheme(url);
    let parsed = parsed(url)?;
    let home = home_of(parsed.host(), targets, catalog);
    let of_host = catalog.endpoints().iter().find(|one| {
        Some(one.region()) == home.as_ref()
            && (one.host(), one.port()) == (parsed.host(), parsed.port())
            && one.service().is_websocket() == by_scheme.is_websocket()
    });
    if let Some(known) = of_host {
        if known.url() == parsed.url() {
            return Ok(known.clone());
        }
        return Ok(Endpoint::new(known.region().clone(), known.service(), url)?);
    }
    let region = match (home, targets.regions.as_slice()) {
        // Whatever --region says: endpoints are compared within their own data centre only.
        (Some(home), _) => home,
        (None, [region]) => region.clone(),
        (None, _) => {
            let url = shown(parsed.url());
            return Err(say(
                format!(
                    "{url}: the host is not in the catalogue; name its data centre with --region"
                ),
                format!("{url}：目录中没有该主机，请用 --region 指定它所在的数据中心"),
            )
            .into());
        }
    };
    let service = match options.services.as_deref() {
        Some([one]) if one.is_websocket() == by_scheme.is_websocket() => *one,
        _ => by_scheme,
    };
    Ok(Endpoint::new(region, service, url)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Regions;
    use crate::{args, command};

    fn options(line: &str) -> Options {
        let args = line.split_whitespace().map(Into::into).collect();
        args::parse(args, Lang::En, &command::program(Lang::En)).unwrap()
    }

    fn in_use(line: &str, url: &str) -> Result<Endpoint, Usage> {
        let (catalog, options) = (Catalog::builtin(), options(line));
        let targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
        endpoint(&targets, &catalog, &options, url)
    }

    #[test]
    fn a_known_host_says_where_it_belongs() {
        let known = in_use("", "wss://im-api-wechat-61.easemob.com/websocket").unwrap();
        assert_eq!(known.region(), &Region::SGP2);
        assert_eq!(known.service(), Service::Wechat);
        assert_eq!(known.confidence(), easelect::Confidence::Documented);
        let other_path = in_use("", "wss://im-api-v2.easemob.com/wrong").unwrap();
        assert_eq!(other_path.region(), &Region::CN1);
        assert_eq!(other_path.path(), "/wrong");
        let other_scheme = in_use("--region sgp1", "https://im-api-v2.easemob.com/").unwrap();
        assert_eq!(
            (other_scheme.region(), other_scheme.service()),
            (&Region::CN1, Service::Rest)
        );
        let other_port = in_use("--region sgp1", "wss://im-api-wechat.easemob.com:8443/").unwrap();
        assert_eq!(other_port.region(), &Region::CN1);
        let newer = in_use("--region sgp1", "https://ngi-a1.easemob.com/").unwrap();
        assert_eq!(newer.region(), &Region::CN2);
    }

    #[test]
    fn an_unknown_host_needs_a_region() {
        assert!(in_use("", "wss://own.example/").is_err());
        assert!(in_use("--region mainland", "wss://own.example/").is_err());
        let own = in_use("--region sgp1 --service wechat", "wss://own.example/").unwrap();
        assert_eq!(
            (own.region(), own.service()),
            (&Region::SGP1, Service::Wechat)
        );
        let rest = in_use("--region sgp1 --service wechat", "https://own.example/").unwrap();
        assert_eq!(rest.service(), Service::Rest);
        assert!(in_use("--region sgp1", "ws://own.example/").is_err());
        assert_eq!(options("").regions, Regions::Unsaid);
    }

    #[test]
    fn an_unknown_host_of_a_list_of_several_data_centres_is_refused() {
        let (catalog, options) = (Catalog::builtin(), options("--region sgp1"));
        let targets = Targets::new(&catalog, &options.regions, None).unwrap();
        let placed =
            |found: &[Region], url| endpoint_of_list(&targets, &catalog, &options, found, url);
        let unknown = "https://own.example/";
        assert_eq!(
            placed(&[Region::SGP1], unknown).unwrap().region(),
            &Region::SGP1
        );
        let Usage(why) = placed(&[Region::SGP1, Region::CN1], unknown).unwrap_err();
        assert!(why.of(Lang::En).contains("China 1 (cn1)"), "{why:?}");
        let known = "https://a1.easemob.com/";
        assert_eq!(
            placed(&[Region::SGP1, Region::CN1], known)
                .unwrap()
                .region(),
            &Region::CN1
        );
    }
}

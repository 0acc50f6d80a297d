//! The parameter `target`: a group such as `cn1/websocket`, a host of the catalogue, or a URL.

use easelect::{Catalog, Endpoint, ErrorKind, Region, RegionInfo, Residency, Service, shown};

use crate::config::{self, BackgroundConfig, Config, Module};

/// The endpoints that one probe covers.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// A normalised name: equal for different spellings of one target.
    pub(crate) name: String,
    pub(crate) endpoints: Vec<Endpoint>,
    /// The residency if this is a group.
    pub(crate) residency: Option<Residency>,
}

/// The maximum length of an endpoint's URL.
const LONGEST: usize = 2048;

impl Target {
    /// Finds what `text` names, if the module allows it. The error is one line.
    pub(crate) fn named(text: &str, module: &Module, catalog: &Catalog) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err(
                "empty target: expected a group such as cn1/websocket, a host of the catalogue, or a URL"
                    .to_owned(),
            );
        }
        if text.len() > LONGEST {
            return Err(format!("the target is longer than {LONGEST} bytes"));
        }
        if text.contains("://") || text.contains(":\\\\") {
            return url(text, module, catalog);
        }
        if let Some((region, rest)) = text.split_once('/') {
            let (service, host) = match rest.split_once('/') {
                Some((service, host)) => (service, Some(host)),
                None => (rest, None),
            };
            let group = group(region, service, catalog)?;
            return match host {
                None => Ok(group),
                Some(host) => host_of(host, &group.endpoints),
            };
        }
        host_of(text, catalog.endpoints())
    }
}

fn single(endpoint: Endpoint) -> Target {
    Target {
        name: format!(
            "{}/{}/{}",
            endpoint.region(),
            endpoint.service(),
            endpoint.url()
        ),
        endpoints: vec![endpoint],
        residency: None,
    }
}

fn url(text: &str, module: &Module, catalog: &Catalog) -> Result<Target, String> {
    let given = config::elsewhere(text).map_err(|error| error.to_string())?;
    let same = |one: &&Endpoint| one.url() == given.url();
    let mut known = catalog.endpoints().iter().chain(&module.urls);
    match known.find(same) {
        Some(known) => Ok(single(known.clone())),
        None if module.any => Ok(single(given)),
        None => Err(format!(
            "{}: not in the catalogue, and not in urls of module {}; targets = \"any\" would allow it",
            shown(&given.to_string(), 200),
            module.name
        )),
    }
}

fn group(region: &str, service: &str, catalog: &Catalog) -> Result<Target, String> {
    let told = |error: easelect::Error| error.to_string();
    let service: Service = service.parse().map_err(told)?;
    let residency = match region {
        "mainland" => Residency::mainland_pool(),
        id => Residency::from(catalog.find_region(id).map_err(told)?),
    };
    let endpoints = catalog.group(&residency, service).map_err(|error| {
        // The library's message also names its own interface, which users of the exporter don't have.
        let is_public = |one: &Region| catalog.region(one).is_none_or(RegionInfo::has_public_hosts);
        match error.kind() {
            ErrorKind::NoEndpoints if residency.regions().iter().all(is_public) => {
                format!("{residency} has no {service} endpoint; add one to the catalogue file")
            }
            ErrorKind::NoEndpoints => format!(
                "{residency} has no public hosts; ask your Easemob account manager (商务经理) for them, and add \
                 them to the catalogue file"
            ),
            _ => error.to_string(),
        }
    })?;
    Ok(Target {
        name: format!("{residency}/{service}"),
        endpoints,
        residency: Some(residency),
    })
}

fn host_of(text: &str, endpoints: &[Endpoint]) -> Result<Target, String> {
    let named = |one: &&Endpoint| one.authority().eq_ignore_ascii_case(text);
    let found: Vec<&Endpoint> = endpoints.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(single((*one).clone())),
        [] => Err(format!(
            "{}: not a host of the catalogue; a group is REGION/SERVICE, such as cn1/websocket",
            shown(text, 200)
        )),
        several => {
            let names = several.iter().take(8).map(|one| {
                let (region, service) = (one.region(), one.service());
                format!("{region}/{service}/{}", one.authority())
            });
            let names = names.collect::<Vec<_>>().join(", ");
            Err(format!(
                "{}: the host of several endpoints; name one of {names}",
                shown(text, 200)
            ))
        }
    }
}

impl Config {
    /// Sets what is probed in the background.
    ///
    /// # Errors
    ///
    /// If the module does not exist, a target is not a group, or two targets share an endpoint.
    pub(crate) fn with_background(mut self, given: BackgroundConfig) -> Result<Self, String> {
        if self.module(&given.module).is_none() {
            return Err(unknown_module(&given.module));
        }
        let mut all: Vec<Target> = Vec::new();
        for text in &given.targets {
            let safe = shown(text.trim(), 200);
            let target = match text.trim().split_once('/') {
                Some((region, service)) if !service.contains('/') => {
                    group(region, service, &self.catalog).map_err(|why| format!("{safe}: {why}"))?
                }
                _ => {
                    return Err(format!(
                        "{safe}: expected REGION/SERVICE, such as cn1/websocket"
                    ));
                }
            };
            for other in &all {
                let twice = |one: &&Endpoint| other.endpoints.contains(one);
                if let Some(twice) = target.endpoints.iter().find(twice) {
                    let (one, other) = (&other.name, &target.name);
                    return Err(match one == other {
                        true => format!("{safe}: given twice"),
                        false => format!("{one} and {other} both contain {twice}"),
                    });
                }
            }
            all.push(target);
        }
        self.background = Some(given);
        Ok(self)
    }
}

/// The error for a module that does not exist.
pub(crate) fn unknown_module(name: &str) -> String {
    format!("unknown module \"{}\"", shown(name, 64))
}

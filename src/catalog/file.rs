//! Users' catalogues in TOML or JSON. Errors name file and line.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use easelect_engine::shown::without_secrets;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Catalog;
use super::endpoint::{Endpoint, Service, Variant};
use super::region::{Locality, Region, RegionInfo};
use crate::error::{Error, ErrorKind};

/// A user's additions to the built-in catalogue, and replacements in it.
///
/// # Example: a file
///
/// ```
/// use easelect::{Catalog, CatalogFormat, Region, Service};
///
/// let text = r#"
///     [[region]]
///     id = "own1"
///     name_en = "Our own cluster"
///     name_zh = "自建集群"
///     locality = "private"
///
///     [[endpoint]]
///     region = "own1"
///     service = "websocket"
///     url = "wss://im.example.com/websocket"
///     label = "head office"
/// "#;
/// let catalog = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own.toml")?;
/// let own = Region::new("own1")?;
/// assert_eq!(catalog.group(&own.into(), Service::Websocket)?.len(), 1);
/// # Ok::<(), easelect::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UserCatalog {
    /// Data centres to add.
    #[serde(default, rename = "region")]
    pub regions: Vec<RegionEntry>,
    /// Endpoints to add. Each replaces an existing one with the same region, service, host and port.
    #[serde(default, rename = "endpoint")]
    pub endpoints: Vec<EndpointEntry>,
}

/// A data centre in a [`UserCatalog`]: a private deployment, or one that is newer than this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionEntry {
    /// Identifier; see [`Region::new`].
    pub id: String,
    /// English name. Default: the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_en: Option<String>,
    /// Chinese name. Default: the English name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_zh: Option<String>,
    /// Location, which decides the rules for migrating data. Default: private. The region is never raced
    /// against another, whatever its location.
    #[serde(default = "private")]
    pub locality: Locality,
}

fn private() -> Locality {
    Locality::Private
}

/// An endpoint in a [`UserCatalog`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointEntry {
    /// Identifier of a region that is built in or declared in the same catalogue.
    pub region: String,
    /// Service that the endpoint provides.
    pub service: Service,
    /// URL: `wss://…`, or `https://…` for a service that doesn't use WebSocket.
    pub url: String,
    /// Variant. Default: derived from the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// WebSocket subprotocol that the service requires. Default: `xmpp` for the legacy service, otherwise
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<String>,
    /// The user's own name for the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl fmt::Debug for EndpointEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("EndpointEntry");
        told.field("region", &self.region)
            .field("service", &self.service)
            .field("url", &without_secrets(&self.url))
            .field("variant", &self.variant)
            .field("subprotocol", &self.subprotocol)
            .field("label", &self.label);
        told.finish()
    }
}

/// The format of a catalogue file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogFormat {
    /// TOML 1. Needs the feature `toml`, which is on by default.
    #[cfg(feature = "toml")]
    Toml,
    /// JSON (RFC 8259).
    Json,
}

impl CatalogFormat {
    /// Returns the format for a file's extension: `.toml` (with the feature `toml`) or `.json`.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            #[cfg(feature = "toml")]
            "toml" => Some(CatalogFormat::Toml),
            "json" => Some(CatalogFormat::Json),
            _ => None,
        }
    }
}

/// Longest file, in bytes: room for over 10 000 endpoints.
const MAX_FILE: usize = 1024 * 1024;

/// Most entries. Each is compared with the regions before it, so many short ones would take long.
const MAX_ENTRIES: usize = 16_384;

impl Catalog {
    /// Adds a user's regions and endpoints.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] if an entry is invalid or a duplicate. The message names the entry.
    pub fn with_user(self, user: UserCatalog) -> Result<Self, Error> {
        let place = |what: &str, index: usize| format!("{what} {}", index + 1);
        self.with_placed(
            user.regions.into_iter().enumerate(),
            user.endpoints.into_iter().enumerate(),
            place,
        )
    }

    /// Adds the regions and endpoints of a catalogue file. Error messages refer to the file as `name`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] with file, line and the expected value, for invalid syntax, an unknown key,
    /// region or service, an invalid URL, a duplicate, an empty file, or one with more than 1 MiB or 16 384
    /// entries.
    pub fn with_file(self, text: &str, format: CatalogFormat, name: &str) -> Result<Self, Error> {
        // Some Windows editors write a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let wrong = |line: usize, why: &dyn fmt::Display| {
            // Parsers quote unexpected text, which may be a URL with secrets.
            let why = without_secrets(&why.to_string()).replace('\n', "; ");
            Error::new(ErrorKind::Catalog, format!("{name}:{line}: {why}"))
        };
        if text.len() > MAX_FILE {
            let size = format!(
                "the file has {} bytes: expected at most {MAX_FILE}",
                text.len()
            );
            return Err(wrong(1, &size));
        }
        let line = |offset: usize| {
            let offset = offset.min(text.len());
            1 + text.as_bytes()[..offset]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
        };
        let (regions, endpoints) = match format {
            #[cfg(feature = "toml")]
            CatalogFormat::Toml => from_toml(text),
            CatalogFormat::Json => from_json(text),
        }
        .map_err(|(offset, why)| wrong(line(offset), &why))?;
        if regions.is_empty() && endpoints.is_empty() {
            return Err(wrong(
                1,
                &"no entries: expected [[endpoint]] with region, service and url, or [[region]]",
            ));
        }
        if let Some(offset) = (regions.iter().map(|one| one.0))
            .chain(endpoints.iter().map(|one| one.0))
            .nth(MAX_ENTRIES)
        {
            let many = format!("too many entries: expected at most {MAX_ENTRIES}");
            return Err(wrong(line(offset), &many));
        }
        self.with_placed(regions.into_iter(), endpoints.into_iter(), |_, offset| {
            format!("{name}:{}", line(offset))
        })
    }

    /// `place` returns an entry's location for error messages, from its type and its number.
    fn with_placed(
        mut self,
        regions: impl Iterator<Item = (usize, RegionEntry)>,
        endpoints: impl Iterator<Item = (usize, EndpointEntry)>,
        place: impl Fn(&str, usize) -> String,
    ) -> Result<Self, Error> {
        let placed = |what: &str, at: usize, error: Error| {
            let message = format!("{}: {error}", place(what, at));
            Error::new(error.kind(), message)
        };
        for (at, entry) in regions {
            let info = region_info(entry).map_err(|error| placed("region", at, error))?;
            if self.region(info.region()).is_some() {
                let twice = format!("region \"{}\" already exists", info.region());
                return Err(placed("region", at, Error::new(ErrorKind::Catalog, twice)));
            }
            self.regions.push(info);
        }
        let key = |one: &Endpoint| (one.region().clone(), one.service(), one.authority());
        // Existing endpoints by key, so that each entry finds the one it replaces without a search.
        let standing = self.endpoints.iter().enumerate();
        let standing: HashMap<_, _> = standing.map(|(index, one)| (key(one), index)).collect();
        let mut seen = HashSet::new();
        for (at, entry) in endpoints {
            let wrong = |error| placed("endpoint", at, error);
            let endpoint = self.endpoint(entry).map_err(wrong)?;
            let key = key(&endpoint);
            let place_of = standing.get(&key);
            if !seen.insert(key) {
                let twice = format!(
                    "duplicate: {} for {} in {} is already in this catalogue",
                    endpoint.authority(),
                    endpoint.service(),
                    endpoint.region()
                );
                return Err(wrong(Error::new(ErrorKind::Catalog, twice)));
            }
            match place_of {
                Some(index) => self.endpoints[*index] = endpoint,
                None => self.endpoints.push(endpoint),
            }
        }
        Ok(self)
    }

    fn endpoint(&self, entry: EndpointEntry) -> Result<Endpoint, Error> {
        let region = self.find_region(&entry.region)?;
        let mut endpoint = Endpoint::new(region, entry.service, &entry.url)?;
        if let Some(variant) = entry.variant {
            endpoint = endpoint.with_variant(variant);
        }
        if let Some(subprotocol) = &entry.subprotocol {
            endpoint = endpoint.with_subprotocol(subprotocol)?;
        }
        if let Some(label) = entry.label {
            endpoint = endpoint.with_label(label);
        }
        Ok(endpoint)
    }
}

fn region_info(entry: RegionEntry) -> Result<RegionInfo, Error> {
    let region = Region::new(&entry.id)?;
    let name_en = entry.name_en.unwrap_or(entry.id);
    let name_zh = entry.name_zh.unwrap_or_else(|| name_en.clone());
    Ok(RegionInfo {
        region,
        name_en: Cow::Owned(name_en),
        name_zh: Cow::Owned(name_zh),
        locality: entry.locality,
        editions_en: Cow::Borrowed(""),
        editions_zh: Cow::Borrowed(""),
        public_hosts: true,
    })
}

type Placed<T> = Vec<(usize, T)>;
type Read = Result<(Placed<RegionEntry>, Placed<EndpointEntry>), (usize, String)>;

#[cfg(feature = "toml")]
fn from_toml(text: &str) -> Read {
    use toml::Spanned;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        region: Vec<Spanned<RegionEntry>>,
        #[serde(default)]
        endpoint: Vec<Spanned<EndpointEntry>>,
    }

    fn placed<T>(entries: Vec<Spanned<T>>) -> Placed<T> {
        entries
            .into_iter()
            .map(|entry| (entry.span().start, entry.into_inner()))
            .collect()
    }

    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().to_owned())
    })?;
    Ok((placed(file.region), placed(file.endpoint)))
}

fn from_json(text: &str) -> Read {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File<'a> {
        #[serde(default, borrow)]
        region: Vec<&'a RawValue>,
        #[serde(default, borrow)]
        endpoint: Vec<&'a RawValue>,
    }

    /// Turns serde_json's line and column into an offset.
    fn located(text: &str, error: &serde_json::Error) -> (usize, String) {
        let before: usize = text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(message, _)| message);
        (
            before + error.column().saturating_sub(1),
            message.to_owned(),
        )
    }

    fn placed<'a, T: Deserialize<'a>>(
        text: &str,
        entries: &[&'a RawValue],
    ) -> Result<Placed<T>, (usize, String)> {
        entries
            .iter()
            .map(|raw| {
                // A borrowed RawValue is a slice of the text.
                let offset = raw.get().as_ptr() as usize - text.as_ptr() as usize;
                match serde_json::from_str(raw.get()) {
                    Ok(entry) => Ok((offset, entry)),
                    Err(error) => {
                        let (within, message) = located(raw.get(), &error);
                        Err((offset + within, message))
                    }
                }
            })
            .collect()
    }

    let file: File<'_> = serde_json::from_str(text).map_err(|error| located(text, &error))?;
    Ok((placed(text, &file.region)?, placed(text, &file.endpoint)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml_error(text: &str) -> String {
        Catalog::builtin()
            .with_file(text, CatalogFormat::Toml, "own.toml")
            .unwrap_err()
            .to_string()
    }

    fn json_error(text: &str) -> String {
        Catalog::builtin()
            .with_file(text, CatalogFormat::Json, "own.json")
            .unwrap_err()
            .to_string()
    }

    const GOOD: &str = "[[endpoint]]\nregion = \"cn-vip\"\nservice = \"websocket\"\n\
                        url = \"wss://vip.example/websocket\"\nvariant = \"acceleration\"\n";

    #[test]
    fn a_good_file_extends_the_catalogue() {
        let catalog = Catalog::builtin()
            .with_file(GOOD, CatalogFormat::Toml, "own.toml")
            .unwrap();
        assert_eq!(catalog.endpoints().len(), 45);
        let group = catalog
            .group(&Region::CN_VIP.into(), Service::Websocket)
            .unwrap();
        assert_eq!(group[0].variant(), Variant::Acceleration);
        let json =
            r#"{"endpoint": [{"region": "cn1", "service": "rest", "url": "https://r.example/"}]}"#;
        let catalog = catalog
            .with_file(json, CatalogFormat::Json, "own.json")
            .unwrap();
        assert_eq!(catalog.endpoints().len(), 46);
    }

    #[test]
    fn an_error_has_file_line_and_expectation() {
        let unknown_region = format!("{GOOD}\n{}", GOOD.replace("cn-vip", "cn9"));
        let message = toml_error(&unknown_region);
        assert!(
            message.starts_with("own.toml:7: unknown region \"cn9\": expected one of cn1,"),
            "{message}"
        );
        let message = toml_error(&GOOD.replace("\"websocket\"", "\"websockets\""));
        assert!(
            message.starts_with("own.toml:3: unknown variant `websockets`, expected one of"),
            "{message}"
        );
        let message = toml_error(&GOOD.replace("wss:", "ws:"));
        assert!(message.contains("needs wss://, not ws://"), "{message}");
        let message = toml_error(&format!("{GOOD}{GOOD}"));
        assert!(message.starts_with("own.toml:6: duplicate"), "{message}");
        let message = toml_error(&GOOD.replace("url", "uri"));
        assert!(
            message.starts_with("own.toml:4: unknown field `uri`"),
            "{message}"
        );
        let secret = "wss://me:hunter2@h/ws?hunter2";
        for wrong in [
            GOOD.replace("\"websocket\"", &format!("{secret:?}")),
            GOOD.replace("url", &format!("{secret:?}")),
            format!("endpoint = {secret:?}"),
        ] {
            let message = toml_error(&wrong);
            assert!(message.starts_with("own.toml:"), "{message}");
            assert!(
                message.contains('…') && !message.contains("hunter2"),
                "{message}"
            );
        }
        assert!(toml_error("").contains("expected [[endpoint]]"));
        assert!(toml_error("[[endpoint").starts_with("own.toml:1: "));
        assert!(toml_error(&" ".repeat(MAX_FILE + 1)).contains("at most"));
        let many: String = (0..=MAX_ENTRIES)
            .map(|n| format!("[[region]]\nid = \"a{n}\"\n"))
            .collect();
        assert!(toml_error(&many).starts_with("own.toml:32769: too many entries: expected"));
    }

    #[test]
    fn json_errors_have_lines_too() {
        let entry =
            "{\"region\": \"cn1\",\n\"service\": \"rest\",\n\"url\": \"https://r.example/\"}";
        let twice = format!("{{\"endpoint\": [\n{entry},\n{entry}\n]}}");
        assert!(
            json_error(&twice).starts_with("own.json:5: duplicate"),
            "{}",
            json_error(&twice)
        );
        let wrong = format!("{{\"endpoint\": [\n{}\n]}}", entry.replace("rest", "rast"));
        assert!(
            json_error(&wrong).starts_with("own.json:3: unknown variant"),
            "{}",
            json_error(&wrong)
        );
        assert!(json_error("{").starts_with("own.json:1: "));
        assert!(json_error("[]").starts_with("own.json:1: "));
        assert!(json_error("{}").contains("no entries"));
    }

    #[test]
    fn a_region_of_ones_own_is_raced_alone() {
        let text = "[[region]]\nid = \"own\"\nname_zh = \"自建\"\n\
                    [[endpoint]]\nregion = \"own\"\nservice = \"rest\"\nurl = \"https://r.example\"\n";
        let catalog = Catalog::builtin()
            .with_file(text, CatalogFormat::Toml, "own.toml")
            .unwrap();
        let own = catalog.find_region("own").unwrap();
        let info = catalog.region(&own).unwrap();
        assert_eq!((info.name_en(), info.name_zh()), ("own", "自建"));
        assert_eq!(info.locality(), Locality::Private);
        assert!(toml_error("[[region]]\nid = \"cn1\"\n").contains("already exists"));
    }
}

//! Data centres, and the rule which of them may be raced together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, shortened};

/// The identifier of a data centre: `cn1`, `sgp1`, …, or one from a user's catalogue.
///
/// An app belongs to one data centre. Easemob's console shows which, on the page 即时通讯 > 服务概览. The
/// App Key does not contain it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Region(Cow<'static, str>);

impl Region {
    /// China 1 (国内 1 区).
    pub const CN1: Region = Region(Cow::Borrowed("cn1"));
    /// China 2 (国内 2 区).
    pub const CN2: Region = Region(Cow::Borrowed("cn2"));
    /// China VIP (国内 VIP 区). Its hosts are not public; an Easemob account manager supplies them.
    pub const CN_VIP: Region = Region(Cow::Borrowed("cn-vip"));
    /// Singapore 1 (新加坡 1 区).
    pub const SGP1: Region = Region(Cow::Borrowed("sgp1"));
    /// Singapore 2 (新加坡 2 区).
    pub const SGP2: Region = Region(Cow::Borrowed("sgp2"));
    /// US East 1 (美东 1 区).
    pub const US1: Region = Region(Cow::Borrowed("us1"));
    /// Germany 2 (德国 2 区).
    pub const DE2: Region = Region(Cow::Borrowed("de2"));

    /// Creates a region from an identifier: 1 to 32 characters of `a-z`, `0-9` and `-`, beginning with a
    /// letter.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] for any other text, and for `mainland` and `all`, which name sets of regions.
    pub fn new(id: &str) -> Result<Self, Error> {
        let fits = id.len() <= 32
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits || matches!(id, "mainland" | "all") {
            return Err(Error::new(
                ErrorKind::Catalog,
                format!(
                    "\"{id}\" can't be a region identifier: expected 1 to 32 characters of a-z, 0-9 \
                     and '-', beginning with a letter, other than \"mainland\" and \"all\"",
                    id = shortened(id)
                ),
            ));
        }
        Ok(Region(Cow::Owned(id.to_owned())))
    }

    /// Returns the identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

display_identifier!(Region, Locality);

impl FromStr for Region {
    type Err = Error;

    /// Same as [`Region::new`].
    fn from_str(id: &str) -> Result<Self, Error> {
        Region::new(id)
    }
}

/// The location of a data centre, which decides whether an app's data there can be migrated.
///
/// The enum is exhaustive: no further location is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locality {
    /// Mainland China, for apps whose users are almost all there. An app can be migrated to an overseas
    /// data centre with [Easemob's guide](Reference::Migration).
    Domestic,
    /// Outside mainland China, for apps whose users are almost all there. Because of overseas privacy
    /// rules, data there cannot be migrated to another data centre.
    Overseas,
    /// A private deployment.
    Private,
}

impl Locality {
    /// The stable identifier: `"domestic"`, `"overseas"`, `"private"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Locality::Domestic => "domestic",
            Locality::Overseas => "overseas",
            Locality::Private => "private",
        }
    }
}

/// The details of a [`Region`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionInfo {
    pub(super) region: Region,
    pub(super) name_en: Cow<'static, str>,
    pub(super) name_zh: Cow<'static, str>,
    pub(super) locality: Locality,
    pub(super) editions_en: Cow<'static, str>,
    pub(super) editions_zh: Cow<'static, str>,
    pub(super) public_hosts: bool,
}

impl RegionInfo {
    /// Returns the region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the English name, such as `China 1`.
    #[must_use]
    pub fn name_en(&self) -> &str {
        &self.name_en
    }

    /// Returns the Chinese name, such as `国内 1 区`.
    #[must_use]
    pub fn name_zh(&self) -> &str {
        &self.name_zh
    }

    /// Returns the location, which decides whether data can be migrated.
    #[must_use]
    pub fn locality(&self) -> Locality {
        self.locality
    }

    /// Returns which editions of Easemob's service use this data centre, in English. Empty for a user's
    /// region.
    #[must_use]
    pub fn editions_en(&self) -> &str {
        &self.editions_en
    }

    /// Returns which editions of Easemob's service use this data centre, in Chinese. Empty for a user's
    /// region.
    #[must_use]
    pub fn editions_zh(&self) -> &str {
        &self.editions_zh
    }

    /// Whether the hosts are published. Those of China VIP are not; add them with a catalogue.
    #[must_use]
    pub fn has_public_hosts(&self) -> bool {
        self.public_hosts
    }
}

/// A page of Easemob's about data centres, migration or prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// Console page that shows an app's data centre.
    Console,
    /// Guide for migrating an app from a domestic to an overseas data centre.
    Migration,
    /// Prices, including those of acceleration nodes.
    Pricing,
}

impl Reference {
    /// Returns the URL; for [`Reference::Console`] followed by the path through the console's menu.
    #[must_use]
    pub const fn location(self) -> &'static str {
        match self {
            Reference::Console => "https://console.easemob.com (即时通讯 > 服务概览)",
            Reference::Migration => "https://doc.easemob.com/product/migrate_to_easemob.html",
            Reference::Pricing => "https://www.easemob.com/pricing/im",
        }
    }
}

/// The data centres whose endpoints may be raced against each other: one, or the mainland pool.
///
/// An app's data is in one data centre and, overseas, cannot be migrated, so no other combination can be
/// expressed. The pool exists because Easemob documents China 1 and China 2 as interchangeable for its
/// mobile SDKs, which pick one of them at random.
///
/// ```
/// use easelect::{Region, Residency};
///
/// let one = Residency::from(Region::SGP1);
/// let pool = Residency::mainland_pool();
/// assert!(pool.contains(&Region::CN2) && !pool.contains(&Region::CN_VIP));
/// assert!(Residency::from_regions([Region::SGP1, Region::US1]).is_err());
/// # let _ = one;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Residency(Scope);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scope {
    One(Region),
    MainlandPool,
}

impl Residency {
    /// Returns the pool of China 1 and China 2, for clients that connect like Easemob's mobile SDKs.
    #[must_use]
    pub const fn mainland_pool() -> Self {
        Residency(Scope::MainlandPool)
    }

    /// Creates a residency from a list that contains exactly one region, perhaps repeated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Residency`] for no region or several, including China 1 with China 2: use
    /// [`mainland_pool`](Self::mainland_pool) for these.
    pub fn from_regions(regions: impl IntoIterator<Item = Region>) -> Result<Self, Error> {
        let mut regions: Vec<Region> = regions.into_iter().collect();
        regions.sort();
        regions.dedup();
        match regions.as_slice() {
            [] => Err(Error::new(
                ErrorKind::Residency,
                "no region given: name the data centre that the app belongs to",
            )),
            [region] => Ok(Residency::from(region.clone())),
            several => {
                let names: Vec<&str> = several.iter().map(Region::as_str).collect();
                let pool = [Region::CN1, Region::CN2];
                let hint = if several == pool {
                    "; only for clients that connect like Easemob's mobile SDKs, China 1 and \
                     China 2 are interchangeable: choose `mainland`"
                } else {
                    ""
                };
                Err(Error::new(
                    ErrorKind::Residency,
                    format!(
                        "{} can't be raced against each other: an app's data is in one data centre \
                         only; choose one{hint}",
                        names.join(", ")
                    ),
                ))
            }
        }
    }

    /// Whether endpoints of `region` may be used.
    #[must_use]
    pub fn contains(&self, region: &Region) -> bool {
        match &self.0 {
            Scope::One(one) => one == region,
            Scope::MainlandPool => *region == Region::CN1 || *region == Region::CN2,
        }
    }

    /// Returns the regions, in catalogue order.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        match &self.0 {
            Scope::One(region) => vec![region.clone()],
            Scope::MainlandPool => vec![Region::CN1, Region::CN2],
        }
    }
}

impl From<Region> for Residency {
    fn from(region: Region) -> Self {
        Residency(Scope::One(region))
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Scope::One(region) => region.fmt(f),
            Scope::MainlandPool => f.pad("mainland"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_region_or_the_named_pool() {
        let mixed = Residency::from_regions([Region::CN1, Region::SGP1]).unwrap_err();
        assert_eq!(mixed.kind(), ErrorKind::Residency);
        assert!(mixed.to_string().contains("one data centre"));
        let unnamed_pool = Residency::from_regions([Region::CN2, Region::CN1]).unwrap_err();
        assert!(unnamed_pool.to_string().contains("`mainland`"));
        assert!(Residency::from_regions([]).is_err());
        let twice = Residency::from_regions([Region::DE2, Region::DE2]).unwrap();
        assert_eq!(twice, Residency::from(Region::DE2));
    }

    #[test]
    fn identifiers_are_checked() {
        for bad in [
            "",
            "CN1",
            "1cn",
            "a b",
            "mainland",
            "all",
            "国内",
            &"a".repeat(33),
        ] {
            assert!(Region::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Region::new("sgp1").unwrap(), Region::SGP1);
        assert_eq!(
            "my-own-1".parse::<Region>().unwrap().to_string(),
            "my-own-1"
        );
        assert_eq!(Region::new("my-own-1").unwrap().as_str(), "my-own-1");
    }
}

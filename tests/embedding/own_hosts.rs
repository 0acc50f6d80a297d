use easelect::{Catalog, CatalogFormat, Error, Region, Selector};

/// A selector for hosts that only the app knows: China VIP, acceleration nodes, a private cluster.
pub fn with_own_hosts(file: &str) -> Result<Selector, Error> {
    let catalog = Catalog::builtin().with_file(file, CatalogFormat::Toml, "own.toml")?;
    Selector::builder(Region::new("own1")?)
        .catalog(catalog)
        .build()
}

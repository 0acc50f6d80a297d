use easelect::{Error, Priors, Selector, SelectorBuilder};

/// On "cn/mobile", other users measured 38 ms (± 20 %) to one host and 52 ms (± 30 %) to another.
pub const FILE: &str = r#"{"schema": 1, "classes": {"cn/mobile": {
    "a.example": {"ms": 38, "sd": 0.2},
    "b.example": {"ms": 52, "sd": 0.3}
}}}"#;

/// A first connection begins with the host that is said to be near.
pub fn with_priors(builder: SelectorBuilder, file: &str, class: &str) -> Result<Selector, Error> {
    let priors = Priors::from_json(file)?;
    builder.priors(priors).network_class(class).build()
}

/// For the system's callback: which network it is now, and of which class, as far as the app knows.
pub fn moved(selector: &Selector, country: &str, carrier: Option<&str>) {
    let class = carrier.map(|carrier| format!("{country}/{carrier}"));
    selector.network_changed_to(None, class.as_deref());
}

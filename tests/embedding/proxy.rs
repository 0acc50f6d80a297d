use easelect::{Dialer, Error, Proxy, Region, Selector};

/// Connects through the environment's proxy, or directly where there is none.
pub fn through_the_environments_proxy() -> Result<Selector, Error> {
    let proxy = Proxy::from_env()?; // or Some("http://user:password@proxy.example:8080".parse()?)
    let dialer = Dialer::builder().proxy(proxy).build()?;
    Selector::builder(Region::CN1).dialer(dialer).build()
}

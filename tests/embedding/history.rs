use std::path::Path;

use easelect::{Error, FileHistory, Selector, SelectorBuilder};

/// Starts with what earlier runs learned.
pub fn remembering(builder: SelectorBuilder, folder: &Path) -> Result<Selector, Error> {
    let history = FileHistory::new(folder.join("endpoints.json"));
    builder.history(history).build()
}

/// Saves what is not saved yet, before the app ends or is suspended.
pub async fn before_the_end(selector: &Selector) -> Result<(), Error> {
    selector.flush().await
}

/// For the system's callback: the device is on another network.
pub fn moved(selector: &Selector, ssid_hash: &str) {
    selector.network_changed(Some(ssid_hash));
}

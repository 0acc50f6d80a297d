use std::error::Error;

use easelect::SelectorBuilder;
use easelect::tokio_tungstenite::tungstenite::Message;

/// Sends one message and waits for the answer, on a thread without a runtime.
pub fn ask(builder: SelectorBuilder, text: &str) -> Result<Option<Message>, Box<dyn Error>> {
    let selector = builder.build_blocking()?;
    let connection = selector.connect()?;
    connection.send(text.into())?;
    Ok(connection.read()?)
}

use easelect::futures::StreamExt;
use easelect::tokio_tungstenite::tungstenite::Message;
use easelect::{ConnectOptions, Error, Refusal, Selector, SessionOptions, SessionState};

/// Stays online until the server refuses the token.
pub async fn stay_online(
    selector: &Selector,
    token: &str,
    mut received: impl FnMut(Message),
) -> Result<Refusal, Error> {
    let headers = ConnectOptions::new().header("authorization", token)?;
    let options = SessionOptions::new()
        .connect(headers)
        .refuses(|code| code == 4401);
    let mut session = selector.session(options);
    loop {
        match session.next().await {
            Some(SessionState::Open(mut connection)) => {
                // Read it to its end: that answers pings, and notices when it is dead.
                while let Some(Ok(message)) = connection.next().await {
                    received(message);
                }
            }
            Some(SessionState::Refused(why)) => return Ok(why),
            // Connecting, lost, waiting: for a status line. A session never ends, so `None` never comes.
            Some(_) | None => {}
        }
    }
}

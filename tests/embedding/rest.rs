use easelect::{RestError, RestErrorKind, Selector};

/// Registers a user. Whether it was done is unknown only where this says so.
pub async fn register(selector: &Selector, token: &str, name: &str) -> Result<u16, String> {
    let rest = selector.rest().map_err(|error| error.to_string())?;
    let user = std::collections::BTreeMap::from([("username", name), ("password", "secret")]);
    let request = rest
        .post("/my-org/my-app/users")
        .bearer_auth(token)
        .json(&user);
    let outcome = |error: RestError| match error.kind() {
        RestErrorKind::Outside | RestErrorKind::Request => {
            format!("a mistake of the app's: {error}")
        }
        _ if error.was_sent() => format!("perhaps registered: {error}"),
        _ => format!("not registered: {error}"),
    };
    let answer = request.send().await.map_err(outcome)?;
    Ok(answer.status())
}

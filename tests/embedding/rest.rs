use easelect::{RestError, RestErrorKind, Selector};

/// Registers a user. The error says whether the user may have been registered all the same.
pub async fn register(selector: &Selector, token: &str, name: &str) -> Result<u16, String> {
    let rest = selector.rest().map_err(|error| error.to_string())?;
    let user = std::collections::BTreeMap::from([("username", name), ("password", "secret")]);
    let request = rest
        .post("/my-org/my-app/users")
        .bearer_auth(token)
        .json(&user);
    let describe = |error: RestError| match error.kind() {
        RestErrorKind::Outside | RestErrorKind::Request => {
            format!("a bug in the app: {error}")
        }
        _ if error.was_sent() => format!("perhaps registered: {error}"),
        _ => format!("not registered: {error}"),
    };
    let answer = request.send().await.map_err(describe)?;
    Ok(answer.status())
}

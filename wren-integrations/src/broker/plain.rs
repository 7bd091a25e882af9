//! `http.request`: to where the egress policy allows, without a credential.

use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;
use wren_core::Result;
use wren_core::host::RunContext;

use super::Broker;
use super::audit;
use super::call::{self, HttpAnswer, invalid};
use super::redirect;
use super::resolve::Reach;
use super::transport::{Lane, Outgoing};

impl Broker {
    pub(super) async fn plain(&self, context: &RunContext, args: &Map<String, Value>) -> Result<HttpAnswer> {
        let call = call::parts(args, &self.options)?.check(&self.options)?;
        let url = parse(call::text(args, "url")?)?;
        let hosts = self.egress.hosts(context).await?;
        let by = Instant::now() + call.timeout;
        let mut request = Outgoing { method: call.method, url, headers: call.headers, body: call.body };
        for _ in 0..=redirect::MOST {
            let url = request.url.clone();
            // An origin that may be private for an integration's sake is not open to this.
            let named = hosts.name(&url) && self.options.may_be_private(&url);
            let reach = if named { Reach::Anything } else { Reach::Public };
            self.transport.check_url(&url, reach)?;
            hosts.check(&url)?;
            audit::sending(context, &request.method, &url);
            let answer = self.transport.send(request.clone(), reach, Lane::Own, by).await?;
            match redirect::target(&url, &answer) {
                None => return Ok(HttpAnswer::new(&url, answer)),
                Some(to) => request = redirect::follow(request, answer.status, to),
            }
        }
        Err(invalid(format!("the server redirects more than {} times", redirect::MOST)))
    }
}

/// Reads a URL. The message does not quote it: queries may hold secrets.
pub(super) fn parse(text: &str) -> Result<Url> {
    let mut url = Url::parse(text).map_err(|error| {
        invalid(format!("the URL cannot be read: {error}")).with_hint("write it as https://host/path")
    })?;
    url.set_fragment(None);
    Ok(url)
}

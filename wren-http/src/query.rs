//! Reading query strings: every parameter known, once, and of its type, or a refusal that names it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use utoipa::openapi::path::Parameter;
use wren_core::Error;
use wren_core::model::PageOptions;

use crate::api::{Api, MAX_PAGE};
use crate::error::{ApiError, ApiResult, invalid};
use crate::openapi::params::query;
use crate::openapi::words;

/// How many items a page has when nobody asks for another number.
const DEFAULT_PAGE: usize = 50;

/// What a route reads from its query string.
pub(crate) trait QueryParams: Sized {
    /// Describes the parameters that it knows, in the order in which it takes them.
    fn describe() -> Vec<Parameter>;

    /// Takes the parameters that it knows.
    fn read(params: &mut Params, api: &Api) -> Result<Self, Error>;
}

/// A query string, read.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: QueryParams> FromRequestParts<Api> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> ApiResult<Self> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| invalid("the query string cannot be read", error.body_text()))?;
        let mut params = Params { pairs: pairs.0, known: Vec::new() };
        let value = T::read(&mut params, api)?;
        params.expect_none_left()?;
        Ok(Self(value))
    }
}

/// Describes what [`Params::limit`] takes.
pub(crate) fn describe_limit(what: &str, default: usize, max: usize) -> Parameter {
    let number = words::integer().minimum(Some(1)).maximum(Some(max)).default(Some(default.into())).build();
    query("limit", number, &format!("How many {what} at most."))
}

/// Describes what [`Params::page`] takes.
pub(crate) fn describe_page(what: &str) -> [Parameter; 2] {
    let cursor = words::string().min_length(Some(1)).build();
    [
        describe_limit(what, DEFAULT_PAGE, MAX_PAGE),
        query("cursor", cursor, "The `next_cursor` of the page before; the first page without one."),
    ]
}

/// The parameters not yet taken.
#[derive(Debug)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Params {
    /// Lets other parameters stand, where somebody else made the address.
    pub(crate) fn ignore_the_rest(&mut self) {
        self.pairs.clear();
    }

    /// Takes a parameter; `expected` completes "`name` is not …" for a value that `parse` refuses.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.known.push(name);
        let Some(place) = self.pairs.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.pairs.swap_remove(place);
        if self.pairs.iter().any(|(key, _)| key == name) {
            let message = format!("the query parameter `{name}` is given twice");
            return Err(invalid(message, "give it once").with_detail("parameter", name));
        }
        let parsed = parse(&value).ok_or_else(|| {
            let shown: String = value.chars().take(64).collect();
            let message = format!("the query parameter `{name}` is `{shown}`, which is not {expected}");
            invalid(message, format!("give {expected}")).with_detail("parameter", name)
        })?;
        Ok(Some(parsed))
    }

    /// Takes one of a set of words.
    pub(crate) fn word<T>(
        &mut self,
        name: &'static str,
        words: &[&str],
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.take(name, &format!("one of {}", words.join(", ")), parse)
    }

    /// Takes any number of a set of words, separated by commas; none when the parameter is not there.
    pub(crate) fn words<T>(
        &mut self,
        name: &'static str,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let expected = format!("one of {}, or several of them with commas between", words.join(", "));
        let found = self.take(name, &expected, |text| text.split(',').map(|word| parse(word.trim())).collect())?;
        Ok(found.unwrap_or_default())
    }

    /// Takes an instant.
    pub(crate) fn instant(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, Error> {
        self.take(name, "an RFC 3339 time such as 2024-12-08T10:30:00Z", |text| {
            DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
        })
    }

    /// Takes a number between 1 and `max`.
    pub(crate) fn limit(&mut self, default: usize, max: usize) -> Result<usize, Error> {
        Ok(self.given_limit(max)?.unwrap_or(default.min(max)))
    }

    /// Takes a number between 1 and `max`, if there is one.
    pub(crate) fn given_limit(&mut self, max: usize) -> Result<Option<usize>, Error> {
        self.take("limit", &format!("a number from 1 to {max}"), |text| {
            text.parse().ok().filter(|number| (1..=max).contains(number))
        })
    }

    /// Takes `limit` and `cursor`.
    pub(crate) fn page(&mut self, api: &Api) -> Result<PageOptions, Error> {
        let limit = self.limit(DEFAULT_PAGE, api.max_page)?;
        let after = self.take("cursor", "the `next_cursor` of the page before", |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })?;
        Ok(PageOptions { after, limit })
    }

    /// Refuses what nobody took: a filter with a typing error would list everything and look like an answer.
    fn expect_none_left(self) -> Result<(), Error> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let name: String = name.chars().take(64).collect();
        let hint = match self.known.is_empty() {
            true => "this route takes none".to_owned(),
            false => format!("this route takes {}", self.known.join(", ")),
        };
        Err(invalid(format!("unknown query parameter `{name}`"), hint).with_detail("parameter", name))
    }
}

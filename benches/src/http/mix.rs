//! What the load asks for, and in which shares.

use serde_json::json;

use super::client::Question;
use super::scene::Scene;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ListRuns,
    ShowRun,
    ShowDeployment,
    ReadLogs,
    ListDeployments,
    Explain,
    Validate,
    RunNow,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Self::ListRuns,
        Self::ShowRun,
        Self::ShowDeployment,
        Self::ReadLogs,
        Self::ListDeployments,
        Self::Explain,
        Self::Validate,
        Self::RunNow,
    ];

    /// How many of a thousand requests are of this kind. Together they are a thousand.
    const fn share(self) -> u64 {
        match self {
            Self::ListRuns | Self::ShowRun => 250,
            Self::ShowDeployment | Self::ReadLogs => 150,
            Self::ListDeployments => 50,
            Self::Explain => 70,
            Self::Validate => 76,
            Self::RunNow => 4,
        }
    }

    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::ListRuns => "GET /v1/runs",
            Self::ShowRun => "GET /v1/runs/{id}",
            Self::ShowDeployment => "GET /v1/deployments/{id}",
            Self::ReadLogs => "GET /v1/runs/{id}/logs",
            Self::ListDeployments => "GET /v1/deployments",
            Self::Explain => "GET /v1/explain",
            Self::Validate => "POST /v1/integrations/validate",
            Self::RunNow => "POST /v1/deployments/{id}/runs",
        }
    }

    /// The status that it is to be answered with.
    pub(super) const fn expected(self) -> u16 {
        match self {
            Self::RunNow => 202,
            _ => 200,
        }
    }

    /// Returns the kind of a request by its number. A thousand in a row have every kind by its share, well mixed: 387 has
    /// no divisor in common with a thousand.
    pub(super) fn of(number: u64) -> Self {
        let mut place = number * 387 % 1000;
        for kind in Self::ALL {
            if place < kind.share() {
                return kind;
            }
            place -= kind.share();
        }
        Self::ListRuns
    }

    /// Makes the request of a number.
    pub(super) fn question(self, number: u64, scene: &Scene) -> Question {
        match self {
            Self::ListRuns => Question::get("/v1/runs?limit=20"),
            Self::ShowRun => Question::get(format!("/v1/runs/{}", scene.some_run(number))),
            Self::ShowDeployment => Question::get(format!("/v1/deployments/{}", scene.ticking)),
            Self::ReadLogs => Question::get(format!("/v1/runs/{}/logs?limit=100", scene.some_run(number))),
            Self::ListDeployments => Question::get("/v1/deployments?limit=20"),
            Self::Explain => Question::get("/v1/explain?expression=30+7+*+*+1-5&timezone=Europe%2FDublin&count=3"),
            Self::Validate => Question::post("/v1/integrations/validate", r#"{"integrations": ["gmail", "slack"]}"#),
            Self::RunNow => {
                let path = format!("/v1/deployments/{}/runs", scene.asked);
                // Every other one is the one before again, as a client does that has not heard the answer.
                let key = format!("load-{}", number / 500);
                let body = json!({"event": number / 500}).to_string();
                Question { idempotency_key: Some(key), ..Question::post(path, body) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_requests_have_every_kind_by_its_share() {
        for kind in Kind::ALL {
            let count = (5_000..6_000).filter(|&number| Kind::of(number) == kind).count() as u64;
            assert_eq!(count, kind.share(), "{kind:?}");
        }
    }

    #[test]
    fn every_run_asked_for_is_asked_for_twice() {
        let mut halves = std::collections::BTreeMap::new();
        for number in (0..10_000).filter(|&number| Kind::of(number) == Kind::RunNow) {
            *halves.entry(number / 500).or_insert(0) += 1;
        }
        assert!(halves.len() == 20 && halves.values().all(|&count| count == 2), "{halves:?}");
    }
}

//! Subscriptions, asked for one SUBSCRIBE after the other, each confirmed before the next. Knows no topics.
use rumqttc::{AsyncClient, QoS, SubscribeFilter, SubscribeReasonCode};

/// Filters of one SUBSCRIBE.
const FILTERS: usize = 64;

/// Asks for subscriptions, one SUBSCRIBE after the other.
pub(super) struct Subscribing {
    filters: Vec<String>,
    answered: usize,
    /// What the broker refused.
    pub(super) refused: Vec<String>,
}

impl Subscribing {
    pub(super) fn new(filters: Vec<String>) -> Self {
        Self {
            filters,
            answered: 0,
            refused: Vec::new(),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.answered >= self.filters.len()
    }

    fn next(&self) -> &[String] {
        let rest = &self.filters[self.answered..];
        &rest[..rest.len().min(FILTERS)]
    }

    pub(super) fn ask(&self, client: &AsyncClient) -> Result<(), String> {
        let next = self.next().iter();
        let filters = next.map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
        let asked = client.try_subscribe_many(filters);
        asked.map_err(|error| format!("subscribing failed: {error}"))
    }

    pub(super) fn answer(&mut self, codes: &[SubscribeReasonCode]) {
        let asked = self.next().to_vec();
        self.answered += asked.len();
        for (at, filter) in asked.into_iter().enumerate() {
            if !matches!(codes.get(at), Some(SubscribeReasonCode::Success(_))) {
                self.refused.push(filter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_filters_are_asked_for_in_turn_and_refusals_are_kept() {
        let filters: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let mut subscribing = Subscribing::new(filters);
        let good = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        for asked in [64, 64, 2] {
            assert!(!subscribing.is_complete());
            assert_eq!(subscribing.next().len(), asked);
            let mut codes = vec![good; asked];
            codes[1] = SubscribeReasonCode::Failure;
            subscribing.answer(&codes);
        }
        assert!(subscribing.is_complete());
        assert_eq!(subscribing.refused, ["1", "65", "129"]);
    }

    #[test]
    fn an_answer_with_too_few_codes_refuses_the_rest() {
        let mut subscribing = Subscribing::new(vec!["a".to_owned(), "b".to_owned()]);
        subscribing.answer(&[SubscribeReasonCode::Success(QoS::AtMostOnce)]);
        assert_eq!(subscribing.refused, ["b"]);
    }
}

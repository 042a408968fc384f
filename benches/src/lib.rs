//! What Picket costs.

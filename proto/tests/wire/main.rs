//! What is on the wire, from the outside: golden bytes, the protocol document, round trips, hostile bytes, JSON.
#![cfg(test)]

mod anything;
mod columns;
mod golden;
mod hostile;
mod hostile_payloads;
mod json;
mod protocol_document;
mod round_trip;
mod samples;

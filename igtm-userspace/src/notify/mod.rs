//! Alerts: from an event to whoever subscribed to it. Never delays a failover.

pub mod event;

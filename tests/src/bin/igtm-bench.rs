//! try
use igtm_tests::bench::{ground::Ground, machine::Machine, report::Report, *};
use std::time::Duration;
fn main() -> anyhow::Result<()> {
    cpu::prefer_session()?;
    let ground = Ground::new()?;
    let effort = peers::Effort {
        rounds: 1,
        step: Duration::from_millis(400),
    };
    let (rounds, errors) = peers::measure(&ground, effort);
    let mut report = Report {
        machine: Machine::this()?,
        is_quick: true,
        rows: vec![],
        errors: vec![],
        limits: vec![],
    };
    for (server, error) in errors {
        report
            .errors
            .push((server.name().into(), format!("{error:#}")));
    }
    let (rows, errors) = comparison::rows(&rounds, effort);
    report.rows.extend(rows);
    report.errors.extend(errors);
    println!("{report}");
    Ok(())
}

//! A report of a whole tenant.

use std::sync::Arc;

use keywright::clock::SystemClock;
use keywright::simulator::tenant::{AttestationJudge, AttestationLevel, Script, Submission, TrainingTenant, TrainingUser};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::{ROUNDS, alone, cost, median, megabytes, program, row};

/// Nothing is registered here.
struct Nobody;

impl AttestationJudge for Nobody {
    fn judge(&self, _: &Submission<'_>) -> Result<AttestationLevel, String> {
        Err("nothing is registered here".into())
    }
}

#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn reports_of_large_tenants() {
    let _alone = alone();
    for count in [1_000_u32, 10_000, 100_000] {
        let user = |number: u32| TrainingUser {
            passkeys: u8::from(number.is_multiple_of(2)),
            ..TrainingUser::numbered(number, "contoso.example")
        };
        let script = Script { users: (1..=count).map(user).collect(), page_size: 999, ..Script::default() };
        let rng = Box::new(StdRng::seed_from_u64(1));
        let tenant = TrainingTenant::start("127.0.0.1:0", script, Arc::new(SystemClock::new()), rng, Box::new(Nobody)).unwrap();
        let home = tempfile::tempdir().unwrap();
        let (profile, file) = (home.path().join("profile.toml"), home.path().join("report.csv"));
        std::fs::write(&profile, tenant.profile_toml()).unwrap();
        let variables = [("HOME", home.path().to_str().unwrap()), ("KEYWRIGHT_PROFILE", profile.to_str().unwrap())];
        let asked = || -> usize {
            let paths = [("POST", "*/token"), ("POST", "*/$batch"), ("GET", "*/users"), ("GET", "*/users/$count")];
            paths.iter().map(|(method, path)| tenant.calls(method, path)).sum()
        };
        let before = asked();
        let runs: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let run = cost(&program(), &["report", "passkeys", "--out", file.to_str().unwrap()], &variables);
                std::fs::remove_file(&file).unwrap();
                run
            })
            .collect();
        let requests = (asked() - before) / ROUNDS;
        let (wall, peak) = (median(runs.iter().map(|run| run.wall)), median(runs.iter().map(|run| run.peak)));
        row("reports", &[count.to_string(), requests.to_string(), format!("{:.2}", wall.as_secs_f64()), megabytes(peak)]);
    }
}

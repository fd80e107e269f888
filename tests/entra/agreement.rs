//! What the preflight foretells of a policy is what the tenant then does, over many policies drawn at random. The two
//! judge by code of their own.

use keywright::identity::{IdentityProvider, Verdict};
use keywright::simulator::tenant::{KeyRestrictions, PasskeyProfile, Script, Target, TrainingPolicy};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::preflight::STANDARD;
use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

const ADELE: &str = "adele@contoso.example";
const GROUPS: [&str; 2] = ["b1a6f9b6-0000-4000-8000-000000000001", "b1a6f9b6-0000-4000-8000-000000000002"];
const PROFILES: [&str; 3] = ["p1", "p2", "nowhere"];

fn some(rng: &mut StdRng, from: &[&str]) -> Vec<String> {
    from.iter().filter(|_| rng.random_bool(0.5)).map(|one| (*one).to_owned()).collect()
}

fn one(rng: &mut StdRng, from: &[&str]) -> String {
    from[rng.random_range(0..from.len())].to_owned()
}

fn restrictions(rng: &mut StdRng) -> KeyRestrictions {
    let other = "2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap();
    let aa_guids = [STANDARD.aaguid, other].into_iter().filter(|_| rng.random_bool(0.5)).collect();
    KeyRestrictions { is_enforced: rng.random_bool(0.4), enforcement_type: one(rng, &["allow", "block"]), aa_guids }
}

fn profile(rng: &mut StdRng, id: &str) -> PasskeyProfile {
    PasskeyProfile {
        id: id.into(),
        name: id.into(),
        passkey_types: one(rng, &["deviceBound", "deviceBound,synced", "deviceBound", "synced"]),
        attestation_enforcement: one(rng, &["disabled", "disabled", "registrationOnly"]),
        key_restrictions: restrictions(rng),
    }
}

fn targets(rng: &mut StdRng, user: &str, chance: f64) -> Vec<Target> {
    let all = [("all_users", "group"), (GROUPS[0], "group"), (GROUPS[1], "group"), (user, "user")];
    let drawn: Vec<(&str, &str)> = all.into_iter().filter(|_| rng.random_bool(chance)).collect();
    let target = |(id, kind): (&str, &str)| Target {
        id: id.into(),
        target_type: kind.into(),
        allowed_passkey_profiles: some(rng, &PROFILES),
    };
    drawn.into_iter().map(target).collect()
}

fn policy(rng: &mut StdRng, user: &str) -> TrainingPolicy {
    TrainingPolicy {
        state: one(rng, &["enabled", "enabled", "enabled", "enabled", "disabled"]),
        is_self_service_registration_allowed: rng.random_bool(0.9),
        is_attestation_enforced: rng.random_bool(0.3),
        key_restrictions: restrictions(rng),
        default_passkey_profile: one(rng, &PROFILES),
        passkey_profiles: if rng.random_bool(0.3) {
            Vec::new()
        } else {
            PROFILES[..2].iter().map(|id| profile(rng, id)).collect()
        },
        include_targets: targets(rng, user, 0.4),
        exclude_targets: targets(rng, user, 0.1),
    }
}

#[test]
fn the_preflight_and_the_tenant_agree() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let mut rng = StdRng::seed_from_u64(20);
    let (mut taken, mut refused) = (0, 0);
    for number in 0..400_u32 {
        let drawn = policy(&mut rng, &user.id);
        let groups = some(&mut rng, &GROUPS);
        let words = format!("{number}: {groups:?} {drawn:?}");
        desk.tenant.change(|script| {
            script.policy = drawn;
            script.users[0].groups = groups;
        });
        let told = desk.entra.preflight(&user, &STANDARD).unwrap();
        let sure = told.findings.iter().all(|finding| finding.verdict != Verdict::Unknown);
        let took = match desk.entra.creation_options(&user, None) {
            Ok(offer) => {
                let mut key = SoftKey::new(&offer, 0);
                key.credential_id[..4].copy_from_slice(&number.to_be_bytes());
                key.self_attested = rng.random_bool(0.3);
                let registered = desk.entra.register(&user, &key.register(&offer));
                registered.map(|method| desk.entra.remove(&user, &method.id).unwrap()).is_ok()
            }
            Err(_) => false,
        };
        match told.failure() {
            Some(failure) => assert!(!took, "foretold, but taken: {failure:?} {words}"),
            None if sure => assert!(took, "taken for granted, but refused: {words}"),
            None => {}
        }
        if took { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 50 && refused > 50, "{taken} taken, {refused} refused");
}

//! What the tenant can answer when it will not have a passkey, situation by situation: where the key and the tenant are left,
//! the exit code, and what a person reads.

use std::sync::Arc;

use keywright::advice::{Advised as _, Exit};
use keywright::enroll::Order;
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions, Script, Target, TrainingPolicy};

use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, METHODS, World, order};

const OPTIONS: &str = "*/authentication/fido2Methods/creationOptions";
const ADMIN: &str = "admin@contoso.example";

/// Where things stand afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The key as it was.
    Untouched,
    /// A key without a passkey of ours, which the tenant does not know.
    NoPasskey,
    /// A sealed key with its passkey, which can be sent again.
    Sealed,
}

/// Something that changes in the world.
type Change = fn(&World);

struct Row {
    name: &'static str,
    user: &'static str,
    /// The tenant as it is from the start.
    before: Change,
    /// What changes just before the registration.
    at_register: Change,
    code: &'static str,
    exit: Exit,
    left: Left,
    /// What the sentence contains.
    says: &'static [&'static str],
}

impl Default for Row {
    fn default() -> Self {
        Self {
            name: "",
            user: ADELE,
            before: |_| {},
            at_register: |_| {},
            code: "",
            exit: Exit::Policy,
            left: Left::Untouched,
            says: &[],
        }
    }
}

fn refuse(world: &World, method: &str, path: &str, status: u16, code: &str) {
    let act = Act::Answer { status, retry_after: None, code: Some(code.into()), processed: false };
    world.tenant.add_fault(Fault::always(method, path, act));
}

fn script(world: &World, edit: impl FnOnce(&mut Script)) {
    world.tenant.change(edit);
}

fn block(world: &World) {
    let aa_guids = vec![world.key.model().aaguid];
    let key_restrictions = KeyRestrictions { is_enforced: true, enforcement_type: "block".into(), aa_guids };
    script(world, |script| script.policy.passkey_profiles[0].key_restrictions = key_restrictions);
}

fn enforce(world: &World) {
    script(world, |script| script.policy.passkey_profiles[0].attestation_enforcement = "registrationOnly".into());
}

/// Who asks for whom, and what may be done.
fn people() -> Vec<Row> {
    vec![
        Row {
            name: "the caller's own account, before the touch",
            before: |world| script(world, |script| script.users[0].own_account = true),
            code: "tenant/not-offered",
            says: &["HTTP 405", "methodNotAllowed", "does not offer this for that account"],
            ..Row::default()
        },
        Row {
            name: "the caller's own account, at the registration",
            at_register: |world| script(world, |script| script.users[0].own_account = true),
            code: "tenant/not-offered",
            left: Left::NoPasskey,
            says: &["HTTP 405", "methodNotAllowed"],
            ..Row::default()
        },
        Row {
            name: "self-service where there is none, before the touch",
            before: |world| refuse(world, "GET", OPTIONS, 403, "accessDenied"),
            code: "tenant/forbidden",
            says: &["HTTP 403", "accessDenied"],
            ..Row::default()
        },
        Row {
            name: "self-service where there is none, at the registration",
            at_register: |world| refuse(world, "POST", METHODS, 403, "accessDenied"),
            code: "tenant/forbidden",
            left: Left::NoPasskey,
            says: &["HTTP 403", "accessDenied"],
            ..Row::default()
        },
        Row {
            name: "the permission is missing",
            before: |world| {
                script(world, |script| script.application.withheld.push("UserAuthMethod-Passkey.ReadWrite.All".into()));
            },
            code: "tenant/forbidden",
            says: &["HTTP 403", "Authorization_RequestDenied"],
            ..Row::default()
        },
        Row {
            name: "the permission goes before the registration",
            at_register: |world| {
                script(world, |script| script.application.withheld.push("UserAuthMethod-Passkey.ReadWrite.All".into()));
            },
            code: "tenant/forbidden",
            left: Left::NoPasskey,
            says: &["HTTP 403", "Authorization_RequestDenied"],
            ..Row::default()
        },
        Row {
            name: "an administrator whom the caller may not touch",
            user: ADMIN,
            before: |world| script(world, |script| script.application.acts_on_administrators = false),
            code: "tenant/forbidden",
            says: &["HTTP 403", "Authorization_RequestDenied"],
            ..Row::default()
        },
    ]
}

/// What becomes of the sign-in and of the user in the middle.
fn changes() -> Vec<Row> {
    vec![
        Row {
            name: "a token that nobody takes, before the touch",
            before: |world| refuse(world, "GET", OPTIONS, 401, "InvalidAuthenticationToken"),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            says: &["HTTP 401", "InvalidAuthenticationToken"],
            ..Row::default()
        },
        Row {
            name: "a token that nobody takes, at the registration",
            at_register: |world| refuse(world, "POST", METHODS, 401, "InvalidAuthenticationToken"),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            left: Left::Sealed,
            says: &["HTTP 401", "InvalidAuthenticationToken"],
            ..Row::default()
        },
        Row {
            name: "Conditional Access asks for more, before the touch",
            before: |world| world.tenant.add_fault(Fault::always("GET", OPTIONS, Act::ClaimsChallenge)),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            says: &["does not accept the sign-in", "HTTP 401"],
            ..Row::default()
        },
        Row {
            name: "Conditional Access asks for more, at the registration",
            at_register: |world| world.tenant.add_fault(Fault::always("POST", METHODS, Act::ClaimsChallenge)),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            left: Left::Sealed,
            says: &["does not accept the sign-in", "HTTP 401"],
            ..Row::default()
        },
        Row {
            name: "the user is not there",
            user: "nobody@contoso.example",
            code: "tenant/user-unknown",
            says: &["no user nobody@contoso.example"],
            ..Row::default()
        },
        Row {
            name: "the user goes while the key is looked at",
            before: |world| refuse(world, "GET", OPTIONS, 404, "Request_ResourceNotFound"),
            code: "tenant/user-unknown",
            says: &["no user adele@contoso.example"],
            ..Row::default()
        },
        Row {
            name: "the user goes before the registration",
            at_register: |world| refuse(world, "POST", METHODS, 404, "Request_ResourceNotFound"),
            code: "tenant/not-found",
            exit: Exit::Tenant,
            left: Left::NoPasskey,
            says: &["HTTP 404", "Request_ResourceNotFound"],
            ..Row::default()
        },
    ]
}

/// The passkey policy forbids it, from the start or from the middle on.
fn policy() -> Vec<Row> {
    let changes: [(&str, Change, &[&str]); 5] = [
        (
            "off",
            |world| script(world, |script| script.policy.state = "disabled".into()),
            &["disabled in the tenant", "[policy/method-enabled]"],
        ),
        (
            "self-service off",
            |world| script(world, |script| script.policy.is_self_service_registration_allowed = false),
            &["\"Allow self-service set up\" off", "[policy/self-service]"],
        ),
        (
            "not included",
            |world| {
                script(world, |script| script.policy.include_targets = vec![Target { id: "g".into(), ..Target::default() }]);
            },
            &["no target of the passkey policy includes adele@contoso.example", "the group g", "[policy/targets]"],
        ),
        (
            "excluded",
            |world| {
                script(world, |script| {
                    script.policy.exclude_targets = vec![Target { id: "g".into(), ..Target::default() }];
                    script.users[0].groups = vec!["g".into()];
                });
            },
            &["excludes adele@contoso.example through the group g", "[policy/targets]"],
        ),
        ("model blocked", block, &["is not accepted by the passkey profile \"Default passkey profile\"", "[policy/aaguid]"]),
    ];
    let mut rows = Vec::new();
    for (name, change, says) in changes {
        rows.push(Row { name, before: change, code: "policy/refused", says, ..Row::default() });
        let code = "policy/refused-passkey";
        rows.push(Row { name, at_register: change, code, left: Left::NoPasskey, says, ..Row::default() });
    }
    rows.push(Row {
        name: "the tenant's own words stand beside the reason",
        at_register: block,
        code: "policy/refused-passkey",
        left: Left::NoPasskey,
        says: &["HTTP 400, badRequest, the passkey policy does not allow this model", "; the reason: "],
        ..Row::default()
    });
    rows.push(Row {
        name: "attestation is demanded of a model that nobody knows",
        before: enforce,
        at_register: |world| refuse(world, "POST", METHODS, 400, "badRequest"),
        code: "tenant/refused",
        left: Left::NoPasskey,
        says: &["HTTP 400, badRequest", "perhaps because", "demands attestation", "[policy/attestation]"],
        ..Row::default()
    });
    rows.push(Row {
        name: "a malformed registration, or whatever else: nothing in the policy explains it",
        at_register: |world| refuse(world, "POST", METHODS, 400, "badRequest"),
        code: "tenant/refused",
        left: Left::NoPasskey,
        says: &["the tenant refused: HTTP 400, badRequest"],
        ..Row::default()
    });
    rows.push(Row {
        name: "a policy that is hidden explains nothing",
        before: |world| script(world, |script| script.application.withheld.push("Policy.Read.AuthenticationMethod".into())),
        at_register: block,
        code: "tenant/refused",
        left: Left::NoPasskey,
        says: &["the tenant refused: HTTP 400, badRequest"],
        ..Row::default()
    });
    rows
}

/// The service is busy or ill.
fn service() -> Vec<Row> {
    let ill: [(&str, Change, Change); 4] = [
        (
            "HTTP 500",
            |world| refuse(world, "GET", OPTIONS, 500, "internalServerError"),
            |world| refuse(world, "POST", METHODS, 500, "internalServerError"),
        ),
        (
            "HTTP 502",
            |world| refuse(world, "GET", OPTIONS, 502, "badGateway"),
            |world| refuse(world, "POST", METHODS, 502, "badGateway"),
        ),
        (
            "HTTP 503",
            |world| refuse(world, "GET", OPTIONS, 503, "serviceNotAvailable"),
            |world| refuse(world, "POST", METHODS, 503, "serviceNotAvailable"),
        ),
        (
            "HTTP 504",
            |world| refuse(world, "GET", OPTIONS, 504, "gatewayTimeout"),
            |world| refuse(world, "POST", METHODS, 504, "gatewayTimeout"),
        ),
    ];
    let mut rows = Vec::new();
    for (name, before, at_register) in ill {
        let row = Row { name, exit: Exit::Tenant, ..Row::default() };
        rows.push(Row { before, code: "tenant/unavailable", says: &["has a problem"], ..row });
        let row = Row { name, exit: Exit::Tenant, left: Left::Sealed, ..Row::default() };
        rows.push(Row { at_register, code: "tenant/outcome-unknown", says: &["outcome is unknown"], ..row });
    }
    rows.push(Row {
        name: "429 before the touch",
        before: |world| world.tenant.add_fault(Fault::always("GET", OPTIONS, Act::throttled(Some(7)))),
        code: "tenant/throttled",
        exit: Exit::Tenant,
        says: &["slow down", "HTTP 429"],
        ..Row::default()
    });
    rows.push(Row {
        name: "429 at the registration",
        at_register: |world| world.tenant.add_fault(Fault::always("POST", METHODS, Act::throttled(Some(7)))),
        code: "tenant/throttled",
        exit: Exit::Tenant,
        left: Left::Sealed,
        says: &["slow down", "HTTP 429"],
        ..Row::default()
    });
    rows
}

#[test]
fn whom_the_tenant_will_not_serve() {
    people().iter().chain(&changes()).for_each(run);
}

#[test]
fn what_the_policy_forbids() {
    policy().iter().for_each(run);
}

#[test]
fn a_service_that_is_busy_or_ill() {
    service().iter().for_each(run);
}

fn run(row: &Row) {
    let name = format!("{} ({:?})", row.name, row.left);
    let world = Arc::new(World::new(&Model::STANDARD));
    (row.before)(&world);
    let fresh = world.key.state();
    let face = Arc::new(ScriptedFace::default());
    let (there, change) = (Arc::clone(&world), row.at_register);
    face.when("\"step-begins\",\"step\":\"register\"", move || change(&there));
    let wanted = Order { user: row.user.into(), ..order() };
    let error = world.enroll(&face, &wanted).unwrap_err();
    assert_eq!((error.advice().code, error.advice().exit), (row.code, row.exit), "{name}: {error}");
    for words in row.says {
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
    let state = world.key.state();
    match row.left {
        Left::Untouched => assert_eq!(state, fresh, "{name}"),
        Left::NoPasskey => assert_eq!((state.resident, world.registered()), (0, 0), "{name}"),
        Left::Sealed => assert_eq!((state.resident, state.forced_change, world.registered()), (1, true, 0), "{name}"),
    }
    assert!(face.handed.lock().unwrap().is_empty(), "{name}: nothing may be handed over");
    // Once the tenant is as it should be, the same command ends well.
    world.tenant.clear_faults();
    script(&world, |script| {
        script.policy = TrainingPolicy::default();
        script.application.withheld.clear();
        script.application.acts_on_administrators = true;
        script.users[0].own_account = false;
    });
    if row.code != "tenant/user-unknown" || row.user == ADELE {
        world.enroll(&face, &Order { erase_agreed: true, ..wanted }).unwrap_or_else(|error| panic!("{name}, again: {error}"));
        assert_eq!((world.key.state().resident, world.tenant.passkeys(row.user).len()), (1, 1), "{name}");
    }
}

/// What a tenant does not show costs a warning each, and the enrolment goes on.
#[test]
fn a_tenant_that_hides_its_rules_costs_a_warning() {
    let hidden = [
        ("Policy.Read.AuthenticationMethod", vec!["policy/read", "policy/strengths"]),
        ("UserAuthMethod-Passkey.Read.All", vec!["methods/count"]),
        ("GroupMember.Read.All", vec!["policy/targets"]),
    ];
    for (permission, checks) in hidden {
        let world = World::new(&Model::STANDARD);
        script(&world, |script| {
            script.policy.exclude_targets = vec![Target { id: "g".into(), ..Target::default() }];
            script.application.withheld.push(permission.into());
        });
        let face = Arc::new(ScriptedFace::default());
        let outcome = world.enroll(&face, &order());
        let said = face.said();
        let warned = said.lines().filter(|line| line.contains("\"found\"") && line.contains("\"unknown\"")).count();
        for check in &checks {
            assert!(said.contains(&format!("\"check\":\"{check}\",\"verdict\":\"unknown\"")), "{permission}: {said}");
        }
        assert_eq!(warned, checks.len(), "{permission}: {said}");
        outcome.unwrap_or_else(|error| panic!("{permission}: {error}"));
        assert_eq!(world.registered(), 1, "{permission}");
    }
}

/// A refusal that is sure needs no list of passkeys to be believed: the key is cleaned, and the reason is told.
#[test]
fn a_sure_refusal_is_believed_without_the_list() {
    let world = World::new(&Model::STANDARD);
    script(&world, |script| script.application.withheld.push("UserAuthMethod-Passkey.Read.All".into()));
    refuse(&world, "POST", METHODS, 400, "badRequest");
    let error = world.enroll(&Arc::new(ScriptedFace::default()), &order()).unwrap_err();
    assert_eq!(error.advice().code, "tenant/refused", "{error}");
    assert_eq!((world.key.state().resident, world.registered()), (0, 0));
    // An answer that was lost is another matter: nobody can say what became of the passkey.
    world.tenant.clear_faults();
    world.tenant.add_fault(Fault::once("POST", METHODS, Act::CloseAfter));
    let error = world.enroll(&Arc::new(ScriptedFace::default()), &Order { erase_agreed: true, ..order() }).unwrap_err();
    assert_eq!(error.advice().code, "tenant/outcome-unknown", "{error}");
    assert_eq!((world.key.state().resident, world.registered()), (1, 1));
    script(&world, |script| script.application.withheld.clear());
    world.enroll(&Arc::new(ScriptedFace::default()), &order()).unwrap();
    assert_eq!((world.key.state().resident, world.registered()), (1, 1));
}

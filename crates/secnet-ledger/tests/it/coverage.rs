//! Every reason for a refusal has a case.

#[test]
fn every_rejection_has_a_case() {
    let cases = [
        include_str!("admission.rs"),
        include_str!("consent.rs"),
        include_str!("decisions.rs"),
        include_str!("governance.rs"),
        include_str!("idempotency.rs"),
        include_str!("money.rs"),
    ]
    .concat();
    let mut count = 0;
    for line in include_str!("../../src/rejection.rs").lines().filter(|l| l.contains("\" hint \""))
    {
        let code = line.split('"').nth(1).unwrap();
        assert!(cases.contains(&format!("\"{code}\"")), "no case is refused with `{code}`");
        count += 1;
    }
    assert!(count > 60, "the list was read");
}

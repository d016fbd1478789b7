//! P1, by types: no release without a proof, and no proof but from the flow.

#[test]
fn p1_a_release_without_granted_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

//! The examples of docs/spec are what the code writes.

use std::str::FromStr;

use secnet_crypto::{Checkpoint, Frontier, SigningKey};
use secnet_types::*;

const ENCODING: &str = include_str!("../../../../docs/spec/encoding.md");
const SIGNATURES: &str = include_str!("../../../../docs/spec/signatures.md");
const COMMANDS: &str = include_str!("../../../../docs/spec/commands.md");
const EVENTS: &str = include_str!("../../../../docs/spec/events.md");
const RULES: &str = include_str!("../../../../docs/spec/rules.md");
const RECEIPTS: &str = include_str!("../../../../docs/spec/receipts.md");
const BLOCKS: &str = include_str!("../../../../docs/spec/blocks.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands behind a label: its first occurrence after `section`.
fn after<'p>(page: &'p str, section: &str, label: &str) -> &'p str {
    let section = page.split_once(section).unwrap_or_else(|| panic!("no section `{section}`")).1;
    section.split_once(label).unwrap_or_else(|| panic!("no label `{label}`")).1
}

/// The bytes behind a label, spaces, line breaks and words left out, `01..01` written out.
fn shows(page: &str, section: &str, label: &str, bytes: &[u8]) {
    let expected = hex(bytes);
    let mut shown = String::new();
    // A remark stands to the right of the bytes, behind more space.
    let lines = after(page, section, label).lines().map(|line| line.trim_start());
    let bytes = lines.map(|line| line.split("      ").next().unwrap_or_default());
    for word in bytes.flat_map(|line| line.split([' ', '`', '|', '(', ')', '='])) {
        if shown.len() >= expected.len() {
            break;
        }
        let is_hex = |word: &str| word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match word.split_once("..") {
            Some((byte, same)) if byte == same && byte.len() == 2 && is_hex(byte) => {
                shown.push_str(&byte.repeat(if shown.ends_with("5820") { 32 } else { 16 }));
            }
            _ if is_hex(word) && word.len().is_multiple_of(2) => shown.push_str(word),
            _ => {}
        }
    }
    assert_eq!(shown, expected, "behind `{label}`");
}

/// The text behind a label, to the end of the line.
fn says(page: &str, section: &str, label: &str, text: &str) {
    let line = after(page, section, label).lines().next().unwrap_or_default();
    assert_eq!(line.split("      ").map(str::trim).find(|part| !part.is_empty()), Some(text));
}

fn ada() -> SigningKey {
    SigningKey::from_seed(Digest::of(b"ada").0)
}

#[test]
fn encoding_shows_values() {
    let row = |label: &str, bytes: Vec<u8>| shows(ENCODING, "| value | bytes |", label, &bytes);
    let endless = Window { from: Timestamp(0), until: Timestamp(u64::MAX) };
    row("`[0, 2^64 - 1]` |", encode(&endless));
    row("(CreateGroup), no fields |", encode(&Operation::CreateGroup));
    let offer = Operation::OfferDataset { dataset: DatasetId([0x11; 16]), to: None };
    row("the last field is absent |", encode(&offer));
    let counter = Answer::Counter { price: None, uses: None, window: endless };
    row("absent fields in the middle |", encode(&counter));
    row("`03..03` |", encode(&Party::Group(GroupId([3; 16]))));
    row("all fields absent |", encode(&Scope::default()));
}

#[test]
fn encoding_shows_ids() {
    let ids = "## 3. Ids as text";
    says(ENCODING, ids, "\n    text ", &DatasetId([0; 16]).to_string());
    let abc = Digest::of(b"abc");
    shows(ENCODING, ids, "\n    digest ", &abc.0);
    says(ENCODING, "\n    digest ", "\n    text ", &abc.to_string());
    let key = ada().verifying_key();
    shows(ENCODING, ids, "\n    seed ", &Digest::of(b"ada").0);
    shows(ENCODING, ids, "\n    key ", key.as_bytes());
    says(ENCODING, ids, "\n    id ", &MemberId::from_key(&key).to_string());
    says(ENCODING, ids, "\n    did ", &key.to_did_key());

    let derived = "## 4. Digests and derived ids";
    let dataset = DatasetId::derive(MemberId::from_key(&key), CommandId([1; 16]));
    shows(ENCODING, derived, "\n    author ", key.as_bytes());
    shows(ENCODING, derived, "\n    dataset ", &dataset.0);
    says(ENCODING, derived, "\n    text ", &dataset.to_string());
    let part = |bytes: &[u8]| [(bytes.len() as u64).to_be_bytes().as_slice(), bytes].concat();
    let parts: [&[u8]; 3] = [b"secnet/id/DatasetId/v1", key.as_bytes(), &[1; 16]];
    let hashed = parts.map(part).concat();
    shows(ENCODING, derived, "\n    hashed ", &hashed);
    shows(ENCODING, derived, "\n    SHA-256 ", &Digest::of(&hashed).0);
    assert_eq!(Digest::of(&hashed).0[..16], dataset.0);
}

#[test]
fn encoding_shows_a_commitment_amounts_and_times() {
    let scope = Scope { categories: Some([Category::Laboratory].into()), ..Scope::default() };
    let (action, purpose) = (Action::Read, Purpose::Treatment);
    let detail = RequestDetail { action, purpose, scope, salt: [0x33; 32], proof_for: None };
    shows(ENCODING, "## 5. Commitments", "\n    data ", &encode(&detail));
    shows(ENCODING, "## 5. Commitments", "\n    commit ", &detail.commitment().0);
    for (amount, text) in [(2_500_000, "2.5"), (1, "0.000001"), (3_000_000, "3")] {
        assert!(ENCODING.contains(&format!("`{text}`")));
        assert_eq!(Amount(amount).to_string(), text);
        assert_eq!(Amount::from_str(text), Ok(Amount(amount)));
    }
    assert!(ENCODING.contains("`1800000000000` is `2027-01-15T08:00:00Z`"));
    assert_eq!(Timestamp(1_800_000_000_000).to_string(), "2027-01-15T08:00:00Z");
}

/// Every row of the table of limits whose name is in the code, and all of those.
#[test]
fn encoding_names_every_limit() {
    let code = include_str!("../../src/limits.rs");
    let constant = |line: &str| {
        let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
        let value = rest.split_once(" = ")?.1.strip_suffix(';')?;
        let product = value.split(" * ").map(|factor| factor.replace('_', "").parse::<u64>());
        Some((name.to_owned(), product.map(Result::unwrap).product::<u64>()))
    };
    let limits: Vec<(String, u64)> = code.lines().filter_map(constant).collect();
    assert!(limits.len() > 30, "{limits:?}");
    for (name, value) in limits {
        let row = after(ENCODING, "## 7. Limits", &format!("| `{name}` | "));
        let written: String = row
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(|c| *c != ',')
            .collect();
        assert_eq!(written, value.to_string(), "{name}");
    }
}

fn example_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

#[test]
fn signatures_shows_a_card() {
    let card = MemberCard {
        network: NetworkId([0xaa; 32]),
        kind: MemberKind::Person,
        sealing_key: Digest([0xbb; 32]),
        voucher: None,
    };
    let signed = Signed::sign(card, &example_key());
    let shows = |label: &str, bytes: &[u8]| shows(SIGNATURES, "## 6. Example", label, bytes);
    shows("\n    public key ", &signed.envelope.key);
    let protected = [&[0xa2, 1, 0x27, 4, 0x58, 0x20], signed.envelope.key.as_slice()].concat();
    shows("\n    protected ", &protected);
    shows("\n    payload ", &signed.envelope.payload);
    shows("\n    namespace ", Namespace::Card.as_bytes());
    shows("\n    Sig_structure ", &signed.envelope.message(Namespace::Card));
    shows("\n    signature ", &signed.envelope.signature);
    let form = signed.to_bytes();
    assert_eq!(form.len(), 184);
    shows("\n    signed form ", &form);
    shows("\n    its digest ", &signed.digest().0);
}

#[test]
fn commands_shows_a_command() {
    let command = Command {
        network: NetworkId([0xaa; 32]),
        author: MemberId::from_key(&example_key().verifying_key()),
        id: CommandId([1; 16]),
        expires: Timestamp(1_800_000_000_000),
        operation: Operation::CreateGroup,
    };
    let signed = SignedCommand::sign(command, &example_key());
    let both = [signed.envelope.payload.as_slice(), &signed.envelope.signature].concat();
    shows(COMMANDS, "## 6. Example", "Payload and signature:", &both);
}

#[test]
fn events_shows_effects() {
    let shows = |label: &str, effect: Effect| shows(EVENTS, "## Examples", label, &encode(&effect));
    shows("ParametersSet", Effect::ParametersSet);
    let (member, kind) = (MemberId([1; 32]), MemberKind::Person);
    shows("no voucher", Effect::MemberAdmitted { member, kind, voucher: None });
    let charged = |escrow| Effect::Charged {
        decision: DecisionId([1; 16]),
        from: MemberId([2; 32]),
        amount: Amount(7),
        escrow,
    };
    shows("from the requester's account", charged(None));
    shows("from the escrow of grant 04..04", charged(Some(GrantId([4; 16]))));
    let verdict = encode(&Verdict::Deny { reason: ReasonClass::Guard });
    self::shows(EVENTS, "## Examples", "deny, by the guard", &verdict);
}

#[test]
fn rules_shows_a_rule() {
    let rule = Rule::new(
        RuleAction::Hold,
        vec![
            Condition::above(Feature::RequestsLastMinute, 30).unwrap(),
            Condition::any_of(Feature::Purpose, &["research", "marketing"]).unwrap(),
        ],
        RuleScope { dataset: Some(DatasetId([0x11; 16])), ..RuleScope::ALL },
        Timestamp(1_893_456_000_000),
    )
    .unwrap();
    shows(RULES, "## 7. Example", "2030-01-01\":", &encode(&rule));
    let text = after(RULES, "## 7. Example", "    @id(");
    let text = text.split("\n\n## ").next().unwrap();
    let text: String =
        format!("    @id({text}").lines().map(|l| format!("{}\n", l.trim())).collect();
    assert_eq!(text, rule.to_cedar());
    assert_eq!(Rule::from_cedar(&text), Ok(rule));
}

#[test]
fn receipts_shows_a_checkpoint() {
    let key = SigningKey::from_seed(Digest::of(b"sequencer").0);
    let block = RECEIPTS.split_once("\n    secnet.example/").unwrap().1;
    let block = block.split_once("\n\n(The").unwrap().0;
    let note: String = format!("secnet.example/{block}")
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    let origin = note.lines().next().unwrap();
    let checkpoint = Checkpoint::open(&note, origin, origin, &key.verifying_key()).unwrap();
    assert_eq!(checkpoint.size(), 5);
    assert_eq!(checkpoint.sign(origin, &key).unwrap().to_text(), note);
}

#[test]
fn blocks_shows_the_root_of_nothing() {
    shows(BLOCKS, "## 3. The trees", "SHA-256 of nothing", &Frontier::new().root().0);
}

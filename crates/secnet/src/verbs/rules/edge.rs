//! `secnet rules export --as modsecurity|crowdsec`: rules about where requests come from, for what stands before the door.
//!
//! A web server's firewall sees an address and nothing of who signed, for what, or what was asked before. A rule that asks about
//! more, or is for one dataset, purpose or party, is refused: half of its conditions would stop whom it does not mean.

use secnet_types::{Feature, Rule, RuleAction, RuleScope, Test, Timestamp};

/// Blocks that the source is in, or is not in, in the rule's order.
struct Sources<'r> {
    all: Vec<(bool, String)>,
    stops: bool,
    rule: &'r Rule,
}

/// What such a system can be told of a rule, or why it cannot.
fn sources(rule: &Rule) -> Result<Sources<'_>, &'static str> {
    if *rule.scope() != RuleScope::ALL {
        return Err("it is for one dataset, purpose or party, which an address does not show");
    }
    let stops = match rule.action() {
        RuleAction::Flag => false,
        RuleAction::Deny => true,
        RuleAction::StepUp | RuleAction::Throttle | RuleAction::Hold => {
            return Err("nothing can wait for its owner there; make it flag or deny");
        }
    };
    let block = |condition: &secnet_types::Condition| match (condition.feature(), condition.test())
    {
        (Feature::Source, Test::Inside(block)) => Ok((true, block.to_string())),
        (Feature::Source, Test::Outside(block)) => Ok((false, block.to_string())),
        _ => Err("it asks about more than where requests come from"),
    };
    let all = rule.conditions().iter().map(block).collect::<Result<Vec<_>, _>>()?;
    Ok(Sources { all, stops, rule })
}

impl Sources<'_> {
    fn end(&self) -> String {
        match self.rule.expires() {
            Timestamp::MAX => String::new(),
            at => format!(" It ends at {at}; remove it then."),
        }
    }

    /// The first four bytes of the rule's id as a number.
    fn number(&self) -> u32 {
        self.rule.id().0.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

/// Ids that the ModSecurity project leaves to whoever runs it are 1 to 99,999.
const LOCAL_IDS: u32 = 99_999;

/// One `SecRule`, chained with one for each further condition.
pub(super) fn modsecurity(rule: &Rule) -> Result<String, &'static str> {
    let sources = sources(rule)?;
    let id = sources.number() % LOCAL_IDS + 1;
    let does = if sources.stops { "deny,status:403" } else { "pass" };
    let mut text = format!("# SecNet rule {}: {rule}.{}\n", rule.id(), sources.end());
    let last = sources.all.len().saturating_sub(1);
    for (place, (inside, block)) in sources.all.iter().enumerate() {
        let not = if *inside { "" } else { "!" };
        let chain = if place < last { ",chain" } else { "" };
        let actions = match place {
            0 => {
                format!(" \"id:{id},phase:1,t:none,{does},log,msg:'SecNet {}'{chain}\"", rule.id())
            }
            _ if place < last => " \"t:none,chain\"".to_owned(),
            _ => " \"t:none\"".to_owned(),
        };
        let indent = "    ".repeat(place.min(1));
        text.push_str(&format!("{indent}SecRule REMOTE_ADDR \"{not}@ipMatch {block}\"{actions}\n"));
    }
    Ok(text)
}

/// A scenario of the kind that fires on each such line of a web server's log.
pub(super) fn crowdsec(rule: &Rule) -> Result<String, &'static str> {
    let sources = sources(rule)?;
    let inside = |(inside, block): &(bool, String)| {
        let not = if *inside { "" } else { "!" };
        format!("{not}IpInRange(evt.Meta.source_ip, \"{block}\")")
    };
    let blocks: Vec<String> = sources.all.iter().map(inside).collect();
    let filter = format!("evt.Meta.service == \"http\" && {}", blocks.join(" && "));
    let name = format!("secnet/source-{:08x}", sources.number());
    let description = format!("SecNet rule {}: {rule}.{}", rule.id(), sources.end());
    // Texts are written as JSON writes them, which YAML reads.
    let text = |value: &str| serde_json::Value::from(value).to_string();
    Ok(format!(
        "type: trigger\nname: {name}\ndescription: {}\nfilter: {}\ngroupby: evt.Meta.source_ip\nblackhole: 1m\nlabels:\n  service: http\n  remediation: {}\n",
        text(&description),
        text(&filter),
        sources.stops,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: &str, scope: &str, conditions: &str) -> Rule {
        let text = format!("@action(\"{action}\")\nforbid ({scope})\n{conditions};\n");
        Rule::from_cedar(&text).unwrap()
    }

    const ALL: &str = "principal, action, resource";
    const INSIDE: &str =
        "when { context has source && context.source.isInRange(ip(\"10.0.0.0/8\")) }";
    const OUTSIDE: &str =
        "when { context has source && !context.source.isInRange(ip(\"10.1.0.0/16\")) }";

    #[test]
    fn one_block_is_one_line() {
        let rule = rule("deny", ALL, INSIDE);
        let text = modsecurity(&rule).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("# SecNet rule snrule1"), "{text}");
        assert!(
            lines[1].starts_with("SecRule REMOTE_ADDR \"@ipMatch 10.0.0.0/8\" \"id:"),
            "{text}"
        );
        assert!(lines[1].contains(",deny,status:403,log,") && !text.contains("chain"), "{text}");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn all_blocks_must_hold() {
        let both = rule("flag", ALL, &format!("{INSIDE}\n{OUTSIDE}"));
        let text = modsecurity(&both).unwrap();
        assert_eq!(text.matches("chain").count(), 1, "{text}");
        assert!(text.contains(",pass,log,") && !text.contains("deny"), "{text}");
        assert!(
            text.ends_with("    SecRule REMOTE_ADDR \"!@ipMatch 10.1.0.0/16\" \"t:none\"\n"),
            "{text}"
        );
        let scenario = crowdsec(&both).unwrap();
        let filter = "filter: \"evt.Meta.service == \\\"http\\\" && IpInRange(evt.Meta.source_ip, \\\"10.0.0.0/8\\\") && !IpInRange(evt.Meta.source_ip, \\\"10.1.0.0/16\\\")\"";
        assert!(scenario.contains(filter), "{scenario}");
        assert!(scenario.contains("remediation: false"), "{scenario}");
        assert!(crowdsec(&rule("deny", ALL, INSIDE)).unwrap().contains("remediation: true"));
    }

    #[test]
    fn what_an_address_does_not_show_is_refused() {
        let more = format!(
            "{INSIDE}\nwhen {{ context has records_requested && context.records_requested > 7 }}"
        );
        let purpose =
            format!("when {{ context has purpose && context.purpose == \"research\" }}\n{INSIDE}");
        for refused in
            [rule("deny", ALL, &more), rule("hold", ALL, INSIDE), rule("deny", ALL, &purpose)]
        {
            assert!(modsecurity(&refused).is_err() && crowdsec(&refused).is_err(), "{refused}");
        }
    }
}

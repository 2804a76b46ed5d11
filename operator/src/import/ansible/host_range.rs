//! Expands ranges in names of Ansible hosts, such as `web[01:50]`, `db-[a:f]` or `node[1:9:2].example.org`.

/// The maximum number of hosts that one pattern may stand for.
const MOST: usize = 20_000;

/// Returns the names of hosts that a pattern stands for, in order.
///
/// # Errors
/// A range is wrong, or stands for too many hosts. The error is a clause that says why.
pub fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((range, behind)) = after.split_once(']') else {
            return Err(format!("the range in {pattern} has no closing bracket"));
        };
        let values = values(range)?;
        if names.len().saturating_mul(values.len()) > MOST {
            return Err(format!("{pattern} stands for more than {MOST} hosts"));
        }
        let with = |name: &String| -> Vec<String> {
            values.iter().map(|value| format!("{name}{before}{value}")).collect()
        };
        names = names.iter().flat_map(with).collect();
        rest = behind;
    }
    if rest.contains(']') {
        return Err(format!("the range in {pattern} has no opening bracket"));
    }
    Ok(names.into_iter().map(|name| name + rest).collect())
}

fn values(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match *parts.as_slice() {
        [begin, end] => (begin, end, 1),
        [begin, end, step] => match step.parse() {
            Ok(step) if step > 0 => (begin, end, step),
            Ok(_) | Err(_) => return Err(format!("the step of the range [{range}] is not a number from 1")),
        },
        _ => return Err(format!("the range [{range}] is not of the form [begin:end] or [begin:end:step]")),
    };
    // In Ansible, a range without a beginning, such as `[:3]`, begins at 0.
    let begin = if begin.is_empty() { "0" } else { begin };
    if let (Some(first), Some(last)) = (letter(begin), letter(end)) {
        let all: Vec<String> = (first..=last).step_by(step).map(|c| char::from(c).to_string()).collect();
        return (first.is_ascii_lowercase() == last.is_ascii_lowercase() && !all.is_empty())
            .then_some(all)
            .ok_or_else(|| format!("the range [{range}] ends before it begins"));
    }
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<usize>().ok().filter(|_| is_number)
    };
    let (Some(first), Some(last)) = (number(begin), number(end)) else {
        return Err(format!("the range [{range}] has neither two numbers nor two letters"));
    };
    // As in Ansible, leading zeros of the first number set the width of all numbers: `[01:10]` begins with
    // `01`.
    let width = if begin.len() > 1 && begin.starts_with('0') { begin.len() } else { 0 };
    if width > 0 && end.len() != width {
        return Err(format!("the range [{range}] has leading zeros, and ends of different lengths"));
    }
    if last < first {
        return Err(format!("the range [{range}] ends before it begins"));
    }
    if (last - first) / step >= MOST {
        return Err(format!("the range [{range}] stands for more than {MOST} hosts"));
    }
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

fn letter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> String {
        expand(pattern).map_or_else(|why| format!("! {why}"), |names| names.join(" "))
    }

    #[test]
    fn ranges_are_expanded_as_ansible_does() {
        assert_eq!(of("web"), "web");
        assert_eq!(of("web[1:3]"), "web1 web2 web3");
        assert_eq!(of("web[08:11].org"), "web08.org web09.org web10.org web11.org");
        assert_eq!(of("web[1:9:4]"), "web1 web5 web9");
        assert_eq!(of("db-[a:c]"), "db-a db-b db-c");
        assert_eq!(of("r[1:2]h[a:b]"), "r1ha r1hb r2ha r2hb");
        assert_eq!(of("x[:2]"), "x0 x1 x2");
    }

    #[test]
    fn wrong_ranges_are_refused() {
        for (pattern, why) in [
            ("web[1:3", "no closing bracket"),
            ("web]", "no opening bracket"),
            ("web[]", "not of the form"),
            ("web[1]", "not of the form"),
            ("web[3:1]", "ends before it begins"),
            ("web[c:a]", "ends before it begins"),
            ("web[a:Z]", "ends before it begins"),
            ("web[a:3]", "neither two numbers"),
            ("web[1:3:0]", "not a number from 1"),
            ("web[01:100]", "different lengths"),
            ("web[1:99999999999999999999999]", "neither two numbers"),
            ("web[1:30000]", "more than 20000"),
            ("web[1:300][1:300]", "more than 20000"),
        ] {
            assert!(expand(pattern).unwrap_err().contains(why), "{pattern}: {}", of(pattern));
        }
    }
}

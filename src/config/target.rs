//! What a call may be bridged to: a phone number, a SIP URI, an agent, an extension. Pure.
//!
//! Must never: take a number that the whole of its text does not spell, or judge one type by another's rules.

use super::host::host_and_port;
use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::Regex;
use std::borrow::Cow;
use std::fmt;

/// A target's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An E.164 number.
    Phone,
    /// A SIP or SIPS URI (RFC 3261 §19.1) of user and host.
    Sip,
    /// An agent of the contact centre, by id.
    Agent,
    /// An internal extension.
    Extension,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Phone, Self::Sip, Self::Agent, Self::Extension];

    /// As the platform and the configuration write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Sip => "sip",
            Self::Agent => "agent",
            Self::Extension => "extension",
        }
    }

    /// The type of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A target that has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    kind: Kind,
    value: String,
}

impl Target {
    /// Its type.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value, as given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether both lead to the same place. Scheme and host of a SIP URI are the same in any case of their letters
    /// (RFC 3261 §19.1.4).
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.place() == other.place()
    }

    fn place(&self) -> String {
        match (self.kind, self.value.split_once('@')) {
            (Kind::Sip, Some((user, host))) => {
                let (scheme, user) = user.split_once(':').unwrap_or(("", user));
                format!("{}:{user}@{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
            }
            _ => self.value.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Sip => f.write_str(&self.value),
            kind => write!(f, "{}:{}", kind.name(), self.value),
        }
    }
}

/// Checks a target of a known type; with it comes what is worth a warning. The error says what to do.
///
/// # Errors
/// One sentence without the value, which may be anything; of a number's digits, the number that was meant.
pub fn check_target(kind: Kind, value: &str) -> Result<(Target, Option<String>), Cow<'static, str>> {
    let warning = match kind {
        Kind::Phone => phone(value)?,
        Kind::Sip => sip(value).map(|()| None)?,
        Kind::Agent => agent(value).map(|()| None)?,
        Kind::Extension => extension(value).map(|()| None)?,
    };
    Ok((Target { kind, value: value.to_owned() }, warning))
}

/// The digits of a number in the form of E.164: `+` and 7 to 15 of them, the first not 0.
pub(super) fn e164(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (7..=15).contains(&digits.len());
    (plain && !digits.starts_with('0')).then_some(digits)
}

/// The whole text is in the form of E.164, and the numbering plan of its country knows numbers of that length. A range
/// that is not assigned is a warning only: plans change faster than this program.
fn phone(text: &str) -> Result<Option<String>, Cow<'static, str>> {
    const E164: &str = "give the whole number as E.164: + and 7 to 15 digits, the first not 0, such as +12025550100";
    let digits = e164(text).ok_or(E164)?;
    let number = phonenumber::parse(None, text).map_err(|_| "no country's numbering plan knows such a number")?;
    let code = number.code().value();
    let national = digits.strip_prefix(&code.to_string()).unwrap_or_default();
    let plans = DATABASE.by_code(&code).unwrap_or_default();
    if let Some((prefix, rest)) = prefix_left_in(&plans, national) {
        let meant = format!("+{code}{rest}");
        return Err(format!(
            "{prefix} is dialled within the country only, and not after +{code}: give {meant}, if that is meant"
        )
        .into());
    }
    let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
    if !plans.iter().any(|plan| is_possible(plan, length)) {
        return Err("the number is too short or too long for its country: check its digits".into());
    }
    Ok((!plans.iter().any(|plan| is_valid(plan, national)))
        .then(|| format!("{text}: no range that the numbering plan assigns; it may not be reachable")))
}

/// The national prefix that was left in, and the number without it: where a plan names one, the number with it is in no
/// range of its country's and the number without it is.
fn prefix_left_in<'n>(plans: &[&'static Metadata], national: &'n str) -> Option<(&'static str, &'n str)> {
    let valid = |number: &str| plans.iter().any(|plan| is_valid(plan, number));
    if valid(national) {
        return None;
    }
    let without = |plan: &&'static Metadata| {
        let prefix = plan.national_prefix().filter(|prefix| !prefix.is_empty())?;
        national.strip_prefix(prefix).filter(|rest| valid(rest)).map(|rest| (prefix, rest))
    };
    plans.iter().find_map(without)
}

/// Whether the plan assigns the national number as a whole to any kind.
fn is_valid(plan: &Metadata, national: &str) -> bool {
    let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
    let fits = |kind: &Descriptor| {
        let lengths = kind.possible_length();
        // The library takes a match at the beginning for one of the whole. Its patterns are written over several lines.
        let whole = || Regex::new(&format!("(?x)^(?:{})$", kind.national_number().as_str()));
        let fits = lengths.is_empty() || lengths.contains(&length);
        fits && kind.is_match(national) && whole().is_ok_and(|whole| whole.is_match(national))
    };
    fits(plan.descriptors().general()) && dialled(plan).any(fits)
}

/// Whether any kind of number that can be dialled from elsewhere has so many digits in this plan. The plan's own general
/// list of lengths is derived, and empty in the library's data.
fn is_possible(plan: &Metadata, length: u16) -> bool {
    dialled(plan).any(|kind| kind.possible_length().contains(&length))
}

/// The kinds of numbers of a plan that can be dialled from elsewhere.
fn dialled(plan: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let kinds = plan.descriptors();
    let dialled = [
        kinds.fixed_line(),
        kinds.mobile(),
        kinds.toll_free(),
        kinds.premium_rate(),
        kinds.shared_cost(),
        kinds.personal_number(),
        kinds.voip(),
        kinds.pager(),
        kinds.uan(),
        kinds.voicemail(),
    ];
    dialled.into_iter().flatten()
}

/// `sip:` or `sips:`, a user, `@`, a host or an address, and a port if need be: no parameters, no headers, no password.
fn sip(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "give a SIP URI of user and host, such as sip:desk@pbx.example or sips:desk@pbx.example:5061";
    let rest = ["sip:", "sips:"].iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| text.get(scheme.len()..)).flatten()
    });
    let (user, place) = rest.filter(|_| text.len() <= 255).and_then(|rest| rest.split_once('@')).ok_or(FORM)?;
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,%".contains(&b);
    if user.is_empty() || !user.bytes().all(unreserved) || !escapes_are_whole(user) {
        return Err(FORM);
    }
    host_and_port(place).map(drop).ok_or(FORM)
}

/// Each `%` is followed by two hexadecimal digits.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn agent(text: &str) -> Result<(), &'static str> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(fine) {
        Ok(())
    } else {
        Err("give the agent's id: 1 to 64 letters, digits and any of - _ . @")
    }
}

fn extension(text: &str) -> Result<(), &'static str> {
    if (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err("give the extension's 1 to 15 digits")
    }
}

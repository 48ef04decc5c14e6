//! DynamoDB's numbers: decimals of 38 digits, and their bytes as sort keys.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most significant digits.
const DIGITS_MAX: u32 = 38;
/// Powers of ten of the leading digit: 1E-130 to 9.99E+125.
const LEADING_MIN: i32 = -130;
const LEADING_MAX: i32 = 125;

/// Sign, digits without zeros at either end, power of ten of the last digit. Zero has no digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Number {
    negative: bool,
    digits: u128,
    power: i32,
}

impl Number {
    pub(crate) const ZERO: Self = Self { negative: false, digits: 0, power: 0 };

    /// # Errors
    /// DynamoDB's words for a text that is no number, or none that it keeps.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("The parameter cannot be converted to a numeric value".to_owned());
        }
        let malformed = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (negative, rest) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, power) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().map_err(|_| malformed())?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let trimmed = all.trim_start_matches('0').trim_end_matches('0');
        if trimmed.is_empty() {
            return Ok(Self::ZERO);
        }
        let dropped = all.len() - all.trim_end_matches('0').len();
        if trimmed.len() > DIGITS_MAX as usize {
            return Err("Attempting to store more than 38 significant digits in a Number".to_owned());
        }
        let length = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let power = power.saturating_sub(length(fraction.len())).saturating_add(length(dropped));
        let digits = trimmed.parse().map_err(|_| malformed())?;
        Self { negative, digits, power }.checked()
    }

    /// From a whole number that is small.
    pub(crate) fn whole(value: i64) -> Self {
        Self { negative: value < 0, digits: value.unsigned_abs().into(), power: 0 }.trimmed()
    }

    /// The power of ten of the first digit.
    fn leading(self) -> i32 {
        self.power + self.count().cast_signed() - 1
    }

    fn count(self) -> u32 {
        self.digits.checked_ilog10().map_or(0, |log| log + 1)
    }

    fn trimmed(mut self) -> Self {
        if self.digits == 0 {
            return Self::ZERO;
        }
        while self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.power += 1;
        }
        self
    }

    fn checked(self) -> Result<Self, String> {
        if self.digits == 0 {
            return Ok(Self::ZERO);
        }
        if self.count() > DIGITS_MAX {
            return Err("Attempting to store more than 38 significant digits in a Number".to_owned());
        }
        let leading = self.power.saturating_add(self.count().cast_signed() - 1);
        if leading > LEADING_MAX {
            return Err(
                "Number overflow. Attempting to store a number with magnitude larger than supported range"
                    .to_owned(),
            );
        }
        if leading < LEADING_MIN {
            return Err(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range"
                    .to_owned(),
            );
        }
        Ok(self)
    }

    pub(crate) fn negated(self) -> Self {
        Self { negative: self.digits != 0 && !self.negative, ..self }
    }

    /// # Errors
    /// When the sum is none that DynamoDB keeps.
    pub(crate) fn plus(self, other: Self) -> Result<Self, String> {
        if self.digits == 0 {
            return Ok(other);
        }
        if other.digits == 0 {
            return Ok(self);
        }
        let power = self.power.min(other.power);
        let aligned = |number: Self| {
            let factor = 10u128.checked_pow((number.power - power).unsigned_abs())?;
            number.digits.checked_mul(factor)
        };
        let too_long = || "Attempting to store more than 38 significant digits in a Number".to_owned();
        let (left, right) = (aligned(self).ok_or_else(too_long)?, aligned(other).ok_or_else(too_long)?);
        let (negative, digits) = if self.negative == other.negative {
            (self.negative, left.checked_add(right).ok_or_else(too_long)?)
        } else if left >= right {
            (self.negative, left - right)
        } else {
            (other.negative, right - left)
        };
        Self { negative, digits, power }.trimmed().checked()
    }

    /// The whole part, where it fits.
    pub(crate) fn to_i64(self) -> Option<i64> {
        let digits = match u32::try_from(self.power) {
            Ok(power) => self.digits.checked_mul(10u128.checked_pow(power)?)?,
            Err(_) => self.digits.checked_div(10u128.checked_pow(self.power.unsigned_abs())?)?,
        };
        let value = i64::try_from(digits).ok()?;
        Some(if self.negative { -value } else { value })
    }

    /// Bytes as AWS counts them.
    pub(crate) fn size(self) -> usize {
        if self.digits == 0 {
            return 1;
        }
        // Digits come in pairs at even powers.
        let first = self.leading().div_euclid(2);
        let last = self.power.div_euclid(2);
        (first - last + 1).unsigned_abs() as usize + 1 + usize::from(self.negative)
    }

    /// Bytes whose order is that of the numbers; none is a prefix of another.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        if self.digits == 0 {
            out.push(0x80);
            return;
        }
        let start = out.len();
        out.push(0xc0);
        out.push(u8::try_from(self.leading() - LEADING_MIN).expect("a number's range is checked"));
        let mut digits = self.digits.to_string();
        if digits.len() % 2 == 1 {
            digits.push('0');
        }
        for pair in digits.as_bytes().chunks(2) {
            out.push((pair[0] - b'0') * 10 + (pair[1] - b'0') + 1);
        }
        out.push(0);
        if self.negative {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits, number.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let magnitude = || {
            let scaled = |number: &Self| number.digits * 10u128.pow(DIGITS_MAX - number.count());
            self.leading().cmp(&other.leading()).then_with(|| scaled(self).cmp(&scaled(other)))
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => magnitude(),
            _ => magnitude().reverse(),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As DynamoDB returns it: no exponent, no needless zeros.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits.to_string();
        let sign = if self.negative { "-" } else { "" };
        if self.power >= 0 {
            return write!(f, "{sign}{digits}{}", "0".repeat(self.power.unsigned_abs() as usize));
        }
        let fraction = self.power.unsigned_abs() as usize;
        if digits.len() > fraction {
            let (whole, rest) = digits.split_at(digits.len() - fraction);
            write!(f, "{sign}{whole}.{rest}")
        } else {
            write!(f, "{sign}0.{}{digits}", "0".repeat(fraction - digits.len()))
        }
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use proptest::prelude::{Strategy, any};
    use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_returned_in_one_form() {
        for (given, shown) in [
            ("1", "1"),
            ("-0", "0"),
            ("+007.500", "7.5"),
            ("1e3", "1000"),
            ("1E-5", "0.00001"),
            ("-12.34e1", "-123.4"),
            (".5", "0.5"),
            ("5.", "5"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ] {
            assert_eq!(number(given).to_string(), shown, "{given}");
        }
        assert_eq!(number("9.99e125").to_string().len(), 126);
        assert_eq!(number("1e-130").to_string().len(), 132);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "a", "1e", "--1", "1.2.3", "0x1", " 1", "1_0", "NaN", "."] {
            assert!(Number::parse(text).unwrap_err().starts_with("The parameter cannot be"), "{text:?}");
        }
        let said = |text: &str| Number::parse(text).unwrap_err();
        assert!(said("1e126").starts_with("Number overflow"));
        assert!(said("-1e2000000000").starts_with("Number overflow"));
        assert!(said("1e-131").starts_with("Number underflow"));
        assert!(said(&"1".repeat(39)).contains("more than 38 significant digits"));
    }

    #[test]
    fn bytes_sort_as_the_numbers_do() {
        let texts = [
            "-9.99e125",
            "-100",
            "-99.5",
            "-99",
            "-10",
            "-1.5",
            "-1",
            "-0.5",
            "-1e-130",
            "0",
            "1e-130",
            "0.05",
            "0.5",
            "1",
            "1.01",
            "1.5",
            "2",
            "9",
            "10",
            "10.5",
            "11",
            "99",
            "99.5",
            "100",
            "1e125",
        ];
        let encoded = |text: &str| {
            let mut bytes = Vec::new();
            number(text).encode(&mut bytes);
            bytes
        };
        for pair in texts.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
            assert!(encoded(pair[0]) < encoded(pair[1]), "{pair:?}");
            assert!(!encoded(pair[1]).starts_with(&encoded(pair[0])), "{pair:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        for (left, right, sum) in [
            ("0.1", "0.2", "0.3"),
            ("-5", "5", "0"),
            ("1", "-3", "-2"),
            ("99", "1", "100"),
            ("1e20", "1e-10", "100000000000000000000.0000000001"),
        ] {
            assert_eq!(number(left).plus(number(right)).unwrap(), number(sum), "{left} + {right}");
        }
        assert!(number("1e60").plus(number("1")).is_err());
        assert_eq!(number("-12.9").to_i64(), Some(-12));
        assert_eq!(number("1e30").to_i64(), None);
    }

    /// A number that DynamoDB keeps, as clients may write it.
    fn text() -> impl Strategy<Value = String> {
        let digits = prop_oneof!["[0-9]{1,3}", "[0-9]{1,20}", "[0-9]{36,38}", "9{30,38}", "10{0,36}1"];
        let power = prop_oneof![-3..3_i32, -40..40_i32, -130..126_i32];
        (any::<bool>(), digits, power, 0..39_usize).prop_filter_map("out of range", |parts| {
            let (negative, mut digits, leading, point) = parts;
            let count = digits.trim_start_matches('0').len();
            let power = leading - i32::try_from(count).ok()? + 1;
            let point = point.min(digits.len());
            let power = power + i32::try_from(digits.len() - point).ok()?;
            digits.insert(point, '.');
            let text = format!("{}{digits}e{power}", if negative { "-" } else { "" });
            Number::parse(&text).is_ok().then_some(text)
        })
    }

    fn exact(text: &str) -> BigDecimal {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_kept(text in text()) {
            let shown = number(&text).to_string();
            prop_assert_eq!(exact(&shown), exact(&text));
            prop_assert_eq!(number(&shown), number(&text));
            prop_assert!(!shown.contains(['e', 'E', '+']), "{}", shown);
            prop_assert!(shown == "0" || !shown.contains('.') || !shown.ends_with(['0', '.']), "{}", shown);
        }

        #[test]
        fn order_and_bytes_are_those_of_the_exact_values(left in text(), right in text()) {
            let ordered = exact(&left).cmp(&exact(&right));
            prop_assert_eq!(number(&left).cmp(&number(&right)), ordered);
            let bytes = [&left, &right].map(|text| {
                let mut bytes = Vec::new();
                number(text).encode(&mut bytes);
                bytes
            });
            prop_assert_eq!(bytes[0].cmp(&bytes[1]), ordered);
            prop_assert_eq!(bytes[0].starts_with(&bytes[1]), ordered == Ordering::Equal);
        }

        #[test]
        fn a_sum_is_exact_or_refused_because_it_can_not_be_kept(left in text(), right in text()) {
            let wanted = exact(&left) + exact(&right);
            match number(&left).plus(number(&right)) {
                Ok(sum) => prop_assert_eq!(exact(&sum.to_string()), wanted),
                Err(said) => {
                    let (digits, scale) = wanted.normalized().as_bigint_and_exponent();
                    let count = digits.magnitude().to_string().len();
                    let leading = i64::try_from(count).unwrap() - scale - 1;
                    let range = i64::from(LEADING_MIN)..=i64::from(LEADING_MAX);
                    prop_assert!(count > 38 || !range.contains(&leading), "{} {}", wanted, said);
                }
            }
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[-+]?[0-9.eE+-]{0,12}") {
            if let Ok(number) = Number::parse(&text) {
                prop_assert_eq!(exact(&number.to_string()), exact(&text));
            }
        }
    }
}

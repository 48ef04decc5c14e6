//! Blocks of addresses, such as `10.0.0.0/24`.

use std::net::IpAddr;

/// # Errors
/// In AWS's words.
pub fn parse(text: &str) -> Result<(IpAddr, u32), String> {
    let Some((address, bits)) = text.split_once('/').filter(|(_, bits)| !bits.contains('/')) else {
        return Err("Malformed CIDR, one '/' required".to_owned());
    };
    let bits = bits.parse::<i64>().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
    let bits =
        u32::try_from(bits).map_err(|_| "Malformed CIDR, mask bits must not be negative".to_owned())?;
    let block = address.parse::<IpAddr>().map_err(|_| format!("Nonstandard IP address: {address}"))?;
    let (family, bits_max) = if block.is_ipv4() { ("IPv4", 32) } else { ("IPv6", 128) };
    if bits > bits_max {
        return Err(format!("{family} mask bits must be < {bits_max}"));
    }
    Ok((block, bits))
}

/// Whether the block has the address.
pub fn is_within(address: IpAddr, block: IpAddr, bits: u32) -> bool {
    match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(address) & mask == u32::from(block) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(block)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(address) & mask == u128::from(block) & mask
        }
        _ => false,
    }
}

//! Randomness as a pure function of a seed: SplitMix64.

/// A small generator; good enough for jitter and sampling, not for secrets.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose whole sequence follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero if `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

/// A random identifier that sorts by time (UUID version 7), as the protocol's `writer_id` wants it.
pub fn uuid_v7(rng: &mut Rng, unix_millis: u64) -> alloc::string::String {
    let high = (unix_millis << 16) | 0x7000 | (rng.next_u64() & 0x0FFF);
    let low = 0x8000_0000_0000_0000 | (rng.next_u64() >> 2);
    alloc::format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_carries_its_version_variant_and_time() {
        let id = uuid_v7(&mut Rng::new(1), 0x0123_4567_89AB);
        assert!(id.starts_with("01234567-89ab-7"), "{id}");
        assert_eq!(id.len(), 36);
        assert!(matches!(id.as_bytes()[19], b'8'..=b'b'), "{id}");
    }
}

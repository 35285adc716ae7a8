//! (a ± y) mod m, without a branch or a division that depends on a or y.
//!
//! Each type here is a modulus m = radix^u or radix^v with what Barrett's method precomputes for it, for one range of
//! m and one width of y (y is d = 4⌈b/4⌉ + 4 bytes: 64, 96, 128 or 160 bits). All of them follow one scheme:
//!
//! ```text
//! s = ⌊log₂ m⌋                 so 2^s < m < 2^(s+1), as m is no power of two
//! µ = ⌊2^(s+64) / m⌋           so 2^63 ≤ µ < 2^64
//! t = ⌊y / 2^s⌋                must be below 2^64
//! q = ⌊t·µ / 2^64⌋             the estimate of ⌊y/m⌋
//! r = y − q·m                  in [0, 3m)
//! ```
//!
//! **Bound.** q·m ≤ t·2^s ≤ y, so r ≥ 0. Write y = t·2^s + f with 0 ≤ f < 2^s. Then
//! y/m − t·µ/2^64 = f/m + t·(2^(s+64)/m − µ)/2^64 < 2^s/m + t/2^64 < 1 + 1, and the floor in q loses less than 1 more,
//! so y/m − q < 3, that is r < 3m. ∎
//!
//! Then c = a + r or c = a + 3m − r is in [0, 4m) for a in [0, m), congruent to a ± y, and two conditional
//! subtractions, of 2m and of m, bring it to [0, m). For c < 4m ≤ 2^w/2 a conditional subtraction in w-bit words is
//! `min(c, c − 2m)`: when c < 2m the difference wraps to at least 2^w − 2m, which is greater than c.
//!
//! **Fold.** Where y is too wide for m, so that t ≥ 2^64, its top bits are reduced first: h = ⌊y / 2^32⌋ gives
//! r₁ < 3m with r₁ ≡ h, and y' = r₁·2^32 + (y mod 2^32) < 3m·2^32 ≡ y gives t' = ⌊y'/2^s⌋ < 3m·2^32/2^s < 6·2^32 < 2^64.

/// What AES gives one value in one round: S is its first d bytes.
#[derive(Clone, Copy)]
pub(super) struct Output {
    /// R.
    pub(super) first: u128,
    /// The first four bytes of CIPH(R ⊕ \[1\]), where d = 20; else 0.
    pub(super) next: u32,
}

/// A modulus: adds y to a half, or subtracts it.
pub(super) trait Modulus: Copy {
    /// The integer that holds a half.
    type Half: Half;
    /// Whether y is longer than one block of AES.
    const TWO_BLOCKS: bool;
    /// (a + y) mod m for a < m.
    fn add(&self, a: Self::Half, s: Output) -> Self::Half;
    /// (a − y) mod m for a < m.
    fn subtract(&self, a: Self::Half, s: Output) -> Self::Half;

    /// K_i ⊕ x, as AES takes it.
    #[inline(always)]
    fn block(constant: u128, x: Self::Half) -> [u8; 16] {
        (constant ^ x.wide()).to_be_bytes()
    }

    /// (a ± y) mod m, where S is a part of one block R.
    #[inline(always)]
    fn combine<const ADD: bool>(&self, a: Self::Half, r: [u8; 16]) -> Self::Half {
        let output = Output { first: u128::from_be_bytes(r), next: 0 };
        if ADD { self.add(a, output) } else { self.subtract(a, output) }
    }
}

/// The integer of a half.
pub(super) trait Half: Copy + Default {
    /// As 128 bits.
    fn wide(self) -> u128;
}

impl Half for u64 {
    #[inline(always)]
    fn wide(self) -> u128 {
        self.into()
    }
}

impl Half for u128 {
    #[inline(always)]
    fn wide(self) -> u128 {
        self
    }
}

/// ⌊x·y / 2^64⌋.
#[inline(always)]
pub(super) fn high(x: u64, y: u64) -> u64 {
    ((u128::from(x) * u128::from(y)) >> 64) as u64
}

/// y of 64 bits and 2 ≤ m ≤ 2^32, powers of two included (d = 8).
///
/// Here µ = ⌊(2^64 − 1)/m⌋ and q = ⌊y·µ/2^64⌋. **Bound.** 2^64 = µ·m + e with 1 ≤ e ≤ m, so
/// y/m − y·µ/2^64 = y·e/(m·2^64) ≤ y/2^64 < 1, and with the floor y/m − q < 2: r is in [0, 2m). ∎
/// c = a + r or a + 2m − r is below 3m, so two conditional subtractions of m suffice.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    m: u64,
    mu: u64,
}

impl Narrow {
    pub(super) fn new(m: u64) -> Self {
        debug_assert!((2..=1 << 32).contains(&m));
        Narrow { m, mu: u64::MAX / m }
    }

    /// To [`divide`](Self::divide) by, for 2 ≤ m < 2^63: the bound of q holds for any m, and 2m < 2^64 for r.
    pub(super) fn divisor(m: u64) -> Self {
        debug_assert!((2..1 << 63).contains(&m));
        Narrow { m, mu: u64::MAX / m }
    }

    /// m.
    #[inline(always)]
    pub(super) fn modulus(&self) -> u64 {
        self.m
    }

    /// y mod m, plus m or not.
    #[inline(always)]
    fn residue(&self, y: u64) -> u64 {
        y - high(y, self.mu) * self.m
    }

    #[inline(always)]
    fn settle(&self, c: u64) -> u64 {
        let c = c.min(c.wrapping_sub(self.m));
        c.min(c.wrapping_sub(self.m))
    }

    /// (⌊y/m⌋, y mod m).
    #[inline(always)]
    pub(super) fn divide(&self, y: u64) -> (u64, u64) {
        let q = high(y, self.mu);
        let r = y - q * self.m;
        let short = u64::from(r >= self.m);
        (q + short, r - short * self.m)
    }
}

impl Modulus for Narrow {
    type Half = u64;
    const TWO_BLOCKS: bool = false;

    #[inline(always)]
    fn add(&self, a: u64, s: Output) -> u64 {
        self.settle(a + self.residue((s.first >> 64) as u64))
    }

    #[inline(always)]
    fn subtract(&self, a: u64, s: Output) -> u64 {
        self.settle(a + 2 * self.m - self.residue((s.first >> 64) as u64))
    }
}

/// y of 64 bits and 2^6 ≤ m ≤ 2^16 (d = 8), with products of 32 by 32 bits only: those a compiler can do for several
/// values at a time.
///
/// ```text
/// y = Σ yᵢ·2^(16i), i = 0..3       z = y₀ + Σ yᵢ·(2^(16i) mod m), i = 1..3      z ≡ y, z < 4·2^32 = 2^34
/// s = ⌊log₂ m⌋ ≥ 6                 µ = ⌊2^(s+31)/m⌋ ≤ 2^31                      t = ⌊z/2^s⌋ < 2^28
/// q = ⌊t·µ/2^31⌋                   r = z − q·m, in [0, 3m)
/// ```
///
/// **Bound.** q·m ≤ t·2^s ≤ z, so r ≥ 0. Write z = t·2^s + f with 0 ≤ f < 2^s ≤ m. Then
/// z/m − t·µ/2^31 = f/m + t·(2^(s+31)/m − µ)/2^31 < 1 + 2^28/2^31, and the floor in q loses less than 1 more, so
/// z/m − q < 3. ∎ c = a + r or a + 3m − r is below 4m ≤ 2^18, and two conditional subtractions, of 2m and m, suffice.
#[derive(Clone, Copy)]
pub(super) struct Small {
    m: u32,
    /// 2^16, 2^32 and 2^48 modulo m.
    powers: [u32; 3],
    mu: u32,
    s: u32,
}

impl Small {
    /// Whether it can be one.
    pub(super) fn takes(m: u64) -> bool {
        (1 << 6..=1 << 16).contains(&m)
    }

    pub(super) fn new(m: u64) -> Self {
        debug_assert!(Self::takes(m));
        let s = m.ilog2();
        let powers = [16, 32, 48].map(|e| ((1u64 << e) % m) as u32);
        Small { m: m as u32, powers, mu: ((1u64 << (s + 31)) / m) as u32, s }
    }

    /// y mod m, plus 0, m or 2m, from the bytes of y read as a little-endian word: its 16-bit parts are those of y, the
    /// greatest first, with their two bytes exchanged.
    #[inline(always)]
    fn residue(&self, word: u64) -> u64 {
        const LOW: u64 = 0x00FF_00FF_00FF_00FF;
        let parts = (word & LOW) << 8 | (word >> 8) & LOW;
        let [p1, p2, p3] = self.powers.map(u64::from);
        let (y3, y2, y1, y0) = (parts & 0xFFFF, parts >> 16 & 0xFFFF, parts >> 32 & 0xFFFF, parts >> 48);
        let z = y0 + y1 * p1 + y2 * p2 + y3 * p3;
        let t = u64::from((z >> self.s) as u32);
        let q = u64::from(((t * u64::from(self.mu)) >> 31) as u32);
        z - q * u64::from(self.m)
    }

    /// a ± y, of which the residue is given.
    #[inline(always)]
    fn apply<const ADD: bool>(&self, a: u64, residue: u64) -> u64 {
        self.settle(if ADD { a + residue } else { a + 3 * u64::from(self.m) - residue })
    }

    #[inline(always)]
    fn settle(&self, c: u64) -> u64 {
        let m = u64::from(self.m);
        let c = c.min(c.wrapping_sub(2 * m));
        c.min(c.wrapping_sub(m))
    }
}

impl Modulus for Small {
    type Half = u64;
    const TWO_BLOCKS: bool = false;

    #[inline(always)]
    fn add(&self, a: u64, s: Output) -> u64 {
        self.apply::<true>(a, self.residue(((s.first >> 64) as u64).swap_bytes()))
    }

    #[inline(always)]
    fn subtract(&self, a: u64, s: Output) -> u64 {
        self.apply::<false>(a, self.residue(((s.first >> 64) as u64).swap_bytes()))
    }

    // A half has two bytes, which go to the end of the block. Exchanging bytes by shifts instead of an instruction of its
    // own is what lets a compiler do several values at a time; likewise below.
    #[inline(always)]
    fn block(constant: u128, x: u64) -> [u8; 16] {
        let first = ((constant >> 64) as u64).to_be_bytes();
        let last = (constant as u64).swap_bytes() ^ (x << 56 | x >> 8 << 48);
        (u128::from(last) << 64 | u128::from(u64::from_le_bytes(first))).to_le_bytes()
    }

    #[inline(always)]
    fn combine<const ADD: bool>(&self, a: u64, r: [u8; 16]) -> u64 {
        self.apply::<ADD>(a, self.residue(u128::from_le_bytes(r) as u64))
    }
}

/// y of 96 bits and 2^16 < m < 2^61, no power of two (d = 12): the scheme in 64-bit words, as 4m < 2^63.
#[derive(Clone, Copy)]
pub(super) struct Middle {
    m: u64,
    mu: u64,
    s: u32,
    /// t = ⌊y/2^s⌋ < 2^64 needs s ≥ 32.
    fold: bool,
}

impl Middle {
    pub(super) fn new(m: u64) -> Self {
        debug_assert!(m > 1 << 16 && m < 1 << 61);
        let (mu, s) = reciprocal(m.into());
        Middle { m, mu, s, fold: s < 32 }
    }

    #[inline(always)]
    fn residue(&self, s: Output) -> u64 {
        let mut y = s.first >> 32;
        if self.fold {
            // h < 2^64 and m < 2^33, so r₁ < 2^35 and y' < 2^67.
            let h = (y >> 32) as u64;
            let r = h - high(h >> self.s, self.mu) * self.m;
            y = u128::from(r) << 32 | y & 0xffff_ffff;
        }
        let q = high((y >> self.s) as u64, self.mu);
        // r < 3m < 2^63, so the low words of y and q·m determine it.
        (y as u64).wrapping_sub(q.wrapping_mul(self.m))
    }

    #[inline(always)]
    fn settle(&self, c: u64) -> u64 {
        let c = c.min(c.wrapping_sub(2 * self.m));
        c.min(c.wrapping_sub(self.m))
    }
}

impl Modulus for Middle {
    type Half = u64;
    const TWO_BLOCKS: bool = false;

    #[inline(always)]
    fn add(&self, a: u64, s: Output) -> u64 {
        self.settle(a + self.residue(s))
    }

    #[inline(always)]
    fn subtract(&self, a: u64, s: Output) -> u64 {
        self.settle(a + 3 * self.m - self.residue(s))
    }
}

/// y of 96 or 128 bits and 2^32 < m < 2^96, no power of two (d = 12, 16): the scheme in 128-bit words.
#[derive(Clone, Copy)]
pub(super) struct Wide {
    m: u128,
    mu: u64,
    s: u32,
    /// How far right S is in R: 128 − 8d.
    shift: u32,
    /// t = ⌊y/2^s⌋ < 2^64 needs s ≥ 8d − 64.
    fold: bool,
}

impl Wide {
    pub(super) fn new(m: u128, d: usize) -> Self {
        debug_assert!((d == 12 || d == 16) && m > 1 << 32 && m < 1 << 96);
        let (mu, s) = reciprocal(m);
        Wide { m, mu, s, shift: 128 - 8 * d as u32, fold: s + 64 < 8 * d as u32 }
    }

    #[inline(always)]
    fn residue(&self, s: Output) -> u128 {
        let mut y = s.first >> self.shift;
        if self.fold {
            // h < 2^96 and s ≥ 32, so t < 2^64; m < 2^64, so r₁ < 2^66 and y' < 2^98.
            let h = y >> 32;
            let r = h - u128::from(high((h >> self.s) as u64, self.mu)) * self.m;
            y = r << 32 | y & 0xffff_ffff;
        }
        // q·m ≤ y < 2^128.
        y - u128::from(high((y >> self.s) as u64, self.mu)) * self.m
    }

    #[inline(always)]
    fn settle(&self, c: u128) -> u128 {
        let c = c.min(c.wrapping_sub(2 * self.m));
        c.min(c.wrapping_sub(self.m))
    }
}

impl Modulus for Wide {
    type Half = u128;
    const TWO_BLOCKS: bool = false;

    #[inline(always)]
    fn add(&self, a: u128, s: Output) -> u128 {
        self.settle(a + self.residue(s))
    }

    #[inline(always)]
    fn subtract(&self, a: u128, s: Output) -> u128 {
        self.settle(a + 3 * self.m - self.residue(s))
    }
}

/// y of 160 bits and 2^80 < m < 2^128, no power of two (d = 20): the scheme, always folded.
///
/// h = R is the top 128 bits of y; s ≥ 80 gives t < 2^48. y' = r₁·2^32 + (y mod 2^32) may need 160 bits, but
/// t' = ⌊y'/2^s⌋ = ⌊r₁/2^(s−32)⌋ does not, as its low 32 bits lie below 2^s. c < 4m needs 130 bits: [`Long`] carries
/// numbers of 192 bits as a high word and a low one.
#[derive(Clone, Copy)]
pub(super) struct Double {
    m: u128,
    mu: u64,
    s: u32,
}

impl Double {
    pub(super) fn new(m: u128) -> Self {
        debug_assert!(m > 1 << 80);
        let (mu, s) = reciprocal(m);
        Double { m, mu, s }
    }

    /// y' and q·m, of which r is the difference.
    #[inline(always)]
    fn parts(&self, s: Output) -> (Long, Long) {
        let r = s.first - u128::from(high((s.first >> self.s) as u64, self.mu)) * self.m;
        let q = high((r >> (self.s - 32)) as u64, self.mu);
        let low = (r << 32) | u128::from(s.next);
        (Long { high: (r >> 96) as u64, low }, Long::product(q, self.m))
    }

    #[inline(always)]
    fn settle(&self, c: Long) -> u128 {
        let twice = Long { high: (self.m >> 127) as u64, low: self.m << 1 };
        c.reduce_by(twice).reduce_by(Long { high: 0, low: self.m }).low
    }
}

impl Modulus for Double {
    type Half = u128;
    const TWO_BLOCKS: bool = true;

    #[inline(always)]
    fn add(&self, a: u128, s: Output) -> u128 {
        let (y, qm) = self.parts(s);
        self.settle(y.plus(Long { high: 0, low: a }).minus(qm))
    }

    #[inline(always)]
    fn subtract(&self, a: u128, s: Output) -> u128 {
        let (y, qm) = self.parts(s);
        self.settle(Long::product(3, self.m).plus(Long { high: 0, low: a }).plus(qm).minus(y))
    }
}

/// high·2^128 + low.
#[derive(Clone, Copy)]
struct Long {
    high: u64,
    low: u128,
}

impl Long {
    #[inline(always)]
    fn product(x: u64, y: u128) -> Self {
        let bottom = u128::from(x) * u128::from(y as u64);
        let top = u128::from(x) * (y >> 64);
        let (low, carry) = bottom.overflowing_add(top << 64);
        Long { high: (top >> 64) as u64 + u64::from(carry), low }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Long { high: self.high.wrapping_add(other.high).wrapping_add(carry.into()), low }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Long { high: self.high.wrapping_sub(other.high).wrapping_sub(borrow.into()), low }
    }

    /// self − other where that is not negative, else self. Both are below 2^191, so the sign is the top bit.
    #[inline(always)]
    fn reduce_by(self, other: Self) -> Self {
        let difference = self.minus(other);
        let keep = 0u64.wrapping_sub(difference.high >> 63);
        let wide = u128::from(keep) << 64 | u128::from(keep);
        Long {
            high: (self.high & keep) | (difference.high & !keep),
            low: (self.low & wide) | (difference.low & !wide),
        }
    }
}

/// y of 96 to 160 bits and m a power of two up to 2^128 (d = 12, 16, and 20 where `TWO`): y mod m is its low bits.
#[derive(Clone, Copy)]
pub(super) struct Mask<const TWO: bool> {
    /// m − 1.
    mask: u128,
    /// How far right S is in R, where it is not longer than R.
    shift: u32,
}

impl<const TWO: bool> Mask<TWO> {
    pub(super) fn new(bits: u32, d: usize) -> Self {
        debug_assert!((1..=128).contains(&bits) && TWO == (d == 20));
        Mask { mask: u128::MAX >> (128 - bits), shift: 128u32.saturating_sub(8 * d as u32) }
    }

    /// y mod 2^128.
    #[inline(always)]
    fn low(&self, s: Output) -> u128 {
        if TWO { s.first << 32 | u128::from(s.next) } else { s.first >> self.shift }
    }
}

impl<const TWO: bool> Modulus for Mask<TWO> {
    type Half = u128;
    const TWO_BLOCKS: bool = TWO;

    #[inline(always)]
    fn add(&self, a: u128, s: Output) -> u128 {
        a.wrapping_add(self.low(s)) & self.mask
    }

    #[inline(always)]
    fn subtract(&self, a: u128, s: Output) -> u128 {
        a.wrapping_sub(self.low(s)) & self.mask
    }
}

/// (µ, s) = (⌊2^(s+64)/m⌋, ⌊log₂ m⌋) for m > 1, no power of two; by long division where 2^(s+64) is too great.
pub(super) const fn reciprocal(m: u128) -> (u64, u32) {
    debug_assert!(!m.is_power_of_two());
    let s = m.ilog2();
    if s < 64 {
        return (((1u128 << (s + 64)) / m) as u64, s);
    }
    // 2^(s+64)/m = 2^(127+64)/m' for m' = m·2^(127−s). Below, remainder < m' throughout, at first as 2^127 < m'.
    let divisor = m << (127 - s);
    let mut remainder = 1u128 << 127;
    let mut mu = 0;
    let mut i = 0;
    while i < 64 {
        let carry = remainder >> 127 == 1;
        remainder <<= 1;
        let bit = carry || remainder >= divisor;
        remainder = if bit { remainder.wrapping_sub(divisor) } else { remainder };
        mu = mu << 1 | bit as u64;
        i += 1;
    }
    (mu, s)
}

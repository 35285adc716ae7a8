//! `token = ipcrypt(K, address)`: IP addresses by a cipher of the IPCrypt specification.
//!
//! `K` is the sub-key for (tenant, field, cipher, the caller's context). The ciphers have no tweak, and the
//! prefix-preserving one shows, as it has to, which addresses share how long a prefix.
//!
//! Source: draft-denis-ipcrypt, "ipcrypt-deterministic" and "ipcrypt-pfx".

use super::column::{Cells, text};
use super::{Column, Failures, is_blank};
use crate::crypto::context::{Context, Label};
use crate::crypto::kdf;
use crate::crypto::secret::PrpKey;
use crate::error::{Error, Result};
use crate::format::NetworkCipher;
use crate::keys::UsableKey;
use crate::name::{FieldName, TenantId};
use ipcrypt_rs::{Ipcrypt, IpcryptPfx};
use std::io::Write;
use std::net::IpAddr;

/// One of the ciphers under one key.
pub(super) enum Network {
    PrefixPreserving(Box<IpcryptPfx>),
    Deterministic(Box<Ipcrypt>),
}

impl Network {
    pub(super) fn new(
        cipher: NetworkCipher,
        key: &UsableKey,
        tenant: &TenantId,
        field: &FieldName,
        context: &[u8],
    ) -> Self {
        let number = match cipher {
            NetworkCipher::PrefixPreserving => 1,
            NetworkCipher::Deterministic => 2,
        };
        let info = Context::new(Label::NetworkKey).part(tenant.as_str()).part(field.as_str());
        let key: PrpKey = kdf::derive(key.secret(), &info.number(number).part(context));
        // Both take the key by value: a copy stays on the stack.
        match cipher {
            NetworkCipher::PrefixPreserving => {
                Network::PrefixPreserving(Box::new(IpcryptPfx::new(*key.expose())))
            }
            NetworkCipher::Deterministic => {
                let half = key.expose().first_chunk().expect("a key has 32 bytes");
                Network::Deterministic(Box::new(Ipcrypt::new(*half)))
            }
        }
    }

    /// Appends the address's token, or the token's address.
    pub(super) fn map<const ENCRYPT: bool>(&self, text: &str, out: &mut Vec<u8>) -> Result<()> {
        let address: IpAddr = text.parse().map_err(|_| Error::Value { problem: "is no IP address" })?;
        if address.to_string() != text || matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
            let problem = "is an IP address in another spelling than the shortest, in lower case (RFC 5952)";
            return Err(Error::Value { problem });
        }
        let mapped = match (self, ENCRYPT) {
            (Network::PrefixPreserving(cipher), true) => cipher.encrypt_ipaddr(address),
            (Network::PrefixPreserving(cipher), false) => cipher.decrypt_ipaddr(address),
            (Network::Deterministic(cipher), true) => cipher.encrypt_ipaddr(address),
            (Network::Deterministic(cipher), false) => cipher.decrypt_ipaddr(address),
        };
        write!(out, "{mapped}").expect("writing to memory does not fail");
        Ok(())
    }
}

/// [`Network::map`] of each row, in its context. A context that comes again in the next row costs no other key.
pub(super) fn map_in<const ENCRYPT: bool>(
    network: impl Fn(&[u8]) -> Result<Network>,
    contexts: &(impl Cells + ?Sized),
    input: &(impl Cells + ?Sized),
    output: &mut Column,
    failures: &mut Failures,
) {
    let mut latest: Option<(&[u8], Network)> = None;
    for row in 0..input.len() {
        let cell = input.cell(row);
        output.push_with(failures, |out| {
            if is_blank(cell) {
                out.extend_from_slice(cell);
                return Ok(());
            }
            let context = contexts.cell(row);
            let of_row = match latest.take().filter(|(of, _)| *of == context) {
                Some((_, network)) => network,
                None => network(context)?,
            };
            let (_, network) = latest.insert((context, of_row));
            network.map::<ENCRYPT>(text(cell)?, out)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_key;
    use super::*;

    fn network(cipher: NetworkCipher, field: &str) -> Network {
        let (tenant, field) = (TenantId::new("acme").unwrap(), FieldName::new(field).unwrap());
        Network::new(cipher, &test_key(1), &tenant, &field, b"")
    }

    fn map<const ENCRYPT: bool>(network: &Network, text: &str) -> String {
        let mut out = vec![];
        network.map::<ENCRYPT>(text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    // SPEC: NET-1
    #[test]
    fn addresses_come_back() {
        for cipher in [NetworkCipher::PrefixPreserving, NetworkCipher::Deterministic] {
            let network = network(cipher, "ip");
            for address in
                ["192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "fe80::1:2"]
            {
                let token = map::<true>(&network, address);
                assert_ne!(token, address);
                assert_eq!(map::<false>(&network, &token), address, "{cipher:?}");
            }
        }
    }

    // SPEC: NET-1
    #[test]
    fn prefixes_are_preserved_and_no_more() {
        let network = network(NetworkCipher::PrefixPreserving, "ip");
        let token = |n: u32| -> u32 {
            let text = map::<true>(&network, &std::net::Ipv4Addr::from(n).to_string());
            text.parse::<std::net::Ipv4Addr>().unwrap().into()
        };
        for i in 0..2000u32 {
            let (a, b) = (i.wrapping_mul(2_654_435_761), i.wrapping_mul(40_503) ^ 0xC000_0201);
            assert_eq!((token(a) ^ token(b)).leading_zeros(), (a ^ b).leading_zeros());
        }
    }

    // SPEC: NET-2
    #[test]
    fn fields_have_keys_of_their_own_and_other_spellings_are_refused() {
        let cipher = NetworkCipher::Deterministic;
        let (a, b) = (network(cipher, "a"), network(cipher, "b"));
        assert_ne!(map::<true>(&a, "192.0.2.1"), map::<true>(&b, "192.0.2.1"));
        for bad in
            ["", "1.2.3", "01.2.3.4", "1.2.3.4 ", "2001:DB8::1", "2001:db8:0::1", "::ffff:1.2.3.4", "\0"]
        {
            assert!(matches!(a.map::<true>(bad, &mut vec![]), Err(Error::Value { .. })), "{bad:?}");
        }
    }

    fn key<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..][..2], 16).unwrap())
    }

    fn maps(network: &Network, address: &str, token: &str) {
        assert_eq!(map::<true>(network, address), token);
        assert_eq!(map::<false>(network, token), address);
    }

    /// draft-denis-ipcrypt, "Test Vectors", "ipcrypt-pfx"; a single zero group is spelled out here.
    // SPEC: NET-1
    #[test]
    fn prefix_preserving_is_ipcrypt_pfx_of_the_draft() {
        let network = |hex| Network::PrefixPreserving(Box::new(IpcryptPfx::new(key(hex))));
        let first = network("0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301");
        for (address, token) in [
            ("0.0.0.0", "151.82.155.134"),
            ("255.255.255.255", "94.185.169.89"),
            ("192.0.2.1", "100.115.72.131"),
            ("2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"),
        ] {
            maps(&first, address, token);
        }
        let second = network("2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a");
        for (address, token) in [
            ("10.0.0.47", "19.214.210.244"),
            ("10.0.0.129", "19.214.210.80"),
            ("10.0.0.234", "19.214.210.30"),
            ("172.16.5.193", "210.78.229.136"),
            ("172.16.97.42", "210.78.179.241"),
            ("172.16.248.177", "210.78.121.215"),
            ("2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"),
            ("2001:db8::7234:d8f1:3c6e:9a52", "7cec:702c:1243:f70:a3ef:c8e:95c1:cd0d"),
            ("2001:db8::f1e0:937b:26d4:8c1a", "7cec:702c:1243:f70:443c:c8e:6a62:b64d"),
            ("2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9"),
            ("2001:db8:9f27:0:b4e2:7a3d:5f91:c8e6", "7cec:702c:a504:b74e:194a:3d90:b047:2d1a"),
            ("2001:db8:d8b4:0:193c:a5e7:8b2f:46d1", "7cec:702c:f840:aa67:1b8:e84f:ac9d:77fb"),
        ] {
            maps(&second, address, token);
        }
    }

    /// draft-denis-ipcrypt, "Test Vectors", "ipcrypt-deterministic".
    // SPEC: NET-1
    #[test]
    fn deterministic_is_ipcrypt_deterministic_of_the_draft() {
        for (hex, address, token) in [
            ("0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"),
            ("1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"),
            ("2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"),
        ] {
            maps(&Network::Deterministic(Box::new(Ipcrypt::new(key(hex)))), address, token);
        }
    }
}

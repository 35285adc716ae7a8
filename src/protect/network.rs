//! `token = ipcrypt(K, address)`: IP addresses by a cipher of the IPCrypt specification.
//!
//! `K` is the sub-key for (tenant, field, cipher, the caller's context). The ciphers have no tweak, and the
//! prefix-preserving one shows, as it has to, which addresses share how long a prefix.
//!
//! Source: draft-denis-ipcrypt, "ipcrypt-deterministic" and "ipcrypt-pfx".

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
}

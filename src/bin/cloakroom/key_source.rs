//! Where the key comes from: never from the command line itself, which other users can see.

use clap::Args;
use cloakroom::keys::Scheme;
use std::path::PathBuf;

/// What opens what exists.
#[derive(Args)]
pub struct KeySource {
    /// File with the key; made by `init` or `keys create` if it does not exist. [env: CLOAKROOM_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File whose first line is the passphrase; else CLOAKROOM_PASSPHRASE, else a prompt.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Passphrase and key file together; so it is when both files are named here.
    #[arg(long, global = true)]
    pub two_factors: bool,
    /// File with a share; once for each share that is needed.
    #[arg(
        long = "share",
        global = true,
        value_name = "FILE",
        conflicts_with_all = ["key_file", "passphrase_file", "two_factors"]
    )]
    pub shares: Vec<PathBuf>,
    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub token: TokenSource,
}

/// A key in a PKCS#11 token.
#[cfg(feature = "pkcs11")]
#[derive(Args)]
pub struct TokenSource {
    /// The token's PKCS#11 module, a shared library.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        conflicts_with_all = ["key_file", "passphrase_file", "two_factors", "shares"]
    )]
    pub pkcs11_module: Option<PathBuf>,
    /// The token's label.
    #[arg(long, global = true, value_name = "LABEL")]
    pub pkcs11_token: Option<String>,
    /// The label of the AES-256 key in it; made by `init` or `keys create` if there is none.
    #[arg(long, global = true, value_name = "LABEL")]
    pub pkcs11_key: Option<String>,
    /// File whose first line is the PIN; else CLOAKROOM_PIN, else a prompt.
    #[arg(long, global = true, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// Tries the PIN also when the token locks itself if it is wrong.
    #[arg(long, global = true)]
    pub last_try: bool,
}

/// A key that is split anew.
#[derive(Args)]
pub struct Split {
    /// Locks with a new key in shares, of which so many open: `3-of-5`.
    #[arg(long = "shares", value_name = "M-of-N", requires = "share_dir")]
    pub scheme: Option<Scheme>,
    /// Directory for the files of the shares, one for each holder; made if it does not exist.
    #[arg(long, value_name = "DIR", requires = "scheme")]
    pub share_dir: Option<PathBuf>,
}

/// What locks in the place of what opened.
#[derive(Args)]
pub struct NewKeySource {
    /// File with the new key; made if it does not exist.
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// File whose first line is the new passphrase; else CLOAKROOM_NEW_PASSPHRASE, else a prompt.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// New passphrase and key file together; so it is when both files are named here.
    #[arg(long)]
    new_two_factors: bool,
    #[command(flatten)]
    split: Split,
    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    token: NewTokenSource,
}

/// The new key in a PKCS#11 token.
#[cfg(feature = "pkcs11")]
#[derive(Args)]
struct NewTokenSource {
    /// The new token's PKCS#11 module.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["new_key_file", "new_passphrase_file", "new_two_factors"])]
    new_pkcs11_module: Option<PathBuf>,
    /// The new token's label.
    #[arg(long, value_name = "LABEL")]
    new_pkcs11_token: Option<String>,
    /// The label of the AES-256 key in it; made if there is none.
    #[arg(long, value_name = "LABEL")]
    new_pkcs11_key: Option<String>,
    /// File whose first line is the new token's PIN; else CLOAKROOM_NEW_PIN, else a prompt.
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,
}

impl NewKeySource {
    /// As a source of its own; whether a last try is allowed is said once for both.
    #[cfg_attr(not(feature = "pkcs11"), expect(unused_variables, reason = "it is about tokens only"))]
    pub fn apart(self, old: &KeySource) -> (KeySource, Split) {
        let source = KeySource {
            key_file: self.new_key_file,
            passphrase_file: self.new_passphrase_file,
            two_factors: self.new_two_factors,
            shares: vec![],
            #[cfg(feature = "pkcs11")]
            token: TokenSource {
                pkcs11_module: self.token.new_pkcs11_module,
                pkcs11_token: self.token.new_pkcs11_token,
                pkcs11_key: self.token.new_pkcs11_key,
                pin_file: self.token.new_pin_file,
                last_try: old.token.last_try,
            },
        };
        (source, self.split)
    }
}

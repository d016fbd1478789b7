//! A permission does not come out of bytes: neither it nor the caller's proof has a decoder.
use secnet_app::{Authenticated, Granted};

fn main() {
    let _ = Granted::from_bytes(&[]);
    let _ = Authenticated::from_bytes(&[]);
}

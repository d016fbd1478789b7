"""Verify the COSE Receipt (RFC 9942) of an event with a library of others: the PyPI package scitt-cose.

    verify_cose_receipt.py GENESIS RECEIPT COSE_RECEIPT

GENESIS and RECEIPT are SecNet's own (docs/spec/blocks.md, receipts.md): the one names the key of the log, the other holds
the event, which is the leaf. Exits 0 if the receipt holds and every changed copy of it is refused.
"""

import sys

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scitt_cose.receipt import verify_receipt


def main() -> None:
    genesis, receipt, cose = (open(path, "rb").read() for path in sys.argv[1:4])
    own = cbor2.loads(receipt)
    sequencer = cbor2.loads(genesis)[7]
    key = Ed25519PublicKey.from_public_bytes(sequencer)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    event, index = own[2], own[3]
    header = cbor2.loads(own[5])[0] if isinstance(own[5], bytes) else own[5][0]

    def check(candidate: bytes, leaf: bytes = event):
        return verify_receipt(candidate, leaf_entry_hex=leaf.hex(), log_public_key_pem=pem)

    good = check(cose)
    assert good.ok, good.errors
    assert (good.leaf_index, good.tree_size) == (index, header[9]), "another place or size"
    assert bytes.fromhex(good.root) == header[10], "another root than the certified header's"
    assert good.subject == f"{good.issuer}/events/{index}", good.subject
    assert not check(cose, event + b"\0").ok, "another leaf is accepted"
    for place in range(len(cose)):
        changed = bytearray(cose)
        changed[place] ^= 1
        try:
            accepted = check(bytes(changed)).ok
        except Exception:
            accepted = False
        assert not accepted, f"a changed byte {place} is accepted"
    print(f"event {index} is in the log of {good.issuer}, of {good.tree_size} events")


main()

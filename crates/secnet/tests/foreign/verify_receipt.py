"""verify_receipt.py GENESIS RECEIPT [CHECKPOINT]: says what was decided (exit 0) or what fails (exit 7).

A second implementation, from docs/spec and with standard packages alone: cbor2, pycose, cryptography."""
import base64, hashlib, sys, cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

PROTECTED = bytes.fromhex("a20127045820")  # {1: -8, 4: 32-byte key}

def check(holds, what):
    if not holds:
        raise ValueError(what)
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def decode(what, data, limit, fields=None):
    """One value, one encoding (encoding.md): decode, encode again, compare; and no unknown fields."""
    value = cbor2.loads(data)
    known = fields is None or str([*value]) == str([*range(fields)])  # as text: True is no 1
    canonical = len(data) <= limit and cbor2.dumps(value, canonical=True) == data
    check(known and canonical, f"the {what} is too long or not in its one encoding")
    return value

def signed(what, data, namespace, limit, fields):
    """The payload of a COSE_Sign1 in the one form of signatures.md, once its signature holds."""
    protected, unprotected, payload, signature = decode(what, data, limit).value
    form = data[:1] == b"\xd2" and protected[:6] == PROTECTED and len(protected) == 38 and unprotected == {}
    check(form and len(signature) == 64, f"the {what} is not in the one signed form")
    message = Sign1Message.decode(data)
    message.key, message.external_aad = OKPKey(crv="ED25519", x=protected[6:]), namespace
    check(message.verify_signature(), f"the signature of the {what} does not hold")
    return decode(what, payload, limit, fields)

def inclusion(leaf, index, size, proof, root):
    """RFC 9162, section 2.1.3.2 (receipts.md)."""
    check(0 <= index < size and {len(sibling) for sibling in proof} <= {32}, "the proof is malformed")
    node, last, value = index, size - 1, sha256(b"\0", leaf)
    for sibling in proof:
        check(last != 0, "the inclusion proof is too long")
        right = node & 1 or node == last
        value = sha256(b"\1", sibling, value) if right else sha256(b"\1", value, sibling)
        while right and not node & 1 and node:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    check(last == 0 and value == root, "the event is not in the log that the header commits to")

def text_id(prefix, data):
    """Bech32m (encoding.md, section 3)."""
    bits, state = "".join(f"{byte:08b}" for byte in data), 1
    groups = [int(bits[i:i + 5].ljust(5, "0"), 2) for i in range(0, len(bits), 5)]
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + groups + [0] * 6:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for bit, mask in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= mask * (top >> bit & 1)
    groups += [(state ^ 0x2BC830A3) >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[group] for group in groups)

def checkpoint(note, name, key, size, root):
    text, lines = note.decode().rsplit("\n\n", 1)
    line, = [line for line in lines.split("\n") if line.startswith(f"\u2014 {name} ")]
    blob = base64.b64decode(line.split(" ")[2])
    check(line == f"\u2014 {name} {base64.b64encode(blob).decode()}" and lines[-1] == "\n", "a line is misspelt")
    check(blob[:4] == sha256(name.encode(), b"\n\1", key)[:4], "the checkpoint is signed by another key")
    Ed25519PublicKey.from_public_bytes(key).verify(blob[4:], text.encode() + b"\n")
    origin, count, hashed = text.split("\n")
    check(origin == name and count == str(int(count)), "the checkpoint is of another log")
    check(int(count) != size or hashed == base64.b64encode(root).decode(), "the checkpoint has another root")
    return f"\ncheckpoint of {count} events is genuine" + (", and agrees" if int(count) == size else "")

def main(genesis_bytes, receipt_bytes, note=None):
    genesis = decode("genesis", genesis_bytes, 1 << 20)
    version, command_bytes, event_bytes, index, proof, sealed = decode("receipt", receipt_bytes, 1 << 18, 6).values()
    command = signed("command", command_bytes, b"secnet/command/v1", 16384, 5)
    operation, (decision,) = command[4]
    check(operation == 23, "the command is not a decision")
    request = signed("request", decision[0], b"secnet/request/v1", 1024, 8)
    header, (kind, (key, signature)) = sealed.values()
    check(f"{version} {[*sealed]} {genesis[0]} {header[0]}" == "1 [0, 1] 1 1", "unknown version")
    check({header[1], command[0], request[0]} == {sha256(genesis_bytes)}, "the receipt belongs to another network")
    event = decode("event", event_bytes, 65535, 5)
    check(event[3] == [1, [sha256(command_bytes), command[1], command[2]]], "the event has another cause")
    check(event[0] < header[2] and (type(index), type(kind)) == (int, int), "the header does not cover the event")
    inclusion(event_bytes, index, header[9], proof, header[10])
    covered = cbor2.dumps(["Signature1", PROTECTED + key, b"secnet/header/v1", cbor2.dumps(header)])
    Ed25519PublicKey.from_public_bytes(key).verify(signature, covered)
    check(kind == 0 and key == genesis[7], "the header is not certified by the sequencer")
    (id_, *told), = [fields for number, fields in event[4] if number == 27]  # Decided
    check(told == [request[2], request[1], request[3], decision[7]], "the event tells another decision")
    said = ["allow {1[3]} records for {1[1]}", "hold", "deny"][decision[7][0]].format(*decision[7])
    print(f"{said}: {text_id('snid', request[1])} asked for {text_id('sndata', request[2])}\n"
          f"{text_id('sndec', id_)} is event {index} of a certified log of {header[9]}" + ("" if note is None else
          checkpoint(note, f"secnet.example/{text_id('snnet', header[1])}", key, header[9], header[10])))

if __name__ == "__main__":
    try:
        main(*[open(path, "rb").read() for path in sys.argv[1:]])
    except Exception as error:  # whatever is wrong with the bytes, they are not verified
        sys.exit(print(f"not verified: {error or type(error).__name__}", file=sys.stderr) or 7)

"""verify_network_log.py GENESIS RECEIPT COSE_RECEIPTS CHECKPOINT: what a network's validators signed of its log.

From docs/spec and with standard packages alone (cbor2, cryptography). Of RECEIPT only the event is taken, which is the leaf.
Who the validators are follows from GENESIS and the handovers in the files themselves. Exits 0 and says what holds, or 7; with
--try it also shows that no changed byte is accepted. Each receipt is then verified by others' library as well (scitt-cose)."""
import base64, hashlib, sys
import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from verify_receipt import check, decode, inclusion, sha256, text_id

DELAY = 64  # EPOCH_DELAY, encoding.md

def quorum(count):
    return count - (count - 1) // 3

def signed_by(key, signature, message):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)

def fields(value, count):
    """The fields of a map that has all of them and no others."""
    check(str([*value]) == str([*range(count)]), "a field is missing or unknown")
    return [*value.values()]

def varint(data, at):
    """blocks.md, section 7: base 128, lowest digit first, shortest form."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            check(byte or shift == 7, "a number is not in its shortest form")
            return value, at

def certified(header, certificate, validators, network):
    """blocks.md, section 7."""
    fields(header, 12)
    kind, (scheme, data) = certificate
    check((kind, scheme) == (1, 1), "the certificate is of an unknown form")
    epoch, at = varint(data, 0)
    _, at = varint(data, at)
    _, at = varint(data, at)
    payload, at = data[at:at + 32], at + 32
    check(epoch == header[5] and payload == sha256(cbor2.dumps(header)), "the certificate is of another header")
    name = b"secnet/simplex/v1/" + network + b"_FINALIZE"
    message = bytes([len(name)]) + name + data[:at]
    check(int.from_bytes(data[at:at + 8], "big") == len(validators), "another number of validators")
    at, width = at + 8, (len(validators) + 7) // 8
    bits, at = int.from_bytes(data[at:at + width], "little"), at + width
    check(bits >> len(validators) == 0, "nobody is meant by a bit")
    signers = [key for place, key in enumerate(validators) if bits >> place & 1]
    count, at = varint(data, at)
    check(count == len(signers) >= quorum(len(validators)), "no quorum has signed")
    for place, key in enumerate(signers):
        signed_by(key, data[at + 64 * place:at + 64 * place + 64], message)
    check(at + 64 * count == len(data), "something follows the last signature")

def validators_after(genesis, network, handovers):
    """blocks.md, section 8: the validators of the epoch that these handovers lead to."""
    validators = genesis[10]
    for epoch, (event_bytes, index, path, header, certificate) in enumerate(fields(handed, 5) for handed in handovers):
        event = decode("event", event_bytes, 65535, 5)
        (number, first, nodes), = [told for effect, told in event[4] if effect == 56]  # NodesSet
        check((number, header[5]) == (epoch + 1, epoch), "the handover is of another epoch")
        check(header[2] == first - 1 == event[0] + DELAY, "the handover is not by the last block")
        check((header[0], header[1]) == (1, network), "the handover belongs to another network")
        inclusion(event_bytes, index, header[9], path, header[10])
        certified(header, certificate, validators, network)
        validators = [node[0] for node in nodes[0]]
        check(validators and validators == sorted(set(validators)), "the validators are not in order")
    return validators

def root_of(event, index, size, path):
    """The root that an inclusion proof leads to: receipts.md, section 2, without comparing."""
    node, last, value = index, size - 1, sha256(b"\0", event)
    for sibling in path:
        right = node & 1 or node == last
        value = sha256(b"\1", sibling, value) if right else sha256(b"\1", value, sibling)
        while right and not node & 1 and node:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    inclusion(event, index, size, path, value)
    return value

def cose_receipts(genesis, network, log, event, data):
    """receipts.md, section 5. Size and root of the log that a quorum signed."""
    receipts = [decode("receipt", receipt, 1 << 22) for receipt in decode("receipts", data, 1 << 23)]
    check({receipt.tag for receipt in receipts} == {18}, "a receipt is no COSE_Sign1")
    receipts = [receipt.value for receipt in receipts]
    validators = validators_after(genesis, network, receipts[0][1].get("secnet/handovers/v1", []))
    signers, logs = set(), set()
    for place, (protected, unprotected, payload, signature) in enumerate(receipts):
        check(payload is None, "the payload is not detached")
        extra = {"secnet/handovers/v1"} if place == 0 else set()
        check(396 in unprotected and {*unprotected} <= {396} | extra and [*unprotected[396]] == [-1], "an unknown header")
        head = decode("protected header", protected, 1024)
        (proof,) = unprotected[396][-1]
        size, index, path = decode("proof", proof, 1 << 14)
        root = root_of(event, index, size, path)
        check(head == {1: -8, 4: head[4], 15: {1: log, 2: f"{log}/checkpoints/{size}"}, 395: 1}, "another claim")
        signed_by(head[4], signature, cbor2.dumps(["Signature1", protected, b"", root]))
        signers.add(head[4])
        logs.add((size, root))
    check(signers <= set(validators) and len(signers) >= quorum(len(validators)), "no quorum of the validators has signed")
    check(len(logs) == 1, "they signed different logs")
    return logs.pop(), len(signers), len(validators)

def checkpoint(genesis, network, log, note):
    """receipts.md, section 3. Size and root, by the certified header and by the cosignatures, each alone."""
    text, lines = note.decode().rsplit("\n\n", 1)
    check(lines.endswith("\n"), "the note is cut")
    text += "\n"
    origin, count, hashed = text.split("\n")[:3]
    size, root = int(count), base64.b64decode(hashed, validate=True)
    check(text == f"{log}\n{size}\n{base64.b64encode(root).decode()}\n", "the checkpoint is of another log or misspelt")
    said = {}
    for line in lines[:-1].split("\n"):
        dash, name, blob = line.split(" ")
        check(dash == "\u2014" and name not in said, "a line is misspelt or there twice")
        said[name] = base64.b64decode(blob, validate=True)
        check(base64.b64encode(said[name]).decode() == blob, "a line is misspelt")
    sealed = said.pop(log)
    check(sealed[:4] == sha256(log.encode(), b"\n\xffsecnet/simplex-ed25519/v1/", network)[:4], "another kind of key")
    sealed = decode("header", sealed[4:], 3932160)
    header, certificate, handovers = fields(sealed, len(sealed)) + [[]] * (3 - len(sealed))
    check((header[1], header[9], header[10]) == (network, size, root), "the header is of another log")
    check(header[5] == len(handovers), "the handovers do not lead to the header's epoch")
    validators = validators_after(genesis, network, handovers)
    certified(header, certificate, validators, network)
    names = {f"{log}/{text_id('snid', key)}": key for key in validators}
    for name, blob in said.items():
        key = names[name]
        check(blob[:4] == sha256(name.encode(), b"\n\4", key)[:4] and len(blob) == 76, "another kind of cosignature")
        seconds = int.from_bytes(blob[4:12], "big")
        signed_by(key, blob[12:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
    check(len(said) >= quorum(len(validators)), "no quorum has cosigned")
    return (size, root), len(said), len(validators)

def main(genesis_bytes, receipt_bytes, cose, note):
    genesis = decode("genesis", genesis_bytes, 1 << 20)
    network = sha256(genesis_bytes)
    log = f"secnet.example/{text_id('snnet', network)}"
    event = cbor2.loads(receipt_bytes)[2]
    (size, _), signed, of = cose_receipts(genesis, network, log, event, cose)
    (noted, _), cosigned, among = checkpoint(genesis, network, log, note)
    return (f"the event is in a log of {size} events that {signed} of {of} validators signed\n"
            f"the checkpoint of {noted} events is certified, and cosigned by {cosigned} of {among} validators")

def others_agree(receipt_bytes, cose):
    """A library of others takes each receipt alone, and no other leaf."""
    from scitt_cose.receipt import verify_receipt
    event = cbor2.loads(receipt_bytes)[2]
    for receipt in cbor2.loads(cose):
        kid = cbor2.loads(cbor2.loads(receipt).value[0])[4]
        key = Ed25519PublicKey.from_public_bytes(kid)
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        good = verify_receipt(receipt, leaf_entry_hex=event.hex(), log_public_key_pem=pem)
        check(good.ok, good.errors)
        check(not verify_receipt(receipt, leaf_entry_hex=event.hex() + "00", log_public_key_pem=pem).ok, "another leaf")

def refuses(inputs):
    """No byte of what was signed can be another, and nothing can be left out."""
    genesis, receipt, cose, note = inputs
    tries = 0
    for number, data in ((0, genesis), (2, cose), (3, note)):
        for at in range(len(data)):
            changed = list(inputs)
            changed[number] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
            try:
                main(*changed)
            except Exception:
                tries += 1
                continue
            raise ValueError(f"a changed byte {at} of input {number} is accepted")
    fewer = cbor2.dumps(cbor2.loads(cose)[:-1])
    twice = cbor2.dumps(cbor2.loads(cose)[:-1] + cbor2.loads(cose)[:1])
    line = note.decode().rstrip("\n").rsplit("\n", 1)[0].encode() + b"\n"
    for wrong in ((genesis, receipt, fewer, note), (genesis, receipt, twice, note), (genesis, receipt, cose, line)):
        try:
            main(*wrong)
        except Exception:
            continue
        raise ValueError("fewer than a quorum is accepted")
    return f"{tries} changed bytes were refused"

if __name__ == "__main__":
    try:
        arguments = [argument for argument in sys.argv[1:] if argument != "--try"]
        files = [open(path, "rb").read() for path in arguments]
        print(main(*files))
        if "--try" in sys.argv:
            others_agree(*files[1:3])
            print(refuses(files))
    except Exception as error:  # whatever is wrong with the bytes, they are not verified
        sys.exit(print(f"not verified: {error or type(error).__name__}", file=sys.stderr) or 7)

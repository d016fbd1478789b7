"""test_verify_receipt.py FOLDER: the verifier accepts what `make_receipt` wrote into FOLDER, and nothing else.

A verifier that accepts everything would pass for a good one wherever only good receipts are shown to it."""
import base64, contextlib, hashlib, io, pathlib, sys, unittest, cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import verify_receipt

FOLDER = pathlib.Path(sys.argv.pop(1))
GENESIS, RECEIPT, SAME, LATER = [
    (FOLDER / name).read_bytes()
    for name in ("genesis.cbor", "receipt.cbor", "checkpoint-same.txt", "checkpoint.txt")]
SEQUENCER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"sequencer").digest())
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
COMMAND, EVENT, INDEX, PATH, SEALED = 1, 2, 3, 4, 5
HEIGHT, LOG_SIZE, LOG_ROOT = 2, 9, 10

def verify(genesis=GENESIS, receipt=RECEIPT, *note):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        verify_receipt.main(genesis, receipt, *note)
    return said.getvalue()

def changed(change, certify=None):
    """The receipt after a change of its fields; its header certified anew by somebody, if asked."""
    receipt = cbor2.loads(RECEIPT)
    change(receipt)
    if certify:
        header = receipt[SEALED][0]
        key = certify.public_key().public_bytes_raw()
        covered = cbor2.dumps(["Signature1", verify_receipt.PROTECTED + key, b"secnet/header/v1", cbor2.dumps(header)])
        receipt[SEALED][1] = [0, [key, certify.sign(covered)]]
    return cbor2.dumps(receipt)

def sign(namespace, key, payload):
    protected = verify_receipt.PROTECTED + key.public_key().public_bytes_raw()
    signature = key.sign(cbor2.dumps(["Signature1", protected, namespace, payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))

def note(size, root, key=SEQUENCER, origin=None):
    name = SAME.decode().split("\n")[0]
    text = f"{origin or name}\n{size}\n{base64.b64encode(root).decode()}\n"
    key_id = hashlib.sha256(name.encode() + b"\n\1" + key.public_key().public_bytes_raw()).digest()[:4]
    line = base64.b64encode(key_id + key.sign(text.encode())).decode()
    return f"{text}\n\u2014 {name} {line}\n".encode()

class Verifier(unittest.TestCase):
    def refused(self, why, *inputs):
        with self.assertRaisesRegex(Exception, why):
            verify(*inputs)

    def test_the_receipt_holds_alone_and_with_checkpoints(self):
        self.assertTrue(verify().startswith("allow "))
        self.assertIn("and agrees", verify(GENESIS, RECEIPT, SAME))
        self.assertIn("is genuine", verify(GENESIS, RECEIPT, LATER))
        self.assertNotIn("and agrees", verify(GENESIS, RECEIPT, LATER))

    def test_no_byte_of_anything_can_be_another(self):
        for number, bytes_ in enumerate((GENESIS, RECEIPT, SAME, LATER)):
            for at in range(len(bytes_)):
                flipped = bytes_[:at] + bytes([bytes_[at] ^ 1]) + bytes_[at + 1:]
                inputs = [GENESIS, RECEIPT] if number < 2 else [GENESIS, RECEIPT, flipped]
                if number < 2:
                    inputs[number] = flipped
                with self.subTest(input=number, at=at), self.assertRaises(Exception):
                    verify(*inputs)

    def test_nothing_can_be_cut_or_appended(self):
        for cut in (0, 1, len(RECEIPT) // 2, len(RECEIPT) - 1):
            with self.assertRaises(Exception):
                verify(GENESIS, RECEIPT[:cut])
        with self.assertRaises(Exception):
            verify(GENESIS, RECEIPT + b"\0")

    def test_a_command_of_somebody_else(self):
        payload = cbor2.loads(cbor2.loads(RECEIPT)[COMMAND]).value[2]
        forged = sign(b"secnet/command/v1", STRANGER, payload)
        self.refused("another cause", GENESIS, changed(lambda r: r.update({COMMAND: forged})))
        forged = sign(b"secnet/request/v1", STRANGER, payload)
        self.refused("signature of the command", GENESIS, changed(lambda r: r.update({COMMAND: forged})))

    def test_a_request_that_the_requester_did_not_sign(self):
        command = cbor2.loads(cbor2.loads(cbor2.loads(RECEIPT)[COMMAND]).value[2])
        request = bytearray(command[4][1][0][0])
        request[-1] ^= 1
        command[4][1][0][0] = bytes(request)
        forged = sign(b"secnet/command/v1", STRANGER, cbor2.dumps(command))
        self.refused("signature of the request", GENESIS, changed(lambda r: r.update({COMMAND: forged})))

    def test_an_event_that_is_not_in_the_log(self):
        event = cbor2.loads(cbor2.loads(RECEIPT)[EVENT])
        event[1] += 1  # its time
        self.refused("not in the log", GENESIS, changed(lambda r: r.update({EVENT: cbor2.dumps(event)})))

    def test_an_event_in_the_log_that_tells_another_decision(self):
        """Only the sequencer itself could make such a log, of one event here."""
        def lie(receipt):
            event = cbor2.loads(receipt[EVENT])
            decided = next(fields for number, fields in event[4] if number == 27)
            decided[2] = bytes(32)  # the requester
            leaf = cbor2.dumps(event)
            receipt.update({EVENT: leaf, INDEX: 0, PATH: []})
            receipt[SEALED][0].update({LOG_SIZE: 1, LOG_ROOT: hashlib.sha256(b"\0" + leaf).digest()})
        self.refused("tells another decision", GENESIS, changed(lie, SEQUENCER))

    def test_a_command_that_is_signed_in_another_form(self):
        protected, _, payload, signature = cbor2.loads(cbor2.loads(RECEIPT)[COMMAND]).value
        with_header = cbor2.dumps(cbor2.CBORTag(18, [protected, {4: b"key"}, payload, signature]))
        untagged = cbor2.dumps([protected, {}, payload, signature])
        self.refused("one signed form", GENESIS, changed(lambda r: r.update({COMMAND: with_header})))
        self.refused("", GENESIS, changed(lambda r: r.update({COMMAND: untagged})))

    def test_a_command_that_is_no_decision(self):
        command = cbor2.loads(cbor2.loads(cbor2.loads(RECEIPT)[COMMAND]).value[2])
        command[4] = [24, command[4][1]]
        forged = sign(b"secnet/command/v1", STRANGER, cbor2.dumps(command))
        self.refused("not a decision", GENESIS, changed(lambda r: r.update({COMMAND: forged})))

    def test_a_path_that_leads_elsewhere(self):
        self.assertTrue(cbor2.loads(RECEIPT)[PATH], "the example has a path")
        for change in (
            lambda r: r[PATH].reverse() if len(r[PATH]) > 1 else r[PATH].clear(),
            lambda r: r[PATH].pop(),
            lambda r: r[PATH].append(bytes(32)),
            lambda r: r[PATH].__setitem__(0, bytes(32)),
            lambda r: r.update({INDEX: r[INDEX] - 1}),
            lambda r: r.update({INDEX: r[SEALED][0][LOG_SIZE]}),
        ):
            self.refused("proof|not in the log", GENESIS, changed(change))

    def test_a_header_that_says_something_else(self):
        """Also if the sequencer itself certifies it: the event must be in its log."""
        for field, value in ((LOG_SIZE, 1000), (LOG_ROOT, bytes(32))):
            self.refused("proof|not in the log", GENESIS,
                         changed(lambda r: r[SEALED][0].update({field: value}), SEQUENCER))
        self.refused("does not cover", GENESIS, changed(lambda r: r[SEALED][0].update({HEIGHT: 1}), SEQUENCER))
        self.refused("another network", GENESIS, changed(lambda r: r[SEALED][0].update({1: bytes(32)}), SEQUENCER))

    def test_a_certificate_of_somebody_else(self):
        self.refused("not certified by the sequencer", GENESIS, changed(lambda r: None, STRANGER))
        quorum = changed(lambda r: r[SEALED].update({1: [1, [1, bytes(64)]]}))
        with self.assertRaises(Exception):
            verify(GENESIS, quorum)

    def test_another_genesis(self):
        genesis = cbor2.loads(GENESIS)
        genesis[3] = bytes(32)
        self.refused("another network", cbor2.dumps(genesis, canonical=True), RECEIPT)

    def test_checkpoints_that_contradict_or_are_of_others(self):
        header = cbor2.loads(RECEIPT)[SEALED][0]
        self.assertIn("and agrees", verify(GENESIS, RECEIPT, note(header[LOG_SIZE], header[LOG_ROOT])))
        self.refused("another root", GENESIS, RECEIPT, note(header[LOG_SIZE], bytes(32)))
        self.refused("another key", GENESIS, RECEIPT, note(header[LOG_SIZE], header[LOG_ROOT], STRANGER))
        other = note(header[LOG_SIZE], header[LOG_ROOT], origin="secnet.example/other")
        self.refused("another log", GENESIS, RECEIPT, other)
        self.refused("", GENESIS, RECEIPT, SAME.replace(b"secnet.example", b"secnet.evil123"))

if __name__ == "__main__":
    unittest.main()

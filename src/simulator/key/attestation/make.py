#!/usr/bin/env python3
"""Makes the test root, the batch key and one leaf certificate for every AAGUID of models.txt, and in
tests/data/attestation certificates that break one rule each.

Run once with `python3 make.py` (package cryptography 48); the results are committed, nothing needs it at build time.
`python3 make.py enterprise` makes the enterprise attestation alone: a leaf with a key and a root of its own.
"""
import datetime
import pathlib
import sys
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent
# Long before any clock that a test sets, long after any.
BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2050, 1, 1, tzinfo=datetime.timezone.utc)
AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


ISSUES = x509.KeyUsage(digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                       key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)


def name(unit, common):
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "AQ"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "keywright"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ])


def builder(subject, public_key, issuer=None, end=END):
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or ROOT_NAME).public_key(public_key)
            .serial_number(x509.random_serial_number()).not_valid_before(BEGIN).not_valid_after(end))


def write(certificate, file):
    (HERE / file).write_bytes(certificate.public_bytes(serialization.Encoding.DER))


def root(file):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (builder(ROOT_NAME, key.public_key())
                   .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
                   .add_extension(ISSUES, critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                   .sign(key, hashes.SHA256()))
    write(certificate, file)
    return key


ENTERPRISE = sys.argv[1:] == ["enterprise"]
ROOT_NAME = name("Test only", f"keywright test {'enterprise ' if ENTERPRISE else ''}attestation root")
if ENTERPRISE:
    MODELS = dict(line.split() for line in (HERE / "models.txt").read_text().splitlines())
    ROOT_KEY = root("enterprise-root.der")
    KEY = ec.generate_private_key(ec.SECP256R1())
    (HERE / "enterprise.key").write_bytes(KEY.private_numbers().private_value.to_bytes(32, "big"))
    write(builder(name("Authenticator Attestation", "keywright training key of an enterprise"), KEY.public_key())
          .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
          .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT_KEY.public_key()), critical=False)
          .add_extension(x509.UnrecognizedExtension(
              AAGUID_EXTENSION, b"\x04\x10" + uuid.UUID(MODELS["standard"]).bytes), critical=False)
          .sign(ROOT_KEY, hashes.SHA256()), "enterprise.der")
    sys.exit()

ROOT_KEY = root("root.der")
root("other-root.der")

BATCH = ec.generate_private_key(ec.SECP256R1())
(HERE / "batch.key").write_bytes(BATCH.private_numbers().private_value.to_bytes(32, "big"))
MODELS = dict(line.split() for line in (HERE / "models.txt").read_text().splitlines())


def model_bytes(slug):
    return b"\x04\x10" + uuid.UUID(MODELS[slug]).bytes


def leaf(subject, key=BATCH, model="standard", critical=False, ca=False, issuer=None, signer=ROOT_KEY, end=END):
    made = (builder(subject, key.public_key(), issuer, end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False))
    if ca:
        made = made.add_extension(ISSUES, critical=True)
    if model:
        made = made.add_extension(x509.UnrecognizedExtension(AAGUID_EXTENSION, model_bytes(model)), critical=critical)
    return made.sign(signer, hashes.SHA256())


UNIT = "Authenticator Attestation"
for slug in MODELS:
    write(leaf(name(UNIT, f"keywright training key {slug}"), model=slug), f"{slug}.der")

# For the tests of the verifier.
HERE = HERE.joinpath("../../../../tests/data/attestation").resolve()
HERE.mkdir(exist_ok=True)
GOOD = name(UNIT, "leaf")
write(leaf(name("Other unit", "leaf")), "other-unit.der")
write(leaf(x509.Name([a for a in GOOD if a.oid != NameOID.COUNTRY_NAME])), "no-country.der")
write(leaf(x509.Name([a for a in GOOD if a.oid != NameOID.COMMON_NAME])), "no-common-name.der")
write(leaf(GOOD, ca=True), "authority.der")
write(leaf(GOOD, critical=True), "critical-aaguid.der")
write(leaf(GOOD, model=None), "no-aaguid.der")
write(leaf(GOOD, end=datetime.datetime(2021, 1, 1, tzinfo=datetime.timezone.utc)), "expired.der")
for kind, ca in (("middle", True), ("middle-no-authority", False)):
    key = ec.generate_private_key(ec.SECP256R1())
    write(leaf(name("Test only", kind), key=key, model=None, ca=ca), f"{kind}.der")
    write(leaf(GOOD, issuer=name("Test only", kind), signer=key), f"below-{kind}.der")
for kind, key in (("rsa", rsa.generate_private_key(65537, 2048)), ("p384", ec.generate_private_key(ec.SECP384R1()))):
    write(leaf(GOOD, key=key), f"{kind}.der")
    (HERE / f"{kind}.pk8").write_bytes(key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

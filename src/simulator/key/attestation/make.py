#!/usr/bin/env python3
"""Makes the test root, the batch key and one leaf certificate for every AAGUID of models.txt.

Run once with `python3 make.py` (package cryptography 48); the results are committed, nothing needs it at build time.
"""
import datetime
import pathlib
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent
# Long before any clock that a test sets, long after any.
BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2050, 1, 1, tzinfo=datetime.timezone.utc)
AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


def name(unit, common):
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "AQ"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "keywright"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ])


def builder(subject, public_key, serial):
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(ROOT_NAME).public_key(public_key)
            .serial_number(serial).not_valid_before(BEGIN).not_valid_after(END))


def write(certificate, file):
    (HERE / file).write_bytes(certificate.public_bytes(serialization.Encoding.DER))


def root(file):
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                          key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
    certificate = (builder(ROOT_NAME, key.public_key(), x509.random_serial_number())
                   .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                   .add_extension(usage, critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                   .sign(key, hashes.SHA256()))
    write(certificate, file)
    return key


ROOT_NAME = name("Test only", "keywright test attestation root")
ROOT_KEY = root("root.der")
root("other-root.der")

BATCH = ec.generate_private_key(ec.SECP256R1())
(HERE / "batch.key").write_bytes(BATCH.private_numbers().private_value.to_bytes(32, "big"))
for line in (HERE / "models.txt").read_text().split("\n"):
    if not line:
        continue
    slug, aaguid = line.split()
    raw = uuid.UUID(aaguid).bytes
    leaf = (builder(name("Authenticator Attestation", f"keywright training key {slug}"), BATCH.public_key(),
                    x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.UnrecognizedExtension(AAGUID_EXTENSION, b"\x04\x10" + raw), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT_KEY.public_key()), critical=False)
            .sign(ROOT_KEY, hashes.SHA256()))
    write(leaf, f"{slug}.der")

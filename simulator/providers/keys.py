"""The key pair SendGrid signs its events with; `python -m simulator.providers.keys FILE` prints the public half."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def load_or_make(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a PEM file; made (readable by its owner only) when the file is not there.

    Raises:
        TypeError: when the file holds a key of another kind.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = f"{path} does not hold an elliptic-curve key"
        raise TypeError(message)
    return key


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half as SENDGRID_WEBHOOK_PUBLIC_KEY wants it: base64 DER, one line."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


if __name__ == "__main__":
    sys.stdout.write(public_text(load_or_make(Path(sys.argv[1]))) + "\n")

"""The other side of every test: what a user, a second opinion or another program does with the key on the reader.

Uses Python's `fido2` and pyscard, nothing of keywright. Takes one JSON object on standard input, gives one on standard output.
"""

import json
import sys
import time

from fido2.attestation import AttestationVerifier, InvalidData, InvalidSignature, UntrustedAttestation
from fido2.client import DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap2 import ClientPin, CredentialManagement, Ctap2
from fido2.pcsc import CtapPcscDevice
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)
from smartcard import System
from smartcard.scard import (
    SCARD_PROTOCOL_ANY,
    SCARD_RESET_CARD,
    SCARD_SCOPE_USER,
    SCARD_SHARE_SHARED,
    SCardConnect,
    SCardDisconnect,
    SCardEstablishContext,
    SCardGetErrorMessage,
)


def device():
    """The one key; a card that was just put on the reader needs a moment until pcscd has seen it."""
    for _ in range(100):
        found = list(CtapPcscDevice.list_devices())
        if found:
            break
        time.sleep(0.05)
    if len(found) != 1:
        raise SystemExit(f"{len(found)} keys on the readers {System.readers()}")
    return found[0]


def inspect(_):
    """What the key says without a PIN."""
    ctap = Ctap2(device())
    info = ctap.info
    retries = ClientPin(ctap).get_pin_retries()[0] if info.options.get("clientPin") else None
    return {
        "aaguid": str(info.aaguid),
        "versions": list(info.versions),
        "options": dict(info.options),
        "forcePinChange": info.force_pin_change,
        "minPinLength": info.min_pin_length,
        "pinRetries": retries,
    }


def set_pin(request):
    """What a former owner did."""
    ClientPin(Ctap2(device())).set_pin(request["pin"])
    return {}


def change_pin(request):
    """The user's first act."""
    ctap = Ctap2(device())
    ClientPin(ctap).change_pin(request["old"], request["new"])
    return {"forcePinChange": ctap.get_info().force_pin_change}


def credentials(request):
    """Every resident credential."""
    ctap = Ctap2(device())
    pin = ClientPin(ctap)
    token = pin.get_pin_token(request["pin"], ClientPin.PERMISSION.CREDENTIAL_MGMT)
    management = CredentialManagement(ctap, pin.protocol, token)
    found = []
    if management.get_metadata()[CredentialManagement.RESULT.EXISTING_CRED_COUNT]:
        for rp in management.enumerate_rps():
            for one in management.enumerate_creds(rp[CredentialManagement.RESULT.RP_ID_HASH]):
                user = one[CredentialManagement.RESULT.USER]
                found.append(
                    {
                        "rpId": rp[CredentialManagement.RESULT.RP]["id"],
                        "userName": user.get("name"),
                        "userHandle": websafe_encode(user["id"]),
                        "credentialId": websafe_encode(one[CredentialManagement.RESULT.CREDENTIAL_ID]["id"]),
                        "credProtect": one.get(CredentialManagement.RESULT.CRED_PROTECT),
                    }
                )
    return {"credentials": found}


class Typist(UserInteraction):
    """Types the PIN that it was told."""

    def __init__(self, pin):
        self.pin = pin

    def request_pin(self, permissions, rp_id):
        return self.pin


def sign_in(request):
    """A WebAuthn sign-in without a user name, as a browser does it."""
    options = PublicKeyCredentialRequestOptions.from_dict(request["options"])
    assert options.user_verification == UserVerificationRequirement.REQUIRED
    client = Fido2Client(device(), DefaultClientDataCollector(request["origin"]), user_interaction=Typist(request["pin"]))
    return {"assertion": dict(client.get_assertion(options).get_response(0))}


class OneRoot(AttestationVerifier):
    """Trusts one root."""

    def __init__(self, root):
        super().__init__()
        self.root = root

    def ca_lookup(self, attestation_result, auth_data):
        return self.root


def register(request):
    """A relying party that is not ours judges what was sent to the tenant: the attestation has to lead to the root."""
    rp = PublicKeyCredentialRpEntity(id=request["rpId"], name="tenant")
    server = Fido2Server(
        rp,
        attestation=AttestationConveyancePreference.DIRECT,
        verify_origin=lambda origin: origin == f"https://{rp.id}",
        verify_attestation=OneRoot(websafe_decode(request["root"])),
    )
    state = {"challenge": request["challenge"], "user_verification": UserVerificationRequirement.REQUIRED}
    sent = request["credential"]
    credential = {"type": "public-key", "rawId": sent["id"], "id": sent["id"], "response": sent["response"]}
    try:
        data = server.register_complete(state, credential)
    except (ValueError, InvalidData, InvalidSignature, UntrustedAttestation) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    made = data.credential_data
    return {"credentialId": websafe_encode(made.credential_id), "aaguid": str(made.aaguid), "algorithm": made.public_key[3]}


def reset_card(_):
    """Another program that leaves the card reset, as many do."""
    status, context = SCardEstablishContext(SCARD_SCOPE_USER)
    assert status == 0, SCardGetErrorMessage(status)
    for reader in System.readers():
        status, card, _protocol = SCardConnect(context, str(reader), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY)
        if status == 0:
            status = SCardDisconnect(card, SCARD_RESET_CARD)
            return {"status": status}
    raise SystemExit(f"no card could be reset: {SCardGetErrorMessage(status)}")


COMMANDS = {
    "inspect": inspect,
    "set-pin": set_pin,
    "change-pin": change_pin,
    "credentials": credentials,
    "sign-in": sign_in,
    "register": register,
    "reset-card": reset_card,
}

if __name__ == "__main__":
    json.dump(COMMANDS[sys.argv[1]](json.load(sys.stdin)), sys.stdout)

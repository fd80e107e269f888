"""One enrolment as a script of a helpdesk does it, in the same steps: Python's `fido2` and `requests`.

peer.py PROFILE USER: prints what it hands over.
"""

import json
import secrets
import sys
import tomllib
from hashlib import sha256

import requests
from fido2.ctap2 import ClientPin, Config, Ctap2
from fido2.pcsc import CtapPcscDevice
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, CollectedClientData

with open(sys.argv[1], "rb") as file:
    profile = tomllib.load(file)

graph = requests.Session()


def call(verb, path, **more):
    answer = graph.request(verb, profile["graph"] + path, timeout=30, **more)
    answer.raise_for_status()
    return answer.json()


token = graph.post(
    f"{profile['authority']}/{profile['tenant']}/oauth2/v2.0/token",
    data={
        "grant_type": "client_credentials",
        "client_id": profile["client_id"],
        "client_secret": profile["client_secret"],
        "scope": f"{profile['graph']}/.default",
    },
    timeout=30,
)
token.raise_for_status()
graph.headers["Authorization"] = "Bearer " + token.json()["access_token"]

# What can be known before the key is touched.
user = call("GET", f"/v1.0/users/{sys.argv[2]}")
methods = f"/v1.0/users/{user['id']}/authentication/fido2Methods"
call("GET", "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2")
call("GET", methods)
options = call("GET", f"{methods}/creationOptions")["publicKey"]

[device] = CtapPcscDevice.list_devices()
ctap = Ctap2(device)
assert ctap.info.options["clientPin"] is False
pin = f"{secrets.randbelow(10**8):08}"
client_pin = ClientPin(ctap)
client_pin.set_pin(pin)

origin = "https://" + options["rp"]["id"]
client_data = CollectedClientData.create("webauthn.create", options["challenge"], origin)
permissions = ClientPin.PERMISSION.MAKE_CREDENTIAL
pin_token = client_pin.get_pin_token(pin, permissions, options["rp"]["id"])
made = ctap.make_credential(
    client_data.hash,
    options["rp"],
    {**options["user"], "id": websafe_decode(options["user"]["id"])},
    options["pubKeyCredParams"],
    extensions={"hmac-secret": True, "credProtect": 2},
    options={"rk": True},
    pin_uv_param=client_pin.protocol.authenticate(pin_token, client_data.hash),
    pin_uv_protocol=client_pin.protocol.VERSION,
)
assert made.auth_data.rp_id_hash == sha256(options["rp"]["id"].encode()).digest()

pin_token = client_pin.get_pin_token(pin, ClientPin.PERMISSION.AUTHENTICATOR_CFG)
Config(ctap, client_pin.protocol, pin_token).set_min_pin_length(force_change_pin=True)
assert ctap.get_info().force_pin_change

attestation = AttestationObject.create(made.fmt, made.auth_data, made.att_stmt)
credential_id = websafe_encode(made.auth_data.credential_data.credential_id)
body = {
    "displayName": "A key",
    "publicKeyCredential": {
        "id": credential_id,
        "response": {"clientDataJSON": client_data.b64, "attestationObject": websafe_encode(attestation)},
    },
}
call("POST", methods, json=body)
json.dump({"upn": user["userPrincipalName"], "credentialId": credential_id, "temporaryPin": pin}, sys.stdout)

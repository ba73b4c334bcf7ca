"""Registers keys at a KMIP server, and reads keys back, with PyKMIP's own client. JSON on stdin and stdout."""
import json
import sys

from kmip.core import enums
from kmip.pie.client import ProxyKmipClient
from kmip.pie.objects import SecretData, SymmetricKey

MASKS = {name: getattr(enums.CryptographicUsageMask, name) for name in ('ENCRYPT', 'DECRYPT', 'WRAP_KEY', 'EXPORT')}
request = json.load(sys.stdin)
directory = request['directory']
client = ProxyKmipClient(hostname='127.0.0.1', port=request['port'], cert=directory + '/client.crt',
                         key=directory + '/client.key', ca=directory + '/ca.crt', ssl_version='PROTOCOL_TLSv1_2')
ids = []
with client:
    for key in request['keys']:
        value = bytes.fromhex(key['value'])
        masks = [MASKS[name] for name in key.get('masks', ['ENCRYPT', 'DECRYPT'])]
        made = (SecretData(value, enums.SecretDataType.PASSWORD, masks) if key.get('secret') else
                SymmetricKey(enums.CryptographicAlgorithm.AES, 8 * len(value), value, masks))
        made.names = key['names'] if 'names' in key else [key['name']]
        identifier = client.register(made)
        if key.get('active'):
            client.activate(identifier)
        if key.get('revoked'):
            client.activate(identifier)
            client.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, identifier)
        if key.get('retired'):
            client.activate(identifier)
            client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
        ids.append(identifier)
    for identifier in request.get('destroy', []):
        client.destroy(identifier)
    values = [client.get(identifier).value.hex() for identifier in request.get('get', [])]
json.dump({'ids': ids, 'values': values}, sys.stdout)

"""Makes the certificates of the KMIP tests in the directory that is given: two authorities, servers and clients."""
import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = pathlib.Path(sys.argv[1])
NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write(name, key, certificate):
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = HERE / (name + '.key')
    path.touch(mode=0o600)
    path.write_bytes(pem)
    (HERE / (name + '.crt')).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def make(name, issuer=None, usage=None, host=None, days=(-1, 30)):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (x509.CertificateBuilder().subject_name(name_of(name)).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
               .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True))
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if host is not None:
        address = [x509.IPAddress(ipaddress.ip_address('127.0.0.1'))] if host == 'localhost' else []
        names = [x509.DNSName(host)] + address
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    issuer_key, issuer_name = issuer or (key, name_of(name))
    write(name, key, builder.issuer_name(issuer_name).sign(issuer_key, hashes.SHA256()))
    return key, name_of(name)


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ca, other_ca = make('ca'), make('other-ca')
make('server', ca, SERVER, 'localhost')
make('other-server', other_ca, SERVER, 'localhost')
make('elsewhere', ca, SERVER, 'elsewhere.example')
make('expired', ca, SERVER, 'localhost', (-30, -1))
make('client', ca, CLIENT)
make('other-client', other_ca, CLIENT)

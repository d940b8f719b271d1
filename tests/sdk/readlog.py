"""Reads a transaction log (`.wandb`) in plain Python: the blocks by hand, the records by the official messages.

Knows the file format only; what a record means is for `compare.py`.
"""

import struct
import sys
import types
import zlib
from importlib import util

BLOCK = 32768
HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
FULL, FIRST, _MIDDLE, LAST = 1, 2, 3, 4


class Damaged(Exception):
    """The log does not follow the format; the text says where."""


def official_messages():
    """The official `wandb_internal_pb2`, without the half second that importing all of wandb takes."""
    if "wandb" not in sys.modules:
        spec = util.find_spec("wandb")
        bare = types.ModuleType("wandb")
        bare.__path__ = list(spec.submodule_search_locations)
        bare.__version__ = "0.31.0"
        sys.modules["wandb"] = bare
    from wandb.proto import wandb_internal_pb2

    return wandb_internal_pb2


def payloads(data):
    """The records' bytes. A log that ends in the middle of something raises `Damaged` after the whole ones."""
    if data[:7] != HEADER:
        raise Damaged(f"bad header: {data[:7].hex()}")
    at, parts = 7, None
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            if any(data[at : at + left]):
                raise Damaged(f"padding at {at} is not zero")
            at += left
            continue
        if len(data) - at < 7:
            raise Damaged(f"chunk header cut at {at}")
        checksum, size, kind = struct.unpack_from("<IHB", data, at)
        payload = data[at + 7 : at + 7 + size]
        if len(payload) < size:
            raise Damaged(f"chunk cut at {at}")
        if zlib.crc32(bytes([kind]) + payload) != checksum:
            raise Damaged(f"bad checksum at {at}")
        if (kind in (FULL, FIRST)) != (parts is None):
            raise Damaged(f"chunk of kind {kind} out of place at {at}")
        parts = (parts or []) + [payload]
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = None
        at += 7 + size
    if parts is not None:
        raise Damaged("the file ends inside a record")


def read(path):
    """All records of a log as plain dicts (official field names), and the damage found, or None."""
    from google.protobuf.json_format import MessageToDict

    message = official_messages().Record
    with open(path, "rb") as file:
        data = file.read()
    records, damage = [], None
    try:
        for payload in payloads(data):
            record = message.FromString(payload)
            if record.WhichOneof("record_type") is None:
                raise Damaged(f"record {record.num} has no type that this SDK knows")
            records.append(MessageToDict(record, preserving_proto_field_name=True))
    except Damaged as error:
        damage = str(error)
    return records, damage


if __name__ == "__main__":
    import json

    found, trouble = read(sys.argv[1])
    for each in found:
        print(json.dumps(each, ensure_ascii=False))
    if trouble:
        sys.exit(f"damaged: {trouble}")

"""Writes TensorBoard event files by hand, so that no script needs TensorFlow."""

import struct
from pathlib import Path


def _table():
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
        yield crc


TABLE = list(_table())


def _masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) & 0xFFFFFFFF


def record(payload):
    """A payload with its length and checksums."""
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", _masked(length)) + payload + struct.pack("<I", _masked(payload))


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def single(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def value(tag, rest, plugin=""):
    """One value of a summary; `rest` is the field that holds it."""
    body = block(1, tag.encode()) + rest
    return block(1, body + (block(9, block(1, block(1, plugin.encode()))) if plugin else b""))


def scalar(tag, x):
    return value(tag, single(2, x))


def tensor(tag, kind, rest, plugin="scalars", shape=()):
    sizes = b"".join(block(2, number(1, size)) for size in shape)
    return value(tag, block(8, number(1, kind) + block(2, sizes) + rest), plugin)


def histogram(tag, least, limits, counts):
    lists = [struct.pack(f"<{len(numbers)}d", *numbers) for numbers in (limits, counts)]
    return value(tag, block(5, double(1, least) + block(6, lists[0]) + block(7, lists[1])))


def event(step, *values, wall=7.5):
    """An event. Its time is one that the comparison keeps."""
    return record(double(1, wall) + (number(2, step) if step else b"") + (block(5, b"".join(values)) if values else b""))


def version(wall=7.5):
    return record(double(1, wall) + block(3, b"brain.Event:2"))


def path_in(folder, host, seconds=9999999999, end=".1.0"):
    """The name of a file that a writer on `host` would open. A time far ahead is the same in every run."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"events.out.tfevents.{seconds}.{host}{end}"


def append(path, *records):
    with open(path, "ab") as file:
        file.write(b"".join(records))

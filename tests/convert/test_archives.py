"""Zip archives are read where they lie."""

from __future__ import annotations

import io
import zipfile
from typing import Any


def packed(entries: dict[str, bytes], *, deflate: bool = True) -> bytes:
    """An archive of these entries."""
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_images_and_videos_in_an_archive(bench: Any, make_picture: Any, make_film: Any) -> None:
    """They have the ids that they would have in a folder, with or without one around the zip."""
    film = make_film(bench.root / "v.mp4", 15).read_bytes()
    names = {"train/b.png": make_picture(1), "train/a.jpg": make_picture(2, form="JPEG")}
    path = bench.put("set.zip", packed({**names, "v.mp4": film, "train/": b"", "x.txt": b"-"}))
    bench.convert()
    ids = ["G_IMG_a", "G_IMG_b", "G_IMG_v_0000", "G_IMG_v_0001"]
    assert list(bench.images()) == ids
    bench.convert(image_path=path)
    assert list(bench.images()) == ids
    assert bench.broken() == {}


def test_names_that_lead_out_of_the_archive(bench: Any, make_picture: Any) -> None:
    """They are listed; nothing is written anywhere but in the output folder."""
    names = ["../up.png", "a/../../up2.png", "/root.png", "..\\back.png", "C:\\disk.png", "in.png"]
    bench.put("set.zip", packed({name: make_picture() for name in names}))
    before = {path for path in bench.root.rglob("*") if bench.out not in path.parents}
    bench.convert()
    assert list(bench.images()) == ["G_IMG_in"]
    assert sorted(bench.broken()) == sorted(f"set.zip/{name}" for name in names[:5])
    assert all("out of the archive" in reason for reason in bench.broken().values())
    after = {path for path in bench.root.rglob("*") if bench.out not in path.parents}
    assert after - before == {bench.out}


def test_an_encrypted_archive(bench: Any, make_picture: Any) -> None:
    """One line for all its entries."""
    content = bytearray(packed({"a.png": make_picture(), "b.png": make_picture()}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 1)
    bench.put("locked.zip", bytes(content))
    bench.put("c.png", make_picture())
    bench.convert()
    assert list(bench.images()) == ["G_IMG_c"]
    assert bench.broken() == {"locked.zip": "2 of its entries are encrypted"}


def test_an_archive_in_an_archive(bench: Any, make_picture: Any) -> None:
    """It isn't opened; the rest of the outer one is."""
    bench.put("o.zip", packed({"i.zip": packed({"a.png": b""}), "b.png": make_picture()}))
    bench.convert()
    assert list(bench.images()) == ["G_IMG_b"]
    assert "unpack it" in bench.broken()["o.zip/i.zip"]


def test_a_link_in_an_archive(bench: Any, make_picture: Any) -> None:
    """It isn't followed, nor taken for an image."""
    bench.put("beside.png", make_picture())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "../beside.png")
        archive.writestr("plain.png", make_picture())
    bench.put("set.zip", file.getvalue())
    bench.convert()
    assert list(bench.images()) == ["G_IMG_beside", "G_IMG_plain"]
    assert bench.broken() == {"set.zip/link.png": "is a link, which isn't followed in an archive"}


def test_damaged_archives(bench: Any, make_picture: Any) -> None:
    """No archive at all, one cut short, and one whose entry fails its checksum."""
    whole = packed({"a.png": make_picture(1), "b.png": make_picture(2)}, deflate=False)
    bench.put("junk.zip", b"junk" * 50)
    bench.put("cut.zip", whole[:-30])
    at = whole.find(b"IDAT") + 8
    bench.put("flip.zip", whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    bench.convert()
    assert list(bench.images()) == ["G_IMG_b"]
    assert sorted(bench.broken()) == ["cut.zip", "flip.zip/a.png", "junk.zip"]


def test_an_entry_that_unpacks_to_too_much(bench: Any, monkeypatch: Any) -> None:
    """It is refused by the size that the archive tells, before anything is unpacked."""
    monkeypatch.setattr("syphus.convert.archives.MOST_ENTRY_BYTES", 10_000)
    bench.put("bomb.zip", packed({"a.png": bytes(10_001), "v.mp4": bytes(1_000_000)}))
    bench.convert()
    assert list(bench.broken()) == ["bomb.zip/a.png", "bomb.zip/v.mp4"]
    assert all("unpacks to" in reason for reason in bench.broken().values())


def test_one_name_twice_in_an_archive(bench: Any, make_picture: Any) -> None:
    """The first has the id, the other is listed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/x.png", make_picture(1))
        archive.writestr("b/x.png", make_picture(1))
    bench.put("set.zip", file.getvalue())
    bench.convert()
    assert list(bench.broken()) == ["set.zip/b/x.png"]
